package ws

import (
	"context"
	"encoding/binary"
	"time"
)

// Control frames (RFC 6455 §5.5).

const (
	// maxCtl bounds the control frames that wait while the transport is full.
	maxCtl = 1 << 10
	// Pings are answered at this rate, in bursts of this size; beyond, only the latest is.
	pongInterval = int64(100 * time.Millisecond)
	pongBurst    = 100
)

// pongLimit is a token bucket.
type pongLimit struct {
	tokens float64
	at     int64
}

// take reports whether a ping may be answered now.
func (l *pongLimit) take() bool {
	t := now()
	if l.at != 0 {
		l.tokens = min(pongBurst, l.tokens+float64(t-l.at)/float64(pongInterval))
	}
	l.at = t
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// next is when a ping may be answered that may not now.
func (l *pongLimit) next() int64 { return l.at + int64((1-l.tokens)*float64(pongInterval)) + 1 }

// control handles a control frame that was received.
func (c *Conn) control(h *header, p []byte) error {
	in := &c.in
	if tr := c.opt.Trace; tr != nil && tr.FrameIn != nil {
		tr.FrameIn(c, h.info())
	}
	switch h.opcode() {
	case opPing:
		if c.ka.mayPong(c, p) {
			c.sendPong(p)
		}
		if in.events != nil && in.events.Ping != nil {
			c.lending()
			in.events.Ping(c, p)
		}
	case opPong:
		c.ponged(p)
		if in.events != nil && in.events.Pong != nil {
			c.lending()
			in.events.Pong(c, p)
		}
	case opClose:
		return c.closeReceived(p)
	}
	return nil
}

// sendPong answers a ping, without ever blocking the reader: in order, behind what is queued, unless that is much or part of
// a streamed message; otherwise ahead of it.
func (c *Conn) sendPong(p []byte) {
	o := &c.out
	c.mu.Lock()
	if c.closeSent.Load() {
		c.mu.Unlock()
		return
	}
	if o.stream == nil && o.queue.size+int(o.unsent.Load()) < maxCorked {
		c.putFrame(&o.queue, bitFin|opPong, p, nil, false)
		o.note()
		if o.corked.Load() != 0 {
			c.flushSoon()
			c.mu.Unlock()
			return
		}
	} else {
		c.putCtl(opPong, p)
	}
	start := o.turn.try()
	c.mu.Unlock()
	if start {
		c.takeUnlessClosing()
		c.sendFromReader(false)
	}
}

// putCtl appends a control frame to those that pass the queue. If too many wait, the new one takes their place: only the
// latest ping needs an answer (RFC 6455 §5.5.3). Conn.mu is held.
func (c *Conn) putCtl(op byte, p []byte) {
	o := &c.out
	size := headerSize(len(p), c.client)
	if len(o.ctl)+size+len(p) > maxCtl {
		o.ctl = o.ctl[:0]
	}
	o.note()
	at := len(o.ctl)
	o.ctl = append(o.ctl, make([]byte, size+len(p))...)
	b := o.ctl[at:]
	var key uint32
	if c.client {
		key = newMaskKey()
	}
	putHeader(b, bitFin|op, len(p), c.client, key)
	copy(b[size:], p)
	mask(b[size:], key)
	o.wire += int64(len(b))
	c.traceFrame(bitFin|op, len(p))
}

// pingWait is a ping that waits for its pong.
type pingWait struct {
	id   uint64
	sent int64
	got  chan time.Duration // nil for the keepalive's own
}

// maxPings bounds the pings that wait for a pong.
const maxPings = 64

// sendPing queues a ping and notes that it waits.
func (c *Conn) sendPing(got chan time.Duration) (uint64, error) {
	c.mu.Lock()
	if err := c.refused(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	w := pingWait{id: uint64(newMaskKey())<<32 | uint64(newMaskKey()), sent: now(), got: got}
	if len(c.pings) == maxPings {
		c.pings = append(c.pings[:0], c.pings[1:]...)
	}
	c.pings = append(c.pings, w)
	var p [8]byte
	binary.BigEndian.PutUint64(p[:], w.id)
	c.putCtl(opPing, p[:])
	c.mu.Unlock()
	c.kick()
	return w.id, nil
}

// Ping sends a ping and waits for its pong, which needs somebody to read: Read, Messages, Run or CloseRead on another
// goroutine. It returns the round-trip time. Several pings may be under way.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, cancelled("ping", ctx)
	}
	got := make(chan time.Duration, 1)
	id, err := c.sendPing(got)
	if err != nil {
		return 0, err
	}
	select {
	case rtt := <-got:
		return rtt, nil
	case <-ctx.Done():
		c.forgetPing(id)
		return 0, cancelled("ping", ctx)
	case <-c.whenEnded():
		return 0, c.err()
	}
}

func (c *Conn) forgetPing(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.pings {
		if c.pings[i].id == id {
			c.pings = append(c.pings[:i], c.pings[i+1:]...)
			return
		}
	}
}

// ponged handles a pong: it answers the ping with the same payload, and those before it (RFC 6455 §5.5.3).
// A pong that nobody asked for is ignored.
func (c *Conn) ponged(p []byte) {
	if len(p) != 8 {
		return
	}
	id := binary.BigEndian.Uint64(p)
	t := now()
	c.mu.Lock()
	found := -1
	for i := range c.pings {
		if c.pings[i].id == id {
			found = i
			break
		}
	}
	if found < 0 {
		c.mu.Unlock()
		return
	}
	rtt := time.Duration(t - c.pings[found].sent)
	c.ka.rtt.Store(int64(rtt))
	for _, w := range c.pings[:found+1] {
		if w.got != nil {
			w.got <- time.Duration(t - w.sent)
		}
	}
	c.pings = append(c.pings[:0], c.pings[found+1:]...)
	c.mu.Unlock()
	if tr := c.opt.Trace; tr != nil && tr.PingRTT != nil {
		tr.PingRTT(c, rtt)
	}
}
