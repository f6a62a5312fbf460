package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// NetConn wraps c as a net.Conn, for protocols that want a stream. Each Write is one message of type t; Read gives
// the content of all received messages, which must be of type t (else the connection ends with 1003) and within
// Options.MessageLimit, and io.EOF when the peer closes in the ordinary way. Close does the close handshake with 1000.
// A deadline that passes gives a net.Error with Timeout; a read deadline leaves the connection usable, a write deadline
// does what the end of Write's context does. The end of ctx ends the connection.
func NetConn(ctx context.Context, c *Conn, t Type) net.Conn {
	n := &netConn{c: c, t: t}
	n.read.init(ctx)
	n.write.init(ctx)
	n.stop = context.AfterFunc(ctx, func() {
		c.abort(&CloseError{Code: CodeAbnormal, Err: context.Cause(ctx)})
	})
	return n
}

type netConn struct {
	c           *Conn
	t           Type
	stop        func() bool
	read, write deadline

	mu sync.Mutex // one Read at a time
	r  io.Reader  // the message under way
}

// deadline turns a deadline into a context.
type deadline struct {
	parent context.Context
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (d *deadline) init(parent context.Context) {
	d.parent = parent
	d.ctx, d.cancel = context.WithCancelCause(parent)
}

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

// set moves the deadline: an operation under way sees it, too.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	late := d.timer != nil && !d.timer.Stop() // it has ended the context, or is about to
	d.timer = nil
	if (late || d.ctx.Err() != nil) && d.parent.Err() == nil {
		d.ctx, d.cancel = context.WithCancelCause(d.parent)
	}
	if t.IsZero() {
		return
	}
	cancel := d.cancel
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { cancel(os.ErrDeadlineExceeded) })
	} else {
		cancel(os.ErrDeadlineExceeded)
	}
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.cancel(nil)
}

// Read implements net.Conn.
func (n *netConn) Read(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx := n.read.context()
	for {
		if n.r == nil {
			t, r, err := n.c.Reader(ctx)
			if err != nil {
				return 0, n.readError(err)
			}
			if t != n.t {
				reason := fmt.Sprintf("unexpected %s message", t)
				// The error below says it all.
				_ = n.c.Close(ctx, CodeUnsupportedData, reason)
				return 0, errors.New("ws: net conn: " + reason)
			}
			n.r = r
		}
		if m, ok := n.r.(*messageReader); ok {
			m.ctx = ctx
		}
		k, err := n.r.Read(p)
		if err == io.EOF {
			n.r = nil
			err = nil
		}
		if k > 0 || err != nil || len(p) == 0 {
			return k, n.readError(err)
		}
	}
}

// readError translates what a read of the connection returned.
func (n *netConn) readError(err error) error {
	var ce *CloseError
	switch {
	case errors.As(err, &ce):
		if ce.Remote && ordinaryEnd(ce) {
			return io.EOF
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return timeoutError{err}
	}
	return err
}

// timeoutError is a deadline that passed, as callers of a net.Conn expect it: a net.Error.
type timeoutError struct{ error }

func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (e timeoutError) Unwrap() error { return e.error }

// Write implements net.Conn.
func (n *netConn) Write(p []byte) (int, error) {
	if e := n.c.err(); e != nil {
		return 0, e
	}
	err := n.c.Write(n.write.context(), n.t, p)
	if err == nil {
		return len(p), nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = timeoutError{err}
	}
	return 0, err
}

// Close implements net.Conn.
func (n *netConn) Close() error {
	n.stop()
	err := n.c.Close(context.Background(), CodeNormal, "")
	n.read.end()
	n.write.end()
	if ordinaryEnd(err) {
		return nil
	}
	return err
}

// LocalAddr implements net.Conn.
func (n *netConn) LocalAddr() net.Addr {
	if a, ok := n.c.s.(interface{ LocalAddr() net.Addr }); ok {
		return a.LocalAddr()
	}
	return noAddr{}
}

// RemoteAddr implements net.Conn.
func (n *netConn) RemoteAddr() net.Addr {
	if a := n.c.RemoteAddr(); a != nil {
		return a
	}
	return noAddr{}
}

// noAddr is the address of a stream that has none.
type noAddr struct{}

func (noAddr) Network() string { return "websocket" }
func (noAddr) String() string  { return "websocket/unknown" }

// SetDeadline implements net.Conn.
func (n *netConn) SetDeadline(t time.Time) error {
	n.read.set(t)
	n.write.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (n *netConn) SetReadDeadline(t time.Time) error {
	n.read.set(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (n *netConn) SetWriteDeadline(t time.Time) error {
	n.write.set(t)
	return nil
}
