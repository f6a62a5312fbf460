package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// deafAfter is how long a process that takes no input any more has to end: until then, what is queued is kept for the next one.
const deafAfter = time.Second

// ErrInputFull is returned by Runner.TrySend while Options.Queue is full.
var ErrInputFull = errors.New("bridge: write to the command: it does not keep up with what it is to read")

// ErrEnded is returned when a command has ended and is not started again.
var ErrEnded = errors.New("bridge: write to the command: it has ended")

// Runner is one command without connections: what it writes goes to a function, and what it reads comes from calls. It is started
// again as a shared command is. NewRunner makes one; Shutdown ends it.
type Runner struct {
	o         Options
	receive   func(ws.Type, []byte)
	processes processes
	cancel    context.CancelFunc
	over      chan struct{} // closed when there will be no process any more
	replace   sync.Once     // of bytes that are not UTF-8

	mu    sync.Mutex
	queue [][]byte
	size  int           // of what is in queue
	news  chan struct{} // told of each entry
	room  chan struct{} // closed and made anew when something was taken out
	err   error         // how the command ended, when over is closed
}

// Input is a message for a command.
type Input struct {
	// Type and Data are the message.
	Type ws.Type
	Data []byte
	// Topic, Session, User and Claims say where it comes from, to a command that reads events. Claims is JSON, or nil.
	Topic, Session, User string
	Claims               json.RawMessage
}

// NewRunner starts a command. receive gets each message that it writes, one at a time for each stream; while it does not return, the
// command waits. Of the options, those about connections do not matter; Queue bounds what waits to be read.
func NewRunner(o Options, receive func(t ws.Type, data []byte)) (*Runner, error) {
	o.Mode = Shared
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Runner{o: o, receive: receive, cancel: cancel, over: make(chan struct{}), news: make(chan struct{}, 1), room: make(chan struct{})}
	r.processes.trace = o.Trace
	go r.run(ctx)
	return r, nil
}

func (r *Runner) run(ctx context.Context) {
	defer close(r.over)
	c := &supervised{o: &r.o, start: func(c command) (*process, error) { return r.o.start(c, &r.processes) }, feed: r.feed, publish: r.publish}
	if code, status, ended := c.run(ctx); ended && code != ws.CodeNormal {
		r.mu.Lock()
		r.err = &CommandError{status}
		r.mu.Unlock()
	}
}

// publish passes on what the process writes.
func (r *Runner) publish(p *process, from io.Reader, stream string) {
	r.o.messages(p, from, func(m []byte) {
		switch {
		case r.o.Framing == Events:
			e, err := parseEvent(m)
			var t ws.Type
			var data []byte
			var ok bool
			if err == nil {
				t, data, ok, err = e.message()
			}
			if err != nil {
				p.log.Warn("a line of the command is left out", "err", err)
			} else if ok {
				r.receive(t, data)
			}
		case !r.o.text():
			r.receive(ws.Binary, bytes.Clone(m)) // the splitter uses its memory again
		default:
			m = validText(m, &r.replace, p.log)
			if r.o.Stderr == JSONStderr {
				m = streamLine(stream, m)
			}
			r.receive(ws.Text, m)
		}
	})
}

// frame returns what the process reads for a message.
func (r *Runner) frame(m *Input) ([]byte, error) {
	switch {
	case r.o.Framing == Events:
		return inputEvent(m).line(), nil
	case m.Type == ws.Binary && r.o.text():
		return nil, fmt.Errorf("bridge: write to the command: it reads text, and this message is binary")
	}
	return appendFrame(make([]byte, 0, len(m.Data)+4), r.o.Framing, m.Data), nil
}

// TrySend queues a message for the command, and returns ErrInputFull if too much waits already.
func (r *Runner) TrySend(m *Input) error {
	b, err := r.frame(m)
	if err != nil {
		return err
	}
	_, err = r.push(b)
	return err
}

// Send queues a message for the command, and waits as long as too much waits already.
func (r *Runner) Send(ctx context.Context, m *Input) error {
	b, err := r.frame(m)
	if err != nil {
		return err
	}
	for {
		room, err := r.push(b)
		if !errors.Is(err, ErrInputFull) {
			return err
		}
		select {
		case <-room:
		case <-r.over:
		case <-ctx.Done():
			return fmt.Errorf("bridge: write to the command: %w", context.Cause(ctx))
		}
	}
}

// push queues an entry. If there is no room for it, the channel that is returned is closed when there may be. One entry has always room:
// it may be larger than the queue.
func (r *Runner) push(b []byte) (room <-chan struct{}, err error) {
	select {
	case <-r.over:
		return nil, ErrEnded
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) > 0 && r.size+len(b) > r.o.Queue {
		return r.room, ErrInputFull
	}
	r.queue = append(r.queue, b)
	r.size += len(b)
	select {
	case r.news <- struct{}{}:
	default: // it has been told
	}
	return nil, nil
}

// pop takes the first entry out of the queue; it returns nil if there is none.
func (r *Runner) pop() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	b := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	r.size -= len(b)
	close(r.room)
	r.room = make(chan struct{})
	return b
}

// unpop puts an entry back to the front.
func (r *Runner) unpop(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.Insert(r.queue, 0, b)
	r.size += len(b)
}

// feed writes to the process what is queued, until it ends. What is left then waits for the next one.
func (r *Runner) feed(p *process) {
	deaf := false
	for {
		select {
		case <-p.exited:
			return
		case <-p.stop:
			return
		default:
		}
		if b := r.pop(); b != nil {
			if deaf || p.write(b, nil) == nil {
				continue
			}
			select { // it ends, or goes on and has closed its standard input: then what it does not want to read is lost
			case <-p.exited:
				r.unpop(b)
			case <-p.stop:
				r.unpop(b)
			case <-time.After(deafAfter):
				deaf = true
			}
			continue
		}
		select {
		case <-p.exited:
			return
		case <-p.stop:
			return
		case <-r.news:
		}
	}
}

// Done is closed when the command has ended and is not started again.
func (r *Runner) Done() <-chan struct{} { return r.over }

// Err returns, after Done was closed, how the command failed: nil for status 0.
func (r *Runner) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Shutdown ends the command and waits until all of its processes have ended. When ctx ends they are killed, and Shutdown returns the
// context's error.
func (r *Runner) Shutdown(ctx context.Context) error {
	kill := context.AfterFunc(ctx, r.processes.kill)
	defer kill()
	r.cancel()
	<-r.over
	return ctx.Err()
}

// Kill kills all processes at once, for a program that has to end.
func (r *Runner) Kill() { r.processes.kill() }
