package subjects

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// patience is how long a server may take to start, and to end.
const patience = 10 * time.Second

// Options say how a server is started. The zero value is ready to use.
type Options struct {
	// Args come behind those that the command has.
	Args []string
	// Cores are the numbers of the processors that it is confined to. If empty, all of them. Go's GOMAXPROCS goes by them.
	Cores []int
	// Env are more environment variables, as in "GOGC=off".
	Env []string
	// Stderr takes what it says there. If nil, os.Stderr.
	Stderr io.Writer
}

// A Process is a server that runs.
type Process struct {
	// URL is where it listens, such as ws://127.0.0.1:1234/, with a slash at the end.
	URL string
	// Pid is the number of its process.
	Pid int

	cmd   *exec.Cmd
	stdin io.Closer
	rest  chan struct{} // closed at the end of its output
}

// Start starts a subject that is built. At the end of ctx it is killed.
func (s *Subject) Start(ctx context.Context, o Options) (*Process, error) {
	if len(s.Command) == 0 {
		return nil, fmt.Errorf("subjects: starting %s: it is not built: call Build first", s.Name)
	}
	return Start(ctx, s.Command, o)
}

// Start starts a command that is a server of the same kind: it prints one line, "listening URL", and ends with its standard
// input. At the end of ctx it is killed.
func Start(ctx context.Context, command []string, o Options) (*Process, error) {
	p, err := start(ctx, command, o)
	if err != nil {
		return nil, fmt.Errorf("subjects: starting %s: %w", strings.Join(append(command[:len(command):len(command)], o.Args...), " "), err)
	}
	return p, nil
}

func start(ctx context.Context, command []string, o Options) (*Process, error) {
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], o.Args...)...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Stderr = o.Stderr
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	cmd.WaitDelay = patience
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := confined(o.Cores, cmd.Start); err != nil {
		return nil, err
	}
	p := &Process{Pid: cmd.Process.Pid, cmd: cmd, stdin: stdin, rest: make(chan struct{})}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	kill.Stop()
	go func() {
		defer close(p.rest)
		_, _ = io.Copy(io.Discard, out) // it has nothing more to say
	}()
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening ")
	if err == nil && !ok {
		err = errors.New("it does not say where it listens")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("it said %q: %w", line, err), p.Stop())
	}
	p.URL = url
	return p, nil
}

// Stop ends the server and waits for it. It returns an error if it had ended before in a way that is none, or had to be
// killed.
func (p *Process) Stop() error {
	_ = p.stdin.Close() // is the end of it
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.rest
	return p.cmd.Wait()
}
