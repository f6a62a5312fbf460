package main

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/parley-ws/parley/cmd/parley/internal/record"
	"github.com/parley-ws/parley/cmd/parley/internal/redact"
	"github.com/parley-ws/parley/ws"
)

// eventLog writes what happens on a connection as JSON. All methods do nothing on nil, but for those that need --json.
type eventLog struct {
	log    *record.Log
	conn   atomic.Int64 // the number of the connection
	out    []byte       // what is being sent; only the goroutine that sends uses it
	typ    ws.Type      // ...
	wireIn int64        // of the message that is being received; only the goroutine that reads uses it
}

func newEventLog(w io.Writer) *eventLog { return &eventLog{log: record.NewLog(w)} }

func (l *eventLog) add(e record.Event) {
	e.Conn = int(l.conn.Load())
	l.log.Add(e)
}

// trace returns the hooks that say what callbacks do not know.
func (l *eventLog) trace() *ws.Trace {
	return &ws.Trace{
		Message: func(_ *ws.Conn, info ws.MessageInfo) {
			if !info.Out {
				l.wireIn = info.Wire
				return
			}
			e := record.Event{Ev: "msg", Dir: "out", Type: l.typ.String(), Wire: &info.Wire}
			e.Content(l.out, l.typ == ws.Text)
			l.add(e)
		},
		FrameOut: func(_ *ws.Conn, info ws.FrameInfo) {
			names := map[byte]string{9: "ping", 10: "pong"}
			if name := names[info.Opcode]; name != "" {
				l.add(record.Event{Ev: name, Dir: "out", Len: &info.Len})
			}
		},
	}
}

// sending is told of each message before it is sent.
func (l *eventLog) sending(m ws.Message) { l.typ, l.out = m.Type, m.Data }

// received logs a message, and waits if the stream is slow.
func (l *eventLog) received(t ws.Type, p []byte) error {
	wire := l.wireIn
	e := record.Event{Ev: "msg", Dir: "in", Type: t.String(), Wire: &wire}
	e.Content(p, t == ws.Text)
	l.add(e)
	return writeError(l.log.Wait())
}

func writeError(err error) error {
	if err == nil {
		return nil
	}
	return &failure{exitIO, fmt.Errorf("write: %w", err), "check where the output goes"}
}

// control returns what logs pings or pongs that arrive.
func (l *eventLog) control(name string) func([]byte) {
	return func(p []byte) {
		e := record.Event{Ev: name, Dir: "in"}
		e.Content(p, false)
		l.add(e)
	}
}

func (l *eventLog) open(target string, conn *ws.Conn) {
	if l == nil {
		return
	}
	l.conn.Add(1)
	e := record.Event{Ev: "open", Dir: "out", URL: redacted(target), Subprotocol: conn.Subprotocol(), Extensions: conn.Extensions()}
	if r := conn.Response(); r != nil {
		e.Status = r.StatusCode
	}
	l.add(e)
}

// redacted returns a URL without its secrets, to be shown.
func redacted(target string) string { return redact.URL(target) }

func (l *eventLog) close(end *ws.CloseError) {
	if l == nil {
		return
	}
	e := record.Event{Ev: "close", Dir: "out", Code: int(end.Code), Reason: end.Reason}
	if end.Remote {
		e.Dir = "in"
	}
	if end.Err != nil {
		e.Error = end.Err.Error()
	}
	l.add(e)
}

func (l *eventLog) stat(s ws.Stats) {
	if l == nil {
		return
	}
	l.add(record.Event{Ev: "stat", Stat: map[string]int64{
		"messages_in": s.MessagesIn, "messages_out": s.MessagesOut, "bytes_in": s.BytesIn, "bytes_out": s.BytesOut,
		"wire_in": s.WireIn, "wire_out": s.WireOut,
	}})
}

// failed logs why something failed.
func (l *eventLog) failed(err error) {
	if l == nil {
		return
	}
	e := record.Event{Ev: "error", Error: explain(err).err.Error()}
	var he *ws.HandshakeError
	if errors.As(err, &he) {
		e.Status, e.Body = he.Status, string(he.Body)
	}
	l.add(e)
}

// finish logs why a run failed, and returns that, or else what the log itself failed with.
func (l *eventLog) finish(err error) error {
	var q quiet
	if err != nil && !errors.As(err, &q) {
		l.failed(err)
	}
	if werr := l.log.Close(); err == nil {
		return writeError(werr)
	}
	return err
}
