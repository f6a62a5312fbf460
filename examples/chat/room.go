package main

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/parley-ws/parley/ws"
)

// Whatever people could make grow is bounded. What may wait for a member before it is let go must hold many of the largest
// event, which is the list of all names.
const (
	maxMembers = 100
	maxName    = 32        // characters
	maxText    = 4 << 10   // bytes
	maxWaiting = 256 << 10 // bytes
)

// event is what everybody in the room is told.
type event struct {
	Kind  string   `json:"kind"` // "joined", "left" or "said"
	Name  string   `json:"name"`
	Text  string   `json:"text,omitempty"`
	Names []string `json:"names,omitempty"` // who is there after a join or a leave
}

// room holds who is there.
type room struct {
	mu      sync.Mutex
	members map[*ws.Conn]string
}

// serve is one member's stay.
func (r *room) serve(c *ws.Conn) error {
	name := strings.TrimSpace(c.Request().URL.Query().Get("name"))
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return &ws.CloseError{Code: ws.CodePolicyViolation, Reason: "say who you are: ?name=…"}
	}
	if err := r.join(c, name); err != nil {
		return err
	}
	defer r.leave(c, name)
	for m, err := range c.Messages(c.Context()) {
		if err != nil {
			return err
		}
		if m.Type != ws.Text {
			return &ws.CloseError{Code: ws.CodeUnsupportedData, Reason: "text only"}
		}
		r.tell(event{Kind: "said", Name: name, Text: string(m.Data)})
	}
	return nil
}

func (r *room) join(c *ws.Conn, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members) == maxMembers {
		return &ws.CloseError{Code: ws.CodeTryAgainLater, Reason: "the room is full"}
	}
	if r.members == nil {
		r.members = make(map[*ws.Conn]string)
	}
	r.members[c] = name
	r.tellLocked(event{Kind: "joined", Name: name, Names: r.names()})
	return nil
}

func (r *room) leave(c *ws.Conn, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, c)
	r.tellLocked(event{Kind: "left", Name: name, Names: r.names()})
}

func (r *room) tell(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellLocked(e)
}

// tellLocked encodes e once and queues it for everybody. It never waits, so that holding the lock, which gives all
// members the same order, costs nothing. r.mu is held.
func (r *room) tellLocked(e event) {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // an event is made of strings
	}
	m := ws.Prepare(ws.Text, data)
	for c := range r.members {
		if err := c.TryWritePrepared(m); errors.Is(err, ws.ErrSlowConsumer) {
			c.CloseNow() // its own goroutine sees it and leaves
		}
	}
}

// names lists who is there. r.mu is held.
func (r *room) names() []string {
	return slices.Sorted(maps.Values(r.members))
}
