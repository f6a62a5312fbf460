package auth

import (
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestClaims(t *testing.T) {
	j := single(t, Issuer{Secrets: [][]byte{secret}, UserPrefix: "shop:"})
	id, e := connect(t, j, token("HS256", secret, jwt.MapClaims{"sub": "ann", "parley": map[string]any{
		"subscribe": []string{"news", "a/**"}, "publish": []string{"a/*"}, "presence": []string{"**"}, "call": []string{"weather", "game.*", "*"},
		"subscriptions": []string{"news"}, "producer": "p", "rate": 2.5, "burst": 7, "data": map[string]any{"x": 1},
	}}))
	if e != nil {
		t.Fatal(e)
	}
	a := broker.Filter{Type: broker.Subtree, Name: "a"}
	same := func(got []broker.Filter, want ...broker.Filter) bool {
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] {
				return false
			}
		}
		return true
	}
	if id.User != "shop:ann" || id.Producer != "p" || id.Rate != 2.5 || id.Burst != 7 || string(id.Data) != `{"x":1}` ||
		!same(id.Subscribe, broker.Exact("news"), a) || !same(id.Publish, broker.Filter{Type: broker.Level, Name: "a"}) ||
		!same(id.Presence, broker.Filter{Type: broker.Subtree}) || !same(id.Subscriptions, broker.Exact("news")) ||
		!same(id.Call, broker.Exact("weather"), broker.Prefix("game."), broker.Prefix("")) {
		t.Errorf("got %+v", id)
	}
	if id, _ := connect(t, j, token("HS256", secret, jwt.MapClaims{})); id == nil || id.User != "" {
		t.Errorf("without sub: got %+v", id)
	}
}

func TestAllow(t *testing.T) {
	j := start(t, Options{Issuers: []Issuer{{Secrets: [][]byte{secret}}}, Anonymous: true})
	named, e := connect(t, j, token("HS256", secret, jwt.MapClaims{"parley": map[string]any{
		"subscribe": []string{"a/**"}, "publish": []string{"b"}, "presence": []string{"a/*"}, "call": []string{"game.*", "weather"},
	}}))
	if e != nil {
		t.Fatal(e)
	}
	bare, e := connect(t, j, token("HS256", secret, jwt.MapClaims{"sub": "ann"}))
	if e != nil {
		t.Fatal(e)
	}
	empty, e := connect(t, j, token("HS256", secret, jwt.MapClaims{"parley": map[string]any{}}))
	if e != nil {
		t.Fatal(e)
	}
	nobody := &hub.Identity{}
	level, subtree := broker.Filter{Type: broker.Level, Name: "a"}, broker.Filter{Type: broker.Subtree, Name: "a"}
	tests := []struct {
		id     *hub.Identity
		action hub.Action
		topics broker.Filter
		method string
		want   string // part of the text, or "" if it is allowed
	}{
		{named, hub.ActSubscribe, broker.Exact("a/x/y"), "", ""},
		{named, hub.ActSubscribe, subtree, "", ""},
		{named, hub.ActSubscribe, broker.Prefix("a/"), "", ""},
		{named, hub.ActSubscribe, broker.Prefix("a"), "", `"subscribe"`},
		{named, hub.ActSubscribe, broker.Filter{Type: broker.Subtree}, "", `"subscribe"`},
		{named, hub.ActSubscribe, broker.Exact("b"), "", `"subscribe"`},
		{named, hub.ActHistory, broker.Exact("a/x"), "", ""},
		{named, hub.ActHistory, broker.Exact("b"), "", `"subscribe"`},
		{named, hub.ActPublish, broker.Exact("b"), "", ""},
		{named, hub.ActPublish, broker.Exact("a/x"), "", `"publish"`},
		{named, hub.ActPresence, level, "", ""},
		{named, hub.ActPresence, subtree, "", `"presence"`},
		{named, hub.ActCall, broker.Exact("ignored"), "game.move", ""},
		{named, hub.ActCall, broker.Filter{}, "weather", ""},
		{named, hub.ActCall, broker.Exact("weather"), "other", `"call"`},
		{named, "dance", broker.Exact("a/x"), "", "may not"},
		{bare, hub.ActSubscribe, broker.Exact("a/x"), "", `has no claim "parley"`},
		{bare, hub.ActCall, broker.Filter{}, "weather", `has no claim "parley"`},
		{empty, hub.ActPublish, broker.Exact("b"), "", `does not name this under "publish"`},
		{nobody, hub.ActPublish, broker.Exact("b"), "", "takes a token"},
		{nil, hub.ActPublish, broker.Exact("b"), "", "takes a token"},
	}
	for _, test := range tests {
		err := j.Allow(t.Context(), &hub.Access{Identity: test.id, Action: test.action, Topics: test.topics, Method: test.method})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s %v %s: %v", test.action, test.topics, test.method, err)
		case test.want != "" && err == nil:
			t.Errorf("%s %v %s: allowed", test.action, test.topics, test.method)
		case test.want != "":
			if e := hub.AsError(err); e.Code != hub.Forbidden || !strings.Contains(e.Text, test.want) {
				t.Errorf("%s %v %s: got %v, want %q in its text", test.action, test.topics, test.method, e, test.want)
			}
		}
	}
}
