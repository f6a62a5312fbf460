package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// SubprotocolTerminal is what a client of a terminal offers that wants to change its size: then a text message is
// {"cols":80,"rows":24}, and what is typed comes in binary messages.
const SubprotocolTerminal = "parley.terminal"

// talk is a process and the one connection that it is for.
type talk struct {
	o       *Options
	p       *process
	c       *ws.Conn
	number  int64          // in events
	stderr  chan struct{}  // closed when standard error has been read
	output  sync.WaitGroup // what reads the process's streams
	replace sync.Once      // of bytes that are not UTF-8
	failed  sync.Once
	why     string // for which the connection is closed in place of the status; read when output is done
}

// newTalk takes a process over that has just been started: what it logs is read from now on.
func newTalk(o *Options, p *process) *talk {
	t := &talk{o: o, p: p, number: 1, stderr: make(chan struct{})}
	if o.Stderr == LogStderr && p.err != nil {
		go func() {
			defer close(t.stderr)
			logLines(p)
		}()
	} else {
		close(t.stderr)
	}
	return t
}

// abandon ends the process without a connection.
func (t *talk) abandon() {
	t.p.end()
	t.output.Go(func() { io.Copy(io.Discard, output{t.p, t.p.out}) })
	if t.o.Stderr == JSONStderr {
		t.output.Go(func() { io.Copy(io.Discard, output{t.p, t.p.err}) })
	}
	t.finish()
}

// finish waits for the process and everything that reads from it.
func (t *talk) finish() {
	<-t.p.ended
	t.output.Wait()
	<-t.stderr
	t.p.in.Close()
	t.p.out.Close()
	if t.p.err != nil {
		t.p.err.Close()
	}
}

// serve passes messages until the connection or the process ends, and ends the other one.
func (t *talk) serve(c *ws.Conn) {
	t.c = c
	if t.o.Framing == Events {
		t.p.write(t.o.openEvent(t.number, c).line(), c) // a process that reads nothing is no error
	}
	t.output.Go(func() { t.send(output{t.p, t.p.out}, "stdout") })
	if t.o.Stderr == JSONStderr {
		t.output.Go(func() { t.send(output{t.p, t.p.err}, "stderr") })
	}
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		<-t.p.ended
		t.output.Wait() // all of it has been sent
		code, reason := t.p.status()
		if t.why != "" {
			code, reason = ws.CodeInternalError, t.why
		}
		c.Close(context.Background(), code, reason)
	}()

	interrupted := make(chan struct{})
	stop := context.AfterFunc(c.Context(), func() {
		defer close(interrupted)
		t.p.in.SetWriteDeadline(time.Now())
	})
	err := c.Run(c.Context(), ws.Events{Message: func(_ *ws.Conn, typ ws.Type, data []byte) error { return t.receive(typ, data) }})
	var refused *refusedError
	if errors.As(err, &refused) {
		c.Close(context.Background(), refused.code, refused.reason)
	}
	c.CloseNow()
	if !stop() {
		<-interrupted // or it could come between the next deadline and the write
	}
	if t.o.Framing == Events {
		t.p.in.SetWriteDeadline(time.Now().Add(t.o.Ladder.Close))
		t.p.in.Write(closeEvent(t.number, endOf(c)).line()) // the last thing it can learn, if it reads
	}
	t.p.end()
	<-ending
	t.finish()
}

// refusedError is a message for which a connection is closed.
type refusedError struct {
	code   ws.Code
	reason string
}

func (e *refusedError) Error() string { return e.reason }

// receive passes a message to the process.
func (t *talk) receive(typ ws.Type, data []byte) error {
	if t.p.terminal && typ == ws.Text && t.c.Subprotocol() == SubprotocolTerminal {
		return t.resize(data)
	}
	b, err := frameMessage(t.o, t.number, typ, data)
	if err != nil {
		return err
	}
	if err := t.p.write(b, t.c); err != nil && t.c.Context().Err() != nil {
		return err
	}
	return nil // a process that has closed its standard input may go on: what it does not want to read is lost
}

// frameMessage returns what the process reads for a message.
func frameMessage(o *Options, number int64, typ ws.Type, data []byte) ([]byte, error) {
	if o.Framing == Events {
		return messageEvent(number, typ, data).line(), nil
	}
	if typ == ws.Binary && o.text() {
		return nil, &refusedError{ws.CodeUnsupportedData, "this endpoint takes text messages"}
	}
	return appendFrame(make([]byte, 0, len(data)+4), o.Framing, data), nil
}

// resize changes the size of the terminal.
func (t *talk) resize(data []byte) error {
	var s struct{ Cols, Rows uint16 }
	if err := json.Unmarshal(data, &s); err != nil || s.Cols < 1 || s.Rows < 1 || s.Cols > maxDimension || s.Rows > maxDimension {
		return &refusedError{ws.CodePolicyViolation, `want a size such as {"cols":80,"rows":24} in a text message`}
	}
	if err := t.p.resize(size{rows: s.Rows, cols: s.Cols}); err != nil {
		t.p.log.Warn("the size of the terminal cannot be changed", "err", err)
	}
	return nil
}

// send sends what the process writes to a stream, until its end.
func (t *talk) send(r io.Reader, stream string) {
	defer io.Copy(io.Discard, r) // or the process would wait for somebody to read
	framing := t.o.Framing
	messages := newSplitter(r, framing, t.o.MaxMessage)
	for {
		m, err := messages.next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = t.sendOne(m, stream)
		} else if errors.Is(err, errTooLarge) {
			err = fmt.Errorf("the command wrote a message of more than %d bytes", t.o.MaxMessage)
		}
		if err == nil {
			continue
		}
		if t.c.Context().Err() == nil {
			t.p.log.Error("the connection is closed", "err", err)
			t.failed.Do(func() { t.why = err.Error() })
			t.p.end()
		}
		return
	}
}

func (t *talk) sendOne(m []byte, stream string) error {
	ctx := t.c.Context()
	if t.o.Framing == Events {
		e, err := parseEvent(m)
		if err != nil {
			t.p.log.Warn("a line of the command is left out", "err", err)
			return nil
		}
		if e.Conn != nil && *e.Conn != t.number {
			return nil
		}
		if e.Ev == "close" {
			code, reason := e.closing()
			return t.c.Close(ctx, code, reason)
		}
		typ, data, ok, err := e.message()
		if err != nil {
			t.p.log.Warn("a line of the command is left out", "err", err)
		}
		if !ok || err != nil {
			return nil
		}
		return t.c.Write(ctx, typ, data)
	}
	if !t.o.text() {
		return t.c.Write(ctx, ws.Binary, m)
	}
	m = validText(m, &t.replace, t.p.log)
	if t.o.Stderr == JSONStderr {
		m = streamLine(stream, m)
	}
	return t.c.Write(ctx, ws.Text, m)
}

// validText replaces what cannot be in a text message.
func validText(m []byte, once *sync.Once, log *slog.Logger) []byte {
	valid := bytes.ToValidUTF8(m, []byte("\uFFFD"))
	if !bytes.Equal(valid, m) {
		once.Do(func() {
			log.Warn("the command writes what is not UTF-8: it is replaced; binary messages or events would keep it")
		})
	}
	return valid
}

// streamLine is the form of a line for JSONStderr.
func streamLine(stream string, line []byte) []byte {
	b, err := json.Marshal(struct {
		Stream string `json:"stream"`
		Data   string `json:"data"`
	}{stream, string(line)})
	if err != nil {
		panic("bridge: encode a line: " + err.Error()) // strings always have a form
	}
	return b
}

// logLines logs what the process writes to standard error, until its end.
func logLines(p *process) {
	r := output{p, p.err}
	lines := newSplitter(r, Lines, maxLogLine)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, errTooLarge):
			p.log.Info("stderr", "line", fmt.Sprintf("(a line of more than %d bytes)", maxLogLine))
		case err != nil:
			return
		default:
			p.log.Info("stderr", "line", string(line))
		}
	}
}

// maxLogLine is the longest line that is logged.
const maxLogLine = 16 << 10

// alive sends a ping without waiting for the answer, which nobody reads: if the peer is gone, this or the next one fails.
func alive(c *ws.Conn) bool {
	ctx, cancel := context.WithTimeout(c.Context(), 100*time.Millisecond)
	defer cancel()
	c.Ping(ctx)
	return c.Context().Err() == nil
}

// endOf says how a connection ended.
func endOf(c *ws.Conn) *ws.CloseError {
	var end *ws.CloseError
	errors.As(context.Cause(c.Context()), &end)
	return end
}
