package hook

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// The events that are not named like an action of the hub.
const (
	eventConnect = "connect"
	eventRefresh = "refresh"
	eventMayCall = "may_call" // whether a call is allowed
	eventCall    = "call"     // what it comes to
)

// question is what the application is asked.
type question struct {
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	Session   string          `json:"session,omitempty"`
	User      string          `json:"user,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Dialect   string          `json:"dialect,omitempty"`
	Transport string          `json:"transport,omitempty"`
	Name      string          `json:"name,omitempty"`
	Version   string          `json:"version,omitempty"`
	Remote    string          `json:"remote,omitempty"`

	// Of connect and refresh.
	Token string          `json:"token,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	Old   *who            `json:"old,omitempty"`

	// Of the others.
	Topic   string          `json:"topic,omitempty"`
	Pattern string          `json:"pattern,omitempty"`
	Prefix  string          `json:"prefix,omitempty"`
	Message *message        `json:"message,omitempty"`
	Method  string          `json:"method,omitempty"`
	Args    json.RawMessage `json:"args,omitempty"`
}

// who is somebody.
type who struct {
	User   string          `json:"user,omitempty"`
	Claims json.RawMessage `json:"claims,omitempty"`
}

// message is what a session wants to publish.
type message struct {
	Kind    string            `json:"kind"`
	Body    json.RawMessage   `json:"body"`
	Event   string            `json:"event,omitempty"`
	Type    string            `json:"type,omitempty"`
	ID      string            `json:"id,omitempty"`
	Key     string            `json:"key,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// connecting returns the question about a client that wants in. id is what is known of it, or nil.
func connecting(c *hub.Credentials, id *hub.Identity) *question {
	q := &question{
		Event: eventConnect, Dialect: c.Dialect, Transport: c.Transport, Name: c.Name, Version: c.Version, Remote: c.Remote, Data: c.Data,
	}
	if id == nil {
		q.Token = c.Token // nobody else looks at it
	} else {
		q.User, q.Claims = id.User, id.Claims
	}
	if c.Refresh {
		q.Event = eventRefresh
		if c.Old != nil {
			q.Old = &who{c.Old.User, c.Old.Claims}
		}
	}
	return q
}

// sessionQuestion returns a question with what is known of a session.
func sessionQuestion(event string, s *hub.SessionInfo, id *hub.Identity) *question {
	q := &question{Event: event, Session: s.ID, User: s.User, Dialect: s.Dialect, Transport: s.Transport, Name: s.Name, Remote: s.Remote}
	if id != nil {
		q.User, q.Claims = id.User, id.Claims
	}
	return q
}

// about sets which topics a question is about.
func (q *question) about(f broker.Filter) {
	switch f.Type {
	case broker.ExactTopic:
		q.Topic = f.Name
	case broker.BytePrefix:
		if q.Prefix = f.Name; f.Name == "" {
			q.Pattern = "**" // the same, and not empty
		}
	default:
		q.Pattern = f.String()
	}
}

// says sets what is to be published.
func (q *question) says(m *broker.Message) error {
	q.Message = &message{Kind: m.Kind.String(), Event: m.Event, Type: m.ContentType, ID: m.ID, Key: m.Key, Headers: m.Headers}
	var err error
	switch m.Kind {
	case broker.JSON:
		q.Message.Body = m.Body
	case broker.Text:
		q.Message.Body, err = json.Marshal(string(m.Body))
	default:
		q.Message.Body, err = json.Marshal(base64.StdEncoding.EncodeToString(m.Body))
	}
	return err
}

// forward returns the headers of a client's request that are sent along.
func (c *Client) forward(from http.Header) http.Header {
	to := http.Header{}
	for _, name := range c.o.ForwardHeaders {
		if values := from[name]; len(values) > 0 {
			to[name] = values
		}
	}
	return to
}
