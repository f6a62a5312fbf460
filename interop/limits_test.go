package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/ws"
)

const limitsSecret = "a secret of at least 32 bytes, for tests"

// claim returns a token whose claim parley adds to being allowed everything below open.
func claim(t *testing.T, user string, expires time.Time, more command) string {
	t.Helper()
	parley := command{"subscribe": []string{"open/**"}, "publish": []string{"open/**"}}
	for name, value := range more {
		parley[name] = value
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user, "exp": expires.Unix(), "parley": parley}).
		SignedString([]byte(limitsSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// socket is a WebSocket of any client.
type socket struct {
	*ear
	send func(ctx context.Context, text string) error
}

// caller is a client that opens WebSockets.
type caller struct {
	name string
	dial func(ctx context.Context, words words, to string, subprotocols ...string) (*socket, error)
}

func (w *world) callers() []caller {
	scripted := func(p *process) func(context.Context, words, string, ...string) (*socket, error) {
		return func(ctx context.Context, words words, to string, subprotocols ...string) (*socket, error) {
			answer, err := p.ask(ctx, "dial", command{"url": to, "subprotocols": subprotocols})
			if err != nil {
				return nil, err
			}
			e := p.ear(answer.Conn, words, func() { _, _ = p.ask(ctx, "close", command{"conn": answer.Conn}) })
			return &socket{e, func(ctx context.Context, text string) error { return p.say(ctx, answer.Conn, "text", text) }}, nil
		}
	}
	return []caller{
		{"go", func(ctx context.Context, words words, to string, subprotocols ...string) (*socket, error) {
			e, c, err := w.dial(ctx, "go", words, to, subprotocols...)
			if err != nil {
				return nil, err
			}
			return &socket{e, func(ctx context.Context, text string) error { return c.Write(ctx, ws.Text, []byte(text)) }}, nil
		}},
		{"npm", scripted(w.npm)},
		{"page", scripted(w.browser.process)},
	}
}

// limited is a server with small limits, and its clients.
type limited struct {
	*world
	ctx context.Context
}

// native connects with parley.v1.
func (l *limited) native(t *testing.T, c caller, token string) *socket {
	t.Helper()
	s, err := c.dial(l.ctx, natives, l.socket()+"/ws", "parley.v1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.name = c.name
	l.say(t, s, fmt.Sprintf(`{"type":"connect","id":1,"token":%q}`, token))
	return s
}

// raw joins a topic, with a token as a browser shows it.
func (l *limited) raw(t *testing.T, c caller, words words, token, topic string, query ...string) *socket {
	t.Helper()
	s, err := c.dial(l.ctx, words, l.topic(l.socket(), topic, "", query...), "parley.raw", "parley.bearer."+token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.name = c.name
	return s
}

func (l *limited) say(t *testing.T, s *socket, text string) {
	t.Helper()
	if err := s.send(l.ctx, text); err != nil {
		t.Fatal(err)
	}
}

// hears waits for something, and checks its code, and the status of an end.
func (l *limited) hears(t *testing.T, e *ear, what occasion, code string, status int) heard {
	t.Helper()
	list, err := e.until(l.ctx, func(h heard) bool { return h.what == what })
	if err != nil {
		t.Fatalf("waiting for %s %s: %v, after %v", what, code, err, list)
	}
	h := list[len(list)-1]
	if h.code != code || h.status != status {
		t.Errorf("%s: %s has the code %q and the status %d, want %q and %d", e.name, h, h.code, h.status, code, status)
	}
	return h
}

// goesOn checks that a session of parley.v1 is still there.
func (l *limited) goesOn(t *testing.T, s *socket) {
	t.Helper()
	l.say(t, s, `{"type":"ping","id":77}`)
	if _, err := s.until(l.ctx, func(h heard) bool { return strings.Contains(h.raw, `"pong","re":77`) }); err != nil {
		t.Error(err)
	}
}

// request returns the answer to a request, and the code of the error in it.
func (l *limited) request(t *testing.T, method, path, token, body string, header ...string) (*http.Response, string, int) {
	t.Helper()
	r, err := http.NewRequestWithContext(l.ctx, method, l.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := l.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Error struct {
			Code    string
			AfterMS int `json:"after_ms"`
		}
	}
	_ = json.Unmarshal(text, &answer) // what is no error has no code
	return response, answer.Error.Code, answer.Error.AfterMS
}

func (l *limited) refused(t *testing.T, status int, code, method, path, token, body string, header ...string) *http.Response {
	t.Helper()
	response, got, _ := l.request(t, method, path, token, body, header...)
	if response.StatusCode != status || got != code {
		t.Errorf("%s %s: %s %q, want %d %q", method, path, response.Status, got, status, code)
	}
	return response
}

// nativeStream is a session of parley.v1 over an event stream. Its send is a POST beside it, whose status is returned.
func (l *limited) nativeStream(t *testing.T, token, more string) (e *ear, send func(body string) (status int, code string)) {
	t.Helper()
	body := fmt.Sprintf(`{"type":"connect","id":1,"token":%q}`, token) + more
	e, err := l.stream(l.ctx, "native stream", nativePieces(), http.MethodPost, l.url+"/ws/sse", body, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	h := l.hears(t, e, answered, "", 0)
	var connected struct{ Session, Secret string }
	if err := json.Unmarshal([]byte(h.raw), &connected); err != nil {
		t.Fatal(err)
	}
	return e, func(body string) (int, string) {
		response, code, _ := l.request(t, http.MethodPost, "/ws/send", "", body, "Parley-Session", connected.Session, "Parley-Secret", connected.Secret)
		return response.StatusCode, code
	}
}

// rawStream is an event stream of a topic.
func (l *limited) rawStream(t *testing.T, token, topic string) *ear {
	t.Helper()
	header := http.Header{"Accept": {"text/event-stream"}, "Authorization": {"Bearer " + token}}
	e, err := l.stream(l.ctx, "event stream", eventPieces(), http.MethodGet, l.topic(l.url, topic, ""), "", header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// What clients see of each limit, on every transport.
func TestLimits(t *testing.T) {
	t.Parallel()
	server := serve(t, build(t), "--addr", "127.0.0.1:0", "--auth-hmac-secret", limitsSecret, "--auth-grace", "6s",
		"--limits-message-bytes", "1KiB", "--limits-subscriptions", "2")
	l := &limited{world: newWholeWorld(t, server.url), ctx: bounded(t)}
	// This takes its time by itself, so it begins first.
	expiry := l.beginExpiry(t)
	t.Run("too-large", l.tooLarge)
	t.Run("rate", l.tooOften)
	t.Run("subscriptions", l.tooMany)
	t.Run("bad-token", l.badToken)
	t.Run("forbidden", l.forbidden)
	t.Run("expired", expiry)
}

func (l *limited) tooLarge(t *testing.T) {
	token := claim(t, "large", time.Now().Add(time.Hour), nil)
	big, bigger := strings.Repeat("x", 1<<10+1), strings.Repeat("x", 16<<10)
	publish := func(text string) string {
		return fmt.Sprintf(`{"type":"publish","id":2,"topic":"open/a","text":%q}`, text)
	}
	for _, c := range l.callers() {
		s := l.native(t, c, token)
		l.say(t, s, publish(big))
		l.hears(t, s.ear, failed, "too_large", 0)
		l.goesOn(t, s)
		l.say(t, s, publish(bigger)) // beyond frame_bytes
		if h, err := s.until(l.ctx, func(h heard) bool { return h.what == endOfThis }); err != nil || h[len(h)-1].status != 1009 {
			t.Errorf("%s, native: %v %v, want 1009", c.name, h, err)
		}

		s = l.raw(t, c, bodies, token, "open/a")
		l.say(t, s, big)
		if h, err := s.until(l.ctx, func(h heard) bool { return h.what == endOfThis }); err != nil || h[len(h)-1].status != 1009 {
			t.Errorf("%s, raw: %v %v, want 1009", c.name, h, err)
		}
	}
	e, send := l.nativeStream(t, token, "")
	if status, _ := send(publish(big)); status != http.StatusAccepted {
		t.Errorf("sending to an event stream: %d", status)
	}
	l.hears(t, e, failed, "too_large", 0)
	if status, code := send(publish(bigger)); status != http.StatusRequestEntityTooLarge || code != "too_large" {
		t.Errorf("sending a body that is too large: %d %q", status, code)
	}
	l.refused(t, 413, "too_large", "POST", "/t/open/a", token, big)
	l.refused(t, 413, "too_large", "POST", "/ws/poll", token, bigger)
}

func (l *limited) tooOften(t *testing.T) {
	token := func(user string) string {
		return claim(t, user, time.Now().Add(time.Hour), command{"rate": 0.1, "burst": 3})
	}
	publish := `{"type":"publish","id":2,"topic":"open/a","text":"x"}`
	for _, c := range l.callers() {
		s := l.native(t, c, token(c.name))
		l.say(t, s, strings.Repeat(publish, 5))
		if h := l.hears(t, s.ear, failed, "rate_limited", 0); h.after <= 0 {
			t.Errorf("%s was not told when it may: %s", c.name, h)
		}
		l.goesOn(t, s)

		s = l.raw(t, c, bodies, token(c.name), "open/a")
		for range 4 {
			l.say(t, s, "x")
		}
		l.hears(t, s.ear, endOfThis, "rate_limited", 1013)
	}
	e, send := l.nativeStream(t, token("stream"), "")
	send(strings.Repeat(publish, 5))
	l.hears(t, e, failed, "rate_limited", 0)

	// Requests of a user count together.
	for range 3 {
		if response, code, _ := l.request(t, "POST", "/t/open/a", token("post"), "x"); response.StatusCode != 201 {
			t.Errorf("%s %s", response.Status, code)
		}
	}
	response, code, after := l.request(t, "POST", "/t/open/a", token("post"), "x")
	if response.StatusCode != 429 || code != "rate_limited" || after <= 0 || response.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s, after %d ms, Retry-After %q", response.Status, code, after, response.Header.Get("Retry-After"))
	}
	// An EventSource would give up on a 429: it is told in a stream.
	e = l.rawStream(t, token("post"), "open/a")
	l.hears(t, e, notice, "rate_limited", 0)
	l.hears(t, e, endOfThis, "", 200)
}

func (l *limited) tooMany(t *testing.T) {
	token := claim(t, "many", time.Now().Add(time.Hour), nil)
	var subscribe string
	for i := range 3 {
		subscribe += fmt.Sprintf(`{"type":"subscribe","id":%d,"topic":"open/%[1]d"}`, i+2)
	}
	for _, c := range l.callers() {
		s := l.native(t, c, token)
		l.say(t, s, subscribe)
		if h := l.hears(t, s.ear, failed, "limit_reached", 0); !strings.Contains(h.raw, `"re":4`) {
			t.Errorf("%s was refused %s", c.name, h)
		}
		l.say(t, s, `{"type":"unsubscribe","topic":"open/2"}{"type":"subscribe","id":9,"topic":"open/4"}`)
		l.hears(t, s.ear, begins, "", 0)
	}
	e, _ := l.nativeStream(t, token, subscribe)
	l.hears(t, e, failed, "limit_reached", 0)
}

func (l *limited) badToken(t *testing.T) {
	good := claim(t, "bad", time.Now().Add(time.Hour), nil)
	bad := good[:len(good)-4] + "AAAA"
	for _, c := range l.callers() {
		s := l.native(t, c, bad)
		l.hears(t, s.ear, failed, "unauthenticated", 0)
		l.hears(t, s.ear, endOfThis, "unauthenticated", 4401)

		// Refused before there is a connection. A page does not learn why.
		_, err := c.dial(l.ctx, bodies, l.topic(l.socket(), "open/a", ""), "parley.raw", "parley.bearer."+bad)
		var refused *ws.HandshakeError
		switch {
		case err == nil:
			t.Errorf("%s is let in with a bad token", c.name)
		case c.name == "go" && (!errors.As(err, &refused) || refused.Status != 401 || !strings.Contains(string(refused.Body), "unauthenticated")):
			t.Errorf("go: %v", err)
		case c.name == "npm" && !strings.Contains(err.Error(), "401"):
			t.Error(err)
		}
	}
	for _, token := range []string{bad, ""} {
		for _, r := range []struct{ method, path, body, accept string }{
			{"GET", "/t/open/a", "", "text/event-stream"},
			{"GET", "/t/open/a?since=now", "", ""},
			{"GET", "/t/open/a?history=1", "", ""},
			{"POST", "/t/open/a", "x", ""},
			{"POST", "/ws/sse", `{"type":"connect"}`, ""},
			{"POST", "/ws/poll", `{"type":"connect"}`, ""},
		} {
			response := l.refused(t, 401, "unauthenticated", r.method, r.path, token, r.body, "Accept", r.accept)
			if !strings.HasPrefix(r.path, "/ws") && response.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s %s: WWW-Authenticate is %q", r.method, r.path, response.Header.Get("WWW-Authenticate"))
			}
		}
	}
	// An EventSource, which cannot show a token, gives up.
	e, err := l.inPage("eventSource", func() words { return browserEvents }, func(topic, _ string) command {
		return command{"url": l.topic(l.url, topic, ""), "names": []string{}}
	})(l.ctx, "open/a", "")
	if err != nil {
		t.Fatal(err)
	}
	if h := l.hears(t, e, endOfThis, "", 0); !strings.Contains(h.raw, "it has given up") {
		t.Errorf("the EventSource ended with %s", h)
	}
}

func (l *limited) forbidden(t *testing.T) {
	token := claim(t, "curious", time.Now().Add(time.Hour), command{"publish": []string{"open/write"}})
	for _, c := range l.callers() {
		s := l.native(t, c, token)
		for _, command := range []string{
			`{"type":"subscribe","id":2,"topic":"secret"}`,
			`{"type":"subscribe","id":2,"pattern":"**"}`,
			`{"type":"publish","id":2,"topic":"open/a","text":"x"}`,
			`{"type":"history","id":2,"topic":"secret"}`,
		} {
			l.say(t, s, command)
			l.hears(t, s.ear, failed, "forbidden", 0)
		}
		l.goesOn(t, s)

		s = l.raw(t, c, bodies, token, "secret")
		l.hears(t, s.ear, endOfThis, "forbidden", 1008)
		s = l.raw(t, c, bodies, token, "open/a")
		l.say(t, s, "x") // it may listen only
		l.hears(t, s.ear, endOfThis, "forbidden", 1008)
	}
	e, send := l.nativeStream(t, token, `{"type":"subscribe","id":2,"topic":"secret"}`)
	l.hears(t, e, failed, "forbidden", 0)
	send(`{"type":"publish","id":3,"topic":"secret","text":"x"}`)
	l.hears(t, e, failed, "forbidden", 0)
	l.refused(t, 403, "forbidden", "POST", "/t/open/a", token, "x")
	l.refused(t, 403, "forbidden", "GET", "/t/secret", token, "", "Accept", "text/event-stream")
	l.refused(t, 403, "forbidden", "GET", "/t/secret?since=now", token, "")
	l.refused(t, 403, "forbidden", "GET", "/t/secret?history=1", token, "")
}

// beginExpiry begins sessions whose token is about to expire, and returns the test of what becomes of them.
func (l *limited) beginExpiry(t *testing.T) func(*testing.T) {
	expires := time.Now().Add(4 * time.Second)
	token := claim(t, "soon", expires, nil)
	callers := l.callers()
	var refreshed *socket
	var framed, enveloped, bare []*socket
	for _, c := range callers {
		s := l.native(t, c, token)
		l.say(t, s, `{"type":"subscribe","id":2,"topic":"open/a"}`)
		framed = append(framed, s)
		enveloped = append(enveloped, l.raw(t, c, envelopes, token, "open/a", "envelope"))
		bare = append(bare, l.raw(t, c, bodies, token, "open/a"))
	}
	refreshed = l.native(t, callers[1], token)
	stream, _ := l.nativeStream(t, token, `{"type":"subscribe","id":2,"topic":"open/a"}`)
	events := l.rawStream(t, token, "open/a")
	l.hears(t, events, begins, "", 0)
	return func(t *testing.T) {
		warned := func(e *ear) {
			t.Helper()
			if h := l.hears(t, e, notice, "expired", 0); h.after != 6*time.Second {
				t.Errorf("%s: %s, want after_ms 6000", e.name, h)
			}
		}
		warned(refreshed.ear)
		l.say(t, refreshed, fmt.Sprintf(`{"type":"refresh","id":5,"token":%q}`, claim(t, "soon", time.Now().Add(time.Hour), nil)))
		for i := range callers {
			warned(framed[i].ear)
			l.hears(t, framed[i].ear, endOfThis, "expired", 4401)
			warned(enveloped[i].ear)
			l.hears(t, enveloped[i].ear, endOfThis, "expired", 1008)
			l.hears(t, bare[i].ear, endOfThis, "expired", 1008)
		}
		warned(stream)
		l.hears(t, stream, endOfThis, "expired", 4401)
		warned(events)
		l.hears(t, events, notice, "expired", 0) // its last words
		l.hears(t, events, endOfThis, "", 200)
		l.goesOn(t, refreshed)

		// Clocks may differ: what has just expired may still be let in.
		old := claim(t, "soon", time.Now().Add(-time.Minute), nil)
		response := l.refused(t, 401, "expired", "POST", "/t/open/a", old, "x")
		if text := response.Header.Get("WWW-Authenticate"); text != `Bearer error="invalid_token"` {
			t.Errorf("WWW-Authenticate is %q", text)
		}
		l.refused(t, 401, "expired", "POST", "/ws/poll", "", fmt.Sprintf(`{"type":"connect","token":%q}`, old))
		l.refused(t, 401, "expired", "GET", "/t/open/a", old, "", "Accept", "text/event-stream")
		s := l.native(t, callers[2], old)
		l.hears(t, s.ear, failed, "expired", 0)
		l.hears(t, s.ear, endOfThis, "expired", 4401)
	}
}
