package api

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// accepted is the answer to what nodes have been told to do.
type accepted struct {
	Accepted bool `json:"accepted"`
}

// accept is the answer when the nodes have been told, or err.
func (c *call) accept(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return accepted{true}, nil
}

// membership is a request to subscribe sessions or to unsubscribe them.
type membership struct {
	target
	filter    broker.Filter
	hasFilter bool
}

func (m *membership) fields() fields {
	return m.with(fields{"filter": filter(&m.filter, &m.hasFilter)})
}

func (c *call) membership() (*membership, error) {
	var m membership
	if err := c.body(m.fields()); err != nil {
		return nil, err
	}
	if err := m.given(); err != nil {
		return nil, err
	}
	if !m.hasFilter {
		return nil, hub.Errorf(hub.BadRequest, "filter: say which topics")
	}
	return &m, c.key.covers(m.filter)
}

func (c *call) subscribe() (any, error) {
	m, err := c.membership()
	if err != nil {
		return nil, err
	}
	return c.accept(c.hub.Subscribe(c.r.Context(), m.Target, m.filter))
}

func (c *call) unsubscribe() (any, error) {
	m, err := c.membership()
	if err != nil {
		return nil, err
	}
	return c.accept(c.hub.Unsubscribe(c.r.Context(), m.Target, m.filter))
}

// ending is a request to disconnect sessions.
type ending struct {
	target
	code      string
	text      string
	reconnect *bool
	afterMS   int64
}

// maxText is how long the text for a client may be, in bytes: it has to fit into the close frame of a WebSocket.
const maxText = 120

func (e *ending) fields() fields {
	return e.with(fields{
		"code": str(&e.code), "text": str(&e.text), "reconnect": flag(&e.reconnect),
		"after_ms": integer(&e.afterMS, int64(time.Hour/time.Millisecond)),
	})
}

// endings are the codes that a session may be ended with, and whether its client then comes back unless the request says.
var endings = map[hub.Code]bool{
	hub.Disconnected:    false,
	hub.Forbidden:       false,
	hub.Unauthenticated: false,
	hub.Expired:         true,
	hub.RateLimited:     true,
	hub.GoingAway:       true,
	hub.Unavailable:     true,
}

func (e *ending) reason() (hub.Reason, error) {
	r := hub.Reason{Code: hub.Code(e.code), Text: e.text, After: time.Duration(e.afterMS) * time.Millisecond}
	if r.Code == "" {
		r.Code = hub.Disconnected
	}
	if r.Text == "" {
		r.Text = "the application has ended the session"
	}
	back, ok := endings[r.Code]
	if !ok {
		var names []string
		for code := range endings {
			names = append(names, string(code))
		}
		return r, hub.Errorf(hub.BadRequest, "code: %s", unknown("code", e.code, names))
	}
	if len(r.Text) > maxText {
		return r, hub.Errorf(hub.BadRequest, "text: it has %d bytes: at most %d fit into the close of a WebSocket", len(r.Text), maxText)
	}
	if r.Reconnect = back; e.reconnect != nil {
		r.Reconnect = *e.reconnect
	}
	return r, nil
}

func (c *call) disconnect() (any, error) {
	var e ending
	if err := c.body(e.fields()); err != nil {
		return nil, err
	}
	if err := e.given(); err != nil {
		return nil, err
	}
	if err := e.within(c.key); err != nil {
		return nil, err
	}
	r, err := e.reason()
	if err != nil {
		return nil, err
	}
	return c.accept(c.hub.Disconnect(c.r.Context(), e.Target, r))
}

// renewal is a request to give sessions a new identity.
type renewal struct {
	target
	id   hub.Identity
	said int // how many fields of it are there
}

func (n *renewal) fields() fields {
	burst := func(v json.RawMessage) error {
		var b int64
		err := integer(&b, 1<<30)(v)
		n.id.Burst = int(b)
		return err
	}
	f := fields{
		"expires": instant(&n.id.Expires),
		"claims": optional(func(v json.RawMessage) error {
			if v[0] != '{' {
				return errors.New("want an object")
			}
			return raw(&n.id.Claims)(v)
		}),
		"subscribe": filters(&n.id.Subscribe),
		"publish":   filters(&n.id.Publish),
		"presence":  filters(&n.id.Presence),
		"call":      filters(&n.id.Call),
		"rate":      number(&n.id.Rate),
		"burst":     burst,
	}
	for name, read := range f {
		f[name] = func(v json.RawMessage) error {
			n.said++
			return read(v)
		}
	}
	f["session"], f["user"] = named(&n.Session), named(&n.User)
	return f
}

func (c *call) refresh() (any, error) {
	var n renewal
	if err := c.body(n.fields()); err != nil {
		return nil, err
	}
	if err := n.given(); err != nil {
		return nil, err
	}
	if n.said == 0 {
		return nil, hub.Errorf(hub.BadRequest, "say what the new identity is: what is left out is empty in it")
	}
	if c.key.limited() {
		return nil, hub.Errorf(hub.Forbidden, "the key is for some topics only, and an identity is for all")
	}
	return c.accept(c.hub.Refresh(c.r.Context(), n.Target, n.id))
}
