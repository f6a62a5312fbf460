package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/ws"
)

const secret = "0123456789abcdef0123456789abcdef"

// token is one for a user who may do everything below chat.
func token(t *testing.T, user string, lasts time.Duration) string {
	t.Helper()
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": user, "exp": time.Now().Add(lasts).Unix(),
		"parley": map[string]any{"subscribe": []string{"chat/**"}, "publish": []string{"chat/**"}},
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withTokens(cfg *config.Config) { cfg.Auth.HMACSecret = config.NewSecret(secret) }

// ask makes a request, and returns the status and the body.
func ask(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := httpClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// joined waits until so many sessions are subscribed to something: that is a moment after their handshake.
func joined(t *testing.T, s *Server, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		found := 0
		for _, i := range s.Hub().Sessions(broker.Target{}, 1000) {
			if i.Subscriptions > 0 {
				found++
			}
		}
		if found == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions are subscribed, want %d", found, n)
		}
	}
}

func TestTopics(t *testing.T) {
	s, e, _ := run(t, configured())
	c := dial(t, e.Socket+"/t/news", nil)
	joined(t, s, 1)
	if status, body := ask(t, "POST", e.URL+"/t/news", "hello"); status != 201 || !strings.Contains(body, `"position"`) {
		t.Fatalf("publish: %d %s", status, body)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
		t.Errorf("got %q, %v", p, err)
	}
	n := dial(t, e.Socket+"/ws", &ws.DialOptions{Subprotocols: []string{"parley.v1"}})
	if n.Subprotocol() != "parley.v1" {
		t.Errorf("subprotocol %q", n.Subprotocol())
	}
}

func TestTokens(t *testing.T) {
	e, _ := start(t, configured(withTokens))
	bearer := func(s string) []string { return []string{"Authorization", "Bearer " + s} }
	good := token(t, "ann", time.Hour)
	for _, c := range []struct {
		topic  string
		header []string
		status int
	}{
		{"chat/a", bearer(good), 201},
		{"other", bearer(good), 403},
		{"chat/a", nil, 401},
		{"chat/a", bearer("nonsense"), 401},
		{"chat/a", bearer(token(t, "ann", -time.Hour)), 401},
	} {
		status, body := ask(t, "POST", e.URL+"/t/"+c.topic, "x", c.header...)
		if status != c.status {
			t.Errorf("publish to %s: status %d, want %d: %s", c.topic, status, c.status, body)
		}
	}
	if status, _ := ask(t, "GET", e.URL+"/api/v1/topics", ""); status != 401 {
		t.Errorf("the API without a key: %d", status)
	}
}

// By how much the clocks may differ is configured.
func TestLeeway(t *testing.T) {
	for leeway, want := range map[time.Duration]int{time.Minute: 201, 0: 401} {
		e, _ := start(t, configured(withTokens, func(cfg *config.Config) { cfg.Auth.Leeway = leeway }))
		status, body := ask(t, "POST", e.URL+"/t/chat/a", "x", "Authorization", "Bearer "+token(t, "ann", -3*time.Second))
		if status != want {
			t.Errorf("with %v: status %d, want %d: %s", leeway, status, want, body)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	e, _ := start(t, configured(func(cfg *config.Config) {
		cfg.APIKeys = []config.APIKey{{Name: "shop", Key: config.NewSecret("a key that is long enough"), Scopes: []string{"publish"}, Topics: []string{"**"}},
			{Name: "shop", Key: config.NewSecret("the next key of the same"), Scopes: []string{"publish"}, Topics: []string{"**"}}}
	}))
	for i, key := range []string{"a key that is long enough", "the next key of the same"} { // while the application changes over
		status, body := ask(t, "POST", e.URL+"/api/v1/publish", `{"topic":"b","text":"x","id":"1"}`, "Authorization", "Bearer "+key, "Content-Type", "application/json")
		if status/100 != 2 || strings.Contains(body, `"duplicate":true`) != (i == 1) {
			t.Errorf("key %d: %d %s", i, status, body)
		}
	}
	header := []string{"Authorization", "Bearer a key that is long enough", "Content-Type", "application/json"}
	if status, body := ask(t, "POST", e.URL+"/api/v1/publish", `{"topic":"a","text":"x"}`, header...); status != 200 && status != 201 {
		t.Errorf("publish: %d %s", status, body)
	}
	if status, _ := ask(t, "GET", e.URL+"/api/v1/sessions", "", header...); status != 403 {
		t.Errorf("sessions beyond the scope: %d", status)
	}
	if status, _ := ask(t, "GET", e.URL+"/api/v1/topics", ""); status != 401 {
		t.Errorf("without a key: %d", status)
	}
}

func TestPrivateListener(t *testing.T) {
	cfg := configured(func(cfg *config.Config) {
		cfg.Listen = append(cfg.Listen, config.Listener{Addr: "127.0.0.1:0", Private: true})
	})
	found := make(chan []Endpoint, 1)
	s, err := New(Options{Config: cfg, Listening: func(list []Endpoint) { found <- list }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	list := <-found
	for path, want := range map[string][2]int{
		"/metrics": {404, 200}, "/debug/pprof/": {404, 200}, "/api/v1/info": {404, 200}, "/healthz": {200, 200}, "/t/a?history=1": {200, 404}, "/": {200, 404},
	} {
		for i, e := range list {
			if status, body := ask(t, "GET", e.URL+path, ""); status != want[i] {
				t.Errorf("%s on listener %d: %d, want %d: %.100s", path, i, status, want[i], body)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	e, stop := start(t, configured(func(cfg *config.Config) { cfg.Listen[0].Addr = "unix:" + path }))
	c := dial(t, e.Socket+"/t/a", nil)
	if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
		t.Errorf("%q, %v", p, err)
	}
	if err := runOnce(t, configured(func(cfg *config.Config) { cfg.Listen[0].Addr = "unix:" + path })); err == nil {
		t.Error("a second server took the socket of the first")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := runOnce(t, configured(func(cfg *config.Config) { cfg.Listen[0].Addr = "unix:" + path })); err != nil {
		t.Errorf("the socket is free again: %v", err)
	}
}

// A new configuration holds for what comes next, and no connection ends; a bad one changes nothing.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	s, e, _ := run(t, configured())
	c := dial(t, e.Socket+"/t/a", nil)
	joined(t, s, 1)
	if err := s.Reload(configured(func(cfg *config.Config) {
		cfg.Topics = []config.Topic{{Pattern: "b", Policy: "drop-oldest", Kind: "json", Echo: true, Subscribe: "ask", Publish: "nobody", SeePresence: "ask"}}
	})); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(t, "POST", e.URL+"/t/b", "{}", "Content-Type", "application/json"); status != 403 {
		t.Errorf("publish to what nobody may: %d %s", status, body)
	}
	bad := configured(withTokens)
	bad.Listen[0].TLSCert, bad.Listen[0].TLSKey = filepath.Join(dir, "none"), filepath.Join(dir, "none")
	if err := s.Reload(bad); err == nil {
		t.Error("a certificate that is not there is taken")
	}
	bad = configured(func(cfg *config.Config) {
		cfg.APIKeys = []config.APIKey{{Name: "short", Key: config.NewSecret("x"), Scopes: []string{"publish"}}}
	})
	if err := s.Reload(bad); err == nil {
		t.Error("a key that is too short is taken")
	}
	if status, _ := ask(t, "POST", e.URL+"/t/b", "{}", "Content-Type", "application/json"); status != 403 {
		t.Errorf("after a bad configuration: %d", status)
	}
	if status, _ := ask(t, "POST", e.URL+"/t/a", "still there"); status != 201 {
		t.Errorf("publish: %d", status)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "still there" {
		t.Errorf("the connection from before got %q, %v", p, err)
	}
	if err := s.Reload(configured(withTokens)); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, "POST", e.URL+"/t/a", "x"); status != 401 {
		t.Errorf("without a token: %d", status)
	}
}

// Everyone is told to come back, event streams too, and nothing new is let in.
func TestDrain(t *testing.T) {
	s, e, stop := run(t, configured(func(cfg *config.Config) { cfg.Drain = 3 * time.Second }))
	var sockets []*ws.Conn
	for range 20 {
		sockets = append(sockets, dial(t, e.Socket+"/t/a", nil))
	}
	res, err := httpClient(t).Get(e.URL + "/t/a")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	joined(t, s, 21)
	begun := time.Now()
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, c := range sockets {
		if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeServiceRestart {
			t.Errorf("a socket ended with %v, want 1012", err)
		}
	}
	lines := bufio.NewScanner(res.Body)
	retry := false
	for lines.Scan() {
		retry = retry || strings.HasPrefix(lines.Text(), "retry:")
	}
	if err := lines.Err(); err != nil || !retry {
		t.Errorf("the stream ended with %v, retry: %v", err, retry)
	}
}

// Before it drains, a server that is asked to wait goes on for those that it has, lets nobody in, and says so to new connections.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	const delay = 4 * time.Second
	s, e, stop := run(t, configured(func(cfg *config.Config) { cfg.DrainDelay = delay }))
	c := dial(t, e.Socket+"/t/a", nil)
	joined(t, s, 1)
	begun := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // ask has a new connection each time
		if status, text := ask(t, "GET", e.URL+"/readyz", ""); status == 503 && text == "draining\n" {
			break
		} else if status != 200 || time.Since(begun) > delay {
			t.Fatalf("readyz: %d %s", status, text)
		}
	}
	if status, text := ask(t, "GET", e.URL+"/healthz", ""); status != 200 {
		t.Errorf("healthz: %d %s", status, text)
	}
	if status, text := ask(t, "GET", e.URL+"/t/a", "", "Accept", "text/event-stream"); status != 200 || !strings.Contains(text, "retry: ") || !strings.Contains(text, "going_away") {
		t.Errorf("an event stream: %d %s", status, text)
	}
	for _, path := range []string{"/t/a", "/ws", "/echo"} {
		var refused *ws.HandshakeError
		if _, err := ws.Dial(t.Context(), e.Socket+path, nil); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := s.Hub().Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text, Body: []byte("still")}); err != nil {
		t.Error(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "still" {
		t.Errorf("who is there got %q, %v", p, err)
	}
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeServiceRestart {
		t.Errorf("and ended with %v", err)
	}
	if err := <-stopped; err != nil || time.Since(begun) < delay {
		t.Errorf("stopped after %v: %v", time.Since(begun), err)
	}
}

func TestConnectionLimit(t *testing.T) {
	e, _ := start(t, configured(func(cfg *config.Config) { cfg.Limits.Connections = 3 }))
	var conns []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", e.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if status, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || status.StatusCode != 200 {
			t.Fatalf("%v, %v", status, err)
		}
		conns = append(conns, c)
	}
	c, err := net.Dial("tcp", e.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && (res.StatusCode != 503 || res.Header.Get("Retry-After") == "") {
		t.Errorf("beyond the limit: %v", res)
	}
	conns[0].Close()
	for {
		if status := func() int {
			c, err := net.Dial("tcp", e.Addr.String())
			if err != nil {
				return 0
			}
			defer c.Close()
			fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return 0
			}
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode == 200 && !strings.Contains(string(text), `parley_refusals_total{limit="connections"} `) {
				t.Error("the refusal is not counted")
			}
			return res.StatusCode
		}(); status == 200 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What the landing page and clients go by is there, and is JSON.
func TestInfo(t *testing.T) {
	e, _ := start(t, configured())
	status, body := ask(t, "GET", e.URL+"/api/v1/info", "")
	var info struct{ Version, Node string }
	if err := json.Unmarshal([]byte(body), &info); status != 200 || err != nil || info.Version != "test" || info.Node == "" {
		t.Errorf("%d %s: %v", status, body, err)
	}
}

// Where nobody is asked who they are, nobody gets in from elsewhere: neither from another machine, nor from a page by a name of its own.
func TestPrivateIsLocal(t *testing.T) {
	cfg := configured(withTokens, func(cfg *config.Config) {
		cfg.Listen = append(cfg.Listen, config.Listener{Addr: "0.0.0.0:0", Private: true})
	})
	if err := runOnce(t, cfg); !errors.Is(err, ErrExposed) {
		t.Errorf("a private address for everybody: %v", err)
	}
	s, err := New(Options{Config: configured(withTokens)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for host, want := range map[string]int{"evil.example": 403, "localhost": 200} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if (*s.private.Load()).ServeHTTP(w, r); w.Code != want && want == 403 {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
}

// Any text is a topic: nothing is cleaned up before the dialect sees it.
func TestOddTopics(t *testing.T) {
	e, _ := start(t, configured())
	for _, path := range []string{"a//b", "a/../b", "a/./b", "%2Fa", "a%2F..%2Fb"} {
		if status, body := ask(t, "POST", e.URL+"/t/"+path, "x"); status != 201 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// What a reload forbids ends for those who are connected, too.
func TestReloadEndsSubscriptions(t *testing.T) {
	s, e, _ := run(t, configured())
	c, other := dial(t, e.Socket+"/t/a", nil), dial(t, e.Socket+"/t/b", nil)
	joined(t, s, 2)
	rule := config.Topic{Pattern: "a", Policy: "drop-oldest", Kind: "any", Echo: true, Subscribe: "nobody", Publish: "ask", SeePresence: "ask"}
	if err := s.Reload(configured(func(cfg *config.Config) { cfg.Topics = []config.Topic{rule} })); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodePolicyViolation {
		t.Errorf("a subscriber of what nobody may: %v", err)
	}
	if status, _ := ask(t, "POST", e.URL+"/t/b", "x"); status != 201 {
		t.Errorf("publish: %d", status)
	}
	if _, p, err := other.Read(t.Context()); err != nil || string(p) != "x" {
		t.Errorf("%q, %v", p, err)
	}
}

// Each limit that refuses something is counted under its name.
func TestRefusalsAreCounted(t *testing.T) {
	e, _ := start(t, configured(func(cfg *config.Config) {
		cfg.Limits.MessageBytes, cfg.Limits.Unauthenticated, cfg.Limits.HeaderLines = 200, 100*time.Millisecond, 20
	}))
	if status, _ := ask(t, "POST", e.URL+"/t/a", strings.Repeat("x", 300)); status != 413 {
		t.Errorf("a large message: %d", status)
	}
	c := dial(t, e.Socket+"/t/a", nil)
	if err := c.Write(t.Context(), ws.Binary, make([]byte, 300)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeMessageTooBig {
		t.Errorf("a large frame: %v", err)
	}
	n := dial(t, e.Socket+"/ws", nil)
	for err := error(nil); err == nil; { // it is told why, and then closed
		_, _, err = n.Read(t.Context())
	}
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprint("X-", i), "x")
	}
	if status, _ := ask(t, "GET", e.URL+"/healthz", "", lines...); status != 431 {
		t.Errorf("many header lines: %d", status)
	}
	_, body := ask(t, "GET", e.URL+"/metrics", "")
	for _, want := range []string{`{limit="message_bytes"} 2`, `{limit="connect_time"} 1`, `{limit="header_lines"} 1`} {
		if !strings.Contains(body, "parley_refusals_total"+want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

// A browser takes every answer to an event stream but a stream as a reason never to come back: while memory runs out it is told when to.
func TestStreamsWhileMemoryIsShort(t *testing.T) {
	t.Cleanup(func(before int64) func() { return func() { debug.SetMemoryLimit(before) } }(debug.SetMemoryLimit(100 << 20)))
	s, e, _ := run(t, configured(func(cfg *config.Config) {
		cfg.Limits.ShedMemory, cfg.Origins = 1, []string{"https://app.example.com"}
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/t/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Origin", "https://app.example.com")
	res, err := httpClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if h := res.Header; err != nil || res.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || h.Get("Access-Control-Allow-Origin") == "" ||
		!strings.HasPrefix(string(text), "retry: ") || !strings.Contains(string(text), `"code":"unavailable"`) || strings.Contains(string(text), "\nid:") {
		t.Errorf("%s %v\n%s%v", res.Status, res.Header, text, err)
	}
	for path, header := range map[string]string{"/t/a": "text/plain", "/ws/sse": "application/json", "/echo": "text/event-stream"} {
		status, text := ask(t, http.MethodPost, e.URL+path, `{"type":"connect"}`, "Accept", header)
		if status != 503 || !strings.Contains(text, "short of memory") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text := ask(t, http.MethodGet, e.URL+"/readyz", ""); status != 503 || !strings.Contains(text, "memory") {
		t.Errorf("readyz: %d %s", status, text)
	}
	if _, text := ask(t, http.MethodGet, e.URL+"/metrics", ""); !strings.Contains(text, `parley_refusals_total{limit="memory"} 4`) {
		t.Error("not all that was refused is counted")
	}

	if err := s.Reload(configured(func(cfg *config.Config) { cfg.Limits.ShedMemory = 0 })); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // it is measured now and then
		status, text := ask(t, http.MethodPost, e.URL+"/t/a", "x")
		if status == 201 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("without a bound: %d %s", status, text)
		}
	}
}
