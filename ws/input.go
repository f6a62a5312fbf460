package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// epoch is the zero of the monotonic times that connections keep as integers.
var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// Who has the reading side of a connection.
const (
	readerFree     = iota
	readerBusy     // a read is under way
	readerCallback // Run or Messages has lent a message to the application
	readerClosing  // Close reads until the connection is over
)

// input is the reading side of a Conn. All but the atomics belong to whoever holds the reader's role.
type input struct {
	role    atomic.Int32
	turned  chan struct{} // told when the role changes hands while Close waits for it; guarded by Conn.mu
	parked  atomic.Bool   // a read waits for the network
	parkSeq atomic.Uint32 // counts the parkings, so that the keepalive sees one long wait
	midway  atomic.Bool   // a message is half received
	heard   atomic.Int64  // when the last bytes came
	waiting atomic.Int64  // when the wait for more of that message began

	hook   ctxHook
	rawFn  func(uintptr) bool // of c.rawRead
	buf    *buffer            // unread bytes are buf.b[r:w]; nil while idle
	r, w   int
	hold   [maxHeader]byte // where unread bytes wait while buf is nil
	larger bool            // the last read of an ordinary stream filled its small buffer
	woken  bool            // the last read over TLS took the one byte that it waited for
	held   int
	err    error // of the stream: nothing more can be read

	// One call of fill, for rawRead.
	ctx        context.Context
	dst        []byte // instead of buf
	n          int
	park       bool // wait if nothing is there
	wouldBlock bool
	armed      bool

	// The data frame under way.
	inFrame bool
	fin     bool
	discard bool // Close was called: what still comes is not delivered
	key     uint32
	remain  uint64 // payload bytes not yet taken

	// The message under way. From its first frame until it is delivered, typ is set.
	typ        Type
	compressed bool
	lends      bool   // the role is readerCallback
	size       uint64 // payload bytes announced so far
	charged    uint64 // the same with every fragment counting at least 64
	msg        *buffer
	msgLen     int
	msgOff     int // what a streaming reader has taken of msg
	utf8       utf8State
	stream     *messageReader // reads the message under way, if Reader began it

	events *Events // of Run, if it wants to know of control frames
	loan   loan

	steps, stepsSeen uint32 // count what came of messages, now and at the last parking
	left             int64  // when a context ended the last wait; 0 if bytes did

	// Counted by the reader alone and published when it waits, so that a message costs no atomic operation.
	messages, bytes, wire int64
	published             struct{ messages, bytes, wire atomic.Int64 }
}

func (in *input) init(c *Conn, buffered []byte) {
	in.hook.c = c
	in.rawFn = c.rawRead()
	in.heard.Store(now())
	if len(buffered) > 0 {
		in.buf = getBuffer(max(readBufferSize, len(buffered)))
		in.w = copy(in.buf.b, buffered)
		in.wire = int64(in.w)
	}
}

// acquireReader takes the reader's role. While Close has it, the connection is about to end: how, is the error then.
func (c *Conn) acquireReader(ctx context.Context) error {
	for !c.in.role.CompareAndSwap(readerFree, readerBusy) {
		switch c.in.role.Load() {
		case readerFree:
			continue
		case readerClosing:
			select {
			case <-c.whenEnded():
				return c.err()
			case <-ctx.Done():
				return cancelled("read", ctx)
			}
		}
		if e := c.err(); e != nil {
			return e
		}
		return ErrConcurrentRead
	}
	return nil
}

// setReader gives the role back (readerFree) or says what its holder does.
func (c *Conn) setReader(role int32) {
	c.in.role.Store(role)
	if c.closeSent.Load() {
		c.mu.Lock()
		turned := c.in.turned
		c.mu.Unlock()
		select {
		case turned <- struct{}{}:
		default: // nobody waits, or it is told already
		}
	}
}

// handover returns the channel on which setReader tells a Close that the role may be free.
func (in *input) handover(c *Conn) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.turned == nil {
		in.turned = make(chan struct{}, 1)
	}
	return in.turned
}

// buffered returns the bytes read but not parsed yet.
func (in *input) buffered() []byte {
	if in.buf == nil {
		return in.hold[:in.held]
	}
	return in.buf.b[in.r:in.w]
}

// fetch makes sure that there is a buffer of n bytes with room at its end, and moves unread bytes to its start.
func (in *input) fetch(n int) {
	if in.buf == nil {
		in.buf = getBuffer(n)
		in.r, in.w = 0, copy(in.buf.b, in.hold[:in.held])
		in.held = 0
		return
	}
	if in.r > 0 {
		in.w = copy(in.buf.b, in.buf.b[in.r:in.w])
		in.r = 0
	}
	if len(in.buf.b) < n {
		in.buf = growBuffer(in.buf, in.w, n)
	}
}

// stash gives the buffer back before a wait. What it still holds, part of a header, moves into hold; part of a control
// frame into a small buffer.
func (in *input) stash() {
	if in.buf == nil {
		return
	}
	b := in.buf.b[in.r:in.w]
	switch {
	case len(b) <= len(in.hold):
		in.held = copy(in.hold[:], b)
		in.r, in.w = 0, 0
		putBuffer(in.buf)
		in.buf = nil
	case len(b) <= minBuffer && len(in.buf.b) > minBuffer:
		small := getBuffer(minBuffer)
		in.r, in.w = 0, copy(small.b, b)
		putBuffer(in.buf)
		in.buf = small
	}
}

// fill reads once: into dst if it is not nil, and otherwise into the buffer, behind what is there. With wait false it
// returns (0, nil) if nothing can be had at once; only plain TCP can tell.
func (c *Conn) fill(ctx context.Context, dst []byte, wait bool) (n int, err error) {
	in := &c.in
	if in.err != nil {
		return 0, c.readFailed(in.err)
	}
	if wait {
		if in.lends {
			in.lends = false
			c.setReader(readerBusy)
		}
		c.uncork()
		if c.rc != nil && flushes.some.Load() { // a reader in a bubble of testing/synctest has no business with the network
			flushes.drain(flushes.waiting())
		}
		c.publish()
	}
	for tries := 0; ; tries++ {
		if wait && ctx.Err() != nil {
			return 0, cancelled("read", ctx)
		}
		fired := false
		if c.rc == nil {
			n, fired, err = c.fillStream(ctx, dst)
		} else {
			// On plain TCP it waits without a buffer.
			in.ctx, in.dst, in.park = ctx, dst, wait
			in.n, in.wouldBlock = 0, false
			err = c.rc.Read(in.rawFn)
			if in.armed {
				fired = c.unparked()
			}
			in.ctx, in.dst = nil, nil
			n = in.n
		}
		if n > 0 {
			in.heard.Store(now())
			in.wire += int64(n)
			if err != nil {
				in.err = err
			}
			return n, nil
		}
		if stop, err := c.nothingRead(ctx, err, fired, wait, tries); in.err != nil {
			return 0, c.readFailed(in.err)
		} else if stop {
			return 0, err
		}
	}
}

// nothingRead tells why a read gave nothing, and whether to stop trying. It sets in.err if nothing more can be read.
func (c *Conn) nothingRead(ctx context.Context, err error, fired, wait bool, tries int) (stop bool, _ error) {
	in := &c.in
	if c.rc != nil && err == nil {
		if err = in.err; err == nil && !in.wouldBlock {
			err = io.EOF
		}
	}
	switch {
	case fired && errors.Is(err, os.ErrDeadlineExceeded):
		in.left = now()
		return true, cancelled("read", ctx)
	case err == nil && !wait:
		return true, nil
	case err == nil && tries > 100:
		err = io.ErrNoProgress
	case err == nil:
		return false, nil
	}
	in.err = err
	return true, nil
}

// rawRead returns what runs inside RawConn.Read. It only moves bytes: whatever could wait for this very call to end, such as
// a handler or Close, runs elsewhere.
func (c *Conn) rawRead() func(fd uintptr) bool {
	return func(fd uintptr) bool {
		in := &c.in
		dst := in.dst
		if dst == nil {
			in.fetch(readBufferSize)
			dst = in.buf.b[in.w:]
		}
		n, again, err := sysRead(fd, dst)
		switch {
		case err != nil:
			in.err = err
		case !again:
			if in.dst == nil {
				in.w += n
			}
			in.n = n
		case !in.park:
			in.wouldBlock = true
		default:
			in.stash()
			c.parking(in.ctx)
			return false
		}
		return true
	}
}

// maxAway is how much time may lie between two reads for them to be one wait in the eyes of the keepalive.
const maxAway = int64(time.Second)

// parking is the last thing before a read waits for the network.
func (c *Conn) parking(ctx context.Context) {
	in := &c.in
	if in.armed {
		return
	}
	in.armed = true
	in.hook.arm(ctx)
	// Reads that follow each other closely, because a context ended each, are one wait.
	again, away := in.left != 0, false
	if again {
		away = now()-in.left > maxAway
		in.left = 0
	}
	midway := in.typ != 0
	if midway && (in.steps != in.stepsSeen || away) {
		in.stepsSeen = in.steps
		in.waiting.Store(now())
	}
	if midway != in.midway.Load() {
		in.midway.Store(midway)
		if midway {
			c.ka.expectProgress(c)
		}
	}
	if !again || away {
		in.parkSeq.Add(1)
	}
	in.parked.Store(true)
}

// unparked is the first thing after the wait. It reports whether the context ended it.
func (c *Conn) unparked() (fired bool) {
	c.in.armed = false
	c.in.parked.Store(false)
	return c.in.hook.disarm()
}

// smallRead is the size of the buffer with which an ordinary stream waits.
const smallRead = 4 << 10

// fillStream is fill on an ordinary stream. Over TLS or HTTP/2, which buffer by themselves, it waits for a single byte, so that
// no buffer of ours is held; elsewhere with a small one that grows while it is filled.
func (c *Conn) fillStream(ctx context.Context, dst []byte) (n int, fired bool, err error) {
	in := &c.in
	if dst != nil {
		return c.readStream(ctx, dst)
	}
	if c.stored && !in.woken {
		in.stash()
		if in.buf == nil && in.held < len(in.hold) {
			n, fired, err = c.readStream(ctx, in.hold[in.held:in.held+1])
			in.held += n
			in.woken = n > 0
			return n, fired, err
		}
	}
	size := smallRead
	if in.larger || c.stored {
		size = readBufferSize
	}
	in.fetch(size)
	dst = in.buf.b[in.w:]
	n, fired, err = c.readStream(ctx, dst)
	in.w += n
	in.woken = false
	in.larger = n == len(dst)
	if n == 0 {
		in.stash()
	}
	return n, fired, err
}

func (c *Conn) readStream(ctx context.Context, dst []byte) (n int, fired bool, err error) {
	c.parking(ctx)
	n, err = c.s.Read(dst)
	return n, c.unparked(), err
}

// readFailed ends the connection after a read error.
func (c *Conn) readFailed(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	e := c.abort(&CloseError{Code: CodeAbnormal, Remote: true, Err: err})
	c.dropInput()
	return e
}

// dropInput gives back what the reading side holds, once nothing will be read any more.
func (c *Conn) dropInput() {
	in := &c.in
	c.publish()
	putBuffer(in.buf)
	in.buf, in.r, in.w, in.held = nil, 0, 0, 0
	c.dropMessage()
}

// publish makes the reader's counts visible to Stats.
func (c *Conn) publish() {
	in := &c.in
	p := &in.published
	if in.wire != p.wire.Load() || in.messages != p.messages.Load() {
		p.messages.Store(in.messages)
		p.bytes.Store(in.bytes)
		p.wire.Store(in.wire)
	}
}

// cancelled is the error of an operation whose context ended: both what ended it and the context's own error are in it.
func cancelled(op string, ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		return fmt.Errorf("ws: %s: %w: %w", op, err, cause)
	}
	return fmt.Errorf("ws: %s: %w", op, err)
}
