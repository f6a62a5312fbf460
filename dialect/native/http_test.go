package native_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// What a request over HTTP is refused for before it has a session.
func TestRefusedRequests(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{Accept: ws.AcceptOptions{
		Options: ws.Options{MessageLimit: 1000},
		Origins: []string{"https://other.example"},
	}})
	session := http.Header{"Parley-Session": {"x"}, "Parley-Secret": {"y"}}
	for _, c := range []struct {
		name, method, path, body string
		header                   http.Header
		status                   int
		code, text               string
	}{
		{"method", "GET", "/poll", "", nil, 405, "bad_request", "the method must be POST"},
		{"large", "POST", "/poll", strings.Repeat(" ", 1001), nil, 413, "too_large", "the body has more than 1000 bytes"},
		{"UTF-8", "POST", "/sse", "{\"\xff\":1}", nil, 400, "bad_request", "malformed JSON: it is not UTF-8"},
		{"empty", "POST", "/sse", "", nil, 400, "bad_request", "there is no command: a JSON object was expected"},
		{"empty array", "POST", "/poll", "[]", nil, 400, "bad_request", "there is no command: a JSON object was expected"},
		{"no connect", "POST", "/poll", `{"type":"ping"}`, nil, 400, "bad_request", "the first command must be connect"},
		{"no session", "POST", "/send", "{}", nil, 401, "unauthenticated", "the header fields Parley-Session and Parley-Secret must say whose commands these are"},
		{"foreign page", "POST", "/poll", "{}", http.Header{"Origin": {"https://evil.example"}}, 403, "forbidden", "pages of this origin may not do this"},
		{"foreign page", "POST", "/send", "{}", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, "forbidden", "pages of this origin may not do this"},
		{"known page", "POST", "/poll", "{", http.Header{"Origin": {"https://other.example"}}, 400, "bad_request", "malformed JSON: it ends too early, at byte 1"},
		{"send to nobody", "POST", "/send", "{}", session, 202, "", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.header != nil {
			req.Header = c.header
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var r reply
		if len(body) > 0 {
			if err := json.Unmarshal(body, &r); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if resp.StatusCode != c.status || r.Error.Code != c.code || r.Error.Text != c.text {
			t.Errorf("%s: %s %s\nwant %d %s %q", c.name, resp.Status, body, c.status, c.code, c.text)
		}
	}
}

// A body is not waited for that is too large anyway, nor one that does not come.
func TestBodyThatDoesNotCome(t *testing.T) {
	for _, c := range []struct {
		request  string
		progress time.Duration
		status   int
		code     string
	}{
		{"Content-Length: 1001\r\n\r\n", time.Hour, 413, "too_large"},
		{"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", time.Hour, 413, "too_large"},
		{"Content-Length: 6\r\n\r\n{", 10 * time.Millisecond, 408, "timeout"},
		{"Transfer-Encoding: chunked\r\n\r\nx\r\n", time.Hour, 400, "bad_request"},
	} {
		h := serve(t, hub.Options{}, native.Options{
			Accept: ws.AcceptOptions{Options: ws.Options{MessageLimit: 1000}},
			Limits: native.Limits{Progress: c.progress},
		})
		for _, way := range []string{"sse", "send", "poll"} {
			conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(h.url, "http://"), "/ws"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			head := "POST /ws/" + way + " HTTP/1.1\r\nHost: test\r\nParley-Session: x\r\nParley-Secret: y\r\n"
			if _, err := io.WriteString(conn, head+c.request); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			var r reply
			if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || r.Error.Code != c.code {
				t.Errorf("%s, %q: %s %+v; want %d, %s", way, c.request, resp.Status, r.Error, c.status, c.code)
			}
		}
	}
}

// The bearer of a token may show it in the header. Retry-After says when to come back.
func TestTokenInHeader(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{})
	resp := post(t, t.Context(), h.url+"/poll", `{"type":"connect"}`, http.Header{"Authorization": {"bearer alice"}})
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !bytes.Contains(body, []byte(`"user":"alice"`)) {
		t.Errorf("%s", body)
	}
	resp = post(t, t.Context(), h.url+"/poll", `{"type":"connect","token":"soon"}`, http.Header{"Authorization": {"Bearer alice"}})
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
}

// A subprotocol that is not ours is refused; none at all is taken for ours.
func TestSubprotocol(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{})
	_, err := ws.Dial(t.Context(), h.dialURL(), &ws.DialOptions{Subprotocols: []string{"mqtt"}})
	if e, ok := err.(*ws.HandshakeError); !ok || e.Status != 400 || !strings.Contains(string(e.Body), "parley.v1") {
		t.Errorf("got %v", err)
	}
	c, err := ws.Dial(t.Context(), h.dialURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), ws.Text, []byte(`{"type":"connect"}`)); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || !bytes.Contains(p, []byte(`"connected"`)) {
		t.Errorf("%s %v", p, err)
	}
}

// Who says nothing is let go.
func TestConnectTimeout(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{ConnectTimeout: 20 * time.Millisecond})
	c := newClient(t, h, "")
	if got := c.receive(patience); got != `{"type":"error","error":{"code":"timeout","text":"no connect came in time","retry":true}}` {
		t.Error(got)
	}
	if got := c.receive(patience); got != "closed 4408 timeout: no connect came in time" {
		t.Error(got)
	}
}

// An application that takes too long to let somebody in is not waited for.
func TestConnectSlowAuthoriser(t *testing.T) {
	h := serve(t, hub.Options{Authoriser: stuck{}}, native.Options{ConnectTimeout: time.Second}) // from the handshake, too
	c := newClient(t, h, "")
	c.send(t, `{"type":"connect","id":1}`)
	if got := c.receive(patience); got != `{"type":"error","re":1,"error":{"code":"timeout","text":"it took too long; try again","retry":true}}` {
		t.Error(got)
	}
	if got := c.receive(patience); !strings.HasPrefix(got, "closed 4408") {
		t.Error(got)
	}
}

type stuck struct{ hub.AllowAll }

func (stuck) Connect(ctx context.Context, _ *hub.Credentials) (*hub.Identity, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// An application that panics takes nobody else with it.
func TestConnectPanic(t *testing.T) {
	h := serve(t, hub.Options{Authoriser: panics{}}, native.Options{})
	const failed = `{"type":"error","error":{"code":"internal","text":"the server failed; its log says why","retry":true}}`
	for name, want := range map[string]string{"sse": "closed 500 " + failed, "poll": "closed 500 " + failed, "": "closed 1011"} {
		c := newClient(t, h, name)
		c.send(t, `{"type":"connect","id":1}`)
		if got := c.receive(patience); got != want {
			t.Errorf("%q got %s", name, got)
		}
	}
}

// Nor does it leave a session behind.
func TestCommandPanic(t *testing.T) {
	h := serve(t, hub.Options{Authoriser: trap{}}, native.Options{})
	c := newClient(t, h, "")
	c.send(t, `{"type":"connect"} {"type":"subscribe","id":1,"topic":"a"}`)
	for got := ""; !strings.HasPrefix(got, "closed"); {
		if got = c.receive(patience); got == "" || strings.HasPrefix(got, "closed") && !strings.HasPrefix(got, "closed 1011") {
			t.Fatalf("%q, want the connection to end with 1011", got)
		}
	}
	wait(t, "the session ends", func() bool { return h.hub.Len() == 0 })
}

type trap struct{ hub.AllowAll }

func (trap) Allow(context.Context, *hub.Access) error { panic("oh") }

type panics struct{ hub.AllowAll }

func (panics) Connect(context.Context, *hub.Credentials) (*hub.Identity, error) { panic("oh") }

// An idle stream gets comments; when the client is gone, so is the session.
func TestStreamKeepalive(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{Limits: native.Limits{Keepalive: 5 * time.Millisecond}})
	ctx, stop := context.WithCancel(t.Context())
	resp := post(t, ctx, h.url+"/sse", `{"type":"connect"}`, nil)
	defer resp.Body.Close()
	if got := resp.Header.Get("X-Accel-Buffering") + " " + resp.Header.Get("Cache-Control"); got != "no no-store" {
		t.Errorf("header %q", got)
	}
	in := bufio.NewReader(resp.Body)
	if _, err := event(in); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		blank, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if comment, err := in.ReadString('\n'); blank != "\n" || comment != ":\n" || err != nil {
			t.Fatalf("%q %q %v", blank, comment, err)
		}
	}
	stop()
	wait(t, "the session ends", func() bool { return h.hub.Len() == 0 })
}

// wait waits until something holds.
func wait(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// A poll that hears nothing is answered after the time it gave.
func TestPollWait(t *testing.T) {
	h := serve(t, hub.Options{}, native.Options{})
	c := newClient(t, h, "poll")
	begun := time.Now()
	c.send(t, `{"type":"connect","wait_ms":30} {"type":"subscribe","id":1,"topic":"quiet"}`)
	for _, want := range []string{`{"type":"connected"`, `{"type":"subscribed","re":1`, "closed"} {
		if got := c.receive(patience); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	// With a call that never ends, too.
	c.send(t, `{"type":"connect","wait_ms":30} {"type":"call","id":1,"method":"hang"}`)
	for _, want := range []string{`{"type":"connected"`, "closed"} {
		if got := c.receive(patience); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// More than fits into one answer comes in several, without a hole or a repetition.
func TestPollMuch(t *testing.T) {
	h := serve(t, hub.Options{Topics: []hub.Topic{{Pattern: "big", History: broker.Retention{Count: 500}}}},
		native.Options{Limits: native.Limits{PollBytes: 20_000}})
	const count = 300
	for i := range count {
		body, _ := json.Marshal(map[string]any{"n": i, "fill": strings.Repeat("x", 1000)})
		if _, err := h.hub.Publish(t.Context(), &broker.Message{Topic: "big", Kind: broker.JSON, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := h.hub.History(t.Context(), "big", broker.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	since := page.Tail
	since.Offset = 0
	at, next, polls := since.String(), 0, 0
	for next < count {
		resp := post(t, t.Context(), h.url+"/poll", `{"type":"connect"} {"type":"subscribe","topic":"big","since":"`+at+`"}`, nil)
		var frames []struct {
			Type, Position string
			Recovered      *bool
			Data           struct{ N int }
		}
		err := json.NewDecoder(resp.Body).Decode(&frames)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			switch f.Type {
			case "subscribed":
				if f.Recovered == nil || !*f.Recovered {
					t.Fatal("not recovered")
				}
			case "message":
				if f.Data.N != next {
					t.Fatalf("got %d, want %d", f.Data.N, next)
				}
				next++
				at = f.Position
			}
		}
		if polls++; polls > count {
			t.Fatal("no end")
		}
	}
	if polls < 3 {
		t.Errorf("it took %d polls: nothing was bounded", polls)
	}
}

// log keeps what is logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A stream on one node gets the commands that come to another; the secret decides, and is never logged.
func TestSendThroughAnotherNode(t *testing.T) {
	b := memory.New(memory.Options{})
	defer b.Close()
	var out log
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var urls []string
	for _, name := range []string{"one", "two"} {
		h, err := hub.New(hub.Options{Broker: b, Node: name, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(native.New(h, native.Options{Logger: logger}))
		defer s.Close()
		defer h.Close()
		urls = append(urls, s.URL+"/ws")
	}
	c := &sseClient{queue: queue{make(chan string, 100)}, url: urls[0]}
	c.send(t, `{"type":"connect"}`)
	c.receive(patience)
	c.url = urls[1]
	c.send(t, `{"type":"ping","id":5}`)
	if got := c.receive(patience); got != `{"type":"pong","re":5}` {
		t.Error(got)
	}
	secret := c.secret
	c.secret = "WRONGWRONGWRONGWRONGWRONGW"
	c.send(t, `{"type":"ping","id":6}`)
	wait(t, "the refusal is logged", func() bool { return strings.Contains(out.String(), "wrong secret") })
	resp := post(t, t.Context(), urls[0]+"/send", "{}", http.Header{"Parley-Session": {c.session}, "Parley-Secret": {c.secret}})
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a wrong secret got %s", resp.Status)
	}
	c.secret = secret
	c.send(t, `{"type":"ping","id":7}`)
	if got := c.receive(patience); got != `{"type":"pong","re":7}` {
		t.Error(got)
	}
	if text := out.String(); strings.Contains(text, secret) || strings.Contains(text, "WRONGWRONG") {
		t.Errorf("a secret was logged: %s", text)
	}
}

// A client that reads nothing loses its stream, though the server has a WriteTimeout of its own for others.
func TestStreamStalled(t *testing.T) {
	h, err := hub.New(hub.Options{Topics: []hub.Topic{{Pattern: "**", Policy: hub.Disconnect}}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(native.New(h, native.Options{Limits: native.Limits{Progress: 50 * time.Millisecond}}))
	s.Config.WriteTimeout, s.Config.ReadTimeout = time.Millisecond, time.Second
	s.Start()
	defer s.Close()
	defer h.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"type":"connect"} {"type":"subscribe","topic":"t"}`
	req, _ := http.NewRequest("POST", s.URL+"/ws/sse", strings.NewReader(body))
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	wait(t, "the session begins", func() bool {
		list := h.Sessions(broker.Target{}, 1)
		return len(list) == 1 && list[0].Subscriptions == 1
	})
	big := []byte(strings.Repeat("x", 256<<10))
	wait(t, "the session ends", func() bool {
		_, err := h.Publish(t.Context(), &broker.Message{Topic: "t", Kind: broker.Text, Body: big})
		if err != nil {
			t.Fatal(err)
		}
		return h.Len() == 0
	})
}
