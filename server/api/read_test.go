package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/parley-ws/parley/broker"
)

type history struct {
	Messages []struct {
		Position broker.Position
		Text     string
		Data     json.RawMessage
	}
	Position       broker.Position
	Complete, More bool
}

func (h history) texts() (list string) {
	for _, m := range h.Messages {
		list += m.Text + string(m.Data) + " "
	}
	return list
}

func TestHistory(t *testing.T) {
	s := newStage(t)
	var at []broker.Position
	for i := range 5 {
		at = append(at, read[published](t, s.do("POST", "/publish", map[string]any{"topic": "a/b c", "text": fmt.Sprint(i)})).Position)
	}
	ask := func(query string) history {
		return read[history](t, s.do("GET", "/history?topic=a/b%20c&"+query, nil))
	}
	for query, want := range map[string]string{
		"":                                     "0 1 2 3 4  false false",
		"limit=2":                              "0 1  false true",
		"last=2":                               "3 4  false true",
		"last=1000":                            "0 1 2 3 4  false false",
		"limit=0":                              " false true",
		"since=" + at[1].String():              "2 3 4  true false",
		"since=" + at[1].String() + "&limit=1": "2  true true",
		"since=" + at[1].String() + "&last=1":  "4  true true",
		"since=" + at[4].String():              " true false",
		"since=" + url.QueryEscape("otherepoch:7"): "0 1 2 3 4  false false",
	} {
		h := ask(query)
		if got := fmt.Sprint(h.texts(), " ", h.Complete, " ", h.More); got != want || h.Position != at[4] {
			t.Errorf("%s: got %q at %v, want %q", query, got, h.Position, want)
		}
	}
	for query, text := range map[string]string{
		"":                         "topic: the name of a topic is empty",
		"topic=a&limit=1&last=1":   "one of them",
		"topic=a&limit=1001":       "limit: want a whole number from 0 to 1000",
		"topic=a&last=-1":          "last: want a whole number",
		"topic=a&last=":            "last: want a whole number",
		"topic=a&since=5":          "since: position",
		"topic=a&topic=b":          "the parameter topic is there twice",
		"topc=a":                   `unknown parameter "topc": did you mean "topic"?`,
		"topic=%ff":                "not UTF-8",
		"topic=%zz":                "malformed",
		"topic=a&access_token=abc": `unknown parameter "access_token"`,
	} {
		s.do("GET", "/history?"+query, nil).refused(t, 400, "bad_request", text)
	}
	// The answer of a topic that nobody has used has the position that the first message comes after.
	empty := read[history](t, s.do("GET", "/history?topic=new", nil))
	p := read[published](t, s.do("POST", "/publish", `{"topic":"new","text":"x"}`))
	if empty.Position.Epoch != p.Position.Epoch || empty.Position.Offset != 0 || empty.Messages == nil {
		t.Errorf("%+v, then %v", empty, p.Position)
	}
}

func TestHistoryShowsAll(t *testing.T) {
	s := newStage(t)
	s.do("POST", "/publish", `{"topic":"a","b64":"AP8=","id":"i","key":"k","event":"e","content_type":"image/png","headers":{"h":"<v>"}}`).want(t, 200, "{")
	got := read[struct{ Messages []map[string]any }](t, s.do("GET", "/history?topic=a", nil))
	m := got.Messages[0]
	for _, name := range []string{"time", "position"} {
		if _, ok := m[name].(string); !ok {
			t.Errorf("%s is %v", name, m[name])
		}
		delete(m, name)
	}
	text, _ := json.Marshal(m)
	want := `{"b64":"AP8=","content_type":"image/png","event":"e","headers":{"h":"\u003cv\u003e"},"id":"i","key":"k","producer":"key/test","topic":"a"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestPresence(t *testing.T) {
	s := withUsers(t)
	s.do("GET", "/presence?topic=a", nil).want(t, 200, `{"topic":"a","members":[]}`)
	c := s.connect(t, "alice")
	defer c.end()
	if _, err := c.Enter(t.Context(), "a", json.RawMessage(`{"x":1}`)); err != nil {
		t.Fatal(err)
	}
	got := read[struct {
		Members []struct {
			Key, Session, Node string
			Meta               json.RawMessage
		}
	}](t, s.do("GET", "/presence?topic=a", nil))
	if len(got.Members) != 1 || got.Members[0].Key != "alice" || got.Members[0].Session != c.ID() || got.Members[0].Node != "node-1" || string(got.Members[0].Meta) != `{"x":1}` {
		t.Errorf("%+v", got)
	}
	s.do("GET", "/presence", nil).refused(t, 400, "bad_request", "topic")
}

func TestTopics(t *testing.T) {
	s := newStage(t)
	for _, topic := range []string{"b", "a/x", "a/y/z", "/a//b/"} {
		s.do("POST", "/publish", map[string]string{"topic": topic, "text": "x"}).want(t, 200, "{")
	}
	names := func(query string) (list string) {
		got := read[struct {
			Topics []struct {
				Topic           string
				Retained, Bytes int
			}
			More bool
		}](t, s.do("GET", "/topics?"+query, nil))
		for _, topic := range got.Topics {
			list += fmt.Sprint(topic.Topic, topic.Retained, topic.Bytes, " ")
		}
		return list + fmt.Sprint(got.More)
	}
	for query, want := range map[string]string{
		"":                     "/a//b/1 1 a/x1 1 a/y/z1 1 b1 1 false",
		"pattern=a/**":         "a/x1 1 a/y/z1 1 false",
		"pattern=a/**&limit=1": "a/x1 1 true",
		"limit=0":              "true",
		"pattern=c":            "false",
	} {
		if got := names(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	s.do("GET", "/topics?pattern=", nil).refused(t, 400, "bad_request", "pattern: ")
	s.do("GET", "/topics?patern=b", nil).refused(t, 400, "bad_request", `did you mean "pattern"?`)
	for path, topic := range map[string]string{"a/x": "a/x", "a%2Fx": "a/x", "%2Fa%2F%2Fb%2F": "/a//b/", "/a//b/": "/a//b/"} {
		s.do("GET", "/topics/"+path, nil).want(t, 200, `{"topic":"`+topic+`","position":"`)
	}
	s.do("GET", "/topics/none", nil).refused(t, 404, "not_found", "nothing is known")
	s.do("GET", "/topics/", nil).refused(t, 404, "not_found", "nothing is at this path")
	s.do("GET", "/topics/%ff", nil).refused(t, 400, "bad_request", "not UTF-8")
}

func TestInfo(t *testing.T) {
	s := newStage(t)
	c := s.connect(t, "")
	defer c.end()
	got := read[struct {
		Version, Node string
		Sessions      int
		Goroutines    int
		Memory        struct{ Heap, Total int }
	}](t, s.do("GET", "/info", nil))
	if got.Version != "1.2.3" || got.Node != "node-1" || got.Sessions != 1 || got.Goroutines == 0 {
		t.Errorf("%+v", got)
	}
}
