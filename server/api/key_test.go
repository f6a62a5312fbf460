package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
)

func TestKeysThatAreWrong(t *testing.T) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	good := func(change func(*api.Key)) api.Key {
		k := admin
		change(&k)
		return k
	}
	for want, keys := range map[string][]api.Key{
		"a name has letters":          {good(func(k *api.Key) { k.Name = "a/b" })},
		`key "": a name`:              {good(func(k *api.Key) { k.Name = "" })},
		"16 are needed":               {good(func(k *api.Key) { k.Secret = "too short" })},
		"either the key or":           {good(func(k *api.Key) { k.Secret = "" })},
		"either the key":              {good(func(k *api.Key) { k.SHA256 = strings.Repeat("00", 32) })},
		"64 hexadecimal":              {good(func(k *api.Key) { k.Secret, k.SHA256 = "", "abc" })},
		"it has no scope":             {good(func(k *api.Key) { k.Scopes = nil })},
		`unknown scope "root"`:        {good(func(k *api.Key) { k.Scopes = []api.Scope{"root"} })},
		"a star may only":             {good(func(k *api.Key) { k.Topics = []string{"a*b"} })},
		"not negative":                {good(func(k *api.Key) { k.Rate = -1 })},
		`it is the same as key "one"`: {good(func(k *api.Key) { k.Name = "one" }), good(func(k *api.Key) { k.Name = "two" })},
	} {
		_, err := api.New(h, api.Options{Keys: keys})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "too short") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := api.New(h, api.Options{Keys: []api.Key{admin}, AllowAll: true}); err == nil {
		t.Error("keys and AllowAll go together")
	}
}

// Nothing that is printed of a key shows it.
func TestKeyIsNotPrinted(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", admin)
	for _, text := range []string{fmt.Sprint(admin), fmt.Sprintf("%+v", admin), fmt.Sprintf("%#v", admin), fmt.Sprintf("%v", []api.Key{admin}), log.String()} {
		if strings.Contains(text, secret) || !strings.Contains(text, "test") {
			t.Errorf("got %s", text)
		}
	}
}

func TestAuthentication(t *testing.T) {
	var log bytes.Buffer
	sum := sha256.Sum256([]byte("another-key-entirely"))
	s := stageOf(t, hub.Options{}, api.Options{
		Keys:   []api.Key{admin, {Name: "hashed", SHA256: strings.ToUpper(hex.EncodeToString(sum[:])), Scopes: []api.Scope{api.Read}}},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	for _, test := range []struct {
		header http.Header
		ok     bool
		text   string
	}{
		{http.Header{"Authorization": {"Bearer " + secret}}, true, ""},
		{http.Header{"Authorization": {"bearer  " + secret}}, true, ""},
		{http.Header{"X-Api-Key": {secret}}, true, ""},
		{http.Header{"X-Api-Key": {"another-key-entirely"}}, true, ""},
		{http.Header{}, false, "show an API key"},
		{http.Header{"Authorization": {secret}}, false, "show an API key"},
		{http.Header{"Authorization": {"Basic " + secret}}, false, "show an API key"},
		{http.Header{"Authorization": {"Bearer"}}, false, "show an API key"},
		{http.Header{"X-Api-Key": {""}}, false, "show an API key"},
		{http.Header{"Authorization": {"Bearer " + secret + "x"}}, false, "not known"},
		{http.Header{"X-Api-Key": {secret[1:]}}, false, "not known"},
		{http.Header{"X-Api-Key": {secret}, "Authorization": {"Bearer " + secret}}, false, "once"},
		{http.Header{"X-Api-Key": {secret, secret}}, false, "once"},
	} {
		r := request("GET", "/topics", nil)
		r.Header = test.header
		a := s.send(r)
		if test.ok {
			a.want(t, 200, "{")
			continue
		}
		a.refused(t, 401, "unauthenticated", test.text)
		if a.Header().Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
	}
	if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "another-key") || !strings.Contains(log.String(), "key=hashed") {
		t.Errorf("the log has %s", log.String())
	}
}

func TestNoKeys(t *testing.T) {
	s := stageOf(t, hub.Options{}, api.Options{})
	s.do("GET", "/topics", nil).refused(t, 401, "unauthenticated", "no API keys")
	s.do("GET", "/openapi.yaml", nil).want(t, 200, "openapi: 3.1.0\n")
}

func TestAllowAll(t *testing.T) {
	s := stageOf(t, hub.Options{}, api.Options{AllowAll: true})
	r := request("POST", "/publish", `{"topic":"a","text":"x"}`)
	r.Header.Del("Authorization")
	s.send(r).want(t, 200, "{")
	s.do("GET", "/history?topic=a", nil).want(t, 200, `{"topic":"a"`)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r := request("POST", "/publish", `{"topic":"a","text":"x"}`)
		r.Header.Set(header, value)
		s.send(r).refused(t, 403, "forbidden", "another origin")
	}
	r = request("POST", "/publish", `{"topic":"a","text":"x"}`)
	r.Header.Set("Origin", "http://localhost:8080")
	s.send(r).want(t, 200, "{")
	if !strings.Contains(s.do("GET", "/history?topic=a", nil).text, `"producer":"api"`) {
		t.Error("the producer is another")
	}
}

func TestScopes(t *testing.T) {
	keyed := func(scopes ...api.Scope) *stage {
		return newStage(t, api.Key{Name: "test", Secret: secret, Scopes: scopes})
	}
	publish, reads, sessions, both := keyed(api.Publish), keyed(api.Read), keyed(api.Sessions), keyed(api.Read, api.Publish)
	for _, test := range []struct {
		method, path string
		body         any
		may          []*stage
	}{
		{"POST", "/publish", `{"topic":"a","text":"x"}`, []*stage{publish, both}},
		{"POST", "/publish/batch", `{"messages":[{"topic":"a","text":"x"}]}`, []*stage{publish, both}},
		{"POST", "/broadcast", `{"topics":["a"],"text":"x"}`, []*stage{publish, both}},
		{"GET", "/history?topic=a", nil, []*stage{reads, both}},
		{"GET", "/presence?topic=a", nil, []*stage{reads, both}},
		{"GET", "/topics", nil, []*stage{reads, both}},
		{"GET", "/sessions", nil, []*stage{sessions}},
		{"POST", "/disconnect", `{"user":"a"}`, []*stage{sessions}},
		{"POST", "/subscribe", `{"user":"a","filter":"a"}`, []*stage{sessions}},
		{"POST", "/unsubscribe", `{"user":"a","filter":"a"}`, []*stage{sessions}},
		{"POST", "/refresh", `{"user":"a","rate":1}`, []*stage{sessions}},
		{"GET", "/info", nil, nil},
	} {
		for name, s := range map[string]*stage{"publish": publish, "read": reads, "sessions": sessions, "both": both} {
			allowed := false
			for _, x := range test.may {
				allowed = allowed || x == s
			}
			if a := s.do(test.method, test.path, test.body); allowed != (a.Code < 300) || !allowed && a.Code != 403 {
				t.Errorf("%s %s with %s: %d %s", test.method, test.path, name, a.Code, a.text)
			}
		}
	}
}

func TestTopicsOfKeys(t *testing.T) {
	s := newStage(t, admin, api.Key{Name: "few", Secret: "a-key-for-few-topics", Scopes: []api.Scope{api.Admin}, Topics: []string{"a/**", "b"}})
	for _, topic := range []string{"a/x", "a/y", "b", "c"} {
		s.do("POST", "/publish", map[string]string{"topic": topic, "text": "x"}).want(t, 200, "{")
	}
	few := func(method, path string, body any) answer {
		r := request(method, path, body)
		r.Header.Set("Authorization", "Bearer a-key-for-few-topics")
		return s.send(r)
	}
	for _, test := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", "/publish", `{"topic":"a/x","text":"x"}`, 200},
		{"POST", "/publish", `{"topic":"c","text":"x"}`, 403},
		{"POST", "/broadcast", `{"pattern":"a/*","text":"x"}`, 200},
		{"POST", "/broadcast", `{"pattern":"**","text":"x"}`, 403},
		{"POST", "/broadcast", `{"pattern":{"prefix":"a"},"text":"x"}`, 403},
		{"GET", "/history?topic=a/x", nil, 200},
		{"GET", "/history?topic=c", nil, 403},
		{"GET", "/presence?topic=b", nil, 200},
		{"GET", "/presence?topic=c", nil, 403},
		{"GET", "/topics/a/x", nil, 200},
		{"GET", "/topics/c", nil, 403},
		{"GET", "/topics?pattern=a/*", nil, 200},
		{"GET", "/topics?pattern=*", nil, 403},
		{"GET", "/sessions?topic=b", nil, 200},
		{"GET", "/sessions?topic=c", nil, 403},
		{"GET", "/sessions?user=alice", nil, 403},
		{"GET", "/sessions/x", nil, 403},
		{"POST", "/subscribe", `{"user":"alice","filter":"a/**"}`, 202},
		{"POST", "/subscribe", `{"user":"alice","filter":"**"}`, 403},
		{"POST", "/unsubscribe", `{"user":"alice","filter":"c"}`, 403},
		{"POST", "/disconnect", `{"topic":"b"}`, 202},
		{"POST", "/disconnect", `{"user":"alice"}`, 403},
		{"POST", "/refresh", `{"user":"alice","subscribe":["**"]}`, 403},
	} {
		if a := few(test.method, test.path, test.body); a.Code != test.status {
			t.Errorf("%s %s %v: %d %s, want %d", test.method, test.path, test.body, a.Code, a.text, test.status)
		}
	}
	for _, query := range []string{"", "?limit=2"} {
		got := read[struct {
			Topics []struct{ Topic string }
			More   bool
		}](t, few("GET", "/topics"+query, nil))
		want := "[{a/x} {a/y} {b}] false"
		if query != "" {
			want = "[{a/x} {a/y}] true"
		}
		if text := fmt.Sprint(got.Topics, " ", got.More); text != want {
			t.Errorf("%s: got %s, want %s", query, text, want)
		}
	}
	mixed := read[results](t, few("POST", "/publish/batch", `{"messages":[{"topic":"c","text":"x"},{"topic":"b","text":"x"}]}`)).Results
	if mixed[0].Error == nil || mixed[0].Error.Code != "forbidden" || mixed[1].Error != nil {
		t.Errorf("%+v", mixed)
	}
}

func TestRates(t *testing.T) {
	key := api.Key{Name: "slow", Secret: secret, Scopes: []api.Scope{api.Admin}, Rate: 0.001, Burst: 5}
	s := newStage(t, key)
	batch := func(n int) string {
		return `{"messages":[` + strings.TrimSuffix(strings.Repeat(`{"topic":"a","text":"x"},`, n), ",") + `]}`
	}
	s.do("POST", "/publish/batch", batch(7)).refused(t, 413, "too_large", "send fewer together") // the request itself counts
	s.do("POST", "/publish/batch", batch(3)).want(t, 200, "{")
	a := s.do("POST", "/broadcast", `{"topics":["a","b"],"text":"x"}`).refused(t, 429, "rate_limited", "too many requests")
	if a.Header().Get("Retry-After") == "" || !strings.Contains(a.text, `"retry":true,"after_ms":`) {
		t.Errorf("%s, Retry-After %q", a.text, a.Header().Get("Retry-After"))
	}
	s.do("GET", "/topics", nil).refused(t, 429, "rate_limited", "")
	// A key that stays keeps what it has used; another is another.
	if err := s.api.Reload([]api.Key{key}, false); err != nil {
		t.Fatal(err)
	}
	s.do("GET", "/topics", nil).refused(t, 429, "rate_limited", "")
	key.Burst = 6
	if err := s.api.Reload([]api.Key{key}, false); err != nil {
		t.Fatal(err)
	}
	s.do("GET", "/topics", nil).want(t, 200, "{")
}

// While one key takes the place of another, both are good, and a message that was published with one is known with the other.
func TestRotation(t *testing.T) {
	next := api.Key{Name: admin.Name, Secret: "the-key-of-next-month", Scopes: admin.Scopes}
	s := newStage(t, admin, next)
	send := func() answer {
		r := request("POST", "/publish", `{"topic":"a","text":"x","id":"1"}`)
		r.Header.Set("Authorization", "Bearer "+next.Secret)
		return s.send(r)
	}
	first := read[published](t, s.do("POST", "/publish", `{"topic":"a","text":"x","id":"1"}`))
	if again := read[published](t, send()); !again.Duplicate || again.Position != first.Position {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if err := s.api.Reload([]api.Key{next, next}, false); err == nil {
		t.Error("the same key is there twice")
	}
	s.do("GET", "/topics", nil).want(t, 200, "{") // nothing has changed
	if err := s.api.Reload([]api.Key{next}, false); err != nil {
		t.Fatal(err)
	}
	s.do("GET", "/topics", nil).refused(t, 401, "unauthenticated", "not known")
	send().want(t, 200, "{")
}
