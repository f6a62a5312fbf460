package hub

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/parley-ws/parley/broker"
)

// Tapped is a message that was published on this node.
type Tapped struct {
	// Message is the message with its position. It must not be changed.
	Message *broker.Message

	// Session is the public id of the session that published it, and Identity who that belongs to: empty and nil for messages of the
	// application.
	Session  string
	Identity *Identity
}

// Tap has f called with every message that is published to a topic on this node from now on, by a client or the application, once it is
// stored. It is called by the goroutine that publishes, which waits for it, with the context of that; messages of different publishers may come in
// another order than that of the log. A topic has one tap: a new one takes the place of the old one. The function that is returned ends it;
// calls that have begun may go on.
func (h *Hub) Tap(topic string, f func(context.Context, Tapped)) (end func()) {
	t := &tap{f}
	h.taps.change(func(all map[string]*tap) { all[topic] = t })
	return func() {
		h.taps.change(func(all map[string]*tap) {
			if all[topic] == t {
				delete(all, topic)
			}
		})
	}
}

type tap struct{ f func(context.Context, Tapped) }

// taps are the taps by topic. There are few, and publishing must not wait for a lock to find that there is none.
type taps struct {
	mu  sync.Mutex
	all atomic.Pointer[map[string]*tap] // never changed once it is there
}

func (t *taps) change(f func(map[string]*tap)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := map[string]*tap{}
	if old := t.all.Load(); old != nil {
		maps.Copy(next, *old)
	}
	f(next)
	t.all.Store(&next)
}

// tapped calls the tap of a topic with a message that was published. s is nil for the application.
func (h *Hub) tapped(ctx context.Context, m *broker.Message, p broker.Published, err error, s *Session) {
	all := h.taps.all.Load()
	if all == nil || err != nil || p.Duplicate {
		return
	}
	t := (*all)[m.Topic]
	if t == nil {
		return
	}
	is := Tapped{Message: m}
	if s != nil {
		is.Session, is.Identity = s.id, s.Identity()
	}
	t.f(ctx, is)
}
