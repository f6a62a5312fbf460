package raw

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
)

// FuzzPath reads paths as they come in a request. What is a topic comes back when it is escaped as a client would.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"a", "a/b", "a%2Fb", "a/*", "**", "*", "/*", "a%2A", "a/%2A/*", "%", "%ff", "", "//", "a*", "a/*/b", "é", `"/%2A`, "%2F/*", "a?b"} {
		f.Add("/t/" + path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			return
		}
		got, problem := parsePath(escaped(r.URL), "/t/")
		if problem != nil {
			return
		}
		if err := got.Check(); err != nil {
			t.Fatalf("%q gives %v: %v", path, got, err)
		}
		text := ""
		for part := range strings.SplitSeq(got.Name, "/") {
			text += "/" + strings.ReplaceAll(url.PathEscape(part), "*", "%2A")
		}
		switch text = strings.TrimPrefix(text, "/"); {
		case got.IsExact():
		case got.Type == broker.Level:
			text = strings.TrimPrefix(text+"/*", "/")
		default:
			text = strings.TrimPrefix(text+"/**", "/")
		}
		if strings.HasPrefix(got.Name, "/") && !got.IsExact() {
			text = "/" + text // it was cut off
		}
		again, problem := parsePath("/t/"+text, "/t/")
		if problem != nil || again != got {
			t.Fatalf("%q is %+v; %q is %+v, %v", path, got, text, again, problem)
		}
		// The path of the URL says the same but for the stars.
		if got.IsExact() && "/t/"+got.Name != r.URL.Path {
			t.Fatalf("%q is %q, the URL has %q", path, got.Name, r.URL.Path)
		}
	})
}

// FuzzQuery reads queries: what is taken is within bounds, and what is refused is not repeated.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "since=now", "since=&wait=30s", "wait=5", "history=3", "presence", "envelope=1", "token=abc", "histroy=5",
		"since=%7B%22a%22%3A%22e%3A1%22%7D", "a=1&a=2", "kind=json&event=x", "%zz", "a;b", "wait=9999999h"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			if err.Text == "" || len(err.Text) > 500 {
				t.Fatalf("%q: %q", raw, err.Text)
			}
			return
		}
		if q.wait < 0 || q.wait > maxWait || q.history < 0 || len(q.given) > len(parameters) {
			t.Fatalf("%q: %+v", raw, q)
		}
		if p, err := q.position(); err == nil && !p.IsZero() && p.String() != q.since {
			t.Fatalf("%q: position %v", raw, p)
		}
		if list, err := q.positions(); err == nil && q.since != "" && list == nil {
			t.Fatalf("%q: no positions", raw)
		}
	})
}

// FuzzEvent encodes messages as events. A reader that goes by the standard alone gets the same bodies and events back, each once.
func FuzzEvent(f *testing.F) {
	f.Add([]byte("hello"), "", uint8(2))
	f.Add([]byte("a\r\nb\rc\n"), "tick", uint8(2))
	f.Add([]byte(""), "gap", uint8(2))
	f.Add([]byte("{\"a\": 1\r}"), "e\nf", uint8(1))
	f.Add([]byte("\xff\x00"), "error", uint8(3))
	f.Add([]byte("\n\ndata: x\n\n"), " id: 1", uint8(2))
	f.Add([]byte("\"\xff\""), "", uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, event string, k uint8) {
		m := &broker.Message{
			Topic: "t", Event: event, Kind: broker.Kind(k%3 + 1), Body: body, Position: broker.Position{Epoch: "e", Offset: 7},
		}
		switch {
		case !utf8.ValidString(event), m.Kind == broker.Text && !utf8.Valid(body), m.Kind == broker.JSON && !json.Valid(body):
			return // the hub lets none of these in
		}
		for _, always := range []bool{false, true} {
			text, err := appendEvent(nil, m, always, true)
			if err != nil {
				t.Fatal(err)
			}
			// What stands before and after must not matter.
			list := readEvents("retry: 5\n\n" + string(text) + ":\n\ndata: after\n\n")
			if len(list) != 2 || list[1] != (read{"e:7", "message", "after"}) || list[0].id != "e:7" {
				t.Fatalf("%q is read as %+v", text, list)
			}
			got := list[0]
			if got.event == eventEnvelope {
				checkEnvelope(t, got.data, m)
				continue
			}
			want := m.Event
			if want == "" {
				want = "message"
			}
			if always || got.event != want || got.data != string(body) {
				t.Fatalf("%q is read as %+v", text, got)
			}
		}
	})
}

// checkEnvelope compares what an envelope says with the message.
func checkEnvelope(t *testing.T, text string, m *broker.Message) {
	t.Helper()
	var e struct {
		Kind, Event, Position string
		Data                  json.RawMessage
		Base64                *[]byte
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if e.Kind != m.Kind.String() || e.Event != m.Event || e.Position != "e:7" || (e.Data == nil) == (e.Base64 == nil) {
		t.Fatalf("%+v is %s", m, text)
	}
	var body string
	switch {
	case e.Base64 != nil:
		body = string(*e.Base64)
	case m.Kind == broker.JSON:
		var got, want bytes.Buffer
		if json.Compact(&got, e.Data) != nil || json.Compact(&want, m.Body) != nil || got.String() != want.String() {
			t.Fatalf("%q is %q", m.Body, e.Data)
		}
		return
	default:
		if err := json.Unmarshal(e.Data, &body); err != nil {
			t.Fatal(err)
		}
	}
	if body != string(m.Body) {
		t.Fatalf("%q is %q", m.Body, body)
	}
}

type read struct{ id, event, data string }

// readEvents interprets an event stream, line by line, as HTML section 9.2.6 has it.
func readEvents(text string) (list []read) {
	in := bufio.NewReader(strings.NewReader(strings.ToValidUTF8(text, "\uFFFD")))
	var line, data strings.Builder
	var id, event string
	skipLF := false
	for {
		c, err := in.ReadByte()
		if err == io.EOF {
			return list // what is not complete is discarded
		}
		if skip := skipLF && c == '\n'; skip {
			skipLF = false
			continue
		}
		skipLF = c == '\r'
		if c != '\r' && c != '\n' {
			line.WriteByte(c)
			continue
		}
		l := line.String()
		line.Reset()
		if l == "" {
			if data.Len() > 0 {
				if event == "" {
					event = "message"
				}
				list = append(list, read{id, event, strings.TrimSuffix(data.String(), "\n")})
			}
			data.Reset()
			event = ""
			continue
		}
		field, value, _ := strings.Cut(l, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event = value
		case "data":
			data.WriteString(value + "\n")
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
}
