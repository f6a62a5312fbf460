package hub

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
)

// SessionInfo is what there is to know of a session.
type SessionInfo struct {
	// ID is the public id, and Node where it is.
	ID   string
	Node string

	// User is whom it belongs to, and Name what the client calls itself.
	User string
	Name string

	// Dialect and Transport are how it speaks, and Remote from where.
	Dialect   string
	Transport string
	Remote    string

	// Since is when it connected, and Expires when its token ends, or zero.
	Since   time.Time
	Expires time.Time

	// Subscriptions is how many there are.
	Subscriptions int

	// Waiting is how many bytes wait in its outbox.
	Waiting int
}

// Info returns what there is to know of the session now.
func (s *Session) Info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info()
}

// info is Info for whoever holds Session.mu.
func (s *Session) info() SessionInfo {
	return SessionInfo{
		ID: s.id, Node: s.hub.name, User: s.identity.User, Name: s.name, Dialect: s.dialect, Transport: s.transport, Remote: s.remote,
		Since: s.since, Expires: s.identity.Expires, Subscriptions: len(s.subs), Waiting: s.out.bytes,
	}
}

// Subscriptions returns what the session is subscribed to, in order.
func (s *Session) Subscriptions() []broker.Filter {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]broker.Filter, 0, len(s.subs))
	for f := range s.subs {
		list = append(list, f)
	}
	slices.SortFunc(list, before)
	return list
}

// Session returns the session with this public id if it is on this node, or nil.
func (h *Hub) Session(id string) *Session {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.sessions[id]
}

// Len returns how many sessions there are on this node.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.sessions)
}

// Waiting returns how many bytes wait in all outboxes of this node.
func (h *Hub) Waiting() int64 { return h.waiting.Load() }

// Sessions returns the sessions of this node that the target names, the oldest first, at most limit of them.
func (h *Hub) Sessions(t broker.Target, limit int) []SessionInfo {
	var list []SessionInfo
	for _, s := range h.targets(t) {
		list = append(list, s.Info())
	}
	slices.SortFunc(list, func(a, b SessionInfo) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	return list[:max(0, min(limit, len(list)))]
}

// TopicInfo is what there is to know of a topic.
type TopicInfo struct {
	broker.Topic

	// Subscribers is how many subscriptions of this node match it.
	Subscribers int
}

// Topics returns the topics that a filter matches, by name: those that the broker knows, at most limit of them.
func (h *Hub) Topics(ctx context.Context, f broker.Filter, limit int) ([]TopicInfo, error) {
	topics, err := h.node.Topics(ctx, f, limit)
	if err != nil {
		return nil, err
	}
	list := make([]TopicInfo, 0, len(topics))
	for _, t := range topics {
		info := TopicInfo{Topic: t}
		for _, g := range h.matching(t.Name) {
			g.mu.RLock()
			info.Subscribers += len(g.subs)
			g.mu.RUnlock()
		}
		list = append(list, info)
	}
	return list, nil
}
