package raw_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// five keeps five messages of each topic.
var five = hub.Options{Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 5}, Presence: true}}}

// fill publishes n messages and returns their positions.
func (w *world) fill(topic string, n int) []broker.Position {
	w.Helper()
	var list []broker.Position
	for i := range n {
		list = append(list, w.publish(topic, fmt.Sprint(i)))
	}
	return list
}

func TestResumeSocket(t *testing.T) {
	w := newWorld(t, five, raw.Options{})
	at := w.fill("a", 8)

	c := w.join("a?since="+at[4].String(), nil)
	w.publish("a", "live")
	for _, want := range []string{"5", "6", "7", "live"} {
		_, got := w.read(c)
		same(t, "message", got, want)
	}
	c = w.dial("a?history=2", nil)
	for _, want := range []string{"7", "live"} {
		_, got := w.read(c)
		same(t, "message", got, want)
	}

	// Without words for a gap, the connection ends and says from where to go on.
	now := w.publish("a", "last")
	c = w.dial("a?since="+at[0].String(), nil)
	w.ends(c, ws.CodeTryAgainLater, "not_recovered: messages are missing; come back with since="+now.String())

	c = w.dial("a?envelope&since="+at[0].String(), nil)
	_, text := w.read(c)
	m := decode(t, []byte(text))
	if m.Type != "subscribed" || m.Position != now.String() || m.Replayed != 0 || m.Gap == nil ||
		m.Gap.Reason != "not_recovered" || m.Gap.After != at[0].String() || m.Gap.Position != now.String() {
		t.Errorf("greeted with %s", text)
	}
	w.publish("a", "next")
	_, text = w.read(c)
	m = decode(t, []byte(text))
	same(t, "message", m.body(t), "next")
}

func TestResumeStream(t *testing.T) {
	w := newWorld(t, five, raw.Options{Retry: 1234 * time.Millisecond})
	at := w.fill("a", 3)

	s := w.open("a?since="+at[0].String(), "Accept", "text/event-stream")
	same(t, "message", s.must(), event{at[1].String(), "", "1"})
	same(t, "retry", s.retry, "1234")
	same(t, "message", s.must(), event{at[2].String(), "", "2"})

	// Last-Event-ID is later than the URL.
	s = w.open("a?history=3", "Accept", "text/event-stream", "Last-Event-ID", at[1].String())
	same(t, "message", s.must(), event{at[2].String(), "", "2"})
	s = w.open("a?history=2", "Accept", "text/event-stream")
	same(t, "message", s.must().data, "1")
	s.body.Close()

	// Who has got nothing yet knows nevertheless from where to resume.
	s = w.open("a")
	res := w.do("HEAD", "a", "")
	same(t, "position", res.Header.Get("Parley-Position"), at[2].String())
	w.publish("b", "elsewhere")
	w.hub.Disconnect(w.ctx, broker.Target{Topic: "a"}, hub.Reason{})
	e := s.must()
	same(t, "end", e.name, "notice")
	same(t, "id", e.id, at[2].String())
	if _, ok := s.next(); ok {
		t.Error("the stream goes on")
	}

	w.fill("a", 6)
	now := w.publish("a", "now")
	for _, since := range []string{at[0].String(), "other:7", "garbage"} {
		s = w.open("a", "Last-Event-ID", since)
		e := s.must()
		m := decode(t, []byte(e.data))
		if e.name != "gap" || e.id != now.String() || m.Type != "gap" || m.Topic != "a" || m.Position != now.String() || m.Reason != "not_recovered" {
			t.Errorf("since %s: got %+v", since, e)
		}
		at := w.publish("a", "then")
		same(t, "message", s.must(), event{at.String(), "", "then"})
		now = at
	}
}

func TestResumePattern(t *testing.T) {
	w := newWorld(t, five, raw.Options{})
	a, b := w.fill("x/a", 3), w.fill("x/b", 8)
	now := w.fill("x/c", 1)[0]
	since, err := json.Marshal(map[string]broker.Position{"x/a": a[1], "x/b": b[0]})
	if err != nil {
		t.Fatal(err)
	}
	check := func(gap *message) {
		t.Helper()
		if gap == nil || gap.Reason != "not_recovered" || len(gap.Topics) != 2 || gap.Topics["x/b"] != b[7].String() || gap.Topics["x/c"] != now.String() {
			t.Errorf("the gap is %+v", gap)
		}
	}
	c := w.dial("x/*?since="+url.QueryEscape(string(since)), nil)
	_, text := w.read(c)
	m := decode(t, []byte(text))
	same(t, "pattern", m.Pattern, "x/*")
	same(t, "positions", len(m.Topics), 3)
	check(m.Gap)
	_, text = w.read(c)
	m = decode(t, []byte(text))
	same(t, "message", m.Topic+" "+m.body(t), "x/a 2")

	s := w.open("x/*?since="+url.QueryEscape(string(since)), "Accept", "text/event-stream")
	e := s.must()
	m = decode(t, []byte(e.data))
	same(t, "event", e.name, "gap")
	check(&m)
	same(t, "message", s.must().name, "envelope")

	// A stream of a pattern that is broken off is never resumed silently.
	s = w.open("x/**", "Last-Event-ID", s.last)
	e = s.must()
	m = decode(t, []byte(e.data))
	same(t, "event", e.name, "gap")
	same(t, "topics", len(m.Topics), 3)
}

func TestPoll(t *testing.T) {
	w := newWorldOn(t, five, raw.Options{MaxWait: 300 * time.Millisecond}, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	})
	at := w.fill("a", 3)
	a := w.ask(200, "GET", "a?since=", "")
	same(t, "position", a.Position, at[2].String())
	same(t, "messages", len(a.Messages), 0)
	a = w.ask(200, "GET", "a?since="+at[0].String(), "")
	same(t, "messages", len(a.Messages), 2)
	same(t, "position", a.Header.Get("Parley-Position"), at[2].String())
	same(t, "recovered", *a.Recovered, true)

	// It ends after the wait, which is longer than the server's usual time, and it is capped.
	a = w.ask(200, "GET", "a?wait=1h&since="+a.Position, "")
	same(t, "position", a.Position, at[2].String())
	same(t, "messages", len(a.Messages), 0)

	w.fill("a", 7)
	now := w.publish("a", "now")
	a = w.ask(200, "GET", "a?wait=1h&since="+at[0].String(), "")
	if *a.Recovered || a.Gap == nil || a.Gap.After != at[0].String() || a.Position != now.String() || len(a.Messages) != 0 {
		t.Errorf("the answer after a gap is %s", a.text)
	}
}

// An event stream outlives the time that the server gives to usual answers, and keeps itself alive.
func TestStreamOutlives(t *testing.T) {
	w := newWorldOn(t, hub.Options{}, raw.Options{KeepAlive: 50 * time.Millisecond}, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	})
	s := w.open("a")
	w.await(1)
	time.AfterFunc(400*time.Millisecond, func() { w.publish("a", "late") })
	same(t, "message", s.must().data, "late")
	if s.quiet < 3 {
		t.Errorf("%d comments, want some", s.quiet)
	}
}

// Who does not read is told what is missing.
func TestSlow(t *testing.T) {
	o := hub.Options{
		Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 5}}},
		Limits: hub.Limits{OutboxBytes: 200 << 10},
	}
	// One is read after the other, and this may take a busy machine a while: none may be given up meanwhile.
	accept := ws.AcceptOptions{Options: ws.Options{WriteTimeout: time.Minute, CloseTimeout: time.Minute}}
	w := newWorld(t, o, raw.Options{Accept: accept, WriteTimeout: time.Minute})
	plain, wrapped, events := w.join("a", nil), w.join("a?envelope", nil), w.open("a")
	w.await(3)
	_, text := w.read(wrapped)
	same(t, "first", decode(t, []byte(text)).Type, "subscribed") // what is published from now on comes after it
	body := make([]byte, 64<<10)
	for i := range body {
		body[i] = 'x'
	}
	var last broker.Position
	for range 400 { // more than all buffers of the system hold
		last = w.publish("a", string(body))
	}
	var next uint64 = 1
	seen := func(from, to string) {
		t.Helper()
		p, err := broker.ParsePosition(to)
		if err != nil {
			t.Fatal(err)
		}
		q, err := broker.ParsePosition(from)
		if err != nil || from != "" && q.Offset != next-1 || from == "" && p.Offset != next {
			t.Fatalf("got what is from %q to %q after offset %d", from, to, next-1)
		}
		next = p.Offset + 1
	}
	gaps := 0
	take := func(m message) {
		t.Helper()
		if m.Type == "gap" {
			same(t, "reason", m.Reason, "slow")
			gaps++
		}
		seen(m.After, m.Position)
	}
	for next <= last.Offset {
		_, text = w.read(wrapped)
		take(decode(t, []byte(text)))
	}
	next = 1
	for next <= last.Offset {
		switch e := events.must(); e.name {
		case "gap":
			take(decode(t, []byte(e.data)))
		default:
			seen("", e.id)
		}
	}
	if gaps < 2 {
		t.Errorf("%d gaps, want some on each", gaps)
	}
	for {
		_, p, err := plain.Read(w.ctx)
		if err == nil {
			same(t, "size", len(p), len(body))
			continue
		}
		if code := ws.CloseCode(err); code != ws.CodeTryAgainLater {
			t.Errorf("closed with %v", err)
		}
		break
	}
}

// Drain tells everybody to come back.
func TestDrain(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	plain, wrapped, events := w.join("a", nil), w.join("a?envelope", nil), w.open("a")
	w.read(wrapped)
	w.await(3)
	polled := make(chan answer)
	go func() { polled <- w.ask(200, "GET", "a?wait=30s", "") }()
	w.await(4)
	drained := make(chan error)
	go func() { drained <- w.hub.Drain(w.ctx, 50*time.Millisecond) }()
	_, text := w.read(wrapped)
	m := decode(t, []byte(text))
	same(t, "notice", m.Type+" "+m.Code, "notice going_away")
	w.ends(wrapped, ws.CodeServiceRestart, "going_away: ")
	w.ends(plain, ws.CodeServiceRestart, "going_away: ")
	for range 2 { // once when it begins, and at the end
		e := events.must()
		m := decode(t, []byte(e.data))
		same(t, "notice", e.name+" "+m.Type+" "+m.Code, "notice notice going_away")
	}
	if events.retry == "2000" {
		t.Error("the time to come back is not spread")
	}
	if _, ok := events.next(); ok {
		t.Error("the stream goes on")
	}
	a := <-polled
	same(t, "messages", len(a.Messages), 0)
	if err := <-drained; err != nil {
		t.Error(err)
	}

	// Nobody is let in; an EventSource has to be told by a stream.
	a = w.ask(503, "POST", "a", "x")
	same(t, "code", a.Error.Code, "going_away")
	if a.Header.Get("Retry-After") != "1" || !a.Error.Retry || a.Error.After != 1000 {
		t.Errorf("refused with %s %v", a.text, a.Header)
	}
	s := w.open("a", "Accept", "text/event-stream")
	e := s.must()
	same(t, "event", e.name, "notice")
	if s.retry == "" {
		t.Error("nothing says when to come back")
	}
}

func TestPresence(t *testing.T) {
	w := newWorld(t, hub.Options{}, raw.Options{})
	a := w.ask(200, "GET", "a?presence", "")
	same(t, "answer", a.text, "{\"members\":[]}\n")
	c := w.join("a", nil)
	defer c.CloseNow()
	s := w.hub.Session(w.hub.Sessions(broker.Target{Topic: "a"}, 1)[0].ID)
	if _, err := s.Enter(w.ctx, "a", json.RawMessage(`{"name":"Ann"}`)); err != nil {
		t.Fatal(err)
	}
	a = w.ask(200, "GET", "a?presence", "")
	if len(a.Members) != 1 || a.Members[0]["key"] != s.ID() || a.Members[0]["meta"].(map[string]any)["name"] != "Ann" {
		t.Errorf("present: %s", a.text)
	}
}
