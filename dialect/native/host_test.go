package native_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
)

// patience is how long anything may take that a test waits for.
const patience = 20 * time.Second

// door lets in those whose token is the name of a user, with what the tests need.
type door struct{ hub.AllowAll }

func (door) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	id := &hub.Identity{User: c.Token}
	switch c.Token {
	case "":
	case "wrong":
		return nil, hub.Errorf(hub.Unauthenticated, "the token does not hold")
	case "old":
		return nil, hub.Errorf(hub.Expired, "the token has expired: connect with a new one")
	case "banned":
		return nil, hub.Errorf(hub.Forbidden, "you may not come in")
	case "soon":
		return nil, &hub.Error{Code: hub.Unavailable, Text: "not now", Retry: true, After: 2 * time.Second}
	case "carol":
		id.Subscriptions = []broker.Filter{broker.Exact("inbox/carol")}
		id.Data = json.RawMessage(`{"theme":"dark"}`)
	case "dave", "dave2":
		id.User = "dave"
		id.Expires = time.Now().Add(time.Hour)
	case "hasty":
		id.Rate, id.Burst = 0.01, 2
	}
	return id, nil
}

// rules are the topics of the tests.
var rules = []hub.Topic{
	{Pattern: "json/**", Kind: broker.JSON, History: broker.Retention{Count: 10}},
	{Pattern: "closed/**", MaySubscribe: hub.Nobody, MayPublish: hub.Users},
	{Pattern: "absent/**"},
	{Pattern: "brief/**", History: broker.Retention{Count: 2}, Presence: true},
	{Pattern: "small/**", MaxSize: 10},
}

// host is a hub that is served.
type host struct {
	hub     *hub.Hub
	url     string       // http
	resumed atomic.Int64 // how many subscriptions with a position were answered
}

// serve starts a hub and a server until the test ends.
func serve(t testing.TB, ho hub.Options, no native.Options) *host {
	t.Helper()
	if ho.Authoriser == nil {
		ho.Authoriser = door{}
	}
	if ho.Topics == nil {
		ho.Topics = rules
	}
	ho.Node = "node-1"
	served := &host{}
	ho.Trace = &hub.Trace{Resumed: func(bool, int) { served.resumed.Add(1) }}
	h, err := hub.New(ho)
	if err != nil {
		t.Fatal(err)
	}
	h.Handle("add", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
		var n [2]int
		if err := json.Unmarshal(c.Args, &n); err != nil {
			return nil, hub.Errorf(hub.BadRequest, "two numbers were expected")
		}
		return json.Marshal(n[0] + n[1])
	})
	h.Handle("count", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
		for _, v := range []string{"1", "2", `{"three":3}`} {
			if err := c.Item(json.RawMessage(v)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	h.Handle("hang", func(ctx context.Context, _ *hub.Call) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	h.Handle("fail", func(context.Context, *hub.Call) (json.RawMessage, error) {
		return nil, context.DeadlineExceeded
	})
	s := httptest.NewServer(native.New(h, no))
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	served.hub, served.url = h, s.URL+"/ws"
	return served
}

// dialURL is where the WebSocket is.
func (h *host) dialURL() string { return "ws" + strings.TrimPrefix(h.url, "http") }
