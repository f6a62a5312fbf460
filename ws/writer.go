package ws

import (
	"context"
	"errors"
	"io"
)

// fragmentSize is how much a streamed message gathers before it sends a fragment.
const fragmentSize = 16 << 10

// messageWriter streams one message.
type messageWriter struct {
	c        *Conn
	ctx      context.Context
	t        Type
	buf      *buffer
	n        int
	begun    bool // the first fragment is sent
	text     utf8State
	z        *deflater // compresses, if the message travels compressed
	size     int64
	wire     int64
	err      error
	finished chan struct{}
}

var errWriterClosed = errors.New("ws: write: the message is finished")

// Writer begins a message that is sent in fragments as it is written. It must be closed: until then every other message
// of the connection waits, while control frames pass. ctx bounds all of it; when it ends, or a write fails, after a
// fragment was sent, the connection ends. To give a message up half-way, call CloseNow: Close of the writer would send
// what there is of it as a whole one. The writer is not safe for concurrent use.
func (c *Conn) Writer(ctx context.Context, t Type) (io.WriteCloser, error) {
	if err := checkOutgoing(t, nil); err != nil {
		return nil, err
	}
	if err := c.acquire(ctx, "write"); err != nil {
		return nil, err
	}
	w := &messageWriter{c: c, ctx: ctx, t: t.base(), finished: make(chan struct{})}
	if c.deflate != nil && t&Uncompressed == 0 {
		// Whatever was compressed before is queued already and leaves first; what comes later travels as it is.
		w.z = c.deflate.stream()
	}
	c.takeUnlessClosing()
	err := c.send(ctx, true)
	if err == nil {
		c.mu.Lock()
		c.out.stream = w
		c.mu.Unlock()
	} else if w.z != nil {
		c.deflate.endStream(w.z, false)
	}
	c.release()
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Write implements io.Writer.
func (w *messageWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.t == Text && !w.text.push(p) {
		return 0, w.fail(errNotUTF8)
	}
	w.size += int64(len(p))
	if w.z != nil {
		w.z.keep(p)
		if _, err := w.z.w.Write(p); err != nil {
			return 0, w.fail(err)
		}
		if w.z.n >= fragmentSize {
			if err := w.fragment(w.z.out.b[:w.z.n], false); err != nil {
				return 0, err
			}
			w.z.n = 0
		}
		return len(p), nil
	}
	total := len(p)
	for len(p) > 0 {
		if w.buf == nil {
			w.buf = getBuffer(fragmentSize)
		}
		if w.n == fragmentSize {
			if err := w.fragment(w.buf.b[:w.n], false); err != nil {
				return total - len(p), err
			}
			w.n = 0
		}
		n := copy(w.buf.b[w.n:fragmentSize], p)
		w.n += n
		p = p[n:]
	}
	return total, nil
}

// Close sends what is left and finishes the message.
func (w *messageWriter) Close() error {
	if w.err != nil {
		if w.err == errWriterClosed {
			return nil
		}
		return w.err
	}
	if w.t == Text && !w.text.complete() {
		return w.fail(errNotUTF8)
	}
	var last []byte
	if w.z != nil {
		if err := w.z.flush(); err != nil {
			return w.fail(err)
		}
		last = w.z.out.b[:w.z.n]
	} else {
		last = w.buf.bytes(w.n)
	}
	if err := w.fragment(last, true); err != nil {
		return err
	}
	w.c.mu.Lock()
	w.c.count(w.t, int(w.size), int(w.wire), w.z != nil)
	w.c.mu.Unlock()
	w.finish(errWriterClosed)
	return nil
}

// fragment sends one frame of the message.
func (w *messageWriter) fragment(p []byte, fin bool) error {
	c := w.c
	if w.ctx.Err() != nil {
		return w.fail(cancelled("write", w.ctx))
	}
	if err := c.takeTurn(w.ctx, "write"); err != nil {
		return w.fail(err)
	}
	c.mu.Lock()
	err := c.refused()
	if err == nil {
		first := byte(opContinuation)
		if !w.begun {
			first = byte(w.t)
			if w.z != nil {
				first |= bitRSV1
			}
		}
		if fin {
			first |= bitFin
		}
		w.begun = true
		c.takeQueue()
		c.putFrame(&c.out.sending, first, p, nil, true)
		w.wire += int64(len(p))
	}
	c.mu.Unlock()
	if err == nil {
		err = c.send(w.ctx, true)
	}
	c.release()
	if err != nil {
		return w.fail(err)
	}
	return nil
}

// fail gives the message up. If a part of it is sent already, nothing but a close frame can follow: the connection ends,
// unless its closing handshake is under way.
func (w *messageWriter) fail(err error) error {
	if w.begun && !w.c.closeSent.Load() {
		err = w.c.abort(&CloseError{Code: CodeAbnormal, Err: err})
	}
	w.finish(err)
	return err
}

// finish lets the messages that waited pass.
func (w *messageWriter) finish(err error) {
	c := w.c
	w.err = err
	if w.z != nil {
		c.deflate.endStream(w.z, err == errWriterClosed)
		w.z = nil
	}
	putBuffer(w.buf)
	w.buf = nil
	c.mu.Lock()
	c.out.stream = nil
	c.mu.Unlock()
	close(w.finished)
	c.kick()
}
