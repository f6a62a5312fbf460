package ws

import (
	"context"
	"slices"
	"sync/atomic"
)

// turn is the right to send on a connection. Those who wait for it get it in the order in which they came, each through a
// channel of its own, so that waiting can be cancelled and is seen by testing/synctest. A turn that is free costs no more
// than one atomic operation.
type turn struct {
	taken   atomic.Bool
	waiting []chan struct{} // guarded by Conn.mu; while it is not empty, the turn is taken
}

// try takes the turn if it is free.
func (t *turn) try() bool { return t.taken.CompareAndSwap(false, true) }

// give hands the turn to whoever has waited longest, or makes it free. Conn.mu is held.
func (t *turn) give() {
	if len(t.waiting) == 0 {
		t.taken.Store(false)
		return
	}
	first := t.waiting[0]
	t.waiting = slices.Delete(t.waiting, 0, 1)
	if len(t.waiting) == 0 {
		t.waiting = nil
	}
	close(first)
}

// giveTurn gives the turn back, without looking at what is queued.
func (c *Conn) giveTurn() {
	c.mu.Lock()
	c.out.turn.give()
	c.mu.Unlock()
}

// lineUp takes the turn, or a place in the line of those who wait for it. The channel is closed when the turn is ours; it is nil if
// it is already.
func (c *Conn) lineUp() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.turn.try() {
		return nil
	}
	place := make(chan struct{})
	c.out.turn.waiting = append(c.out.turn.waiting, place)
	return place
}

// leaveLine gives up a place in the line, or the turn if that has come meanwhile.
func (c *Conn) leaveLine(place <-chan struct{}) {
	t := &c.out.turn
	c.mu.Lock()
	i := slices.IndexFunc(t.waiting, func(w chan struct{}) bool { return w == place })
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	c.mu.Unlock()
	if i >= 0 {
		c.kick() // somebody may have counted on us to send what waits
	} else {
		c.release()
	}
}

// takeTurn waits for the turn.
func (c *Conn) takeTurn(ctx context.Context, op string) error {
	if c.out.turn.try() {
		return nil
	}
	place := c.lineUp()
	if place == nil {
		return nil
	}
	select {
	case <-place:
		if ctx.Err() != nil { // both happened: it must not begin
			c.release()
			return cancelled(op, ctx)
		}
		return nil
	case <-ctx.Done():
		c.leaveLine(place)
		return cancelled(op, ctx)
	case <-c.whenEnded():
		c.leaveLine(place)
		return c.err()
	}
}
