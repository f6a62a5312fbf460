package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a codec whose frames are lines of text that tests can compare.
type lines struct {
	noGaps bool // it has no words for gaps
}

func line(format string, args ...any) hub.Frame {
	s := fmt.Sprintf(format, args...)
	return hub.Frame{Size: len(s), Data: s}
}

func (c *lines) Message(m *broker.Message, matched []broker.Filter) (hub.Frame, error) {
	if string(m.Body) == "cannot be encoded" {
		return hub.Frame{}, errors.New("no")
	}
	f := line("%s:%d %s%s", m.Topic, m.Position.Offset, m.Body, names(matched))
	f.Size = len(m.Body) + 20
	return f, nil
}

func names(matched []broker.Filter) string {
	var b strings.Builder
	for _, f := range matched {
		fmt.Fprintf(&b, " by %v", f)
	}
	return b.String()
}

func (c *lines) Gap(g hub.Gap) (hub.Frame, bool) {
	return line("gap %s:%d-%d %s n=%d%s", g.Topic, g.After.Offset, g.Tail.Offset, g.Reason, g.Count, names(g.Matched)), !c.noGaps
}

func (c *lines) Presence(topic string, d broker.Diff) (hub.Frame, bool) {
	var b strings.Builder
	for _, m := range d.Leaves {
		fmt.Fprintf(&b, " -%s%s", m.Key, m.Meta)
	}
	for _, m := range d.Joins {
		fmt.Fprintf(&b, " +%s%s", m.Key, m.Meta)
	}
	return line("presence %s%s", topic, b.String()), true
}

func (c *lines) Subscribed(r hub.Subscribed) (hub.Frame, bool) {
	return line("subscribed by the server to %v", r.Filter), true
}

func (c *lines) Unsubscribed(f broker.Filter, why *hub.Error) (hub.Frame, bool) {
	return line("unsubscribed from %v: %s", f, why.Code), true
}

func (c *lines) Notice(n hub.Notice) (hub.Frame, bool) {
	return line("notice %s in %v", n.Code, n.After), true
}

var plain, mute = &lines{}, &lines{noGaps: true}

// client is a sink that keeps what it gets. It may be made to stall.
type client struct {
	*hub.Session

	mu     sync.Mutex
	got    []hub.Frame
	full   bool
	moves  chan struct{} // closed when it moves again
	reason *hub.Reason
}

func (c *client) TrySend(f hub.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full {
		return hub.ErrFull
	}
	c.got = append(c.got, f)
	return nil
}

func (c *client) Send(ctx context.Context, frames []hub.Frame) error {
	for _, f := range frames {
		for c.TrySend(f) != nil {
			c.mu.Lock()
			moves := c.moves
			c.mu.Unlock()
			if moves == nil {
				continue
			}
			select {
			case <-moves:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (c *client) Close(r hub.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != nil {
		panic("closed twice")
	}
	c.reason = &r
}

func (c *client) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full, c.moves = true, make(chan struct{})
}

func (c *client) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = false
	close(c.moves)
	c.moves = nil
}

// frames returns what came since the last time.
func (c *client) frames() []hub.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.got
	c.got = nil
	return got
}

// take returns the lines that came since the last time.
func (c *client) take() []string {
	var got []string
	for _, f := range c.frames() {
		got = append(got, f.Data.(string))
	}
	return got
}

func (c *client) closed() *hub.Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// expect fails the test unless exactly these frames have come since the last time.
func (c *client) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := c.take(); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func newHub(t *testing.T, o hub.Options) *hub.Hub {
	t.Helper()
	h, err := hub.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func connect(t *testing.T, h *hub.Hub, codec hub.Codec, user string) *client {
	t.Helper()
	c := &client{}
	s, err := h.Connect(t.Context(), hub.Connect{
		Credentials: hub.Credentials{Token: user, Dialect: "test", Transport: "memory"}, Codec: codec, Sink: c,
		Capabilities: hub.Capabilities{Binary: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Session = s
	return c
}

// users lets everybody in as the user that the token names.
type users struct{ hub.AllowAll }

func (users) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	id := &hub.Identity{}
	if strings.HasPrefix(c.Token, "{") {
		return id, json.Unmarshal([]byte(c.Token), id)
	}
	id.User = c.Token
	return id, nil
}

func (c *client) subscribe(t *testing.T, o hub.Subscribe) hub.Subscribed {
	t.Helper()
	o.Reply = func(r hub.Subscribed) hub.Frame {
		s := fmt.Sprintf("ok %v at %d", r.Filter, r.Position.Offset)
		if r.Resumed {
			s += fmt.Sprintf(" recovered=%v", r.Recovered)
		}
		return line("%s", s)
	}
	r, err := c.Subscribe(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func publish(t *testing.T, h *hub.Hub, topic string, bodies ...string) (at broker.Position) {
	t.Helper()
	for _, body := range bodies {
		p, err := h.Publish(t.Context(), &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		at = p.Position
	}
	return at
}

func pattern(s string) broker.Filter {
	f, err := broker.Pattern(s)
	if err != nil {
		panic(err)
	}
	return f
}
