package ws

import (
	"context"
	"errors"
	"fmt"
)

const (
	// maxCorkedMessage and maxCorked bound what Write leaves in the queue while received messages are answered.
	maxCorkedMessage = 16 << 10
	maxCorked        = 64 << 10
	// maxSmall is the size up to which a message is copied behind its header to be sent: to send two pieces with one system call
	// costs more than to copy that much.
	maxSmall = 20 << 10
	// clientPiece is how much of a large payload a client masks at a time.
	clientPiece = 64 << 10
)

var errNotUTF8 = errors.New("ws: write: text message is not UTF-8 (RFC 6455 §5.6); send it as Binary")

// checkOutgoing refuses what must not be sent.
func checkOutgoing(t Type, p []byte) error {
	switch t = t.base(); {
	case t == Binary:
		return nil
	case t != Text:
		return fmt.Errorf("ws: write: invalid message type %d: want Text or Binary", t)
	case !validText(p):
		return errNotUTF8
	}
	return nil
}

// Write sends a message. It may be called from any goroutine; messages leave whole and in the order of the calls. It returns
// when the transport has taken the bytes, so that a slow peer holds the caller back; only replies to messages that
// arrived together are gathered, for as long as nobody waits. p is not kept, and not changed.
//
// If ctx ends while Write waits for its turn, nothing has happened, and the connection goes on. The same is true before
// the transport has accepted a byte of the message, but not over TLS, which cannot tell, for a message compressed with
// context takeover, or for one that leaves together with others. In all other cases the connection ends, for a part of
// a message cannot be taken back. It ends, too, when the transport accepts no byte for Options.WriteTimeout.
func (c *Conn) Write(ctx context.Context, t Type, p []byte) error {
	if err := checkOutgoing(t, p); err != nil {
		return err
	}
	if ctx.Err() == nil {
		if c.out.corked.Load() != 0 {
			if len(p) <= maxCorkedMessage {
				if done, err := c.enqueue(t, p, nil, true); done {
					return err
				}
			}
		} else if c.rc != nil && c.small(t, p) && c.out.turn.try() {
			if done, err := c.writeSmall(ctx, t, p); done {
				return err
			}
		}
	}
	if err := c.acquire(ctx, "write"); err != nil {
		return err
	}
	err := c.writeMessage(ctx, t, p, nil)
	c.release()
	return err
}

// small reports whether a message is what servers mostly send: small, and not compressed. It is encoded by putSmall.
func (c *Conn) small(t Type, p []byte) bool {
	return len(p) <= maxSmall && !c.client && c.deflate == nil && !c.opt.Trace.each()
}

// putSmall is putMessage for a message that small has passed. Conn.mu is held.
func (o *output) putSmall(q *queue, t Type, p []byte) {
	size := 2
	if len(p) > 125 {
		size = 4
	}
	b := q.tail(size + len(p))
	b[0] = bitFin | byte(t)
	if len(p) <= 125 {
		b[1] = byte(len(p))
	} else {
		b[1], b[2], b[3] = 126, byte(len(p)>>8), byte(len(p))
	}
	copy(b[size:], p)
	q.frames++
	o.messages++
	o.bytes += int64(len(p))
	o.wire += int64(len(b))
}

// writeSmall is Write for a small message when the turn was free, and is taken: it sends what is queued, too. While a
// message is streamed, or after a close frame, it gives the turn back with nothing done.
func (c *Conn) writeSmall(ctx context.Context, t Type, p []byte) (done bool, err error) {
	o := &c.out
	c.mu.Lock()
	if o.stream != nil || c.closeSent.Load() {
		c.mu.Unlock()
		c.release()
		return false, nil
	}
	if o.queued.Load() {
		c.takeQueue()
	}
	alone := o.sending.size == 0
	o.putSmall(&o.sending, t.base(), p)
	c.mu.Unlock()
	wire := o.sending.size
	if err = c.sendMessage(ctx, alone); err == errTakenBack {
		err = c.takenBack(ctx, len(p), wire)
	}
	c.release()
	return true, err
}

// TryWrite queues a message without ever waiting: nil means that it will be sent, in order with everything that Write and
// TryWrite have accepted before, unless the connection ends first. If Options.QueueLimit bytes wait already, it returns
// ErrSlowConsumer and the message is dropped; a message that is larger than the limit by itself is taken if nothing
// waits. p is copied.
func (c *Conn) TryWrite(t Type, p []byte) error {
	if err := checkOutgoing(t, p); err != nil {
		return err
	}
	return c.tryWrite(t, p, nil)
}

func (c *Conn) tryWrite(t Type, p []byte, pre *Prepared) error {
	done, err := c.enqueue(t, p, pre, false)
	if !done {
		c.mu.Lock()
		c.out.dropped++
		c.mu.Unlock()
		return ErrSlowConsumer
	}
	return err
}

// enqueue adds a message to the queue, unless too much would wait then. With gather, the reader sends it, too.
func (c *Conn) enqueue(t Type, p []byte, pre *Prepared, gather bool) (done bool, err error) {
	limit := c.opt.QueueLimit
	if gather {
		limit = maxCorked
	}
	if pre == nil && c.small(t, p) {
		return c.enqueueSmall(t, p, gather, limit)
	}
	z, n, locked := c.compress(t, p, pre)
	t = t.base()
	if locked {
		defer c.deflate.out.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refused(); err != nil {
		putBuffer(z)
		return true, err
	}
	o := &c.out
	wire := len(p)
	if z != nil {
		wire = n
	}
	if waiting := o.queue.size + int(o.unsent.Load()); waiting > 0 && waiting+wire > limit {
		putBuffer(z)
		return false, nil
	}
	c.putMessage(&o.queue, t, p, z, n, pre, false)
	o.note()
	o.gathered = o.gathered || gather
	c.flushSoon()
	return true, nil
}

// enqueueSmall is enqueue for a message that small has passed.
func (c *Conn) enqueueSmall(t Type, p []byte, gather bool, limit int) (done bool, err error) {
	o := &c.out
	c.mu.Lock()
	if c.closeSent.Load() {
		err = c.refused()
		c.mu.Unlock()
		return true, err
	}
	if waiting := o.queue.size + int(o.unsent.Load()); waiting > 0 && waiting+len(p) > limit {
		c.mu.Unlock()
		return false, nil
	}
	if gather && o.queue.size == 0 {
		// The replies may well be as long as what they reply to: let them have one buffer.
		o.queue.expect(min(maxShared, int(o.corked.Load())+2*len(p)))
	}
	o.putSmall(&o.queue, t.base(), p)
	o.note()
	if gather {
		o.gathered = true
	}
	if !o.flushing {
		c.flushSoon()
	}
	c.mu.Unlock()
	return true, nil
}

// writeMessage sends a message together with what waits in the queue. The turn is held.
func (c *Conn) writeMessage(ctx context.Context, t Type, p []byte, pre *Prepared) error {
	z, n, locked := c.compress(t, p, pre)
	t = t.base()
	c.mu.Lock()
	// Whatever was compressed before this message is in the queue, ahead of it; what comes later goes behind.
	c.takeQueue()
	pieces := z == nil && c.client && len(p) > clientPiece
	// Alone and outside of any window, a message can be taken back for as long as no byte of it has left.
	alone := c.out.sending.size == 0 && !locked && !c.tls
	if !pieces {
		c.putMessage(&c.out.sending, t, p, z, n, pre, true)
	}
	c.mu.Unlock()
	if locked {
		c.deflate.out.Unlock()
	}
	if pieces {
		return c.writePieces(ctx, t, p, alone)
	}
	wire := c.out.sending.size
	err := c.sendMessage(ctx, alone)
	if err == errTakenBack {
		return c.takenBack(ctx, len(p), wire)
	}
	return err
}

// writePieces sends a large message of a client, masking a copy of one piece after the other. The turn is held.
func (c *Conn) writePieces(ctx context.Context, t Type, p []byte, alone bool) error {
	o := &c.out
	key := newMaskKey()
	size := headerSize(len(p), true)
	wire := size + len(p)
	c.mu.Lock()
	c.count(t, len(p), len(p), false)
	o.wire += int64(wire)
	c.mu.Unlock()
	c.traceFrame(bitFin|byte(t), len(p))
	putHeader(o.sending.tail(size), bitFin|byte(t), len(p), true, key)
	for rest := p; len(rest) > 0; alone = false {
		b := o.sending.tail(min(len(rest), clientPiece))
		copy(b, rest)
		rest = rest[len(b):]
		key = mask(b, key)
		switch err := c.sendMessage(ctx, alone); {
		case err == errTakenBack:
			return c.takenBack(ctx, len(p), wire)
		case err != nil:
			return err
		}
	}
	return nil
}

// sendMessage sends what was taken. If that is alone, the beginning of one message, it may return errTakenBack. The turn
// is held.
func (c *Conn) sendMessage(ctx context.Context, alone bool) error {
	if alone {
		c.out.alone = c.out.sending.size
	}
	err := c.send(ctx, true)
	c.out.alone = 0
	return err
}

// takenBack undoes the counting of a message, and returns the error of its Write.
func (c *Conn) takenBack(ctx context.Context, size, wire int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.messages--
	c.out.bytes -= int64(size)
	c.out.wire -= int64(wire)
	return cancelled("write", ctx)
}

// putMessage encodes a message at the end of q: compressed, the n bytes of z, if z is not nil. With lend, a large
// payload may be referred to until it is sent. Conn.mu is held, and what compress locked.
func (c *Conn) putMessage(q *queue, t Type, p []byte, z *buffer, n int, pre *Prepared, lend bool) {
	wire := len(p)
	if pre != nil && !c.client {
		f := pre.frame(c.deflate.preparedBits(len(p)))
		compressed := f.b[0]&bitRSV1 != 0
		if compressed {
			c.deflate.remember(p)
		}
		if len(f.b) >= minLent {
			q.lend(f.b)
		} else {
			copy(q.tail(len(f.b)), f.b)
		}
		q.frames++
		c.out.wire += int64(len(f.b))
		c.traceFrame(f.b[0], f.payload)
		c.count(t, len(p), f.payload, compressed)
		return
	}
	first := bitFin | byte(t)
	if z != nil {
		wire = n
		first |= bitRSV1
		c.deflate.remember(p)
		c.putFrame(q, first, z.b[:n], z, false)
	} else {
		c.putFrame(q, first, p, nil, lend)
	}
	c.count(t, len(p), wire, z != nil)
}

// putFrame encodes a frame at the end of q. own is the buffer that p lies in, if q may keep it; with lend p may be
// referred to until it is sent. Conn.mu is held, or the turn if q is sending.
func (c *Conn) putFrame(q *queue, first byte, p []byte, own *buffer, lend bool) {
	size := headerSize(len(p), c.client)
	if first&8 == 0 {
		q.frames++
	}
	c.out.wire += int64(size + len(p))
	c.traceFrame(first, len(p))
	switch {
	case c.client:
		key := newMaskKey()
		b := q.tail(size + len(p))
		putHeader(b, first, len(p), true, key)
		copy(b[size:], p)
		mask(b[size:], key)
		putBuffer(own)
	case len(p) >= minLent && own != nil:
		putHeader(q.tail(size), first, len(p), false, 0)
		q.own(own, len(p))
	case len(p) >= minLent && lend:
		putHeader(q.tail(size), first, len(p), false, 0)
		q.lend(p)
	default:
		b := q.tail(size + len(p))
		putHeader(b, first, len(p), false, 0)
		copy(b[size:], p)
		putBuffer(own)
	}
}

// count counts a message sent. Conn.mu is held.
func (c *Conn) count(t Type, size, wire int, compressed bool) {
	c.out.messages++
	c.out.bytes += int64(size)
	if tr := c.opt.Trace; tr != nil && tr.Message != nil {
		tr.Message(c, MessageInfo{Out: true, Type: t, Len: int64(size), Wire: int64(wire), Compressed: compressed})
	}
}

func (c *Conn) traceFrame(first byte, length int) {
	if tr := c.opt.Trace; tr != nil && tr.FrameOut != nil {
		tr.FrameOut(c, FrameInfo{Opcode: first & 0xf, Fin: first&bitFin != 0, RSV1: first&bitRSV1 != 0, Len: int64(length)})
	}
}
