package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-ws/parley/broker"
)

// The commands that hubs send each other.
const (
	opSubscribe   = "subscribe"
	opUnsubscribe = "unsubscribe"
	opDisconnect  = "disconnect"
	opRefresh     = "refresh"
	opDialect     = "dialect"
)

// Subscribe subscribes all sessions that the target names, wherever they are, on the application's behalf. Like all of these commands
// it returns when the nodes have been told. A target must not be empty.
func (h *Hub) Subscribe(ctx context.Context, t broker.Target, f broker.Filter) error {
	if err := f.Check(); err != nil {
		return badRequest(err)
	}
	return h.send(ctx, t, opSubscribe, wired(f))
}

// Unsubscribe ends the subscriptions to a filter of all sessions that the target names.
func (h *Hub) Unsubscribe(ctx context.Context, t broker.Target, f broker.Filter) error {
	return h.send(ctx, t, opUnsubscribe, wired(f))
}

// Disconnect ends all sessions that the target names.
func (h *Hub) Disconnect(ctx context.Context, t broker.Target, r Reason) error {
	if r.Code == "" {
		r.Code = Disconnected
	}
	return h.send(ctx, t, opDisconnect, r)
}

// Refresh gives all sessions that the target names a new identity, which keeps their user. What it does not allow any more ends.
func (h *Hub) Refresh(ctx context.Context, t broker.Target, id Identity) error {
	if !id.Expires.IsZero() && time.Until(id.Expires) <= 0 {
		return h.Disconnect(ctx, t, Reason{Code: Expired, Text: "the token has been revoked: connect with a new one", Reconnect: true})
	}
	return h.send(ctx, t, opRefresh, identityOnWire(&id))
}

// Forward hands something to a session wherever it is: the dialect there gets it through Session.Forwarded. It is how a request
// that came to another node reaches its session.
func (h *Hub) Forward(ctx context.Context, session string, data []byte) error {
	return h.send(ctx, broker.Target{Session: session}, opDialect, data)
}

func (h *Hub) send(ctx context.Context, t broker.Target, op string, args any) error {
	if t == (broker.Target{}) {
		return Errorf(BadRequest, "name a session, a user or a topic")
	}
	text, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("hub: %s: %w", op, err)
	}
	return h.node.Send(ctx, t, broker.Command{Op: op, Args: text})
}

// Command carries out a command for the sessions that are here.
func (r *receiver) Command(t broker.Target, c broker.Command) {
	h := (*Hub)(r)
	do, err := h.command(c)
	if err != nil {
		h.log.Error("hub: a command of another node was not understood", "op", c.Op, "from", c.From, "err", err)
		return
	}
	for _, s := range h.targets(t) {
		do(s)
	}
}

func (h *Hub) command(c broker.Command) (do func(*Session), err error) {
	switch c.Op {
	case opSubscribe:
		var w wireFilter
		err = json.Unmarshal(c.Args, &w)
		do = func(s *Session) {
			s.inOrder(&s.commands, len(c.Args), func() {
				if err := s.serverSubscribe(h.ctx, w.filter()); err != nil && s.ctx.Err() == nil {
					h.log.Warn("hub: a session could not be subscribed", "session", s.id, "filter", w.filter(), "err", err)
				}
			})
		}
	case opUnsubscribe:
		var w wireFilter
		err = json.Unmarshal(c.Args, &w)
		do = func(s *Session) {
			s.inOrder(&s.commands, len(c.Args), func() {
				s.mu.Lock()
				sub := s.subs[w.filter()]
				s.mu.Unlock()
				if sub != nil {
					s.unsubscribed(sub, Errorf(Disconnected, "the application has ended the subscription"))
				}
			})
		}
	case opDisconnect:
		var r Reason
		err = json.Unmarshal(c.Args, &r)
		do = func(s *Session) { h.spawn(func() { s.Close(r) }) }
	case opRefresh:
		var w wireIdentity
		err = json.Unmarshal(c.Args, &w)
		do = func(s *Session) {
			id := w.identity()
			id.User = s.Identity().User
			h.spawn(s.adopt(id)) // it holds at once, and in the order of commands
		}
	case opDialect:
		var data []byte
		err = json.Unmarshal(c.Args, &data)
		do = func(s *Session) {
			if f := s.forwarded.Load(); f != nil {
				s.inOrder(&s.forwards, len(data), func() { (*f)(data) })
			}
		}
	default:
		err = fmt.Errorf("unknown command: do all nodes run the same version?")
	}
	return do, err
}

// spawn runs f on a goroutine of the hub, for commands come while the broker waits.
func (h *Hub) spawn(f func()) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.ctx.Err() == nil {
		h.working.Go(f)
	}
}

// queue is what is to be done for a session, one after the other. It is guarded by Session.mu.
type queue struct {
	list []func()
	size int  // of what waits, in bytes
	busy bool // a goroutine does it
}

// inOrder runs f, which holds so many bytes, after what was given to the same queue before. Too much at once is left out, and logged: to end
// the session for it would let anybody who knows its id end it.
func (s *Session) inOrder(q *queue, size int, f func()) {
	limits := &s.hub.rules.Load().limits
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.failed {
		return
	}
	if q.size += size; len(q.list) > limits.OutboxCount || len(q.list) > 0 && q.size > limits.OutboxBytes {
		q.size -= size
		s.hub.refused("commands")
		s.hub.log.Warn("hub: too many commands of other nodes wait for a session: one was left out", "session", s.id)
		return
	}
	q.list = append(q.list, f)
	if !q.busy {
		q.busy = true
		s.hub.working.Go(func() { s.work(q) })
	}
}

// work does what is in a queue until nothing is.
func (s *Session) work(q *queue) {
	for {
		s.mu.Lock()
		list := q.list
		q.list, q.size, q.busy = nil, 0, len(list) > 0
		s.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			f()
		}
	}
}

// Forwarded sets what gets the data of Hub.Forward for this session, one after the other in the order of each sender.
func (s *Session) Forwarded(f func(data []byte)) { s.forwarded.Store(&f) }

// targets returns the sessions here that t names.
func (h *Hub) targets(t broker.Target) []*Session {
	if t.Node != "" && t.Node != h.name {
		return nil
	}
	h.mu.RLock()
	var list []*Session
	switch {
	case t.Session != "":
		if s := h.sessions[t.Session]; s != nil {
			list = append(list, s)
		}
	case t.User != "":
		for s := range h.users[t.User] {
			list = append(list, s)
		}
	default:
		list = h.list()
	}
	h.mu.RUnlock()
	kept := list[:0]
	for _, s := range list {
		if s.fits(t) {
			kept = append(kept, s)
		}
	}
	return kept
}

// fits reports whether a session is one of those that t names.
func (s *Session) fits(t broker.Target) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.User != "" && s.identity.User != t.User {
		return false
	}
	if t.Topic == "" {
		return true
	}
	for f := range s.subs {
		if f.Match(t.Topic) {
			return true
		}
	}
	return false
}
