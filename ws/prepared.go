package ws

import (
	"bytes"
	"context"
	"sync"
)

// Prepared is a message that is encoded, and compressed, once and then sent to many connections. It may be used from
// any goroutine.
type Prepared struct {
	t            Type
	uncompressed bool // it is never compressed
	payload      []byte
	err          error
	plain        preparedFrame
	deflate      [16]struct {
		once  sync.Once
		frame preparedFrame
	}
}

// preparedFrame is an encoded frame without mask.
type preparedFrame struct {
	b       []byte
	payload int // bytes of b that are not header
}

// Prepare encodes a message for WritePrepared and TryWritePrepared. p is copied. What Write would refuse is refused by
// those two. Where it travels compressed, it is at level 1, whatever Compression.Level says.
func Prepare(t Type, p []byte) *Prepared {
	pre := &Prepared{t: t.base(), uncompressed: t&Uncompressed != 0, err: checkOutgoing(t, p)}
	pre.plain = encodeFrame(bitFin|byte(pre.t), p)
	pre.payload = pre.plain.b[len(pre.plain.b)-len(p):]
	return pre
}

func encodeFrame(first byte, p []byte) preparedFrame {
	b := make([]byte, headerSize(len(p), false)+len(p))
	copy(b[putHeader(b, first, len(p), false, 0):], p)
	return preparedFrame{b, len(p)}
}

// frame returns the frame of a server that compresses with a window of that many bits; 0 stands for not at all.
// Compressed as if it were the first message of a connection, it is legal at any place, with takeover too.
func (pre *Prepared) frame(bits int) preparedFrame {
	if bits == 0 || pre.uncompressed {
		return pre.plain
	}
	v := &pre.deflate[bits]
	v.once.Do(func() {
		v.frame = pre.plain
		if z, n := deflateOnce(pre.payload, 0, bits, nil, 0); z != nil {
			v.frame = encodeFrame(bitFin|bitRSV1|byte(pre.t), z.b[:n])
			putBuffer(z)
		}
	})
	return v.frame
}

// WritePrepared is Write for a message encoded by Prepare.
func (c *Conn) WritePrepared(ctx context.Context, m *Prepared) error {
	if m.err != nil {
		return m.err
	}
	if c.out.corked.Load() != 0 && len(m.payload) <= maxCorkedMessage && ctx.Err() == nil {
		if done, err := c.enqueue(m.t, m.payload, m, true); done {
			return err
		}
	}
	if err := c.acquire(ctx, "write"); err != nil {
		return err
	}
	err := c.writeMessage(ctx, m.t, m.payload, m)
	c.release()
	return err
}

// TryWritePrepared is TryWrite for a message encoded by Prepare. The bytes are shared, not copied, where that is cheaper.
func (c *Conn) TryWritePrepared(m *Prepared) error {
	if m.err != nil {
		return m.err
	}
	if c.deflate == nil && !c.client && !c.opt.Trace.each() {
		return c.queuePrepared(m)
	}
	return c.tryWrite(m.t, m.payload, m)
}

// queuePrepared is tryWrite for what servers mostly send.
func (c *Conn) queuePrepared(m *Prepared) error {
	o := &c.out
	b := m.plain.b
	c.mu.Lock()
	if c.closeSent.Load() {
		err := c.refused()
		c.mu.Unlock()
		return err
	}
	if waiting := o.queue.size + int(o.unsent.Load()); waiting > 0 && waiting+len(m.payload) > c.opt.QueueLimit {
		o.dropped++
		c.mu.Unlock()
		return ErrSlowConsumer
	}
	if o.queue.size == 0 || len(b) >= minLent {
		o.queue.lend(b)
	} else {
		copy(o.queue.tail(len(b)), b)
	}
	o.queue.frames++
	o.messages++
	o.bytes += int64(len(m.payload))
	o.wire += int64(len(b))
	o.note()
	if !o.flushing {
		c.flushSoon()
	}
	c.mu.Unlock()
	return nil
}

// Type returns the type of the message.
func (pre *Prepared) Type() Type { return pre.t }

// Bytes returns a copy of the message.
func (pre *Prepared) Bytes() []byte { return bytes.Clone(pre.payload) }
