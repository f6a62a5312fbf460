package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take that a test waits for. It is long,
// because machines can be slow: nothing but a failure waits for its end.
const patience = 30 * time.Second

// line is what a peer's script writes: an answer, or an event. peers/lines.js
// describes it.
type line struct {
	Ready string // the first line: the name and version of the peer

	ID    int
	Error string

	Event       string
	Conn        int
	Listener    int
	URL         string
	Extensions  string
	Subprotocol string
	Type        string // of a message: text or binary
	As          string // of a message in a browser: Blob or ArrayBuffer
	Data        []byte
	Code        int
	Reason      string
	WasClean    *bool // only browsers say
	Errors      int   // of a browser: error events before the close
	Message     string
	Status      int
	Value       json.RawMessage
}

// command is what a test tells a script to do.
type command map[string]any

// process is a peer's script while it runs.
type process struct {
	name  string // as the peer itself says, with its version
	stdin io.WriteCloser
	ended chan struct{} // closed when the script has written its last line

	mu      sync.Mutex
	last    int // command
	answers map[int]chan line
	events  map[eventKey]chan line
}

type eventKey struct {
	name string
	id   int // of the connection, for open of the listener
}

// start runs a script until the test ends.
func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{
		stdin:   stdin,
		ended:   make(chan struct{}),
		answers: make(map[int]chan line),
		events:  make(map[eventKey]chan line),
	}
	ready := make(chan string, 1)
	var readErr error
	go func() {
		defer close(p.ended)
		readErr = p.read(stdout, ready)
	}()
	t.Cleanup(func() {
		// The end of its stdin ends a script; one that stays is killed.
		_ = stdin.Close()
		kill := time.AfterFunc(patience/3, func() { _ = cmd.Process.Kill() })
		<-p.ended
		err := cmd.Wait()
		if !kill.Stop() {
			t.Errorf("%s did not end by itself", p.name)
		}
		if err := errors.Join(err, readErr); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if stderr.Len() > 0 {
			t.Errorf("%s wrote to stderr:\n%s", p.name, stderr.Bytes())
		}
	})
	select {
	case p.name = <-ready:
		t.Log(p.name)
	case <-p.ended:
		t.Fatalf("%s ended before it was ready", cmd)
	case <-time.After(patience):
		t.Fatalf("%s was not ready after %v", cmd, patience)
	}
	return p
}

// read takes what the script writes, until it ends.
func (p *process) read(stdout io.Reader, ready chan<- string) error {
	r := bufio.NewReader(stdout)
	for {
		text, err := r.ReadBytes('\n')
		if err == io.EOF && len(text) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading its output: %w", err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("it wrote %.200q: %w", text, err)
		}
		switch {
		case l.Ready != "":
			ready <- l.Ready
		case l.Event == "open":
			p.event(l.Event, l.Listener) <- l
		case l.Event != "":
			p.event(l.Event, l.Conn) <- l
		default:
			p.mu.Lock()
			answer := p.answers[l.ID]
			delete(p.answers, l.ID)
			p.mu.Unlock()
			answer <- l
		}
	}
}

// event returns the queue of the events called name of one connection. It is
// as long as no test is going to need.
func (p *process) event(name string, id int) chan line {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := eventKey{name, id}
	if p.events[key] == nil {
		p.events[key] = make(chan line, 1000)
	}
	return p.events[key]
}

// try has the script do something and returns its answer, which may be an
// error.
func (p *process) try(t *testing.T, do string, c command) line {
	t.Helper()
	answer := make(chan line, 1)
	p.mu.Lock()
	p.last++
	message := command{"id": p.last, "do": do}
	p.answers[p.last] = answer
	for name, value := range c {
		message[name] = value
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = p.stdin.Write(append(text, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		t.Fatalf("%s: %s: %v", p.name, do, err)
	}
	return p.await(t, do, answer)
}

// do has the script do something that must succeed.
func (p *process) do(t *testing.T, do string, c command) line {
	t.Helper()
	l := p.try(t, do, c)
	if l.Error != "" {
		t.Fatalf("%s: %s: %s", p.name, do, l.Error)
	}
	return l
}

// await waits for a line of the queue.
func (p *process) await(t *testing.T, what string, queue <-chan line) line {
	t.Helper()
	select {
	case l := <-queue:
		return l
	default:
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case l := <-queue:
		return l
	case <-p.ended:
		t.Fatalf("%s ended instead of: %s", p.name, what)
	case <-timeout.C:
		t.Fatalf("%s: nothing after %v: %s", p.name, patience, what)
	}
	panic("unreachable")
}
