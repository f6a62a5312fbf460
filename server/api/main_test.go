package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the key of most tests, for everything.
const secret = "a-key-that-nobody-can-guess"

var admin = api.Key{Name: "test", Secret: secret, Scopes: []api.Scope{api.Admin}}

// stage is a hub with its API.
type stage struct {
	hub *hub.Hub
	api *api.Handler
}

// newStage makes a hub and its API with some keys, by default admin.
func newStage(t *testing.T, keys ...api.Key) *stage {
	t.Helper()
	if len(keys) == 0 {
		keys = []api.Key{admin}
	}
	return stageOf(t, hub.Options{Node: "node-1", Topics: []hub.Topic{
		{Pattern: "text/**", Kind: broker.Text, History: broker.Retention{Count: 10}},
	}}, api.Options{Keys: keys, Version: "1.2.3"})
}

func stageOf(t *testing.T, ho hub.Options, ao api.Options) *stage {
	t.Helper()
	h, err := hub.New(ho)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	a, err := api.New(h, ao)
	if err != nil {
		t.Fatal(err)
	}
	return &stage{h, a}
}

// request makes a request with the key and, if there is a body, its type. The body is text, or what is to be JSON.
func request(method, path string, body any) *http.Request {
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	r := httptest.NewRequest(method, "http://localhost:8080"+api.Prefix+path, strings.NewReader(text))
	r.Header.Set("Authorization", "Bearer "+secret)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	text string
}

func (s *stage) send(r *http.Request) answer {
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return answer{w, strings.TrimSuffix(w.Body.String(), "\n")}
}

func (s *stage) do(method, path string, body any) answer { return s.send(request(method, path, body)) }

// want fails the test unless the answer has this status and, at the beginning of its text, this.
func (a answer) want(t *testing.T, status int, text string) answer {
	t.Helper()
	if a.Code != status || !strings.HasPrefix(a.text, text) {
		t.Fatalf("got %d %s\nwant %d %s", a.Code, a.text, status, text)
	}
	return a
}

// refused fails the test unless the answer is this error.
func (a answer) refused(t *testing.T, status int, code, text string) answer {
	t.Helper()
	var e struct {
		Error struct{ Code, Text string }
	}
	if err := json.Unmarshal([]byte(a.text), &e); err != nil || a.Code != status || e.Error.Code != code || !strings.Contains(e.Error.Text, text) {
		t.Fatalf("got %d %s\nwant %d, code %s, text with %q", a.Code, a.text, status, code, text)
	}
	return a
}

// read decodes an answer that is no error.
func read[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if a.Code >= 300 {
		t.Fatalf("got %d %s", a.Code, a.text)
	}
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// client is a session that notes what it gets.
type client struct {
	*hub.Session
	got    chan string
	closed chan hub.Reason
	once   sync.Once
}

func (s *stage) connect(t *testing.T, user string) *client {
	t.Helper()
	c := &client{got: make(chan string, 100), closed: make(chan hub.Reason, 1)}
	var err error
	c.Session, err = s.hub.Connect(t.Context(), hub.Connect{
		Credentials: hub.Credentials{Dialect: "test", Transport: "none", Name: "client/1", Remote: "192.0.2.7", Token: user},
		Codec:       codec{}, Sink: c, Capabilities: hub.Capabilities{Binary: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// next waits for the next frame.
func (c *client) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-c.got:
		return s
	case r := <-c.closed:
		return fmt.Sprintf("closed %+v", r)
	case <-t.Context().Done():
		t.Fatal("nothing came")
		return ""
	}
}

func (c *client) TrySend(f hub.Frame) error {
	c.got <- f.Data.(string)
	return nil
}

func (c *client) Send(_ context.Context, frames []hub.Frame) error {
	for _, f := range frames {
		c.got <- f.Data.(string)
	}
	return nil
}

func (c *client) Close(r hub.Reason) { c.once.Do(func() { c.closed <- r }) }

// end is how a test ends a session, which has both a Sink's Close and its own.
func (c *client) end() { c.Session.Close(hub.Reason{Code: hub.GoingAway}) }

// codec makes frames that are text.
type codec struct{}

func frame(format string, args ...any) hub.Frame {
	s := fmt.Sprintf(format, args...)
	return hub.Frame{Size: len(s), Data: s}
}

func (codec) Message(m *broker.Message, _ []broker.Filter) (hub.Frame, error) {
	return frame("%s %v %s", m.Topic, m.Kind, m.Body), nil
}
func (codec) Gap(g hub.Gap) (hub.Frame, bool) { return frame("gap %s", g.Topic), true }
func (codec) Presence(topic string, d broker.Diff) (hub.Frame, bool) {
	return frame("presence %s", topic), true
}
func (codec) Subscribed(r hub.Subscribed) (hub.Frame, bool) {
	return frame("subscribed %v", r.Filter), true
}
func (codec) Unsubscribed(f broker.Filter, why *hub.Error) (hub.Frame, bool) {
	return frame("unsubscribed %v %s", f, why.Code), true
}
func (codec) Notice(n hub.Notice) (hub.Frame, bool) { return frame("notice %s", n.Code), true }

// byToken lets everybody in as the user that the token names, and lets those subscribe to what their identity names.
type byToken struct{}

func (byToken) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	return &hub.Identity{User: c.Token, Subscribe: []broker.Filter{{Type: broker.Subtree}}}, nil
}

func (byToken) Allow(_ context.Context, a *hub.Access) error {
	if a.Action == hub.ActSubscribe && !hub.Names(a.Identity.Subscribe, a.Topics) {
		return hub.Errorf(hub.Forbidden, "not this")
	}
	return nil
}

// withUsers is newStage with sessions that belong to users.
func withUsers(t *testing.T, keys ...api.Key) *stage {
	t.Helper()
	if len(keys) == 0 {
		keys = []api.Key{admin}
	}
	return stageOf(t, hub.Options{Node: "node-1", Authoriser: byToken{}}, api.Options{Keys: keys, Version: "1.2.3"})
}
