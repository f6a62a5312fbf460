package ws

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// output is the writing side of a Conn.
//
// Frames wait in queue, in order, until somebody who has the turn hands them to the transport. Write takes the turn and
// sends the queue and its own frame together; TryWrite, and Write while several received messages are being answered,
// only add to the queue and leave the sending to a goroutine that ends with it, or to the next who has the turn
// anyway.
type output struct {
	turn   turn
	corked atomic.Int32 // how much was in the read buffer when whole frames began to wait there; 0 if none does
	unsent atomic.Int64 // what a write that waits for the transport has left
	queued atomic.Bool  // something was put into queue or ctl since both were taken

	// Guarded by Conn.mu.
	flushing bool // a goroutine is about to send the queue
	gathered bool // Write has left something in queue
	queue    queue
	ctl      []byte // pings and pongs that pass what waits in queue
	stream   *messageWriter
	messages int64
	bytes    int64
	wire     int64
	dropped  int64

	// Of whoever has the turn. It is empty when the turn is taken.
	sending queue
	alone   int // the size of sending if that may be dropped as a whole; otherwise 0
	hook    ctxHook
	rawFn   func(uintptr) bool
	ctx     context.Context
	wait    bool // wait while the transport is full
	blocked bool // the transport was full, and not waiting
	armed   bool
	bounded bool // the deadline runs since the last byte was accepted
	sysErr  error
}

func (o *output) init(c *Conn) {
	o.hook.c, o.hook.write = c, true
	o.rawFn = c.rawWrite()
	// Made here, it does not take stack when the first message is written.
	o.sending.segs = make([]segment, 0, 1)
}

// acquire waits for the turn to begin a data message: nobody sends, and no streamed message is half-way.
func (c *Conn) acquire(ctx context.Context, op string) error {
	for {
		if ctx.Err() != nil {
			return cancelled(op, ctx)
		}
		if err := c.takeTurn(ctx, op); err != nil {
			return err
		}
		c.mu.Lock()
		s, refused := c.out.stream, c.refused()
		c.mu.Unlock()
		if s == nil && refused == nil {
			return nil
		}
		c.release()
		if refused != nil {
			return refused
		}
		select {
		case <-s.finished:
		case <-ctx.Done():
			return cancelled(op, ctx)
		case <-c.whenEnded():
			return c.err()
		}
	}
}

// refused is the error of a data message after the close frame, or nil. Conn.mu is held.
func (c *Conn) refused() error {
	switch {
	case !c.closeSent.Load():
		return nil
	case c.closeErr != nil:
		return c.closeErr
	}
	return c.local
}

// pending reports whether something waits that could be sent now. Conn.mu is held.
func (o *output) pending() bool {
	return len(o.ctl) > 0 || o.queue.size > 0 && o.stream == nil
}

// release gives the turn back. What was queued meanwhile is left to whoever waits for the turn, or to a goroutine.
func (c *Conn) release() {
	o := &c.out
	c.mu.Lock()
	if o.pending() && len(o.turn.waiting) == 0 && !c.closeSent.Load() {
		c.mu.Unlock()
		go c.flush()
		return
	}
	o.turn.give()
	c.mu.Unlock()
}

// kick sends what waits if nobody else is going to.
func (c *Conn) kick() {
	c.mu.Lock()
	start := c.out.pending() && !c.closeSent.Load() && c.out.turn.try()
	c.mu.Unlock()
	if start {
		go c.flush()
	}
}

// flush has the turn, sends what waits until nothing does, and gives the turn back. It stops early if somebody waits
// for the turn, who then sends what is left.
func (c *Conn) flush() {
	o := &c.out
	for {
		if o.sending.size == 0 {
			c.takeUnlessClosing()
		}
		err := c.send(context.Background(), true)
		c.mu.Lock()
		if err != nil || !o.pending() || len(o.turn.waiting) > 0 || c.closeSent.Load() {
			o.turn.give()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
}

// flushSoon makes sure that the queue is sent even if the application is busy with something else. Whoever has the turn
// looks at the queue before giving it back. Conn.mu is held.
func (c *Conn) flushSoon() {
	if c.out.flushing || c.out.turn.taken.Load() {
		return
	}
	c.out.flushing = true
	if c.rc != nil && !c.opt.Trace.each() { // hooks are not called by the reader of another connection
		flushes.add(c)
		return
	}
	go c.flushLater()
}

func (c *Conn) flushLater() {
	c.mu.Lock()
	c.out.flushing = false
	start := c.out.pending() && !c.closeSent.Load() && c.out.turn.try()
	c.mu.Unlock()
	if start {
		c.flush()
	}
}

// uncork sends the replies to messages that arrived together, before the reader waits for more.
func (c *Conn) uncork() {
	o := &c.out
	if o.corked.Load() != 0 {
		o.corked.Store(0)
	}
	if !o.queued.Load() {
		return // as nearly always, without a lock
	}
	c.mu.Lock()
	start := o.pending() && !c.closeSent.Load() && o.turn.try()
	wait := o.gathered
	c.mu.Unlock()
	if start {
		c.takeUnlessClosing()
		c.sendFromReader(wait)
	}
}

// sendFromReader sends what was taken on the goroutine that reads, and gives the turn back. On plain TCP it never
// blocks: what the transport does not take at once is left to a goroutine, and writers wait in Write. Elsewhere it may
// block for what Write has gathered (wait), as Write would have, but never for what others queued or for control frames.
func (c *Conn) sendFromReader(wait bool) {
	if c.rc == nil && !wait {
		go c.flush()
		return
	}
	if err := c.send(context.Background(), c.rc == nil); err == errWouldBlock {
		go c.flush()
		return
	}
	c.release()
}

// note tells that something was queued. Conn.mu is held.
func (o *output) note() {
	if !o.queued.Load() {
		o.queued.Store(true)
	}
}

// takeUnlessClosing is takeQueue while data may still follow: a close frame takes the queue itself.
func (c *Conn) takeUnlessClosing() {
	c.mu.Lock()
	if !c.closeSent.Load() {
		c.takeQueue()
	}
	c.mu.Unlock()
}

// takeQueue moves what may be sent now to sending, which is empty. The turn is held, and Conn.mu.
func (c *Conn) takeQueue() {
	o := &c.out
	if len(o.ctl) > 0 {
		copy(o.sending.tail(len(o.ctl)), o.ctl)
		o.ctl = o.ctl[:0]
		if cap(o.ctl) > maxCtl {
			o.ctl = nil
		}
	}
	if o.stream != nil {
		return
	}
	if o.queued.Load() {
		o.queued.Store(false)
	}
	o.gathered = false
	if o.sending.size == 0 {
		o.sending, o.queue = o.queue, o.sending
	} else {
		o.sending.join(&o.queue)
	}
}

var (
	errWouldBlock = errors.New("ws: write: the transport is full")
	errTakenBack  = errors.New("ws: write: the context ended before a byte was sent")
)

// send hands what was taken to the transport. Without wait, which only plain TCP can do, it returns errWouldBlock if
// not everything fits; the rest stays. It returns errTakenBack if ctx ended before a byte of what is alone was accepted.
// Any other error has ended the connection. The turn is held.
func (c *Conn) send(ctx context.Context, wait bool) error {
	o := &c.out
	if o.sending.size == 0 {
		o.sending.drop()
		return nil
	}
	var err error
	if c.rc != nil {
		o.ctx, o.wait = ctx, wait
		o.blocked, o.bounded, o.sysErr = false, false, nil
		if err = c.rc.Write(o.rawFn); err != nil || o.armed || o.blocked || o.sysErr != nil {
			err = c.rawSent(ctx, err)
		}
		o.ctx = nil
	} else {
		err = c.sendStream(ctx)
	}
	if err == errWouldBlock {
		return err
	}
	if o.unsent.Load() != 0 {
		o.unsent.Store(0)
	}
	if err == nil {
		o.sending.drop()
		return nil
	}
	return c.sendFailed(ctx, err)
}

// sendFailed ends the connection, or takes back what was to be sent.
func (c *Conn) sendFailed(ctx context.Context, err error) error {
	o := &c.out
	untouched := o.alone > 0 && o.sending.size == o.alone
	o.sending.drop()
	if untouched && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errTakenBack
	}
	return c.abort(&CloseError{Code: CodeAbnormal, Err: err})
}

// rawSent returns how a RawConn.Write went that was not just done.
func (c *Conn) rawSent(ctx context.Context, err error) error {
	o := &c.out
	fired := false
	if o.armed {
		o.armed = false
		fired = o.hook.disarm()
	}
	switch {
	case fired && errors.Is(err, os.ErrDeadlineExceeded):
		return cancelled("write", ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrWriteTimeout
	case err == nil && o.sysErr == nil && o.blocked:
		return errWouldBlock
	case err == nil:
		err = o.sysErr
	}
	return err
}

// rawWrite returns what runs inside RawConn.Write. While the transport is full it waits with a deadline that starts anew
// with every byte accepted.
func (c *Conn) rawWrite() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		o := &c.out
		for o.sending.size > 0 {
			n, again, err := o.sending.write(fd)
			if err != nil {
				o.sysErr = err
				return true
			}
			if again {
				return c.transportFull()
			}
			if n == o.sending.size {
				o.sending.size = 0 // whoever has called gives the buffers back
				return true
			}
			o.bounded = false
			o.sending.sent(n)
		}
		return true
	}
}

// transportFull notes that not everything could be sent, and reports whether to leave it at that.
func (c *Conn) transportFull() bool {
	o := &c.out
	o.unsent.Store(int64(o.sending.size))
	if !o.wait {
		o.blocked = true
		return true
	}
	if !o.armed {
		o.armed = true
		o.hook.arm(o.ctx)
	}
	if !o.bounded {
		o.bounded = true
		o.hook.extend(time.Now().Add(c.opt.WriteTimeout))
	}
	return false
}

// Pieces in which an ordinary stream is written, each with a deadline of its own. TLS has records of 16 KiB, and cannot
// go on after a deadline.
const (
	maxPiece    = 64 << 10
	maxTLSPiece = 16 << 10
)

func (c *Conn) sendStream(ctx context.Context) error {
	o := &c.out
	piece := maxPiece
	if c.tls {
		piece = maxTLSPiece
	}
	o.unsent.Store(int64(o.sending.size))
	o.hook.arm(ctx)
	defer o.hook.disarm()
	for o.sending.size > 0 {
		a := o.sending.segs[o.sending.at].p
		if len(a) > piece {
			a = a[:piece]
		}
		o.hook.extend(time.Now().Add(c.opt.WriteTimeout))
		n, err := c.s.Write(a)
		o.sending.sent(n)
		o.unsent.Store(int64(o.sending.size))
		switch {
		case err == nil && n < len(a):
			return io.ErrShortWrite
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case o.hook.interrupted():
			return cancelled("write", ctx)
		case n == 0 || c.tls:
			return ErrWriteTimeout
		}
	}
	return nil
}
