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
	timer  *time.Timer // while its session is gone
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
		return none, Errorf(BadRequest, "%v", err)
	}
	if err := checkMeta(meta); err != nil {
		return none, err
	}
	if err := s.may(ctx, &Access{Action: ActPresence, Topics: broker.Exact(topic)}); err != nil {
		return none, s.hub.told("presence", err)
	}
	key := s.Identity().User
	if key == "" {
		key = s.id
	}
	h := s.hub
	most := h.rules.Load().limits.Subscriptions
	s.mu.Lock()
	p := s.present[topic]
	switch {
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
	p.member.Meta, p.member.Session, p.member.Node = meta, s.id, h.name
	m := p.member
	s.mu.Unlock()
	if err := h.node.Enter(ctx, topic, m); err != nil {
		s.mu.Lock()
		if s.present[topic] == p {
			delete(s.present, topic)
		}
		s.mu.Unlock()
		return none, h.told("presence", err)
	}
	s.mu.Lock()
	gone := s.closed
	s.mu.Unlock()
	if gone { // it ended meanwhile, perhaps before the broker knew of it
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
		return s.hub.told("presence", err)
	}
	return nil
}

// Members returns who is present in a topic.
func (s *Session) Members(ctx context.Context, topic string) ([]broker.Member, error) {
	if err := broker.CheckTopic(topic); err != nil {
		return nil, Errorf(BadRequest, "%v", err)
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

// gone is called when the session of a presence has ended.
func (t *presenceTable) gone(h *Hub, p *presence) {
	grace := h.rules.Load().limits.PresenceGrace
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || p.timer != nil {
		return // closing the node makes all of its members leave
	}
	key := presenceKey{p.topic, p.member.Key}
	if t.gones == nil {
		t.gones = map[presenceKey][]*presence{}
	}
	t.gones[key] = append(t.gones[key], p)
	p.timer = time.AfterFunc(grace, func() {
		if t.take(key, p) {
			if err := h.node.Leave(h.ctx, p.topic, p.member.Ref); err != nil {
				h.log.Warn("hub: a member could not be taken out of a topic", "topic", p.topic, "err", err)
			}
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
