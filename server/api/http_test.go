package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
)

func TestPathsAndMethods(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"", "/", "/nothing", "/publish/", "/publish/batch/x", "/Publish", "/sessions/", "//publish"} {
		s.do("POST", path, "{}").refused(t, 404, "not_found", "/api/v1/openapi.yaml")
	}
	r := httptest.NewRequest("GET", "http://localhost/elsewhere", nil)
	s.send(r).refused(t, 404, "not_found", "")
	for _, test := range []struct{ method, path, allow string }{
		{"GET", "/publish", "POST"},
		{"PUT", "/disconnect", "POST"},
		{"OPTIONS", "/publish", "POST"},
		{"POST", "/history", "GET, HEAD"},
		{"DELETE", "/sessions/x", "GET, HEAD"},
		{"DELETE", "/topics/a/b", "GET, HEAD"},
	} {
		a := s.do(test.method, test.path, "{}").refused(t, 405, "method_not_allowed", "does nothing here")
		if allow := a.Header().Get("Allow"); allow != test.allow {
			t.Errorf("%s %s: Allow: %s, want %s", test.method, test.path, allow, test.allow)
		}
	}
	a := s.do("HEAD", "/topics", nil).want(t, 200, "")
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": ""} {
		if got := a.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestBodies(t *testing.T) {
	s := stageOf(t, hub.Options{}, api.Options{Keys: []api.Key{admin}, MaxBody: 100})
	const body = `{"topic":"a","text":"x"}`
	send := func(change func(*http.Request)) answer {
		r := request("POST", "/publish", body)
		change(r)
		return s.send(r)
	}
	send(func(r *http.Request) { r.Header.Set("Content-Type", "Application/JSON; charset=utf-8") }).want(t, 200, "{")
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "application/json;;"} {
		send(func(r *http.Request) { r.Header.Set("Content-Type", kind) }).refused(t, 415, "unsupported_media_type", "application/json")
	}
	send(func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }).refused(t, 415, "unsupported_media_type", "Content-Encoding")
	send(func(r *http.Request) { r.URL.RawQuery = "topic=a" }).refused(t, 400, "bad_request", `unknown parameter "topic"`)

	long := `{"topic":"a","text":"` + strings.Repeat("x", 100) + `"}`
	s.do("POST", "/publish", long).refused(t, 413, "too_large", "more than 100 bytes")
	r := request("POST", "/publish", long)
	r.ContentLength = -1 // as in chunks
	s.send(r).refused(t, 413, "too_large", "more than 100 bytes")
	s.do("POST", "/publish", body+strings.Repeat(" ", 100-len(body))).want(t, 200, "{")
}

// What the hub cannot do now is told with its own status, and what fails inside is not told.
func TestErrorsOfTheHub(t *testing.T) {
	s := newStage(t)
	s.hub.Close()
	a := s.do("POST", "/publish", `{"topic":"a","text":"x"}`).refused(t, 503, "unavailable", "")
	if !strings.Contains(a.text, `"retry":true`) {
		t.Error(a.text)
	}
	got := read[results](t, s.do("POST", "/publish/batch", `{"messages":[{"topic":"a","text":"x"}]}`)).Results
	if got[0].Error == nil || got[0].Error.Code != "unavailable" {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{"/history?topic=a", "/presence?topic=a", "/topics", "/topics/a"} {
		s.do("GET", path, nil).refused(t, 503, "unavailable", "")
	}
	for path, body := range map[string]string{
		"/broadcast": `{"pattern":"**","text":"x"}`, "/subscribe": `{"user":"a","filter":"a"}`, "/unsubscribe": `{"user":"a","filter":"a"}`,
		"/refresh": `{"user":"a","rate":1}`, "/disconnect": `{"user":"a"}`,
	} {
		s.do("POST", path, body).refused(t, 503, "unavailable", "")
	}
}

func TestAnswered(t *testing.T) {
	var got []api.Answer
	s := stageOf(t, hub.Options{}, api.Options{Keys: []api.Key{admin}, Answered: func(a api.Answer) { got = append(got, a) }})
	s.do("GET", "/sessions/x", nil)
	s.do("POST", "/subscribe", `{"user":"a","filter":"a"}`)
	s.do("POST", "/nothing", "{}")
	want := []api.Answer{
		{Route: "GET /sessions/{id}", Key: "test", Status: 404, Code: hub.NotFound},
		{Route: "POST /subscribe", Key: "test", Status: 202},
		{Status: 404, Code: hub.NotFound},
	}
	for i := range got {
		if got[i].Took <= 0 {
			t.Errorf("it took %v", got[i].Took)
		}
		if got[i].Took = 0; got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d answers", len(got))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"topic", "text", "headers"}
	for name, want := range map[string]string{
		"topc":                     `did you mean "topic"?`,
		"TEXT":                     `did you mean "text"?`,
		"header":                   `did you mean "headers"?`,
		"completely":               "there are headers, text, topic",
		strings.Repeat("x", 10000): "there are headers, text, topic",
	} {
		if got := api.Nearest("field", name, names); !strings.HasSuffix(got, want) || len(got) > 100 {
			t.Errorf("%.20s: got %s, want %s", name, got, want)
		}
	}
	if got := api.Nearest("field", "x", nil); got != `unknown field "x": there is none here` {
		t.Error(got)
	}
}
