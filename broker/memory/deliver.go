package memory

import (
	"context"
	"runtime"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// burst is how many events of a topic whoever publishes delivers before a goroutine does the rest.
const burst = 64

// event is something to deliver: one of m, diff and command.
type event struct {
	to      []*node
	m       *broker.Message
	diff    *broker.Diff
	command *broker.Command
	target  *broker.Target
	topic   string
}

// hand calls the node's Receiver, unless the node is closed. It has a frame of its own on the stack, by which delivering knows it.
//
//go:noinline
func (n *node) hand(e event) {
	if !n.calls.enter() {
		return
	}
	defer n.calls.leave()
	switch {
	case e.m != nil:
		n.receiver.Message(e.m)
	case e.diff != nil:
		n.receiver.Presence(e.topic, *e.diff)
	case e.command != nil:
		n.receiver.Command(*e.target, *e.command)
	}
}

// delivering reports whether the caller was called by a Receiver: it must not wait for deliveries, one of which it is. To look at
// the stack is slow, but it happens rarely, and spares every delivery from saying who it is.
func delivering() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*n)
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "broker/memory.(*node).hand") {
			return true
		}
		if !more {
			return false
		}
	}
}

// release unlocks t, and delivers e and what has come after it, unless somebody else will. Before that it makes room for what was stored.
func (b *Broker) release(t *topic, e event) {
	mine := len(e.to) > 0 && !t.busy
	if mine {
		t.busy = true
	} else if len(e.to) > 0 {
		t.pending.push(e)
	}
	t.mu.Unlock()
	b.evict()
	if mine {
		b.deliver(t, e, burst)
	}
}

// deliver delivers e and up to most events in all. The caller has made t busy.
func (b *Broker) deliver(t *topic, e event, most int) {
	next, more := 0, true
	defer func() {
		if more { // too many, or a Receiver panicked: it was this caller's, and the others need not suffer
			e.to = e.to[next:]
			b.handOver(t, e)
		}
	}()
	for n := 1; ; n++ {
		for next = 0; next < len(e.to); {
			next++
			e.to[next-1].hand(e)
		}
		t.mu.Lock()
		if t.pending.len() == 0 {
			t.busy, more = false, false
			t.pending.shrink()
		} else if n != most {
			e, next = t.pending.pop(), 0
		}
		if t.room != nil && t.pending.len() <= b.o.MaxPending/2 {
			close(t.room)
			t.room = nil
		}
		t.mu.Unlock()
		if !more || n == most {
			return
		}
	}
}

// handOver has a goroutine deliver e and what comes after it.
func (b *Broker) handOver(t *topic, e event) {
	if b.work.enter() {
		go func() {
			defer b.work.leave()
			b.deliver(t, e, -1)
		}()
	}
}

// openFor is open, and waits while too much is pending in the topic.
func (n *node) openFor(ctx context.Context, name string) (*topic, error) {
	for {
		t, err := n.b.open(name)
		if err != nil || t.pending.len() < n.b.o.MaxPending || delivering() {
			return t, err
		}
		if t.room == nil {
			t.room = make(chan struct{})
		}
		room := t.room
		t.mu.Unlock()
		select {
		case <-room:
		case <-n.done:
			return nil, broker.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
