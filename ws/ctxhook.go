package ws

import (
	"context"
	"sync"
	"time"
)

// aLongTimeAgo is a deadline that interrupts at once.
var aLongTimeAgo = time.Unix(1, 0)

// ctxHook interrupts a pending read or write when a context ends, by moving the stream's deadline. The registration
// on a context is kept for the next operation with the same one, so that it costs nothing per message; between arm and
// disarm it is live, otherwise it does nothing.
type ctxHook struct {
	c     *Conn
	write bool // it moves the deadline of writes, otherwise that of reads

	mu    sync.Mutex
	done  <-chan struct{} // of the context that is registered
	stop  func() bool
	live  bool
	fired bool // the deadline lies in the past because of us
	moved bool // the deadline is set and must be cleared
	gone  bool // the connection is over: nothing is registered any more
}

// arm makes the end of ctx interrupt the operation that follows.
func (h *ctxHook) arm(ctx context.Context) {
	var d <-chan struct{}
	if !h.c.isOwn(ctx) {
		d = ctx.Done()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = true
	if d == h.done || h.gone {
		return
	}
	if h.stop != nil {
		h.stop()
	}
	h.done, h.stop = d, nil
	if d != nil {
		h.stop = context.AfterFunc(ctx, func() { h.fire(d, context.Cause(ctx)) })
	}
}

func (h *ctxHook) fire(d <-chan struct{}, cause error) {
	// A context that ends with the connection interrupts nothing: the close frame may have to wait for a message that
	// is being sent, and whatever cannot go on is cut.
	own := h.c.endedBy(cause)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done != d {
		return // another context took its place
	}
	h.done, h.stop = nil, nil
	if h.live && !own {
		h.fired, h.moved = true, true
		_ = h.set(aLongTimeAgo) // fails only on a stream that is closed
	}
}

// set moves the deadline.
func (h *ctxHook) set(t time.Time) error {
	if h.write {
		return h.c.s.SetWriteDeadline(t)
	}
	return h.c.s.SetReadDeadline(t)
}

// extend moves the deadline to t, unless the context has ended.
func (h *ctxHook) extend(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.fired {
		h.moved = true
		_ = h.set(t)
	}
}

// interrupted reports whether the context has interrupted the operation.
func (h *ctxHook) interrupted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fired
}

// disarm ends the operation and reports whether the context interrupted it. The deadline is off afterwards.
func (h *ctxHook) disarm() (fired bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fired = h.fired
	if h.moved {
		_ = h.set(time.Time{})
	}
	h.live, h.fired, h.moved = false, false, false
	return fired
}

// forget gives up the registration, for good.
func (h *ctxHook) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = true
	if h.stop != nil {
		h.stop()
	}
	h.done, h.stop = nil, nil
}
