package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSecretsAreNotShown looks for secrets in all that the commands print, when all goes well and when it does not.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }))
	t.Cleanup(refusing.Close)
	host := strings.TrimPrefix(m.url, "ws://")
	refused := strings.TrimPrefix(refusing.URL, "http://")
	secrets := []string{"-H", "Cookie: id=hush", "-H", "X-Api-Key: hush"}
	for _, target := range []string{
		"ws://ann:hush@" + host + "/?access_token=hush&room=1", "ws://ann:hush@" + refused + "/?token=hush", "ws://ann:hush@127.0.0.1:1/?jwt=hush",
		"wss://ann:hush@" + host + "/?token=hush", "ftp://ann:hush@h/?token=hush", "ws://?token=hush", "ws://ann:hush@h:x/?token=hush", "ws://a b/?token=hush",
		"ws://h/#access_token=hush", "@none?token=hush",
	} {
		for _, args := range [][]string{
			{"send", "-v", target, "x"}, {"send", "--json", "-n", "1", target, "x"}, {"connect", "-v", target}, {"ping", "-v", "-c", "1", target},
			{"ping", "--json", "-c", "1", target}, {"probe", "--idle", "1ms", target}, {"probe", "--json", "--idle", "1ms", target},
			{"bench", target, "-c", "1", "-n", "1"},
		} {
			r := p.run(t, nil, "", append(append(args[:1:1], secrets...), args[1:]...)...)
			if strings.Contains(r.out+r.err, "hush") {
				t.Errorf("%q shows a secret: %s%s", args, r.out, r.err)
			}
		}
	}
	r := p.run(t, nil, "", "send", "--json", "-n", "1", m.url+"/?access_token=hush&room=1", "x")
	if !strings.Contains(r.out, `"url":"`+m.url+`/?access_token=xxxxx&room=1"`) {
		t.Errorf("%+v", r)
	}
	for _, args := range [][]string{
		{"-u", "hush", m.url}, {"-H", "hush", m.url}, {"-H", "X:\x01hush", m.url}, {"-x", "ftp://ann:hush@h", m.url}, {"-x", "http://ann:hush@127.0.0.1:1", "ws://parley.invalid/"},
		{"--curl", "curl ws://h -H hush"}, {"--curl", "curl 'ws://ann:hush@h"},
	} {
		if r := p.run(t, nil, "", append([]string{"send"}, append(args, "x")...)...); r.code == 0 || strings.Contains(r.err, "hush") {
			t.Errorf("%q: %+v", args, r)
		}
	}
}
