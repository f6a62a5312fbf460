package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
)

// prompt is the terminal of somebody who types. What is written to it appears above the line that is being typed, or on
// standard error while nobody does.
type prompt struct {
	std stdio

	mu     sync.Mutex
	editor *screen.Editor // nil unless somebody types
	stop   func()         // ends listening to signals
	closed chan struct{}  // closed when the terminal is given back; nil while there was no editor
}

// open opens the line editor if somebody types here and sees the prompt.
func (p *prompt) open(o screen.EditorOptions) error {
	if !screen.IsTerminal(p.std.in) || !screen.IsTerminal(p.std.err) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	o.In, o.Out = p.std.in, p.std.err
	continued := make(chan struct{}, 1)
	if canSuspend {
		o.Suspend = func() { p.suspend(continued) }
	}
	e, err := screen.OpenEditor(o)
	if err != nil {
		return err
	}
	stopResizing := onResize(e.Resize)
	stopContinuing := onContinue(func() {
		e.Resume() // whoever has stopped it, the shell has changed the terminal
		select {
		case continued <- struct{}{}:
		default:
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.editor, p.stop = e, func() { stopResizing(); stopContinuing() }
	return nil
}

// close gives the terminal back, and returns when that is done, whoever began with it. Without an editor it does nothing.
func (p *prompt) close() {
	p.mu.Lock()
	if e := p.editor; e != nil {
		p.editor, p.closed = nil, make(chan struct{})
		go func(closed chan<- struct{}, stop func()) {
			e.Close() // nothing could be done about an error
			close(closed)
			stop() // what it waits for may hang as well
		}(p.closed, p.stop)
	}
	closed := p.closed
	p.mu.Unlock()
	if closed == nil {
		return
	}
	select {
	case <-closed:
	case <-time.After(time.Second): // it hangs in a terminal that takes nothing
	}
}

// suspend does what Ctrl-Z does without a prompt: it stops the process and what it was started with, until somebody continues it.
func (p *prompt) suspend(continued <-chan struct{}) {
	e := p.get()
	if e == nil || e.Pause() != nil {
		return
	}
	select {
	case <-continued: // of an earlier time
	default:
	}
	stopGroup()
	select {
	case <-continued:
	case <-time.After(stopPatience): // nobody could continue it, so it was not stopped
		e.Resume()
	}
}

// stopPatience is how long after the signal the process should be stopped.
const stopPatience = 200 * time.Millisecond

// get returns the editor, nil if nobody types.
func (p *prompt) get() *screen.Editor {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.editor
}

func (p *prompt) active() bool { return p.get() != nil }

// Write shows whole lines.
func (p *prompt) Write(b []byte) (int, error) {
	if e := p.get(); e != nil {
		return e.Write(b)
	}
	return p.std.err.Write(b)
}

// welcome opens the prompt and says that one may type.
func (c *client) welcome(conn *ws.Conn, interrupt func()) error {
	history, err := c.person.history()
	if err != nil {
		c.say("%v: what is typed is forgotten at the end", err)
	}
	if err := c.prompt.open(screen.EditorOptions{Prompt: "> ", Interrupt: interrupt, History: history, Complete: completeCommand}); err != nil {
		return err
	}
	if !screen.IsTerminal(c.std.err) {
		return nil
	}
	agreed := ""
	if p := conn.Subprotocol(); p != "" {
		agreed += ", subprotocol " + screen.Escape(p)
	}
	if e := conn.Extensions(); e != "" {
		agreed += ", " + screen.Escape(e)
	}
	keys := ""
	if c.prompt.active() {
		keys = ": Enter sends, Ctrl-D ends, /help has more"
	}
	c.say("connected to %s%s%s", screen.Escape(redacted(c.target)), agreed, keys)
	return nil
}

// mostQueued is how many messages may wait to be sent while one types.
const mostQueued = 1000

// fromPerson gives what is typed, until its end. What cannot be sent at once waits, so that the prompt does not.
func (c *client) fromPerson(e *screen.Editor) {
	queue, sent, dropped := make(chan talk.Item, mostQueued), make(chan struct{}), make(chan struct{})
	var waiting atomic.Int64
	go func() {
		defer close(sent)
		for item := range queue {
			select {
			case c.items <- item:
				waiting.Add(-1)
			case <-c.gone:
				return
			case <-dropped:
				return
			}
		}
	}()
	defer func() {
		close(queue)
		if n := waiting.Load(); n > 0 && c.current() == nil {
			c.say("%s will be sent when the connection is back; Ctrl-C ends without", some(n, "message"))
		}
		<-sent
	}()
	remember := true
	for {
		line, pasted, err := e.ReadLine()
		if err != nil {
			return
		}
		if remember {
			if err := e.Remember(line); err != nil {
				remember = false
				c.say("%v: what is typed is forgotten at the end", err)
			}
		}
		if pasted {
			c.showPasted(line)
		}
		item, err := c.understand(line)
		switch {
		case err == io.EOF:
			return
		case err != nil:
			c.say("%s", oneLine(err.Error()))
			continue
		case item == nil: // a command, done
			continue
		case item.Close != nil && c.current() == nil: // there is nothing to close
			waiting.Store(0)
			close(dropped)
			return
		case c.current() == nil:
			c.say("not connected: it will be sent when the connection is back")
		}
		waiting.Add(1)
		select {
		case queue <- *item:
		case <-sent: // nobody takes it
			return
		default:
			waiting.Add(-1)
			c.say("it was not sent: %s wait for that already", some(mostQueued, "message"))
		}
	}
}

// mostPasted is how many lines of pasted text are shown.
const mostPasted = 20

// showPasted shows a message that stood for itself in the line that was typed.
func (c *client) showPasted(text string) {
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i == mostPasted {
			fmt.Fprintf(&b, "  … %s more\n", some(len(lines)-i, "line"))
			break
		}
		if runes := []rune(line); len(runes) > shown {
			line = string(runes[:shown]) + "…"
		}
		b.WriteString(paint(coloured(c.flags.color, c.std.err), faint, "  "+screen.Escape(line)) + "\n")
	}
	io.WriteString(&c.prompt, b.String())
}

// understand makes something to send of a line, or does what a command says and returns nil.
func (c *client) understand(line string) (*talk.Item, error) {
	if rest, ok := strings.CutPrefix(line, "//"); ok {
		line = "/" + rest
	} else if strings.HasPrefix(line, "/") && !strings.Contains(line, "\n") {
		return c.command(line)
	}
	m, err := c.form.decode([]byte(line))
	if err != nil {
		return nil, fmt.Errorf("it was not sent: %w", err)
	}
	return &talk.Item{Message: m}, nil
}

// stateDir returns where a user's programs keep what they remember, empty if that is not known.
func stateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the specification of XDG has others ignored
		return filepath.Join(dir, "parley")
	}
	if runtime.GOOS == "windows" {
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "parley")
		}
		return ""
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local", "state", "parley")
}
