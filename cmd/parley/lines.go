package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
)

// readLines makes a text message of each line of standard input, or of what is typed, and closes lines at the end. It
// returns when nobody takes them any more; a read of standard input that waits then can only be left behind, until the
// process ends.
func (c *client) readLines(lines chan<- talk.Item, gone <-chan struct{}) {
	defer close(lines)
	c.mu.Lock()
	editor := c.editor
	c.mu.Unlock()
	next := fromStream(c.std.in)
	if editor != nil {
		next = c.fromEditor(editor)
	}
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			c.leaveScreen() // so that Ctrl-C is a signal again while replies are awaited
			return
		}
		select {
		case lines <- talk.Item{Message: ws.Message{Type: ws.Text, Data: line}, Err: err}:
		case <-gone:
			return
		}
		if err != nil {
			return
		}
	}
}

// fromStream returns a function that returns the next line, without its end. The last line needs none.
func fromStream(r io.Reader) func() ([]byte, error) {
	in := bufio.NewReader(r)
	number := 0
	return func() ([]byte, error) {
		line, err := in.ReadBytes('\n')
		if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
			if !errors.Is(err, io.EOF) {
				err = &failure{exitIO, fmt.Errorf("connect: read standard input: %w", err), "give it a file or a pipe, or </dev/null"}
			}
			return nil, err
		}
		number++
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !utf8.Valid(line) {
			return nil, &failure{exitProtocol, fmt.Errorf("connect: line %d of the input is not UTF-8", number),
				"convert it, for a text message has to be"}
		}
		return line, nil
	}
}

// fromEditor is fromStream for somebody who types.
func (c *client) fromEditor(e *screen.Editor) func() ([]byte, error) {
	return func() ([]byte, error) {
		for {
			line, err := e.ReadLine()
			if errors.Is(err, screen.ErrCut) {
				c.status("%v, so it was not sent: send it from a file", err)
				continue
			}
			return []byte(line), err
		}
	}
}

// shown is how many bytes of a binary message a terminal shows.
const shown = 1024

// printer writes messages, each as one line.
type printer struct {
	out      io.Writer
	terminal bool                             // out is a terminal
	raw      bool                             // binary messages may go to a pipe
	warn     func(format string, args ...any) // for whoever watches
	breaks   sync.Once
	line     []byte // reused
}

// errBinary is returned for a binary message that has no place in lines of text.
var errBinary = &failure{exitIO, errors.New("connect: a binary message cannot go to a pipe as a line of text"),
	"write such messages as they are with --binary"}

// print writes one message.
func (p *printer) print(t ws.Type, data []byte) error {
	p.line = p.line[:0]
	switch {
	case p.terminal && t == ws.Text:
		p.line = append(p.line, screen.Escape(string(data))...)
	case p.terminal:
		p.line = append(p.line, screen.Hex(data[:min(shown, len(data))])...)
		if len(data) > shown {
			p.line = fmt.Appendf(p.line, " … (%d bytes)", len(data))
		}
	case t == ws.Binary && p.raw:
		return p.write(data)
	case t == ws.Binary:
		return errBinary
	default:
		if bytes.IndexByte(data, '\n') >= 0 {
			p.breaks.Do(func() { p.warn("a message has line breaks: it is more than one line of the output") })
		}
		p.line = append(p.line, data...)
	}
	p.line = append(p.line, '\n')
	return p.write(p.line)
}

func (p *printer) write(b []byte) error {
	if _, err := p.out.Write(b); err != nil {
		return &failure{exitIO, fmt.Errorf("connect: write standard output: %w", err), "check where it goes"}
	}
	return nil
}
