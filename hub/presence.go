package hub

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
)

// presence is that of a session in one topic.
type presence struct {
	topic  string
	member broker.Member
	timer  *time.Timer // runs out when it has been gone for long enough; guarded by presenceTable.mu
	taken  bool        // its session has come back as another, which has taken it over; guarded by presenceTable.mu
}

type presenceKey struct{ topic, key string }

// presenceTable holds those whose session is gone but who have not left yet: who comes back in time has never been away.
type presenceTable struct {
	mu     sync.Mutex
	gones  map[presenceKey][]*presence
	closed bool
}

// maxMeta bounds what a member says about itself, in bytes.
const maxMeta = 4 << 10

// Enter makes the session present in a topic, or changes what it says about itself there: meta is a JSON object, or nil. The key is the
// user, or the session's id where there is none.
func (s *Session) Enter(ctx context.Context, topic string, meta json.RawMessage) (broker.Member, error) {
	none := broker.Member{}
	if err := broker.CheckTopic(topic); err != nil {
		return none, badRequest(err)
	}
	if err := checkMeta(meta); err != nil {
		return none, err
	}
	a := &Access{Action: ActPresence, Topics: broker.Exact(topic)}
	if err := s.may(ctx, a); err != nil {
		return none, s.hub.told("presence", err)
	}
	h := s.hub
	most := h.rules.Load().limits.Subscriptions
	key := a.Identity.User
	if key == "" {
		key = s.id
	}
	s.mu.Lock()
	p := s.present[topic]
	entered := p != nil
	switch {
	case s.identity != a.Identity:
		s.mu.Unlock()
		return s.Enter(ctx, topic, meta) // it has to be judged again
	case s.closed:
		s.mu.Unlock()
		return none, Errorf(GoingAway, "the session has ended")
	case p == nil && len(s.present) >= most:
		s.mu.Unlock()
		h.refused("presence")
		return none, Errorf(LimitReached, "a session may be present in %d topics", most)
	case p == nil:
		p = &presence{topic: topic, member: broker.Member{Key: key, Ref: rand.Text()[:12], Since: time.Now()}}
		if before := h.presence.back(presenceKey{topic, key}, meta); before != nil {
			p.member = before.member
		}
		if s.present == nil {
			s.present = map[string]*presence{}
		}
		s.present[topic] = p
	}
	p.member.Meta, p.member.Session, p.member.Node = bytes.Clone(meta), s.id, h.name
	m := p.member
	s.mu.Unlock()
	if err := h.node.Enter(ctx, topic, m); err != nil {
		// It may have happened. What was present before stays so until the session leaves; what was not leaves.
		s.mu.Lock()
		if !entered && s.present[topic] == p {
			delete(s.present, topic)
		}
		gone := !entered || s.closed
		s.mu.Unlock()
		if gone {
			h.presence.gone(h, p)
		}
		h.full(err)
		return none, h.told("presence", err)
	}
	s.mu.Lock()
	gone := s.present[topic] != p
	s.mu.Unlock()
	if gone { // it left meanwhile, perhaps before the broker knew of it
		h.presence.gone(h, p)
	}
	return m, nil
}

func checkMeta(meta json.RawMessage) error {
	if len(meta) > maxMeta {
		return Errorf(TooLarge, "what a member says about itself may have %d bytes", maxMeta)
	}
	if len(meta) > 0 && (!json.Valid(meta) || bytes.TrimLeft(meta, " \t\r\n")[0] != '{') {
		return Errorf(BadRequest, "what a member says about itself must be a JSON object")
	}
	return nil
}

// Leave ends the session's presence in a topic.
func (s *Session) Leave(ctx context.Context, topic string) error {
	s.mu.Lock()
	p := s.present[topic]
	delete(s.present, topic)
	s.mu.Unlock()
	if p == nil {
		return Errorf(NotFound, "the session is not present there")
	}
	if err := s.hub.node.Leave(ctx, topic, p.member.Ref); err != nil {
		s.hub.presence.gone(s.hub, p) // it will be tried again
		return s.hub.told("presence", err)
	}
	return nil
}

// Members returns who is present in a topic.
func (s *Session) Members(ctx context.Context, topic string) ([]broker.Member, error) {
	if err := broker.CheckTopic(topic); err != nil {
		return nil, badRequest(err)
	}
	if err := s.may(ctx, &Access{Action: ActPresence, Topics: broker.Exact(topic)}); err != nil {
		return nil, s.hub.told("presence", err)
	}
	list, err := s.hub.Members(ctx, topic)
	if err != nil {
		return nil, s.hub.told("presence", err)
	}
	return list, nil
}

// Members returns who is present in a topic, on the application's behalf.
func (h *Hub) Members(ctx context.Context, topic string) ([]broker.Member, error) {
	return h.node.Members(ctx, topic)
}

// gone is called when a presence has no session any more: it leaves when the grace is over.
func (t *presenceTable) gone(h *Hub, p *presence) {
	t.wait(h, p, h.rules.Load().limits.PresenceGrace)
}

// presenceRetry is when it is tried again to take a member out of a topic.
const presenceRetry = time.Second

func (t *presenceTable) wait(h *Hub, p *presence, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || p.timer != nil || p.taken {
		return // closing the node makes all of its members leave
	}
	key := presenceKey{p.topic, p.member.Key}
	if t.gones == nil {
		t.gones = map[presenceKey][]*presence{}
	}
	t.gones[key] = append(t.gones[key], p)
	p.timer = time.AfterFunc(d, func() {
		if !t.take(key, p) {
			return
		}
		if err := h.node.Leave(h.ctx, p.topic, p.member.Ref); err != nil && h.ctx.Err() == nil {
			h.log.Warn("hub: a member could not be taken out of a topic; it will be tried again", "topic", p.topic, "err", err)
			t.wait(h, p, presenceRetry)
		}
	})
}

// take takes one of those gone out of the table, and reports whether it was there.
func (t *presenceTable) take(key presenceKey, p *presence) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.gones[key]
	for i, q := range list {
		if q == p {
			p.timer = nil
			t.gones[key] = append(list[:i:i], list[i+1:]...)
			if len(t.gones[key]) == 0 {
				delete(t.gones, key)
			}
			return true
		}
	}
	return false
}

// back returns the presence of somebody who comes back, the one with the same meta if there are several, or nil.
func (t *presenceTable) back(key presenceKey, meta []byte) *presence {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.gones[key]
	if len(list) == 0 {
		return nil
	}
	found := 0
	for i, p := range list {
		if bytes.Equal(p.member.Meta, meta) {
			found = i
		}
	}
	p := list[found]
	p.timer.Stop()
	p.timer, p.taken = nil, true
	t.gones[key] = append(list[:found:found], list[found+1:]...)
	if len(t.gones[key]) == 0 {
		delete(t.gones, key)
	}
	return p
}

func (t *presenceTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, list := range t.gones {
		for _, p := range list {
			p.timer.Stop()
		}
	}
	t.gones = nil
}
