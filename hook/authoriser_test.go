package hook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

var ann = hub.SessionInfo{ID: "s1", User: "ann", Name: "app", Dialect: "native", Transport: "websocket", Remote: "192.0.2.1"}

func TestConnect(t *testing.T) {
	a := &app{answer: always(200, `{"allow":true,"user":"ann","claims":{"admin":true},"expires":1893456000,"subscribe":["a/**"],"publish":["b"],
		"presence":["*"],"call":["m*","n"],"subscriptions":["news"],"producer":"p","rate":1.5,"burst":3,"data":{"x":1},"more":[1]}`)}
	who := asks(t, a, Options{ForwardHeaders: []string{"x-lang", "Cookie"}, Headers: http.Header{"authorization": {"Bearer app"}}}, everything)
	c := &hub.Credentials{
		Token: "t0ken", Dialect: "raw", Transport: "sse", Name: "curl", Version: "8", Remote: "192.0.2.1", Data: json.RawMessage(`{"d":1}`),
		Header: http.Header{"X-Lang": {"de"}, "Cookie": {"a=b"}, "Authorization": {"Bearer t0ken"}, "X-Other": {"no"}},
	}
	id, err := who.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"User":"ann","Claims":{"admin":true},"Expires":"2030-01-01T00:00:00Z","Subscribe":[{"Type":2,"Name":"a"}],"Publish":[{"Type":0,"Name":"b"}],` +
		`"Presence":[{"Type":1,"Name":""}],"Call":[{"Type":3,"Name":"m"},{"Type":0,"Name":"n"}],"Subscriptions":[{"Type":0,"Name":"news"}],"Producer":"p","Rate":1.5,"Burst":3,"Data":{"x":1}}`
	id.Expires = id.Expires.UTC()
	if got, _ := json.Marshal(id); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const asked = `{"data":{"d":1},"dialect":"raw","event":"connect","name":"curl","remote":"192.0.2.1","token":"t0ken","transport":"sse","version":"8"}`
	if q := a.last(); q != asked {
		t.Errorf("asked %s\nwant  %s", q, asked)
	}
	h := a.asked[0].Header
	if h.Get("X-Lang") != "de" || h.Get("Cookie") != "a=b" || h.Get("Authorization") != "Bearer app" || h.Get("X-Other") != "" {
		t.Errorf("the headers are %v", h)
	}
	// To stay.
	c.Refresh, c.Old = true, id
	if _, err := who.Connect(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if q := a.last(); !strings.Contains(q, `"event":"refresh"`) || !strings.Contains(q, `"old":{"claims":{"admin":true},"user":"ann"}`) {
		t.Errorf("asked %s", q)
	}
}

// inner is an Authoriser that knows one token.
type inner struct{ id hub.Identity }

func (i *inner) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	if c.Token != "good" {
		return nil, hub.Errorf(hub.Unauthenticated, "inner says no")
	}
	return &i.id, nil
}

func (i *inner) Allow(_ context.Context, a *hub.Access) error {
	if a.Topics == broker.Exact("public") {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "inner says no")
}

func TestInner(t *testing.T) {
	in := &inner{hub.Identity{User: "ann", Claims: json.RawMessage(`{"sub":"ann"}`), Rate: 7}}
	a := &app{answer: always(200, `{"allow":true,"rate":9}`)}
	c := start(t, a, Options{})
	q := everything
	q.Inner, q.Presence = in, ""
	who, err := c.Authoriser(q)
	if err != nil {
		t.Fatal(err)
	}
	_, err = who.Connect(t.Context(), &hub.Credentials{Token: "bad"})
	if e := wantError(t, err, hub.Unauthenticated, ""); e.Text != "inner says no" || a.count() != 0 {
		t.Errorf("got %v, and %d questions", err, a.count())
	}
	id, err := who.Connect(t.Context(), &hub.Credentials{Token: "good"})
	if err != nil || id.User != "ann" || id.Rate != 9 || in.id.Rate != 7 {
		t.Errorf("got %+v, %v; inner has %+v", id, err, in.id)
	}
	if q := a.last(); q != `{"claims":{"sub":"ann"},"event":"connect","user":"ann"}` {
		t.Errorf("asked %s: the token is none of its business", q)
	}
	may := func(action hub.Action, topic string) error {
		return who.Allow(t.Context(), &hub.Access{Session: ann, Identity: id, Action: action, Topics: broker.Exact(topic), Message: &broker.Message{Kind: broker.Text}})
	}
	before := a.count()
	wantError(t, may(hub.ActPublish, "secret"), hub.Forbidden, "")
	if err := may(hub.ActPresence, "public"); err != nil || a.count() != before {
		t.Errorf("got %v, and %d questions: inner decides", err, a.count()-before)
	}
	if err := may(hub.ActPublish, "public"); err != nil || a.count() != before+1 {
		t.Errorf("got %v, and %d questions: both decide", err, a.count()-before)
	}
	a.answer = always(200, `{"allow":false}`)
	wantError(t, may(hub.ActPublish, "public"), hub.Forbidden, "")

	q.IdentityOnly = true
	if who, err = c.Authoriser(q); err != nil {
		t.Fatal(err)
	}
	a.answer = always(200, `{"allow":true}`)
	if err := may(hub.ActPublish, "secret"); err != nil {
		t.Errorf("the application alone decides: %v", err)
	}
	wantError(t, may(hub.ActPresence, "public"), hub.Forbidden, "")
}

func TestAccess(t *testing.T) {
	a := &app{answer: always(200, `{"allow":true}`)}
	who := asks(t, a, Options{}, everything)
	const session = `"name":"app","remote":"192.0.2.1","session":"s1",`
	for _, test := range []struct {
		access hub.Access
		want   string
	}{
		{hub.Access{Action: hub.ActSubscribe, Topics: broker.Exact("a/b")}, `{"dialect":"native","event":"subscribe",` + session + `"topic":"a/b","transport":"websocket","user":"ann"}`},
		{hub.Access{Action: hub.ActHistory, Topics: broker.Filter{Type: broker.Subtree, Name: "a"}}, `{"dialect":"native","event":"subscribe","name":"app","pattern":"a/**","remote":"192.0.2.1","session":"s1","transport":"websocket","user":"ann"}`},
		{hub.Access{Action: hub.ActPresence, Topics: broker.Prefix("a/b")}, `{"dialect":"native","event":"presence","name":"app","prefix":"a/b","remote":"192.0.2.1","session":"s1","transport":"websocket","user":"ann"}`},
		{hub.Access{Action: hub.ActCall, Method: "m", Topics: broker.Exact("m")}, `{"dialect":"native","event":"may_call","method":"m",` + session + `"transport":"websocket","user":"ann"}`},
		{hub.Access{Action: hub.ActPublish, Topics: broker.Exact("a"), Message: &broker.Message{
			Kind: broker.JSON, Body: []byte(`{"n":12345678901234567890}`), Event: "e", ContentType: "application/json", ID: "i", Key: "k", Headers: map[string]string{"h": "v"},
		}}, `{"dialect":"native","event":"publish","message":{"body":{"n":12345678901234567000},"event":"e","headers":{"h":"v"},"id":"i","key":"k","kind":"json","type":"application/json"},` +
			session + `"topic":"a","transport":"websocket","user":"ann"}`},
		{hub.Access{Action: hub.ActPublish, Topics: broker.Exact("a"), Message: &broker.Message{Kind: broker.Bytes, Body: []byte{0, 255}}},
			`{"dialect":"native","event":"publish","message":{"body":"AP8=","kind":"bytes"},` + session + `"topic":"a","transport":"websocket","user":"ann"}`},
	} {
		test.access.Session, test.access.Identity = ann, &hub.Identity{User: "ann"}
		if err := who.Allow(t.Context(), &test.access); err != nil {
			t.Error(err)
		} else if got := a.last(); got != test.want {
			t.Errorf("asked %s\nwant  %s", got, test.want)
		}
	}
	// Nobody is asked.
	who = asks(t, a, Options{}, Questions{Connect: where})
	wantError(t, who.Allow(t.Context(), &hub.Access{Session: ann, Action: hub.ActSubscribe, Topics: broker.Exact("a")}), hub.Forbidden, "")
	wantError(t, who.Allow(t.Context(), &hub.Access{Session: ann, Action: "dance"}), hub.Forbidden, "")
}

func TestReplacedBody(t *testing.T) {
	for _, test := range []struct {
		kind   broker.Kind
		answer string
		want   string // or what is wrong, behind a !
	}{
		{broker.JSON, `{"a": [1]}`, `{"a": [1]}`},
		{broker.JSON, `null`, `null`},
		{broker.Text, `"ü"`, "ü"},
		{broker.Bytes, `"AP8="`, "\x00\xff"},
		{broker.Text, `7`, "!not a text"},
		{broker.Bytes, `"?"`, "!no base64"},
	} {
		a := &app{answer: always(200, `{"allow":true,"cache":60,"body":`+test.answer+`}`)}
		who := asks(t, a, Options{}, everything)
		for n := range 2 {
			m := &broker.Message{Kind: test.kind, Body: []byte(`"before"`)}
			err := who.Allow(t.Context(), &hub.Access{Session: ann, Action: hub.ActPublish, Topics: broker.Exact("a"), Message: m})
			if cause, wrong := strings.CutPrefix(test.want, "!"); wrong {
				wantError(t, err, hub.Internal, cause)
			} else if err != nil || string(m.Body) != test.want {
				t.Errorf("got %q, %v, want %q", m.Body, err, test.want)
			}
			if a.count() != n+1 {
				t.Error("an answer with a body was kept")
			}
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		code   hub.Code // empty if it is allowed
		text   string   // part of the text for the client
		cause  string   // part of what is for the log
	}{
		{200, `{"allow":true}`, "", "", ""},
		{200, ` {"allow":true,"new":{"a":1}} `, "", "", ""},
		{200, `{"allow":false}`, hub.Forbidden, "does not allow", ""},
		{200, `{"allow":false,"code":"not_found","text":"No such room."}`, hub.NotFound, "No such room.", ""},
		{200, `{"allow":false,"text":"` + strings.Repeat("ü", 400) + `"}`, hub.Forbidden, strings.Repeat("ü", 250), ""},
		{200, `{"allow":false,"code":"expired"}`, hub.Expired, "new token", ""},
		{401, `nonsense`, hub.Unauthenticated, "does not know who you are", ""},
		{403, ``, hub.Forbidden, "does not allow", ""},
		{200, ``, hub.Internal, "", "not a JSON object"},
		{200, `null`, hub.Internal, "", "not a JSON object"},
		{200, `[true]`, hub.Internal, "", "not a JSON object"},
		{200, `true`, hub.Internal, "", "not a JSON object"},
		{200, `{}`, hub.Internal, "", "needs the member allow"},
		{200, `{"Allow":true}`, hub.Internal, "", "needs the member allow"},
		{200, `{"allow":null}`, hub.Internal, "", "neither true nor false"},
		{200, `{"allow":"true"}`, hub.Internal, "", "neither true nor false"},
		{200, `{"allow":1}`, hub.Internal, "", "neither true nor false"},
		{200, `{"allow":true}{"allow":true}`, hub.Internal, "", "not a JSON object"},
		{200, `{"allow":true,"cache":"1"}`, hub.Internal, "", "not a number"},
		{200, `{"allow":true,"cache":-1}`, hub.Internal, "", "negative"},
		{200, `{"allow":true,"subscribe":["a/*/b"]}`, hub.Internal, "", "a star"},
		{200, `{"allow":true,"publish":"a"}`, hub.Internal, "", "not a list"},
		{200, `{"allow":true,"presence":[null]}`, hub.Internal, "", "not a list"},
		{200, `{"allow":true,"expires":1893456000000}`, hub.Internal, "", "milliseconds"},
		{200, `{"allow":true,"rate":-1}`, hub.Internal, "", "negative"},
		{200, `{"allow":true,"burst":0.5}`, hub.Internal, "", "whole number"},
		{200, `{"allow":true,"user":7}`, hub.Internal, "", "not a text"},
		{200, `{"allow":true,"user":"` + strings.Repeat("u", 256) + `"}`, hub.Internal, "", "255"},
		{200, `{"allow":false,"code":"teapot"}`, hub.Internal, "", `"teapot" is none`},
		{200, `{"allow":false,"text":1}`, hub.Internal, "", "not a text"},
		{200, `{"allow":true}` + strings.Repeat(" ", 64<<10), hub.Internal, "", "more than 65536 bytes"},
		{204, ``, hub.Internal, "", "status 204"},
		{302, ``, hub.Internal, "", "status 302"},
		{404, ``, hub.Internal, "", "status 404"},
		{500, `{"allow":true}`, hub.Unavailable, "try again", "status 500"},
		{429, `{"allow":true}`, hub.Unavailable, "try again", "status 429"},
		{599, `{"allow":true}`, hub.Unavailable, "try again", "the connection broke"},
	} {
		a := &app{answer: always(test.status, test.body), header: http.Header{"Location": {"https://evil.example/"}}}
		who := asks(t, a, Options{Retries: -1}, everything)
		_, err := who.Connect(t.Context(), &hub.Credentials{})
		again := who.Allow(t.Context(), &hub.Access{Session: ann, Action: hub.ActSubscribe, Topics: broker.Exact("a")})
		for _, err := range []error{err, again} {
			if test.code == "" {
				if err != nil {
					t.Errorf("%d %.80s: %v", test.status, test.body, err)
				}
				continue
			}
			if e := wantError(t, err, test.code, test.cause); !strings.Contains(e.Text, test.text) || len(e.Text) > maxText || e.Retry != hub.Errorf(e.Code, "").Retry {
				t.Errorf("%d %.80s: got %q", test.status, test.body, e.Text)
			}
		}
		if a.count() != 2 {
			t.Errorf("%d %.80s: asked %d times", test.status, test.body, a.count())
		}
	}
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{}
		who := asks(t, a, Options{}, everything)
		for _, test := range []struct {
			statuses []int
			code     hub.Code
			tries    int
		}{
			{[]int{200}, "", 1},
			{[]int{500, 200}, "", 2},
			{[]int{599, 429, 200}, "", 3},
			{[]int{503, 502, 500, 200}, hub.Unavailable, 3},
			{[]int{599, 599, 599, 200}, hub.Unavailable, 3},
			{[]int{500, 403}, hub.Forbidden, 2},
			{[]int{403, 200}, hub.Forbidden, 1},
			{[]int{404, 200}, hub.Internal, 1},
			{[]int{302, 200}, hub.Internal, 1},
		} {
			a.asked, a.bodies = nil, nil
			a.answer = func(n int, _ map[string]any) (int, string) { return test.statuses[n-1], `{"allow":true}` }
			begun := time.Now()
			_, err := who.Connect(t.Context(), &hub.Credentials{})
			if test.code == "" && err != nil {
				t.Errorf("%v: %v", test.statuses, err)
			} else if test.code != "" {
				e := wantError(t, err, test.code, "")
				if test.code == hub.Unavailable && (!e.Retry || e.After < time.Second || e.After > 2*time.Second) {
					t.Errorf("%v: come back in %v", test.statuses, e.After)
				}
			}
			if took := time.Since(begun); a.count() != test.tries || took > 300*time.Millisecond {
				t.Errorf("%v: asked %d times in %v, want %d", test.statuses, a.count(), took, test.tries)
			}
			for _, q := range a.bodies {
				if q["id"] != a.bodies[0]["id"] {
					t.Errorf("%v: the question has another id when it is sent again", test.statuses)
				}
			}
		}
		a.header = http.Header{"Retry-After": {"30"}}
		a.answer = always(503, "")
		_, err := who.Connect(t.Context(), &hub.Credentials{})
		if e := wantError(t, err, hub.Unavailable, ""); e.After != 30*time.Second {
			t.Errorf("come back in %v", e.After)
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: always(200, `{"allow":true}`), wait: make(chan struct{})}
		who := asks(t, a, Options{Concurrency: 2}, everything)
		begun := time.Now()
		_, err := who.Connect(t.Context(), &hub.Credentials{})
		wantError(t, err, hub.Unavailable, "deadline exceeded")
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		// Who asks gives up before.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = who.Connect(ctx, &hub.Credentials{})
		wantError(t, err, hub.Timeout, "")
		// Only so many at the same time, the others wait.
		before := a.count()
		done := make(chan error)
		for range 5 {
			go func() {
				_, err := who.Connect(t.Context(), &hub.Credentials{})
				done <- err
			}()
		}
		synctest.Wait()
		if n := a.count() - before; n != 2 {
			t.Errorf("%d questions at once, want 2", n)
		}
		close(a.wait)
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		full := make(chan struct{}, 1)
		full <- struct{}{}
		wantError(t, take(ctx, full), hub.Unavailable, "Options.Concurrency")
	})
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"at least 16":                {Secret: []byte("short")},
		"negative":                   {Timeout: -1},
		"Content-Type is set":        {Headers: http.Header{"Content-Type": {"x"}}},
		"parley-id is set":           {Headers: http.Header{"parley-id": {"x"}}},
		`"transfer-encoding" cannot`: {ForwardHeaders: []string{"X-A", "transfer-encoding"}},
		`"Parley-Signature" cannot`:  {ForwardHeaders: []string{"Parley-Signature"}},
		`ForwardHeaders: "" cannot`:  {ForwardHeaders: []string{""}},
	} {
		if c, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "hook: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want %q", c, err, want)
		}
	}
	c := start(t, &app{}, Options{})
	for want, q := range map[string]Questions{
		"nobody says who may connect": {Subscribe: where},
		"Connect: this is no URL":     {Connect: "app.example"},
		"Publish: this is no URL":     {Connect: where, Publish: "ftp://app.example/"},
		"Presence: a URL with":        {Connect: where, Presence: "https://user:hidden@app.example/"},
		"MayCall: a fragment":         {Connect: where, MayCall: where + "#x"},
	} {
		if _, err := c.Authoriser(q); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := c.Call("nowhere"); err == nil {
		t.Error("that is no URL")
	}
}

func TestInnerFails(t *testing.T) {
	a := &app{answer: always(200, `{"allow":true}`)}
	own := errors.New("of its own")
	q := everything
	q.Inner = failing{own}
	who := asks(t, a, Options{}, q)
	if _, err := who.Connect(t.Context(), &hub.Credentials{}); !errors.Is(err, own) {
		t.Error(err)
	}
	if err := who.Allow(t.Context(), &hub.Access{Action: hub.ActSubscribe}); !errors.Is(err, own) || a.count() != 0 {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Connect(context.Context, *hub.Credentials) (*hub.Identity, error) { return nil, f.err }
func (f failing) Allow(context.Context, *hub.Access) error                         { return f.err }
