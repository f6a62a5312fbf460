package raw_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// guard is an Authoriser: the token is the name of the user, and says what else is to happen.
type guard struct{}

func (guard) Connect(_ context.Context, c *hub.Credentials) (*hub.Identity, error) {
	switch c.Token {
	case "":
		return nil, hub.Errorf(hub.Unauthenticated, "show a token")
	case "old":
		return nil, hub.Errorf(hub.Expired, "the token has expired")
	case "broken":
		return nil, errors.New("secret of the inside")
	case "limited":
		return &hub.Identity{User: "limited", Rate: 0.001, Burst: 2}, nil
	case "short":
		return &hub.Identity{User: "short", Expires: time.Now().Add(50 * time.Millisecond)}, nil
	}
	return &hub.Identity{User: c.Token}, nil
}

func (guard) Allow(_ context.Context, a *hub.Access) error {
	if a.Topics.Name == "private" || a.Topics.Name == "read-only" && a.Action == hub.ActPublish {
		return hub.Errorf(hub.Forbidden, "not you")
	}
	return nil
}

func TestRefusals(t *testing.T) {
	topics := []hub.Topic{
		{Pattern: "small", MaxSize: 3},
		{Pattern: "json", Kind: broker.JSON},
		{Pattern: "rare", Rate: 0.01, Burst: 1},
		{Pattern: "alone", Presence: false},
	}
	w := newWorld(t, hub.Options{Authoriser: guard{}, Topics: topics}, raw.Options{BodyLimit: 1000})
	auth := []string{"Authorization", "Bearer ann"}
	w.ask(201, "POST", "rare", "x", auth...)
	tests := []struct {
		name         string
		status       int
		code         string
		method, path string
		body         string
		header       []string
	}{
		{"no token", 401, "unauthenticated", "GET", "a", "", []string{"Authorization", "Basic YTpi"}},
		{"expired", 401, "expired", "POST", "a", "x", []string{"Authorization", "Bearer old"}},
		{"our fault", 500, "internal", "POST", "a", "x", []string{"Authorization", "Bearer broken"}},
		{"token in the URL", 400, "bad_request", "GET", "a?token=ann", "", auth},
		{"typo", 400, "bad_request", "GET", "a?histroy=5", "", auth},
		{"twice", 400, "bad_request", "GET", "a?since=now&since=now", "", auth},
		{"bad escape", 400, "bad_request", "GET", "a?since=%zz", "", auth},
		{"not here", 400, "bad_request", "GET", "a?history=5&wait=3s", "", auth},
		{"not for this", 400, "bad_request", "POST", "a?history=5", "x", auth},
		{"no number", 400, "bad_request", "GET", "a?history=-1", "", auth},
		{"no position", 400, "bad_request", "GET", "a?since=7", "", auth},
		{"no time", 400, "bad_request", "GET", "a?wait=-1s", "", auth},
		{"no kind", 400, "bad_request", "POST", "a?kind=xml", "x", auth},
		{"no flag", 400, "bad_request", "GET", "a?envelope=no", "", auth},
		{"both", 400, "bad_request", "GET", "a?history=1&since=a:1", "", append(auth, "Accept", "text/event-stream")},
		{"no topic", 400, "bad_request", "GET", "", "", auth},
		{"long topic", 400, "bad_request", "GET", strings.Repeat("a", 256), "", auth},
		{"not UTF-8", 400, "bad_request", "GET", "%ff", "", auth},
		{"star within", 400, "bad_request", "GET", "a*/b", "", auth},
		{"star at the end of a part", 400, "bad_request", "GET", "%2F%2F/*x", "", auth},
		{"history of a pattern", 400, "bad_request", "GET", "a/*?history=1", "", auth},
		{"poll a pattern", 400, "bad_request", "GET", "a/*?since=now", "", auth},
		{"publish to a pattern", 400, "bad_request", "POST", "a/**", "x", auth},
		{"forbidden stream", 403, "forbidden", "GET", "private", "", auth},
		{"forbidden history", 403, "forbidden", "GET", "private?history=1", "", auth},
		{"forbidden poll", 403, "forbidden", "GET", "private?since=now", "", auth},
		{"forbidden position", 403, "", "HEAD", "private", "", auth},
		{"forbidden publication", 403, "forbidden", "POST", "read-only", "x", auth},
		{"no presence", 403, "forbidden", "GET", "alone?presence", "", auth},
		{"too large for the topic", 413, "too_large", "POST", "small", "long", auth},
		{"too large for all", 413, "too_large", "POST", "a", strings.Repeat("x", 1001), auth},
		{"wrong kind", 415, "wrong_kind", "POST", "json", "x", auth},
		{"latin", 415, "wrong_kind", "POST", "a", "x", append(auth, "Content-Type", "text/plain; charset=latin1")},
		{"compressed", 415, "wrong_kind", "POST", "a", "x", append(auth, "Content-Encoding", "gzip")},
		{"bad type", 400, "bad_request", "POST", "a", "x", append(auth, "Content-Type", "a b c")},
		{"no JSON", 400, "bad_request", "POST", "a", "{", append(auth, "Content-Type", "application/json")},
		{"JSON not UTF-8", 400, "bad_request", "POST", "a", "\"\xff\"", append(auth, "Content-Type", "application/json")},
		{"text not UTF-8", 400, "bad_request", "POST", "a", "\xff", append(auth, "Content-Type", "text/plain")},
		{"two events", 400, "bad_request", "POST", "a?event=a", "x", append(auth, "Parley-Event", "b")},
		{"too often", 429, "rate_limited", "POST", "rare", "x", auth},
		{"method", 405, "bad_request", "DELETE", "a", "", auth},
		{"other origin", 403, "forbidden", "POST", "a", "x", append(auth, "Origin", "https://evil.example")},
		{"other site", 403, "forbidden", "POST", "a", "x", append(auth, "Sec-Fetch-Site", "cross-site")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.T = t
			a := w.ask(test.status, test.method, test.path, test.body, test.header...)
			same(t, "code", a.Error.Code, test.code)
			if test.code == "" {
				return
			}
			if a.Error.Text == "" || strings.Contains(a.text, "inside") {
				t.Errorf("the answer is %s", a.text)
			}
			same(t, "type", a.Header.Get("Content-Type"), "application/json")
			switch test.status {
			case 401:
				if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Error("no challenge")
				}
			case 429:
				if a.Header.Get("Retry-After") == "" || a.Error.After == 0 || !a.Error.Retry {
					t.Errorf("when to try again is not said: %s", a.text)
				}
			case 405:
				same(t, "allowed", a.Header.Get("Allow"), "GET, HEAD, POST, PUT, OPTIONS")
			}
		})
	}

	limited := []string{"Authorization", "bearer limited"}
	w.ask(201, "POST", "a", "x", limited...)
	w.ask(200, "GET", "a?history=1", "", limited...)
	w.ask(429, "POST", "a", "x", limited...)
	w.ask(429, "GET", "a", "", limited...)
	s := w.open("a", append(limited, "Accept", "text/event-stream")...)
	e := s.must()
	m := decode(t, []byte(e.data))
	if e.name != "notice" || m.Code != "rate_limited" || s.retry == "" {
		t.Errorf("the stream says %+v", e)
	}
	if _, ok := s.next(); ok {
		t.Error("it goes on")
	}
	w.until("the sessions of requests to end", func() bool { return w.hub.Len() == 0 })
}

// A body is not waited for that is too large anyway, nor one that does not come.
func TestBodyThatDoesNotCome(t *testing.T) {
	for _, test := range []struct {
		request string
		o       raw.Options
		status  int
		code    string
	}{
		{"Content-Length: 1001\r\n\r\n", raw.Options{BodyLimit: 1000, ReadTimeout: time.Hour}, 413, "too_large"},
		{"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", raw.Options{BodyLimit: 1000, ReadTimeout: time.Hour}, 413, "too_large"},
		{"Content-Length: 6\r\n\r\nhello", raw.Options{ReadTimeout: 10 * time.Millisecond}, 408, "timeout"},
		{"Transfer-Encoding: chunked\r\n\r\nx\r\n", raw.Options{}, 400, "bad_request"},
	} {
		w := newWorld(t, hub.Options{}, test.o)
		conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST /t/a HTTP/1.1\r\nHost: test\r\n"+test.request); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var a answer
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != test.status || a.Error.Code != test.code {
			t.Errorf("%q: status %d, %+v; want %d, %s", test.request, res.StatusCode, a.Error, test.status, test.code)
		}
	}
}

func TestRefusedSockets(t *testing.T) {
	topics := []hub.Topic{
		{Pattern: "small", MaxSize: 3},
		{Pattern: "json", Kind: broker.JSON},
		{Pattern: "rare", Rate: 0.01, Burst: 1},
	}
	w := newWorld(t, hub.Options{Authoriser: guard{}, Topics: topics}, raw.Options{})
	bearer := func(token string) *ws.DialOptions {
		return &ws.DialOptions{Header: http.Header{"Authorization": {"Bearer " + token}}}
	}

	// By HTTP, before there is a connection.
	for _, test := range []struct {
		path   string
		o      *ws.DialOptions
		status int
		body   string
	}{
		{"a", nil, 401, "unauthenticated"},
		{"a", bearer("old"), 401, "expired"},
		{"a?histroy=1", bearer("ann"), 400, "there are envelope"},
		{"a?presence", bearer("ann"), 400, "means nothing for a WebSocket"},
		{"a/*?history=1", bearer("ann"), 400, "a pattern has no history"},
		{"a", &ws.DialOptions{Subprotocols: []string{"parley.bearer.ann"}}, 400, "parley.raw"},
		{"a", &ws.DialOptions{Header: http.Header{"Origin": {"https://evil.example"}, "Authorization": {"Bearer ann"}}}, 403, "origin"},
	} {
		_, err := ws.Dial(w.ctx, "ws"+strings.TrimPrefix(w.url(test.path), "http"), test.o)
		var he *ws.HandshakeError
		if !errors.As(err, &he) || he.Status != test.status || !strings.Contains(string(he.Body), test.body) {
			t.Errorf("%s: got %v, want status %d, %s", test.path, err, test.status, test.body)
		} else if test.status == 401 && he.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", test.path)
		}
	}

	// By the close frame.
	w.ends(w.dial("private", bearer("ann")), ws.CodePolicyViolation, "forbidden: not you")
	for _, test := range []struct {
		path, token string
		typ         ws.Type
		text        string
		code        ws.Code
		reason      string
	}{
		{"read-only", "ann", ws.Text, "x", ws.CodePolicyViolation, "forbidden: "},
		{"a/*", "ann", ws.Text, "x", ws.CodePolicyViolation, "forbidden: "},
		{"small", "ann", ws.Text, "long", ws.CodeMessageTooBig, "too_large: "},
		{"json", "ann", ws.Text, "x", ws.CodeUnsupportedData, "wrong_kind: "},
		{"json", "ann", ws.Binary, "1", ws.CodeUnsupportedData, "wrong_kind: "},
		{"a?kind=json", "ann", ws.Text, "x", ws.CodeInvalidPayload, "bad_request: "},
		{"rare", "ann", ws.Text, "x", ws.CodeTryAgainLater, "rate_limited: "},
		{"b?envelope", "limited", ws.Text, "x", ws.CodeTryAgainLater, "rate_limited: "},
	} {
		c := w.dial(test.path, bearer(test.token))
		for range 3 { // no more than two are allowed by the rates
			if err := c.Write(w.ctx, test.typ, []byte(test.text)); err != nil {
				break
			}
		}
		var err error
		for err == nil {
			_, _, err = c.Read(w.ctx)
		}
		if ws.CloseCode(err) != test.code || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: closed with %v, want %v, %s", test.path, err, test.code, test.reason)
		}
	}
	w.until("all sessions to end", func() bool { return w.hub.Len() == 0 })
}

// A token in a subprotocol works, is not sent back and not logged.
func TestToken(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := newWorld(t, hub.Options{Authoriser: guard{}, Logger: logger}, raw.Options{Logger: logger})
	c := w.join("a", &ws.DialOptions{Subprotocols: []string{"parley.raw", "parley.bearer.ann.secret"}})
	same(t, "subprotocol", c.Subprotocol(), "parley.raw")
	same(t, "user", w.hub.Sessions(broker.Target{Topic: "a"}, 1)[0].User, "ann.secret")
	if text := c.Response().Header; strings.Contains(strings.Join(text.Values("Sec-Websocket-Protocol"), ""), "secret") {
		t.Errorf("the token is sent back: %v", text)
	}
	w.ask(400, "GET", "a?access_token=secret", "")
	w.hub.Close()
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the token is in the log: %s", &log)
	}
}

// The end of a token ends a connection.
func TestExpiry(t *testing.T) {
	w := newWorld(t, hub.Options{Authoriser: guard{}, Limits: hub.Limits{ExpiryGrace: -1}}, raw.Options{})
	c := w.dial("a", &ws.DialOptions{Subprotocols: []string{"parley.raw", "parley.bearer.short"}})
	w.ends(c, ws.CodePolicyViolation, "expired: ")
	s := w.open("a", "Authorization", "Bearer short")
	e := s.must()
	m := decode(t, []byte(e.data))
	same(t, "notice", m.Code, "expired")
}

// What the application subscribes the session to beyond its topic is left out; the end of its own subscription ends the connection.
func TestServerSubscribes(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	c, s := w.join("a", nil), w.open("a")
	w.await(2)
	if err := w.hub.Subscribe(w.ctx, broker.Target{Topic: "a"}, broker.Exact("b")); err != nil {
		t.Fatal(err)
	}
	w.await(4)
	w.publish("b", "no")
	at := w.publish("a", "yes")
	_, text := w.read(c)
	same(t, "message", text, "yes")
	same(t, "message", s.must(), event{at.String(), "", "yes"})
	for _, topic := range []string{"b", "a"} {
		if err := w.hub.Unsubscribe(w.ctx, broker.Target{Topic: "a"}, broker.Exact(topic)); err != nil {
			t.Fatal(err)
		}
	}
	w.ends(c, ws.CodeServiceRestart, "disconnected: ")
	same(t, "event", s.must().name, "notice")
}

func TestCORS(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{CORS: raw.CORS{Origins: []string{"https://*.example.com", "*"}, Credentials: true}})
	res := w.do("OPTIONS", "a", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type, parley-header-trace, x-other")
	same(t, "status", res.StatusCode, 204)
	same(t, "origin", res.Header.Get("Access-Control-Allow-Origin"), "https://app.example.com")
	same(t, "credentials", res.Header.Get("Access-Control-Allow-Credentials"), "true")
	same(t, "age", res.Header.Get("Access-Control-Max-Age"), "600")
	if list := res.Header.Get("Access-Control-Allow-Headers"); !strings.HasSuffix(list, ", Parley-Header-Trace") || !strings.Contains(list, "Idempotency-Key") {
		t.Errorf("allowed header fields: %s", list)
	}
	a := w.ask(201, "POST", "a", "x", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	same(t, "origin", a.Header.Get("Access-Control-Allow-Origin"), "https://evil.example")
	same(t, "credentials", a.Header.Get("Access-Control-Allow-Credentials"), "")

	w = newWorld(t, hub.Options{}, raw.Options{CORS: raw.CORS{Origins: []string{"https://*.example.com"}}})
	for _, origin := range []string{"https://example.com", "https://a.example.com.evil.example", "http://a.example.com", "null", "https://a/.example.com"} {
		w.ask(403, "POST", "a", "x", "Origin", origin)
	}
	w.ask(201, "POST", "a", "x", "Origin", "https://A.example.com")
	w.ask(201, "POST", "a", "x", "Origin", w.server.URL)
	w.ask(403, "POST", "a", "x", "Origin", "https://a.example.com", "Cookie", "session=1") // that is credentials
	res = w.do("OPTIONS", "a", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	same(t, "origin", res.Header.Get("Access-Control-Allow-Origin"), "")
	same(t, "allowed", res.Header.Get("Allow"), "GET, HEAD, POST, PUT, OPTIONS")

	// A host alone, as for WebSockets.
	w = newWorld(t, hub.Options{}, raw.Options{CORS: raw.CORS{Origins: []string{"*.example.com", "[::1]:*"}}})
	for _, origin := range []string{"https://a.example.com", "http://a.example.com:80", "http://[::1]:8080"} {
		a := w.ask(201, "POST", "a", "x", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		same(t, "origin", a.Header.Get("Access-Control-Allow-Origin"), origin)
	}
	w.ask(403, "POST", "a", "x", "Origin", "https://a.example.com:8443")
}
