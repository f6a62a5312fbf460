package hub

import (
	"cmp"
	"slices"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// receiver is the Hub as the broker sees it.
type receiver Hub

// encoded are the frames of one message, one for each codec and each set of filters that matched.
type encoded struct {
	list []encodedFrame
}

type encodedFrame struct {
	codec   Codec
	matched []broker.Filter
	frame   Frame
	err     error
}

// encode returns the entry for a message, encoding it if no other session with this codec has had it.
func (s *Session) encode(m *broker.Message, rule *Topic, matched []broker.Filter, shared *encoded) entry {
	var f Frame
	var err error
	found := false
	if shared != nil {
		for i := range shared.list {
			if e := &shared.list[i]; e.codec == s.codec && slices.Equal(e.matched, matched) {
				f, err, found = e.frame, e.err, true
				break
			}
		}
	}
	if !found {
		if f, err = s.codec.Message(m, matched); shared != nil {
			shared.list = append(shared.list, encodedFrame{s.codec, matched, f, err})
		}
	}
	if err != nil {
		return entry{gap: &Gap{
			Topic:   m.Topic,
			After:   broker.Position{Epoch: m.Position.Epoch, Offset: m.Prev},
			Tail:    m.Position,
			Count:   1,
			Reason:  GapEncoding,
			Matched: matched,
		}}
	}
	return entry{frame: f, msg: m, rule: rule, match: matched}
}

// matching returns the groups whose filter matches a topic, in an order that depends on nothing else.
func (h *Hub) matching(topic string) []*group {
	h.mu.RLock()
	groups := h.groups.Match(make([]*group, 0, 4), topic)
	h.mu.RUnlock()
	if len(groups) > 1 {
		slices.SortFunc(groups, func(a, b *group) int { return before(a.filter, b.filter) })
	}
	return groups
}

// each calls f once for every session that has subscriptions in the groups, with all of these in the order of the groups. f must not keep
// the list.
func each(groups []*group, f func(s *Session, subs []*subscription)) {
	if len(groups) == 0 {
		return
	}
	// Those of the largest group are gone through as they are: a few that watch everything do not make it dear to reach the many.
	largest, most := 0, -1
	for i, g := range groups {
		g.mu.RLock()
		if len(g.subs) > most {
			largest, most = i, len(g.subs)
		}
		g.mu.RUnlock()
	}
	var others map[*Session][]*subscription
	for i, g := range groups {
		if i == largest {
			continue
		}
		g.mu.RLock()
		for _, sub := range g.subs {
			if others == nil {
				others = map[*Session][]*subscription{}
			}
			others[sub.session] = append(others[sub.session], sub)
		}
		g.mu.RUnlock()
	}
	groups[largest].each(others, f)
	for s, subs := range others {
		f(s, subs)
	}
}

// each calls f for the sessions of the group, with what they have in others, too, and takes them out of there.
func (g *group) each(others map[*Session][]*subscription, f func(s *Session, subs []*subscription)) {
	one := make([]*subscription, 1)
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, sub := range g.subs {
		subs := one
		subs[0] = sub
		if more := others[sub.session]; more != nil {
			at := slices.IndexFunc(more, func(other *subscription) bool { return before(sub.filter, other.filter) < 0 })
			if at < 0 {
				at = len(more)
			}
			subs = slices.Insert(more, at, sub)
			delete(others, sub.session)
		}
		f(sub.session, subs)
	}
}

// before compares filters: exact ones come first.
func before(a, b broker.Filter) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
}

// Message hands a message to the sessions that are subscribed to its topic.
func (r *receiver) Message(m *broker.Message) {
	h := (*Hub)(r)
	groups := h.matching(m.Topic)
	if len(groups) == 0 {
		return
	}
	rule := h.rules.Load().find(m.Topic)
	var shared encoded
	n := 0
	each(groups, func(s *Session, subs []*subscription) {
		if s.deliver(subs, m, rule, &shared) {
			n++
		}
	})
	if f := h.trace.Delivered; f != nil && n > 0 {
		f(m, n)
	}
}

// deliver hands a message to the session that has these subscriptions to its topic.
func (s *Session) deliver(subs []*subscription, m *broker.Message, rule *Topic, shared *encoded) bool {
	if m.NoEcho && m.From == s.id {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	active, matched, later := s.active(subs, m.Topic, m.Position)
	if later != nil && later.keeps(active, m.Topic, m.Position) {
		s.postpone(later, s.encode(m, rule, later.alone, shared))
	}
	return active && s.push(s.encode(m, rule, matched, shared))
}

// active reports whether one of the subscriptions wants what is at this position now, and by which filters, if not only by the topic itself;
// later is the one that still looks up its past, if there is one. Session.mu is held.
func (s *Session) active(subs []*subscription, topic string, at broker.Position) (active bool, matched []broker.Filter, later *subscription) {
	for _, sub := range subs {
		switch {
		case sub.ended:
		case sub.waiting:
			later = sub
		case sub.past != nil && sub.seen(topic, at):
		case !active:
			active, matched = true, sub.alone
		default:
			if matched == nil {
				matched = []broker.Filter{broker.Exact(topic)}
			}
			matched = append(slices.Clip(matched), sub.filter)
		}
	}
	return active, matched, later
}

// keeps reports whether a subscription that still looks up its past has to keep what is at this position for later, although other
// subscriptions may bring it now: what is replayed must go on without a hole. One that begins now begins after that instead. Session.mu is held.
func (sub *subscription) keeps(active bool, topic string, at broker.Position) bool {
	if !active || sub.replays {
		return true
	}
	if sub.others == nil {
		sub.others = map[string]broker.Position{}
	}
	sub.others[topic] = at
	return false
}

// postpone keeps an entry for a subscription that still looks up its past. Session.mu is held.
func (s *Session) postpone(sub *subscription, e entry) {
	limits := &s.hub.rules.Load().limits
	if sub.size += e.size(); len(sub.pending) >= limits.OutboxCount || sub.size > limits.OutboxBytes {
		sub.pending = nil
		s.hub.refused("outbox")
		s.fail(Reason{Code: SlowConsumer, Text: "too much was published while the past was looked up; come back and resume", Reconnect: true})
		return
	}
	sub.pending = append(sub.pending, e)
}

// Gap tells the sessions that messages of a topic are missing.
func (r *receiver) Gap(g broker.Gap) {
	each((*Hub)(r).matching(g.Topic), func(s *Session, subs []*subscription) {
		s.mu.Lock()
		defer s.mu.Unlock()
		active, matched, later := s.active(subs, g.Topic, g.Tail)
		gap := func(matched []broker.Filter) entry {
			return entry{gap: &Gap{Topic: g.Topic, After: g.After, Tail: g.Tail, Reason: GapLost, Matched: matched}}
		}
		if later != nil && later.keeps(active, g.Topic, g.Tail) {
			s.postpone(later, gap(later.alone))
		}
		if active {
			s.push(gap(matched))
		}
	})
}

// Presence tells the sessions that have asked for it who came and who went.
func (r *receiver) Presence(topic string, d broker.Diff) {
	frames := map[Codec]Frame{}
	each((*Hub)(r).matching(topic), func(s *Session, subs []*subscription) {
		if !slices.ContainsFunc(subs, func(sub *subscription) bool { return sub.presence }) {
			return
		}
		f, ok := frames[s.codec]
		if !ok {
			if f, ok = s.codec.Presence(topic, d); !ok {
				return
			}
			frames[s.codec] = f
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		told := false
		for _, sub := range subs {
			switch {
			case !sub.presence || sub.ended:
			case sub.waiting: // it has to follow the list of members, which may be older
				s.postpone(sub, entry{frame: f})
			case !told:
				told = true
				s.push(entry{frame: f})
			}
		}
	})
}
