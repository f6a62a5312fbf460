package api

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// sessionInfo is what there is to know of a session.
type sessionInfo struct {
	ID            string    `json:"id"`
	Node          string    `json:"node"`
	User          string    `json:"user,omitempty"`
	Name          string    `json:"name,omitempty"`
	Dialect       string    `json:"dialect"`
	Transport     string    `json:"transport"`
	Remote        string    `json:"remote,omitempty"`
	Since         time.Time `json:"since"`
	Expires       time.Time `json:"expires,omitzero"`
	Subscriptions int       `json:"subscriptions"`
	WaitingBytes  int       `json:"waiting_bytes"`
	Filters       []shape   `json:"filters,omitempty"` // only where one session is asked for
}

func tellSession(s hub.SessionInfo) sessionInfo {
	out := sessionInfo{
		ID: s.ID, Node: s.Node, User: s.User, Name: s.Name, Dialect: s.Dialect, Transport: s.Transport, Remote: s.Remote,
		Since: s.Since.UTC(), Subscriptions: s.Subscriptions, WaitingBytes: s.Waiting,
	}
	if !s.Expires.IsZero() {
		out.Expires = s.Expires.UTC()
	}
	return out
}

// sessionList is a list of sessions of one node.
type sessionList struct {
	Node     string        `json:"node"`
	Sessions []sessionInfo `json:"sessions"`
	More     bool          `json:"more"`
}

func (c *call) sessions() (any, error) {
	q, err := c.query("user", "topic", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := count(q, "limit", fewList)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"user", "topic"} {
		if q.Has(name) && q.Get(name) == "" {
			return nil, hub.Errorf(hub.BadRequest, "%s: it is empty", name)
		}
	}
	t := target{Target: broker.Target{User: q.Get("user"), Topic: q.Get("topic")}}
	if err := t.within(c.key); err != nil {
		return nil, err
	}
	found := c.hub.Sessions(t.Target, limit+1)
	out := sessionList{Node: c.hub.Node(), Sessions: make([]sessionInfo, min(limit, len(found))), More: len(found) > limit}
	for i := range out.Sessions {
		out.Sessions[i] = tellSession(found[i])
	}
	return out, nil
}

func (c *call) session() (any, error) {
	if err := c.noQuery(); err != nil {
		return nil, err
	}
	if c.key.limited() {
		return nil, hub.Errorf(hub.Forbidden, "the key is for some topics only: ask for the sessions of one of them")
	}
	s := c.hub.Session(c.rest)
	if s == nil {
		return nil, hub.Errorf(hub.NotFound, "this node has no session with this id")
	}
	out := tellSession(s.Info())
	out.Filters = shapes(s.Subscriptions())
	return out, nil
}

// target says which sessions are meant: those that fit all of what is given.
type target struct{ broker.Target }

// with adds the target's fields to those of a request.
func (t *target) with(f fields) fields {
	f["session"], f["user"], f["topic"] = named(&t.Session), named(&t.User), named(&t.Topic)
	return f
}

// named takes a string that is not empty: an empty one would mean everybody.
func named(to *string) reader {
	return optional(func(v json.RawMessage) (err error) {
		if *to, err = readString(v); err == nil && *to == "" {
			err = errors.New("it is empty")
		}
		return err
	})
}

// given returns an error if nobody in particular is meant.
func (t *target) given() error {
	if t.Target == (broker.Target{}) {
		return hub.Errorf(hub.BadRequest, "say whose: session, user or topic")
	}
	return nil
}

// within returns an error unless a key may see and direct the sessions that are meant.
func (t *target) within(key *holder) error {
	if t.Topic != "" {
		if err := broker.CheckTopic(t.Topic); err != nil {
			return hub.Errorf(hub.BadRequest, "topic: %v", plain(err))
		}
		return key.covers(broker.Exact(t.Topic))
	}
	if key.limited() {
		return hub.Errorf(hub.Forbidden, "the key is for some topics only: name one of them")
	}
	return nil
}
