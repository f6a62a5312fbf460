package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// Whatever a body holds, it is read without a panic, and what is wrong with it is said as an error that may be told. What is taken can be
// published and comes out as it went in.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"topic":"a","data":{"n":1},"event":"e","id":"i","key":"k","headers":{"a":"b"},"content_type":"text/plain"}`,
		`{"topic":"a","b64":"AP8="}`, `{"text":"\ud800"}`, `{"text":"�"}`, `{"text":"\uFFFD"}`, `{"topik":1}`, `{"text":"a","text":"b"}`,
		`{"messages":[{"topic":"a","text":"x"},null,{"x":1}]}`, `{"pattern":"a/**","topics":["b"],"text":"x"}`,
		`{"user":"u","filter":{"prefix":"p"}}`, `{"session":"s","filter":{"exact":"a*"}}`, `{"topic":"t","code":"expired","reconnect":true,"after_ms":5,"text":"x"}`,
		`{"user":"u","expires":"2030-01-01T00:00:00Z","claims":{},"subscribe":["a",{"prefix":"b"}],"rate":1e3,"burst":2}`,
		`{`, `[]`, `null`, "{\"\xff\":1}", `{"data":` + `[[[[1]]]]` + `}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d draft
		if tellable(t, parse(body, d.withTopic())) {
			roundTrip(t, &d)
		}
		var b batch
		if tellable(t, parse(body, b.fields())) && len(b.drafts) != len(b.errs) {
			t.Errorf("%d messages, %d errors", len(b.drafts), len(b.errs))
		}
		for _, err := range b.errs {
			tellable(t, err)
		}
		var w wide
		tellable(t, parse(body, w.fields()))
		var m membership
		if tellable(t, parse(body, m.fields())) && m.hasFilter {
			text, err := encode(shape{m.filter})
			if err != nil {
				t.Fatal(err)
			}
			if again, err := readFilter(text[:len(text)-1]); err != nil || again != m.filter {
				t.Errorf("%#v is %s, which is %#v, %v", m.filter, text, again, err)
			}
		}
		var e ending
		if tellable(t, parse(body, e.fields())) {
			_, err := e.reason()
			tellable(t, err)
		}
		tellable(t, parse(body, new(renewal).fields()))
	})
}

// tellable fails the test if an error may not be told, and reports whether there is none.
func tellable(t *testing.T, err error) bool {
	if err == nil {
		return true
	}
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != hub.BadRequest && e.Code != hub.TooLarge || e.Text == "" || !utf8.ValidString(e.Text) || len(e.Text) > 2000 {
		t.Errorf("%#v", err)
	}
	return false
}

func roundTrip(t *testing.T, d *draft) {
	m, err := d.message(d.topic, "test")
	if !tellable(t, err) {
		return
	}
	switch {
	case m.Kind == broker.JSON && (!json.Valid(m.Body) || !utf8.Valid(m.Body)), m.Kind == broker.Text && !utf8.Valid(m.Body):
		t.Fatalf("%v %q", m.Kind, m.Body)
	case broker.CheckTopic(m.Topic) != nil:
		return
	}
	text, err := encode(tellMessage(m))
	if err != nil {
		t.Fatal(err)
	}
	var same map[string]json.RawMessage
	if err := json.Unmarshal(text, &same); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"time", "position", "producer"} {
		delete(same, name)
	}
	if text, err = encode(same); err != nil {
		t.Fatal(err)
	}
	var again draft
	if err := parse(text, again.withTopic()); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	n, err := again.message(again.topic, "test")
	if err != nil || n.Kind != m.Kind || string(n.Body) != string(m.Body) || n.ID != m.ID || n.Key != m.Key || n.Event != m.Event || n.ContentType != m.ContentType || len(n.Headers) != len(m.Headers) {
		t.Errorf("%+v\n%+v %v\n%s", m, n, err, text)
	}
}

func FuzzRequest(f *testing.F) {
	for _, path := range []string{"/api/v1/topics/a%2fb", "/api/v1/sessions/x?y=z", "/api/v1/history?topic=a&since=x:1&last=5", "/api/v1//", "/api/v1/topics/%", "*"} {
		f.Add("GET", path)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.NewRequest(method, target, nil)
		if err != nil {
			return
		}
		found, _, allow := find(r)
		if found != nil && len(allow) > 0 {
			t.Errorf("%s %s: found, and %q is allowed", method, target, allow)
		}
		q, err := readQuery(r.URL.RawQuery, []string{"topic", "last"})
		if tellable(t, err) {
			_, err := count(q, "last", 1)
			tellable(t, err)
		}
	})
}
