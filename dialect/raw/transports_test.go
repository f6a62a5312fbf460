package raw_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// bodies are of every kind, and have all that an event stream cannot carry or must take care of.
var bodies = []broker.Message{
	{Kind: broker.Text, Body: []byte("hello")},
	{Kind: broker.Text, Body: []byte("")},
	{Kind: broker.Text, Body: []byte("\n")},
	{Kind: broker.Text, Body: []byte("two\nlines\n")},
	{Kind: broker.Text, Body: []byte(" a space before, one after ")},
	{Kind: broker.Text, Body: []byte("carriage\rreturn\r\n")},
	{Kind: broker.Text, Body: []byte("nul\x00 and \uFEFF and : and é")},
	{Kind: broker.Text, Body: []byte("data: x\n\nid: y"), Event: "tick"},
	{Kind: broker.Text, Body: []byte("it says that it is a gap"), Event: "gap"},
	{Kind: broker.Text, Body: []byte("an event with a line's end"), Event: "a\nb"},
	{Kind: broker.JSON, Body: []byte(`{"a":[1,2.50,"<é>"]}`)},
	{Kind: broker.JSON, Body: []byte(`null`)},
	{Kind: broker.Bytes, Body: []byte{0xff, 0, '\r', '\n'}},
	{Kind: broker.Bytes, Body: []byte{}},
}

// The same messages come in the same order, whichever way one listens.
func TestTransports(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	start := w.ask(200, "GET", "all?since=now", "").Position

	plain := w.join("all", nil)
	wrapped := w.join("all?envelope", nil)
	events := w.open("all")
	wrappedEvents := w.open("all?envelope", "Accept", "text/event-stream")
	pattern := w.join("**", nil)
	patternEvents := w.open("*")
	w.await(6)
	polled := make(chan answer)
	go func() { polled <- w.ask(200, "GET", "all?wait=30s&since="+start, "") }()
	w.await(7)

	var want []string // position, kind, event, body
	for i, m := range bodies {
		m.Topic, m.ID = "all", fmt.Sprint("id-", i)
		at := w.put(&m)
		want = append(want, fmt.Sprintf("%v %v %q %q", at, m.Kind, m.Event, m.Body))
	}
	line := func(m message) string {
		if m.Type != "message" || m.Topic != "all" || m.Time == "" {
			t.Fatalf("bad envelope %+v", m)
		}
		return fmt.Sprintf("%s %s %q %q", m.Position, m.Kind, m.Event, m.body(t))
	}

	// Envelopes.
	for _, c := range []*ws.Conn{wrapped, pattern} {
		_, first := w.read(c)
		if m := decode(t, []byte(first)); m.Type != "subscribed" {
			t.Fatalf("the first envelope is %s", first)
		}
		for i := range want {
			_, text := w.read(c)
			m := decode(t, []byte(text))
			same(t, "envelope", line(m), want[i])
			same(t, "id", m.ID, fmt.Sprint("id-", i))
		}
	}
	for i, s := range []*source{wrappedEvents, patternEvents} {
		for _, want := range want {
			e := s.must()
			m := decode(t, []byte(e.data))
			same(t, "event", line(m), want)
			same(t, "name", e.name, "envelope")
			if i == 0 {
				same(t, "id", e.id, m.Position)
			} else {
				same(t, "id", e.id, "*")
			}
		}
	}
	a := <-polled
	since := a.Position
	list := a.Messages
	for len(list) < len(want) {
		a = w.ask(200, "GET", "all?since="+since, "")
		since, list = a.Position, append(list, a.Messages...)
	}
	history := w.ask(200, "GET", "all?history=1000", "").Messages
	byAccept := w.ask(200, "GET", "all", "", "Accept", "application/json").Messages
	for _, list := range [][]message{list, history, byAccept} {
		same(t, "number of messages", len(list), len(want))
		for i := range want {
			same(t, "message", line(list[i]), want[i])
		}
	}

	// Bodies.
	for i, m := range bodies {
		typ, text := w.read(plain)
		same(t, "body", text, string(m.Body))
		same(t, "binary", typ == ws.Binary, m.Kind == broker.Bytes)
		e := events.must()
		at := strings.Fields(want[i])[0]
		same(t, "id", e.id, at)
		if e.name == "envelope" {
			got := decode(t, []byte(e.data))
			same(t, "event", line(got), want[i])
			continue
		}
		same(t, "event", e.data, string(m.Body))
		same(t, "name", e.name, m.Event)
		if m.Kind == broker.Bytes {
			t.Errorf("bytes came as %q", e.data)
		}
	}
}

// What a WebSocket sends, and what is posted, is published.
func TestPublish(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	in := w.join("x?envelope", nil)
	w.read(in)
	c := w.dial("x?event=said", nil)
	asJSON := w.dial("x?kind=json", nil)
	send := func(c *ws.Conn, typ ws.Type, text string) message {
		t.Helper()
		if err := c.Write(w.ctx, typ, []byte(text)); err != nil {
			t.Fatal(err)
		}
		_, got := w.read(in)
		m := decode(t, []byte(got))
		same(t, "body", m.body(t), text)
		return m
	}
	m := send(c, ws.Text, "hello")
	same(t, "kind and event", m.Kind+" "+m.Event, "text said")
	if m.From == "" {
		t.Error("who published is not named")
	}
	same(t, "kind", send(c, ws.Binary, "\xff\x00").Kind, "bytes")
	same(t, "kind", send(c, ws.Text, "").Kind, "text")
	same(t, "kind", send(asJSON, ws.Text, `{"a":1}`).Kind, "json")

	post := func(body, kind, contentType string, header ...string) message {
		t.Helper()
		a := w.ask(201, "POST", "x", body, header...)
		_, got := w.read(in)
		m := decode(t, []byte(got))
		same(t, "body", m.body(t), body)
		same(t, "kind", m.Kind, kind)
		same(t, "content type", m.ContentType, contentType)
		same(t, "position", a.Position, m.Position)
		same(t, "header", a.Header.Get("Parley-Position"), m.Position)
		return m
	}
	post("hello", "text", "", "Content-Type", "application/x-www-form-urlencoded")
	post("hello", "text", "")
	post("\xff", "bytes", "")
	post("hello", "text", "text/markdown; charset=UTF-8", "Content-Type", "text/markdown; charset=UTF-8")
	post(`[1]`, "json", "application/json", "Content-Type", "application/json")
	post(`[1]`, "json", "application/ld+json", "Content-Type", "application/ld+json")
	post("\x89PNG", "bytes", "image/png", "Content-Type", "image/png")
	m = post("a", "text", "", "Parley-Event", "e", "Parley-Key", "k", "Idempotency-Key", `"17"`, "Parley-Header-Trace-Id", "t")
	same(t, "the rest", m.Event+m.Key+m.ID+m.Headers["trace-id"], "ek17t")
	a := w.ask(200, "PUT", "x?event=other", "a", "Idempotency-Key", "17")
	if !a.Duplicate || a.Position != m.Position {
		t.Errorf("the same again is %+v, want a duplicate at %s", a, m.Position)
	}
	// Who shares the address may have the same id for something else, and nobody else can say that an address is theirs.
	w.ask(201, "PUT", "x", "b", "Idempotency-Key", "17")
	w.read(in)
	w.ask(201, "PUT", "x", "a", "Idempotency-Key", "17", "Parley-Producer", "somebody else")
	w.read(in)
	w.ask(201, "PUT", "x", "c", "Idempotency-Key", "18", "Parley-Producer", "127.0.0.1")
	w.read(in)
	w.ask(201, "PUT", "x", "c", "Idempotency-Key", "18")
	w.read(in)
	w.ask(201, "POST", "x?kind=json&event=e", "7")
	_, got := w.read(in)
	m = decode(t, []byte(got))
	same(t, "kind and event", m.Kind+m.Event, "jsone")
}

// A topic that takes JSON alone gets what is JSON, though nobody has said that it is.
func TestKindOfTopic(t *testing.T) {
	w := newWorld(t, hub.Options{Topics: []hub.Topic{{Pattern: "j", Kind: broker.JSON}}}, raw.Options{})
	c := w.join("j", nil)
	for range 2 {
		if err := c.Write(w.ctx, ws.Text, []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		if typ, text := w.read(c); typ != ws.Text || text != `{"a":1}` {
			t.Errorf("got %v %s", typ, text)
		}
	}
	w.ask(201, "POST", "j", `1`)
	w.read(c)
	w.ask(415, "POST", "j", `no`)
	w.ask(415, "POST", "j", `1`, "Content-Type", "text/plain")
	if err := c.Write(w.ctx, ws.Text, []byte(`no`)); err != nil {
		t.Fatal(err)
	}
	w.ends(c, ws.CodeUnsupportedData, "wrong_kind: ")
}

func TestTopics(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	for path, topic := range map[string]string{
		"a":             "a",
		"a/b":           "a/b",
		"a%2Fb":         "a/b",
		"a/%2Fb":        "a//b",
		"%2E%2E%2Fb":    "../b",
		"a%20b+c":       "a b+c",
		"%C3%A9":        "é",
		"a/%2A":         "a/*",
		"a%3Fb%23":      "a?b#",
		"a/":            "a/",
		`"q"/%2A`:       `"q"/*`,
		"a%00b":         "a\x00b",
		"a;b=c,d&e=f:g": "a;b=c,d&e=f:g",
	} {
		w.ask(201, "POST", path, "x")
		page, err := w.hub.History(w.ctx, topic, broker.Query{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			t.Errorf("%s is not the topic %q", path, topic)
		}
	}
}

// curl shows the messages as they come.
func TestCurl(t *testing.T) {
	curl := need.Command(t, "curl", "apt-get install curl")
	w := newWorld(t, hub.Options{}, raw.Options{})
	cmd := exec.CommandContext(w.ctx, curl, "-sN", w.url("news"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	w.await(1)
	text, err := exec.CommandContext(w.ctx, curl, "-s", "-d", "hello", w.url("news")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var told answer
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	lines := bufio.NewScanner(out)
	var got []string
	for lines.Scan() {
		if got = append(got, lines.Text()); lines.Text() == "data: hello" {
			break
		}
	}
	same(t, "the line before", got[max(0, len(got)-2)], "id: "+told.Position)
	same(t, "the first line", got[0], "retry: 2000")
}
