//go:build unix

package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
	"golang.org/x/term"
)

// terminal is the program on a terminal of its own: what it shows collects in the process's standard output.
type terminal struct {
	*process
	screen *os.File // the side of the person
	tty    *os.File // the side of the program
}

// onTerminal starts the program with all three streams on one terminal.
func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	return attach(t, nil, args...)
}

// attach is onTerminal with standard output elsewhere if out is not nil.
func attach(t *testing.T, out io.Writer, args ...string) *terminal {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(binary, args...), news: make(chan struct{}, 1), done: make(chan struct{}), late: true}
	p.cmd.Env = environ("TERM=xterm")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, tty
	if out != nil {
		p.cmd.Stdout = out
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // on standard input
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		io.Copy(sink{p, &p.out}, screen) // ends with an error when the terminal goes
	}()
	go func() {
		p.cmd.Wait() // the exit code says more
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		tty.Close()
		screen.Close()
		<-shown
	})
	return &terminal{p, screen, tty}
}

func (tm *terminal) types(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(tm.screen, keys); err != nil {
		t.Fatal(err)
	}
}

func (tm *terminal) shows(t *testing.T, text string) {
	t.Helper()
	tm.until(t, text, func(out, _ string) bool { return strings.Contains(seen(out), text) })
}

var (
	// erased is a prompt that is drawn anew, below a message or with another line.
	erased = regexp.MustCompile(`> [^\r\n]*\x1b\[G\x1b\[J`)
	// sequence is what moves the cursor, erases and colours.
	sequence = regexp.MustCompile(`\x1b\[[0-9]*[A-Km]`)
)

// seen returns what somebody sees of an output, if no line is wrapped.
func seen(out string) string { return sequence.ReplaceAllString(erased.ReplaceAllString(out, ""), "") }

func TestTerminal(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	tm := onTerminal(t, "connect", "--subprotocol", "echo", "--compress", "on", s.echo)
	tm.shows(t, "parley: connected to "+s.echo+", subprotocol echo, permessage-deflate")
	tm.shows(t, "> ")
	tm.types(t, "grüß dich\r")
	tm.shows(t, "> grüß dich\r\ngrüß dich\r\n> ") // typed, and come back above the next prompt
	tm.types(t, "worl\x7fld\x01hello \r")         // with the keys of an editor: backspace, the start of the line
	tm.shows(t, "> hello world\r\nhello world\r\n")
	tm.types(t, "\x04") // Ctrl-D
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
	tm.shows(t, "parley: closed: 1000 (normal closure)\r\n")
}

func TestTerminalIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*terminal){
		"Ctrl-D": func(tm *terminal) { tm.types(t, "\x04") },
		"Ctrl-C": func(tm *terminal) { tm.types(t, "\x03") },
		"TERM":   func(tm *terminal) { tm.signal(t, terminate) },
	} {
		s := startServer(t, nil)
		tm := onTerminal(t, "connect", "--idle", "100ms", s.echo)
		tm.shows(t, "> ")
		raw, err := term.GetState(int(tm.tty.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		end(tm)
		tm.wait(t)
		cooked, err := term.GetState(int(tm.tty.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if *raw == *cooked {
			t.Errorf("%s: the terminal stays raw", name)
		}
		tm.shows(t, "\x1b[?2004l")
	}
}

func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	got := make(chan wstest.Frame, 1)
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		f := p.MustNext(t)
		got <- f
		answerClose(t, p, f)
	})
	tm := onTerminal(t, "connect", url)
	tm.shows(t, "> ")
	tm.types(t, "half a li\x03")
	if r := tm.wait(t); r.code != 130 {
		t.Errorf("code %d, want 130", r.code)
	}
	if f := <-got; !bytes.HasPrefix(f.Payload, []byte{0x03, 0xe9}) {
		t.Errorf("the server saw %v, want 1001", f)
	}
}

func TestTerminalSecondInterrupt(t *testing.T) {
	t.Parallel()
	closing := make(chan struct{})
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectClose(t, ws.CodeGoingAway)
		close(closing)
		if f, err := p.Next(); err == nil {
			t.Errorf("got %v after the close frame", f)
		}
	})
	tm := onTerminal(t, "connect", url)
	tm.shows(t, "> ")
	tm.types(t, "\x03")
	<-closing
	tm.types(t, "\x03")
	if r := tm.wait(t); r.code != 130 {
		t.Errorf("code %d, want 130", r.code)
	}
	tm.shows(t, "\x1b[?2004l")
}

func TestTerminalCannotBeCommanded(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{After: wstest.Bytes(
		wstest.Text("\x1b[2Jgone\x07 \u009b31m\nfaked line\tx"),
		wstest.Binary([]byte{0x1b, 0x5b, 0xff}),
		wstest.Binary(bytes.Repeat([]byte{7}, 5000)),
		wstest.Close(4000, "\x1b]0;title\x07"),
	)}, func(p *wstest.Peer, _ *http.Request) { io.Copy(io.Discard, p.Stream) })
	tm := onTerminal(t, "connect", url)
	if r := tm.wait(t); r.code != 6 {
		t.Errorf("code %d, want 6", r.code)
	}
	tm.shows(t, `\x1b[2Jgone\x07 \u009b31m\nfaked line\tx`+"\r\n")
	tm.shows(t, "1b 5b ff\r\n")
	tm.shows(t, "07 … (5000 bytes)\r\n")
	tm.shows(t, `4000: \x1b]0;title\x07`)
	out, _ := tm.streams() // all of it: what was shown last was written last
	for _, bad := range []string{"\x1b[2J", "\x07", "\u009b", "\x1b]0;"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
}

// TestTerminalPaste pastes JSON of several lines: it is one message, sent by Enter.
func TestTerminalPaste(t *testing.T) {
	t.Parallel()
	got := make(chan string, 2)
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		got <- string(p.MustNext(t).Payload)
		got <- string(p.MustNext(t).Payload)
		answerClose(t, p, p.MustNext(t))
	})
	tm := onTerminal(t, "connect", "--idle", "100ms", url)
	tm.shows(t, "> ")
	tm.types(t, "\x1b[200~{\r\t\"a\": 1\r}\x1b[201~")
	tm.types(t, "\r")
	if m := <-got; m != "{\n\t\"a\": 1\n}" {
		t.Errorf("the server got %q", m)
	}
	tm.types(t, "\x1b[200~one\rtwo\r\x1b[201~")
	tm.types(t, "\r")
	if m := <-got; m != "one\ntwo" {
		t.Errorf("the server got %q", m)
	}
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalLongLine types more than a screen holds: all of it is sent.
func TestTerminalLongLine(t *testing.T) {
	t.Parallel()
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "200ms", url)
	tm.shows(t, "> ")
	for range 50 {
		tm.types(t, strings.Repeat("x", 100))
	}
	tm.types(t, "y\x01<\r")
	if f := <-frames; string(f.Payload) != "<"+strings.Repeat("x", 5000)+"y" {
		t.Errorf("the server got %d bytes, %.10q", len(f.Payload), f.Payload)
	}
	tm.types(t, "short\r")
	if f := <-frames; string(f.Payload) != "short" {
		t.Errorf("the server got %v", f)
	}
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalWithPipe reads from a person and writes to a pipe: the prompt stays out of it.
func TestTerminalWithPipe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var piped process
	piped.news = make(chan struct{}, 1)
	tm := attach(t, sink{&piped, &piped.out}, "connect", "--idle", "300ms", s.echo)
	tm.shows(t, "> ")
	tm.types(t, "to the pipe\r\x04")
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
	if out, _ := piped.streams(); out != "to the pipe\n" {
		t.Errorf("the pipe got %q", out)
	}
}

// TestTwoTerminals lets two people talk through a server that passes on what one says to the other.
func TestTwoTerminals(t *testing.T) {
	t.Parallel()
	url := relay(t)
	ann, bob := onTerminal(t, "connect", url), onTerminal(t, "connect", url)
	ann.shows(t, "> ")
	bob.shows(t, "> ")
	ann.types(t, "hello Bob\r")
	bob.shows(t, "hello Bob\r\n")
	bob.types(t, "hello Ann\r")
	ann.shows(t, "hello Ann\r\n")
	ann.types(t, "\x04")
	bob.types(t, "\x04")
	if a, b := ann.wait(t), bob.wait(t); a.code != 0 || b.code != 0 {
		t.Errorf("codes %d, %d", a.code, b.code)
	}
}
