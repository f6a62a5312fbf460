package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

type session struct {
	ID, Node, User, Name, Dialect, Transport, Remote string
	Subscriptions                                    int
	Filters                                          []json.RawMessage
}

func TestSessions(t *testing.T) {
	s := withUsers(t)
	alice, bob := s.connect(t, "alice"), s.connect(t, "bob")
	defer alice.end()
	defer bob.end()
	for _, f := range []broker.Filter{broker.Exact("a/x"), {Type: broker.Level, Name: "b"}, broker.Exact("b/*"), broker.Prefix("p"), broker.Prefix("\xff")} {
		if _, err := alice.Subscribe(t.Context(), hub.Subscribe{Filter: f}); err != nil {
			t.Fatal(err)
		}
	}
	users := func(query string) (list string) {
		got := read[struct {
			Node     string
			Sessions []session
			More     bool
		}](t, s.do("GET", "/sessions?"+query, nil))
		for _, x := range got.Sessions {
			list += fmt.Sprint(x.User, x.Subscriptions, " ")
		}
		return list + fmt.Sprint(got.Node, got.More)
	}
	for query, want := range map[string]string{
		"":                     "alice5 bob0 node-1false",
		"limit=1":              "alice5 node-1true",
		"user=bob":             "bob0 node-1false",
		"topic=b/y":            "alice5 node-1false",
		"topic=a/x&user=bob":   "node-1false",
		"topic=a/x&user=alice": "alice5 node-1false",
	} {
		if got := users(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	s.do("GET", "/sessions?user=", nil).refused(t, 400, "bad_request", "user: it is empty")
	s.do("GET", "/sessions?topic=", nil).refused(t, 400, "bad_request", "topic: it is empty")

	got := read[session](t, s.do("GET", "/sessions/"+alice.ID(), nil))
	text, _ := json.Marshal(got.Filters)
	want := `["a/x",{"exact":"b/*"},"b/*",{"prefix":"p"},{"prefix_b64":"/w=="}]`
	if got.ID != alice.ID() || got.Node != "node-1" || got.Name != "client/1" || got.Remote != "192.0.2.7" || string(text) != want {
		t.Errorf("%+v\nfilters %s\nwant    %s", got, text, want)
	}
	s.do("GET", "/sessions/nobody", nil).refused(t, 404, "not_found", "no session")
}

func TestSubscribeAndUnsubscribe(t *testing.T) {
	s := withUsers(t)
	c := s.connect(t, "alice")
	defer c.end()
	for filter, name := range map[string]string{`"a/*"`: "a/*", `{"exact":"a/*"}`: "a/*", `{"prefix":"x"}`: "x...", `{"prefix_b64":"/w=="}`: "\xff..."} {
		s.do("POST", "/subscribe", `{"user":"alice","filter":`+filter+`}`).want(t, 202, `{"accepted":true}`)
		if got := c.next(t); got != "subscribed "+name {
			t.Errorf("%s: got %q", filter, got)
		}
		s.do("POST", "/unsubscribe", `{"session":"`+c.ID()+`","filter":`+filter+`}`).want(t, 202, `{"accepted":true}`)
		if got := c.next(t); got != "unsubscribed "+name+" disconnected" {
			t.Errorf("%s: got %q", filter, got)
		}
	}
	for _, path := range []string{"/subscribe", "/unsubscribe"} {
		for body, text := range map[string]string{
			`{"filter":"a"}`:                                           "say whose",
			`{"user":null,"filter":"a"}`:                               "say whose",
			`{"user":"","filter":"a"}`:                                 "user: it is empty",
			`{"user":"alice"}`:                                         "filter: say which topics",
			`{"user":"alice","filter":"a*b"}`:                          "filter: pattern",
			`{"user":"alice","filter":""}`:                             "filter: the name of a topic is empty",
			`{"user":"alice","filter":1}`:                              "filter: want a pattern",
			`{"user":"alice","filter":{}}`:                             "filter: want one of",
			`{"user":"alice","filter":{"exact":"a","prefix":"b"}}`:     "filter: want one of",
			`{"user":"alice","filter":{"exat":"a"}}`:                   `did you mean "exact"?`,
			`{"user":"alice","filter":{"exact":""}}`:                   "filter: the name of a topic is empty",
			`{"user":"alice","filter":{"prefix_b64":"x"}}`:             "filter: prefix_b64 is no base64",
			`{"user":"alice","filters":["a"]}`:                         `did you mean "filter"?`,
			`{"sessions":"alice","filter":"a"}`:                        `did you mean "session"?`,
			`{"user":"alice","filter":{"exact":["a"],"prefix":"b"}}`:   "want a string",
			`{"user":"alice","filter":{"exact":"a"}, "filter":"a"}`:    "twice",
			`{"user":"alice","filter":{"exact":"a","exact":"a"}}`:      "twice",
			`{"user":"alice","filter":{"prefix":"` + long(256) + `"}}`: "at most 255",
		} {
			s.do("POST", path, body).refused(t, 400, "bad_request", text)
		}
	}
}

func long(n int) string { return fmt.Sprintf("%0*d", n, 0) }

func TestDisconnect(t *testing.T) {
	s := withUsers(t)
	for body, want := range map[string]hub.Reason{
		`{"user":"alice"}`: {Code: hub.Disconnected, Text: "the application has ended the session"},
		`{"user":"alice","code":"forbidden","text":"go"}`:                                       {Code: hub.Forbidden, Text: "go"},
		`{"topic":"a","code":"going_away","after_ms":1500}`:                                     {Code: hub.GoingAway, Text: "the application has ended the session", Reconnect: true, After: 1500 * time.Millisecond},
		`{"topic":"a","user":"alice","code":"expired","reconnect":false}`:                       {Code: hub.Expired, Text: "the application has ended the session"},
		`{"session":"ID","reconnect":true,"code":null,"text":null,"topic":null,"user":"alice"}`: {Code: hub.Disconnected, Text: "the application has ended the session", Reconnect: true},
	} {
		c := s.connect(t, "alice")
		if _, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")}); err != nil {
			t.Fatal(err)
		}
		var told map[string]any
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatal(err)
		}
		if told["session"] != nil {
			told["session"] = c.ID()
		}
		s.do("POST", "/disconnect", told).want(t, 202, `{"accepted":true}`)
		if got := <-c.closed; got != want {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
	other := s.connect(t, "bob")
	defer other.end()
	s.do("POST", "/disconnect", `{"user":"bob","topic":"a"}`).want(t, 202, "{") // not subscribed: not meant
	for body, text := range map[string]string{
		`{}`:                               "say whose",
		`{"user":"bob","code":"forbiden"}`: `code: unknown code "forbiden": did you mean "forbidden"?`,
		`{"user":"bob","code":"internal"}`: "unknown code",
		`{"user":"bob","text":"` + long(121) + `"}`: "text: it has 121 bytes",
		`{"user":"bob","reconnect":1}`:              "reconnect: want true or false",
		`{"user":"bob","after_ms":-1}`:              "after_ms: want a whole number",
		`{"user":"bob","after_ms":3600001}`:         "after_ms: want a whole number",
		`{"user":"bob","after_ms":1.5}`:             "after_ms: want a whole number",
		`{"topic":"` + long(256) + `"}`:             "topic: ",
	} {
		s.do("POST", "/disconnect", body).refused(t, 400, "bad_request", text)
	}
	if s.hub.Session(other.ID()) == nil {
		t.Error("the wrong session was ended")
	}
}

func TestRefresh(t *testing.T) {
	s := withUsers(t)
	c := s.connect(t, "alice")
	defer c.end()
	for _, f := range []broker.Filter{broker.Exact("keep"), broker.Exact("lose")} {
		if _, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: f}); err != nil {
			t.Fatal(err)
		}
	}
	s.do("POST", "/refresh", `{"user":"alice","expires":"2100-01-01T00:00:00Z","claims":{"plan": "gold"},"subscribe":["keep"],"publish":["p/**"],"presence":["*"],"call":["m"],"rate":5,"burst":7}`).want(t, 202, `{"accepted":true}`)
	if got := c.next(t); got != "unsubscribed lose forbidden" {
		t.Errorf("got %q", got)
	}
	id := c.Identity()
	if id.User != "alice" || string(id.Claims) != `{"plan":"gold"}` || id.Rate != 5 || id.Burst != 7 || id.Expires.Year() != 2100 ||
		len(id.Publish) != 1 || len(id.Presence) != 1 || len(id.Call) != 1 {
		t.Errorf("%+v", id)
	}
	for body, text := range map[string]string{
		`{"expires":"2100-01-01T00:00:00Z"}`:       "say whose",
		`{"user":"alice"}`:                         "say what the new identity is",
		`{"user":"alice","expires":1}`:             "expires: want a time",
		`{"user":"alice","expires":"tomorrow"}`:    "expires: want a time",
		`{"user":"alice","claims":[]}`:             "claims: want an object",
		`{"user":"alice","subscribe":"a"}`:         "subscribe: want an array",
		`{"user":"alice","subscribe":["a","a*b"]}`: "subscribe: value 1: pattern",
		`{"user":"alice","rate":-1}`:               "rate: want a number",
		`{"user":"alice","rate":"x"}`:              "rate: want a number",
		`{"user":"alice","burst":1e99}`:            "burst: want a whole number",
		`{"topic":"a","rate":1}`:                   `unknown field "topic"`,
		`{"user":"alice","expiry":"2100-01-01"}`:   `did you mean "expires"?`,
	} {
		s.do("POST", "/refresh", body).refused(t, 400, "bad_request", text)
	}
	s.do("POST", "/refresh", `{"session":"`+c.ID()+`","expires":"2000-01-01T00:00:00Z"}`).want(t, 202, `{"accepted":true}`)
	if got := <-c.closed; got.Code != hub.Expired {
		t.Errorf("got %+v", got)
	}
}
