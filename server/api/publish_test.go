package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
)

type published struct {
	Topic     string
	Position  broker.Position
	Duplicate bool
	Error     *struct {
		Code, Text string
		Retry      bool
	}
}

type results struct{ Results []published }

func TestPublish(t *testing.T) {
	s := newStage(t)
	first := read[published](t, s.do("POST", "/publish", `{"topic":"a","data":{"n": 1.50, "t":"<&>"},"id":"x","event":"e","key":"k","headers":{"h":"v"},"content_type":"application/json"}`))
	again := read[published](t, s.do("POST", "/publish", `{"topic":"a","text":"other","id":"x"}`))
	if first.Duplicate || !again.Duplicate || first.Position != again.Position || first.Position.Offset != 1 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	for _, body := range []string{`{"topic":"a","text":"é\n","event":null}`, `{"topic":"a","b64":"AP8="}`, `{"topic":"a","b64":""}`, `{"topic":"a","data":null}`, `{"topic":"a","text":""}`} {
		s.do("POST", "/publish", body).want(t, 200, `{"position":"`)
	}
	p, err := s.hub.History(t.Context(), "a", broker.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Messages {
		got = append(got, fmt.Sprintf("%v %q %s", m.Kind, m.Body, m.Producer))
	}
	want := []string{`json "{\"n\":1.50,\"t\":\"<&>\"}" key/test`, `text "é\n" key/test`, `bytes "\x00\xff" key/test`, `bytes "" key/test`, `json "null" key/test`, `text "" key/test`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	m := p.Messages[0]
	if m.Event != "e" || m.Key != "k" || m.ID != "x" || m.Headers["h"] != "v" || m.ContentType != "application/json" {
		t.Errorf("%+v", m)
	}
}

func TestPublishIsDelivered(t *testing.T) {
	s := newStage(t)
	c := s.connect(t, "")
	defer c.end()
	if _, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")}); err != nil {
		t.Fatal(err)
	}
	s.do("POST", "/publish", `{"topic":"a","text":"hello"}`).want(t, 200, "{")
	if got := c.next(t); got != "a text hello" {
		t.Errorf("got %q", got)
	}
}

func TestBadMessages(t *testing.T) {
	s := newStage(t)
	for _, test := range []struct {
		body   string
		status int
		code   string
		text   string
	}{
		{`{"topic":"a"}`, 400, "bad_request", "one of data"},
		{`{"topic":"a","text":"x","data":1}`, 400, "bad_request", "one of data"},
		{`{"text":"x"}`, 400, "bad_request", "topic: the name of a topic is empty"},
		{`{"topic":"` + strings.Repeat("t", 256) + `","text":"x"}`, 400, "bad_request", "topic: "},
		{`{"topic":"a","txt":"x"}`, 400, "bad_request", `unknown field "txt": did you mean "text"?`},
		{`{"Topic":"a","text":"x"}`, 400, "bad_request", `did you mean "topic"?`},
		{`{"topic":"a","text":"x","topic":"b"}`, 400, "bad_request", `the field "topic" is there twice`},
		{`{"topic":1,"text":"x"}`, 400, "bad_request", "topic: want a string"},
		{`{"topic":"a","text":1}`, 400, "bad_request", "text: want a string"},
		{`{"topic":"a","text":"\ud800"}`, 400, "bad_request", "text: half a surrogate pair at byte 1 of the value: it is no text"},
		{`{"topic":"a","data":{"x":["\udc00"]}}`, 400, "bad_request", "data: half a surrogate pair at byte 7 of the value: it is no text"},
		{`{"topic":"a","data":{"\ud83dx":1}}`, 400, "bad_request", "data: half a surrogate pair at byte 2"},
		{`{"topic":"a","text":"x","headers":{"a":"\ud800"}}`, 400, "bad_request", "headers: half a surrogate pair at byte 6"},
		{`{"topic":"a","b64":"AP8"}`, 400, "bad_request", "b64: want bytes"},
		{`{"topic":"a","text":"x","headers":{"a":1}}`, 400, "bad_request", "headers: want an object of strings"},
		{`{"topic":"a","text":"x","headers":{"a":null}}`, 400, "bad_request", "headers: want an object of strings"},
		{`{"topic":"a","text":"x","headers":{"a":"` + strings.Repeat("x", 5000) + `"}}`, 413, "too_large", "headers"},
		{`{"topic":"a","text":"x","content_type":"text\r\nx: y"}`, 400, "bad_request", "content_type: want a media type"},
		{`{"topic":"a","text":"x","id":"` + strings.Repeat("x", 129) + `"}`, 400, "bad_request", "id"},
		{`{"topic":"a","text":"` + strings.Repeat("x", 1<<20+1) + `"}`, 413, "too_large", "1048577 bytes"},
		{`{"topic":"text/a","data":"x"}`, 422, "wrong_kind", "this topic takes text"},
		{``, 400, "bad_request", "no JSON, at byte 0"},
		{`{"topic":"a","text":"x"`, 400, "bad_request", "no JSON"},
		{`{"topic":"a","text":"x"} {}`, 400, "bad_request", "no JSON"},
		{`[]`, 400, "bad_request", "the body: want a JSON object"},
		{`null`, 400, "bad_request", "the body: want a JSON object"},
		{"{\"topic\":\"a\",\"text\":\"\xff\"}", 400, "bad_request", "not UTF-8"},
	} {
		s.do("POST", "/publish", test.body).refused(t, test.status, test.code, test.text)
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := newStage(t)
	send := func(path, body string, keys ...string) answer {
		r := request("POST", path, body)
		r.Header["Idempotency-Key"] = keys
		return s.send(r)
	}
	first := read[published](t, send("/publish", `{"topic":"a","text":"x"}`, `"k 1"`))
	again := read[published](t, send("/publish", `{"topic":"a","text":"x","id":"k 1"}`, `k 1`))
	if first.Duplicate || !again.Duplicate || first.Position != again.Position {
		t.Errorf("first %+v, again %+v", first, again)
	}
	send("/publish", `{"topic":"a","text":"x","id":"other"}`, "k").refused(t, 400, "bad_request", "another id")
	send("/broadcast", `{"topics":["a"],"text":"x","id":"other"}`, "k").refused(t, 400, "bad_request", "another id")
	for _, keys := range [][]string{{""}, {`""`}, {`"`}, {`a"b`}, {"a", "a"}} {
		send("/publish", `{"topic":"a","text":"x"}`, keys...).refused(t, 400, "bad_request", "Idempotency-Key")
		send("/publish/batch", `{"messages":[{"topic":"a","text":"x"}]}`, keys...).refused(t, 400, "bad_request", "Idempotency-Key")
		send("/broadcast", `{"topics":["a"],"text":"x"}`, keys...).refused(t, 400, "bad_request", "Idempotency-Key")
	}
	batch := `{"messages":[{"topic":"b","text":"0"},{"topic":"b","text":"1"},{"topic":"b","text":"2","id":"own"}]}`
	one := read[results](t, send("/publish/batch", batch, "all"))
	two := read[results](t, send("/publish/batch", batch, "all"))
	for i := range one.Results {
		if one.Results[i].Duplicate || !two.Results[i].Duplicate || one.Results[i].Position != two.Results[i].Position {
			t.Errorf("%d: %+v, then %+v", i, one.Results[i], two.Results[i])
		}
	}
}

func TestBatch(t *testing.T) {
	s := newStage(t)
	got := read[results](t, s.do("POST", "/publish/batch", `{"messages":[
		{"topic":"a","text":"1"}, {"topic":"a","txt":"2"}, 3, {"topic":"text/x","data":4}, {"topic":"a","text":"5"}]}`)).Results
	want := []string{"", `messages[1]: unknown field "txt": did you mean "text"?`, "messages[2]: want a JSON object", "the message is json: this topic takes text", ""}
	for i, r := range got {
		if (r.Error == nil) != (want[i] == "") || r.Error != nil && (r.Error.Text != want[i] || r.Error.Retry) {
			t.Errorf("%d: %+v %+v, want %q", i, r, r.Error, want[i])
		}
	}
	if len(got) != len(want) || got[0].Position.Offset != 1 || got[4].Position.Offset != 2 {
		t.Errorf("%+v", got)
	}
	s.do("POST", "/publish/batch", `{"messages":[]}`).refused(t, 400, "bad_request", "messages: there is none")
	s.do("POST", "/publish/batch", `{}`).refused(t, 400, "bad_request", "messages: there is none")
	s.do("POST", "/publish/batch", `{"messages":{}}`).refused(t, 400, "bad_request", "messages: want an array")
	var many []map[string]string
	for i := range 1001 {
		many = append(many, map[string]string{"topic": "many", "text": fmt.Sprint(i)})
	}
	s.do("POST", "/publish/batch", map[string]any{"messages": many}).refused(t, 413, "too_large", "more than 1000")
	all := read[results](t, s.do("POST", "/publish/batch", map[string]any{"messages": many[:1000]})).Results
	if len(all) != 1000 || all[999].Position.Offset != 1000 {
		t.Errorf("%d results, the last %+v", len(all), all[len(all)-1])
	}
}

func TestBroadcast(t *testing.T) {
	s := newStage(t)
	for _, topic := range []string{"chat/b", "chat/a", "chat/a/x", "text/a"} {
		s.do("POST", "/publish", map[string]string{"topic": topic, "text": "x"}).want(t, 200, "{")
	}
	names := func(body string) (list string) {
		for _, r := range read[results](t, s.do("POST", "/broadcast", body)).Results {
			list += r.Topic
			if r.Error != nil {
				list += " " + r.Error.Code
			}
			list += ";"
		}
		return list
	}
	for body, want := range map[string]string{
		`{"pattern":"chat/*","text":"x"}`:                            "chat/a;chat/b;",
		`{"pattern":"chat/**","topics":["chat/a","new"],"text":"x"}`: "chat/a;chat/a/x;chat/b;new;",
		`{"pattern":{"prefix":"chat/a"},"text":"x"}`:                 "chat/a;chat/a/x;",
		`{"topics":["text/a","",  "new"],"data":1}`:                  " bad_request;new;text/a wrong_kind;",
		`{"pattern":"nothing/**","text":"x"}`:                        "",
	} {
		if got := names(body); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
	s.do("POST", "/broadcast", `{"text":"x"}`).refused(t, 400, "bad_request", "say to whom")
	s.do("POST", "/broadcast", `{"pattern":"a*b","text":"x"}`).refused(t, 400, "bad_request", "pattern: pattern")
	s.do("POST", "/broadcast", `{"pattern":"**"}`).refused(t, 400, "bad_request", "one of data")
	s.do("POST", "/broadcast", `{"topic":"a","text":"x"}`).refused(t, 400, "bad_request", `did you mean "topics"?`)
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint("many/", i))
	}
	s.do("POST", "/broadcast", map[string]any{"topics": many, "pattern": "chat/a", "text": "x"}).refused(t, 409, "limit_reached", "nothing was published")
	if got := read[results](t, s.do("POST", "/broadcast", map[string]any{"topics": many, "text": "x"})).Results; len(got) != 1000 {
		t.Errorf("%d results", len(got))
	}
}

// What the topic refuses for a while says when it does not.
func TestTopicRate(t *testing.T) {
	s := stageOf(t, hub.Options{Topics: []hub.Topic{{Pattern: "**", Rate: 0.01, Burst: 1}}}, api.Options{Keys: []api.Key{admin}})
	s.do("POST", "/publish", `{"topic":"a","text":"x"}`).want(t, 200, "{")
	a := s.do("POST", "/publish", `{"topic":"a","text":"x"}`).refused(t, 429, "rate_limited", "")
	var e struct {
		Error struct {
			Retry   bool
			AfterMS int `json:"after_ms"`
		}
	}
	if err := json.Unmarshal([]byte(a.text), &e); err != nil || !e.Error.Retry || e.Error.AfterMS < 90_000 || len(a.Header().Get("Retry-After")) < 2 {
		t.Errorf("%s, Retry-After %s", a.text, a.Header().Get("Retry-After"))
	}
}
