package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parley-ws/parley/cmd/parley/internal/framing"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
)

// converse sends everything, prints what comes, and ends the connection.
func (s *sender) converse(ctx context.Context, conn *ws.Conn, out *output) error {
	s.out = &messageWriter{
		w: out, form: s.form, terminal: out.terminal, colour: coloured(s.flags.color, out.file),
		warn: func(format string, args ...any) {
			if !s.flags.silent {
				notice(s.std.err, format, args...)
			}
		},
	}
	s.events.open(s.target, conn)
	s.enough = make(chan struct{})
	items := make(chan talk.Item)
	go s.produce(items, conn.Context().Done())
	v := &talk.Conversation{Conn: conn, Send: items, Receive: s.receive, Idle: s.idle, Enough: s.enough}
	if s.events != nil {
		v.Sending, v.Ping, v.Pong = s.events.sending, s.events.control("ping"), s.events.control("pong")
	} else if s.flags.verbose {
		v.Ping = func(p []byte) { fmt.Fprintf(s.std.err, "< ping, %d bytes\n", len(p)) }
		v.Pong = func(p []byte) { fmt.Fprintf(s.std.err, "< pong, %d bytes\n", len(p)) }
	}
	end, err := v.Run(ctx)
	s.events.close(end)
	return s.ended(end, err)
}

// produce gives the messages to send, and closes items at their end. Standard input is not touched before. It returns when
// nobody takes them any more; a read that waits then can only be left behind, until the process ends.
func (s *sender) produce(items chan<- talk.Item, gone <-chan struct{}) {
	defer close(items)
	give := func(item talk.Item) bool {
		select {
		case items <- item:
			return item.Err == nil
		case <-gone:
			return false
		}
	}
	for _, m := range s.given {
		if !give(talk.Item{Message: m}) {
			return
		}
	}
	if !s.readInput {
		return
	}
	if screen.IsTerminal(s.std.in) && screen.IsTerminal(s.std.err) && !s.flags.silent {
		notice(s.std.err, "connected: what you type is sent, Ctrl-D ends")
	}
	r := framing.NewReader(s.std.in, s.form.frame)
	r.KeepCR = s.form.encoding == asBytes
	for number := 1; ; number++ {
		unit, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			give(talk.Item{Err: &failure{exitIO, fmt.Errorf("send: read standard input: %w", err), "check what it is, and --frame; </dev/null is empty"}})
			return
		}
		m, err := s.form.decode(unit)
		if err != nil {
			code := exitIO
			if s.form.encoding == asText {
				code = exitProtocol
			}
			give(talk.Item{Err: &failure{code, fmt.Errorf("send: message %d of standard input: %w", number, err), "choose how it is written: --text, --binary, --hex, --base64"}})
			return
		}
		if !give(talk.Item{Message: m}) {
			return
		}
	}
}

// receive takes a message.
func (s *sender) receive(t ws.Type, p []byte) error {
	s.received++
	var err error
	if s.events != nil {
		err = s.events.received(t, p)
	} else {
		err = s.out.print(t, p)
	}
	if err != nil {
		return err
	}
	if s.wanted.see(p) && s.flags.count == 0 {
		close(s.enough)
	}
	if s.flags.count > 0 && s.received >= s.flags.count {
		return talk.ErrEnough
	}
	return nil
}

// ended says how it ended and chooses the exit code.
func (s *sender) ended(end *ws.CloseError, err error) error {
	var st *stopped
	switch {
	case errors.Is(err, errMaxTime), errors.As(err, &st):
		return stoppedWith(err)
	case err != nil:
		return err
	}
	code := exitCode(end)
	accepted := slices.Contains(s.flags.okClose, int(end.Code))
	if code != exitDone && !accepted {
		return &failure{code, errors.New(closing(end)), fmt.Sprintf("--ok-close %d takes that for success", end.Code)}
	}
	if s.flags.verbose {
		notice(s.std.err, "%s", closing(end))
	}
	if missing := s.wanted.missing(); missing != "" {
		return &failure{exitExpect, fmt.Errorf("%w: %s; %d came", errNotMet, missing, s.received), "wait longer with --idle, or look at them with --json"}
	}
	return nil
}
