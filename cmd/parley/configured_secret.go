package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// input is standard input as the source of a secret. It can be read once, so what it held is kept for the flag that read it.
var input struct {
	sync.Mutex
	flag, text string
}

// maxSecret is how much is read of standard input for a flag.
const maxSecret = 1 << 20

// fromInput reads the value of a flag from standard input, to its end.
func fromInput(flag string) (string, error) {
	input.Lock()
	defer input.Unlock()
	switch {
	case input.flag == flag:
		return input.text, nil
	case input.flag != "":
		return "", usage("read one of them from a file: @FILE", "%s and %s are both to be read from standard input", input.flag, flag)
	case screen.IsTerminal(os.Stdin):
		return "", usage("pipe it in, or give @FILE; of -u USER the password is asked", "%s: standard input is a terminal, which would show what is typed", flag)
	}
	content, err := io.ReadAll(io.LimitReader(os.Stdin, maxSecret+1))
	if err == nil && len(content) > maxSecret {
		err = fmt.Errorf("standard input holds more than %d bytes", maxSecret)
	}
	if err != nil {
		return "", &failure{exitIO, fmt.Errorf("%s: %w", flag, err), "give @FILE"}
	}
	input.flag, input.text = flag, strings.TrimRight(string(content), "\r\n")
	return input.text, nil
}

// inputTaken returns the flag whose value was read from standard input, or "" if that is left for messages.
func inputTaken() string {
	input.Lock()
	defer input.Unlock()
	return input.flag
}

// noInputLeft is the error of a command that wants messages from standard input when a flag has read it; else it is nil.
func noInputLeft(command string) error {
	if flag := inputTaken(); flag != "" {
		return usage("give it @FILE, or the messages as arguments", "%s: standard input was read for %s: there are no messages in it", command, flag)
	}
	return nil
}

// askPassword asks for the password of -u USER, as curl does, if there is somebody who sees the question.
func (d *dialFlags) askPassword(cmd *cobra.Command, args []string) error {
	if d.user == "" || isProfile(d.user) || strings.Contains(d.user, ":") {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	out, ok2 := cmd.ErrOrStderr().(*os.File)
	if !ok || !ok2 || !screen.IsTerminal(in) || !screen.IsTerminal(out) {
		return nil // header says what is missing
	}
	where := ""
	if d.curl == "" && len(args) > 0 {
		if _, err := parseTarget(args[0]); err != nil {
			return err
		}
		if u, err := url.Parse(args[0]); err == nil {
			where = " at " + u.Host
		}
	}
	password, err := readPassword(cmd.Context(), in, out, "password of "+screen.Escape(d.user+where)+": ")
	d.user += ":" + password
	return err
}

// readPassword asks a question, and reads the answer without showing it. The terminal is made silent before the question is
// seen, and is given back however it ends.
func readPassword(parent context.Context, in, out *os.File, question string) (string, error) {
	fd := int(in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", &failure{exitIO, fmt.Errorf("-u: the terminal does not take a password: %w", err), "give -u @FILE"}
	}
	restore := func() { term.Restore(fd, before) } // the process ends, or its next step says what is wrong with the terminal
	defer restore()
	signals := withSignals(parent, restore)
	defer signals.release()
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, out}, "").ReadPassword(question)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		if errors.Is(a.err, io.EOF) { // Ctrl-C, or Ctrl-D, which a raw terminal makes no signals of
			fmt.Fprint(out, "\r\n")
			return "", quiet(exitInterrupt)
		} else if a.err != nil {
			return "", &failure{exitIO, fmt.Errorf("-u: read the password: %w", a.err), "give -u @FILE"}
		}
		return a.text, nil
	case <-signals.Done():
		fmt.Fprint(out, "\r\n")
		return "", stoppedWith(context.Cause(signals))
	}
}
