package native

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

var awkward = []string{
	"", "a", `"`, `\`, "\n\r\t\b\f\x00\x1f\x7f", "ä€😀", "\xff", "a\xc3", "\xed\xa0\x80", "\u2028", "<script>", "a\"b\\c\nd\xffe", "\ufffd",
}

// A string is written so that encoding/json reads what it would have written itself.
func TestAppendString(t *testing.T) {
	for _, s := range awkward {
		ours := appendString(nil, s)
		theirs, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b string
		if err := json.Unmarshal(ours, &a); err != nil {
			t.Errorf("%q became %s: %v", s, ours, err)
		}
		if err := json.Unmarshal(theirs, &b); err != nil {
			t.Fatal(err)
		}
		if a != b {
			t.Errorf("%q became %s, which is %q, not %q", s, ours, a, b)
		}
		if again := appendString(nil, []byte(s)); !bytes.Equal(again, ours) {
			t.Errorf("as bytes it is %s, as a string %s", again, ours)
		}
		if got := unquote(ours); got != b {
			t.Errorf("%s unquoted is %q, not %q", ours, got, b)
		}
	}
}

// Every frame is JSON whatever it holds, and one line where it has to be.
func TestFramesAreJSON(t *testing.T) {
	now := time.Now()
	at := broker.Position{Epoch: "abc", Offset: 1<<64 - 1}
	matched := []broker.Filter{broker.Exact("a"), {Type: broker.Level}, {Type: broker.Subtree, Name: "b"}, broker.Prefix("\xff\"")}
	for _, c := range []codec{socket, lines} {
		for _, s := range awkward {
			m := &broker.Message{
				Topic: s, Event: s, Kind: broker.JSON, Body: []byte("{\r\n\t\"a\":\n1}"), ContentType: s, ID: s, Key: s, From: s,
				Headers: map[string]string{s: s, "x": "y"}, Time: now, Position: at,
			}
			frames := map[string]hub.Frame{}
			put := func(name string, f hub.Frame, ok bool) {
				if !ok {
					t.Errorf("no frame for %s", name)
				}
				frames[name] = f
			}
			for _, kind := range []broker.Kind{broker.JSON, broker.Text, broker.Bytes} {
				one := *m
				if one.Kind = kind; kind != broker.JSON {
					one.Body = []byte(s)
				}
				f, err := c.Message(&one, matched)
				put(kind.String(), f, err == nil)
			}
			f, ok := c.Gap(hub.Gap{Topic: s, After: at, Tail: at, Count: 3, Reason: hub.GapSlow, Matched: matched})
			put("gap", f, ok)
			member := broker.Member{Key: s, Ref: s, Meta: []byte("{\n}"), Session: s, Since: now}
			f, ok = c.Presence(s, broker.Diff{Joins: []broker.Member{member, {}}, Leaves: []broker.Member{member}})
			put("presence", f, ok)
			f, ok = c.Subscribed(hub.Subscribed{
				Filter: broker.Exact(s), Position: at, Resumed: true, Replayed: 2,
				Topics: map[string]hub.Subscribed{s: {}, "b": {Position: at, Resumed: true, Recovered: true}},
			})
			put("subscribed", f, ok)
			f, ok = c.Unsubscribed(broker.Prefix(s), hub.Errorf(hub.Forbidden, "%s", s))
			put("unsubscribed", f, ok)
			f, ok = c.Unsubscribed(broker.Prefix(s), nil)
			put("unsubscribed without a reason", f, ok)
			f, ok = c.Notice(hub.Notice{Code: hub.GoingAway, Text: s, After: time.Second})
			put("notice", f, ok)
			for name, f := range frames {
				var text []byte
				switch data := f.Data.(type) {
				case *ws.Prepared:
					text = data.Bytes()
				case line:
					if text = data.text; bytes.ContainsAny(text, "\r\n") {
						t.Errorf("%s has a line end: %q", name, text)
					}
					if !data.event {
						t.Errorf("%s is taken for an answer", name)
					}
				}
				if !json.Valid(text) {
					t.Errorf("%s is no JSON: %s", name, text)
				}
				if f.Size < len(text) {
					t.Errorf("%s has %d bytes, and says %d", name, len(text), f.Size)
				}
			}
		}
	}
}

// The sessions of a transport share a codec, by which the hub encodes once.
func TestCodecsCompare(t *testing.T) {
	var a, b hub.Codec = socket, codec(0)
	if a != b || a == hub.Codec(lines) {
		t.Error("codecs do not compare as they must")
	}
}

// Each code has its close code, and only those that help nobody by coming back are between 4400 and 4499.
func TestCloseCodes(t *testing.T) {
	for code, want := range map[hub.Code]ws.Code{
		hub.BadRequest: 4400, hub.Unauthenticated: 4401, hub.Expired: 4401, hub.Forbidden: 4403, hub.Timeout: 4408, hub.LimitReached: 4409,
		hub.Disconnected: 4410, hub.RateLimited: 4429, hub.TooLarge: 1009, hub.Internal: 1011, hub.SlowConsumer: 1013, hub.Unavailable: 1013,
		hub.NotFound: 4400, hub.WrongKind: 4400, hub.UnknownOutcome: 1011,
	} {
		if got := closeCode(hub.Reason{Code: code}); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	for _, code := range []hub.Code{hub.GoingAway, hub.Disconnected} {
		if got := closeCode(hub.Reason{Code: code, Reconnect: true}); got != 1012 {
			t.Errorf("%s with reconnect: %d, want 1012", code, got)
		}
	}
}

var chat = &broker.Message{
	Topic: "chat/lobby", Kind: broker.JSON, Body: []byte(`{"text":"the quick brown fox jumps over the lazy dog","n":12345}`),
	ID: "m-123456", From: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Time: time.Unix(1e9, 0), Position: broker.Position{Epoch: "k3j2h1", Offset: 123456},
}

func BenchmarkMessage(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = socket.Message(chat, nil)
	}
}

func BenchmarkReadPublish(b *testing.B) {
	body := []byte(`{"type":"publish","id":17,"topic":"chat/lobby","mid":"m-123456","data":{"text":"the quick brown fox jumps over the lazy dog","n":12345}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	j := new(job)
	for b.Loop() {
		j.r = reader{scanner: scanner{p: body, depth: 64}, most: 1000}
		if ok, err := j.r.next(&j.c); !ok || err != nil {
			b.Fatal(err)
		}
		if m := j.c.message(); m.ID == "" || j.c.err != nil {
			b.Fatal(j.c.err)
		}
	}
}
