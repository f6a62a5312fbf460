package raw_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a hub whose topics are served.
type world struct {
	*testing.T
	hub    *hub.Hub
	server *httptest.Server
	client *http.Client
	ctx    context.Context
}

func newWorld(t *testing.T, ho hub.Options, ro raw.Options) *world {
	t.Helper()
	return newWorldOn(t, ho, ro, func(*http.Server) {})
}

func newWorldOn(t *testing.T, ho hub.Options, ro raw.Options, configure func(*http.Server)) *world {
	t.Helper()
	h, err := hub.New(ho)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/t/", raw.New(h, ro))
	server := httptest.NewUnstartedServer(mux)
	configure(server.Config)
	server.Start()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		cancel()
		h.Close()
		client.CloseIdleConnections()
		server.Close()
	})
	return &world{t, h, server, client, ctx}
}

// url is that of what follows the prefix.
func (w *world) url(path string) string { return w.server.URL + "/t/" + path }

// do sends a request with header fields given as name, value, name, value.
func (w *world) do(method, path, body string, header ...string) *http.Response {
	w.Helper()
	req, err := http.NewRequestWithContext(w.ctx, method, w.url(path), strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.Fatalf("%s %s: %v", method, path, err)
	}
	w.Cleanup(func() { res.Body.Close() })
	return res
}

// ask sends a request and decodes the answer, which must have this status.
func (w *world) ask(status int, method, path, body string, header ...string) answer {
	w.Helper()
	res := w.do(method, path, body, header...)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	a := answer{Header: res.Header, text: string(text)}
	if res.StatusCode != status {
		w.Fatalf("%s %s: status %d, %s; want %d", method, path, res.StatusCode, text, status)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a); err != nil {
			w.Fatalf("%s %s: %s: %v", method, path, text, err)
		}
	}
	return a
}

// answer is all that an answer in JSON may hold.
type answer struct {
	Header    http.Header `json:"-"`
	text      string
	Messages  []message
	Members   []map[string]any
	Position  string
	Recovered *bool
	Gap       *message
	More      bool
	Duplicate bool
	Error     struct {
		Code  string
		Text  string
		Retry bool
		After int `json:"after_ms"`
	}
}

// message is all that an envelope may hold.
type message struct {
	Type, Topic, Position, Kind, Event, ID, Key, From, Time, Reason, Pattern, After, Code string
	Text                                                                                  string
	ContentType                                                                           string `json:"content_type"`
	AfterMS                                                                               int    `json:"after_ms"`
	Retry                                                                                 bool
	Data                                                                                  json.RawMessage
	Base64                                                                                *[]byte
	Headers                                                                               map[string]string
	Topics                                                                                map[string]string
	Replayed, Count                                                                       int
	Gap                                                                                   *message
}

func decode(t testing.TB, text []byte) message {
	t.Helper()
	var m message
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// body is what an envelope carries.
func (m *message) body(t testing.TB) string {
	t.Helper()
	switch {
	case (m.Base64 != nil) == (m.Data != nil):
		t.Fatalf("an envelope has data or base64, not both: %+v", m)
	case m.Base64 != nil:
		return string(*m.Base64)
	case m.Kind == "json":
		return string(m.Data)
	}
	var text string
	if err := json.Unmarshal(m.Data, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// publish publishes text on the application's behalf.
func (w *world) publish(topic, text string) broker.Position {
	w.Helper()
	return w.put(&broker.Message{Topic: topic, Kind: broker.Text, Body: []byte(text)})
}

func (w *world) put(m *broker.Message) broker.Position {
	w.Helper()
	p, err := w.hub.Publish(w.ctx, m)
	if err != nil {
		w.Fatal(err)
	}
	return p.Position
}

// dial opens a WebSocket.
func (w *world) dial(path string, o *ws.DialOptions) *ws.Conn {
	w.Helper()
	c, err := ws.Dial(w.ctx, "ws"+strings.TrimPrefix(w.url(path), "http"), o)
	if err != nil {
		w.Fatalf("dial %s: %v", path, err)
	}
	w.Cleanup(func() { c.CloseNow() })
	return c
}

// join opens a WebSocket and waits until it is subscribed.
func (w *world) join(path string, o *ws.DialOptions) *ws.Conn {
	w.Helper()
	before := w.subscriptions()
	c := w.dial(path, o)
	w.await(before + 1)
	return c
}

func (w *world) subscriptions() int {
	n := 0
	for _, s := range w.hub.Sessions(broker.Target{Node: w.hub.Node()}, 1000) {
		n += s.Subscriptions
	}
	return n
}

// await waits for so many subscriptions.
func (w *world) await(n int) {
	w.Helper()
	w.until("subscriptions", func() bool { return w.subscriptions() == n })
}

// until waits for something that nobody tells of.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.Fatalf("waited for %s in vain", what)
		}
	}
}

// read reads a frame.
func (w *world) read(c *ws.Conn) (ws.Type, string) {
	w.Helper()
	t, p, err := c.Read(w.ctx)
	if err != nil {
		w.Fatalf("read: %v", err)
	}
	return t, string(p)
}

// ends reads until the close frame, whose code and reason it checks.
func (w *world) ends(c *ws.Conn, code ws.Code, reason string) {
	w.Helper()
	_, p, err := c.Read(w.ctx)
	if err == nil {
		w.Fatalf("got %q, want the close frame %v", p, code)
	}
	if ws.CloseCode(err) != code || !strings.Contains(err.Error(), reason) {
		w.Fatalf("closed with %v; want %v, %q", err, code, reason)
	}
}

// event is one of an event stream.
type event struct{ id, name, data string }

// source reads an event stream as HTML section 9.2 says it, written for this test alone.
type source struct {
	w     *world
	body  io.ReadCloser
	rest  []byte
	last  string
	retry string
	quiet int // comments
}

func (w *world) open(path string, header ...string) *source {
	w.Helper()
	res := w.do("GET", path, "", header...)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(res.Body)
		w.Fatalf("GET %s: %s, %s", path, res.Status, text)
	}
	return &source{w: w, body: res.Body}
}

// next returns the next event; ok is false at the end of the stream.
func (s *source) next() (e event, ok bool) {
	s.w.Helper()
	buf := make([]byte, 4096)
	for {
		if e, n, done := s.parse(s.rest); done {
			s.rest = s.rest[n:]
			return e, true
		} else {
			s.rest = s.rest[n:]
		}
		n, err := s.body.Read(buf)
		s.rest = append(s.rest, buf[:n]...)
		if err != nil && n == 0 {
			if err != io.EOF {
				s.w.Fatalf("event stream: %v", err)
			}
			return event{}, false
		}
	}
}

// must is next where there has to be one.
func (s *source) must() event {
	s.w.Helper()
	e, ok := s.next()
	if !ok {
		s.w.Fatal("the event stream has ended")
	}
	return e
}

// parse takes blocks from p until one is an event.
func (s *source) parse(p []byte) (e event, n int, done bool) {
	for {
		i := bytes.Index(p[n:], []byte("\n\n"))
		if i < 0 {
			return event{}, n, false
		}
		block := string(p[n : n+i])
		n += i + 2
		if e, ok := s.block(block); ok {
			return e, n, true
		}
	}
}

func (s *source) block(block string) (e event, ok bool) {
	// CR alone, and CR LF, end lines, too.
	block = strings.ReplaceAll(strings.ReplaceAll(block, "\r\n", "\n"), "\r", "\n")
	data := ""
	for _, line := range strings.Split(block, "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			if strings.HasPrefix(line, ":") {
				s.quiet++
			}
		case "id":
			if !strings.Contains(value, "\x00") {
				s.last = value
			}
		case "event":
			e.name = value
		case "data":
			data += value + "\n"
		case "retry":
			s.retry = value
		}
	}
	if data == "" {
		return event{}, false
	}
	e.id, e.data = s.last, strings.ToValidUTF8(strings.TrimSuffix(data, "\n"), "\uFFFD")
	return e, true
}

// same fails the test unless two values are equal as they are printed.
func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
