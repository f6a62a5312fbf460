package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	e, _ := start(t, configured())
	client := httpClient(t)
	for _, c := range []struct {
		method, path string
		status       int
		text         string // part of the body, of GET
	}{
		{"GET", "", 200, "<title>Parley</title>"},
		{"GET", "favicon.ico", 200, "<svg"},
		{"GET", "assets/main.js", 200, "connect()"},
		{"GET", "healthz", 200, "ok\n"},
		{"GET", "readyz", 200, "ready\n"},
		{"GET", "asyncapi.yaml", 200, "asyncapi: 3.0.0"},
		{"GET", "metrics", 200, "parley_build_info"},
		{"GET", "api/v1/info", 200, "uptime_s"},
		{"GET", "t/a?history=1", 200, "messages"},
		{"GET", "debug/pprof/", 404, "/t/TOPIC"},
		{"GET", "nothing", 404, "/echo /clock    WebSockets"},
		{"GET", "%1b%5b31m", 404, "%1b%5b31m"},
		{"GET", "echo", 426, "WebSocket"},
		{"GET", "clock", 426, "WebSocket"},
		{"POST", "", 405, "GET"},
		{"POST", "healthz", 405, "GET"},
		{"PUT", "nothing", 404, ""},
		{"GET", "healthz/", 404, ""},
		{"GET", "echo/x", 404, ""},
	} {
		for _, method := range []string{c.method, "HEAD"} {
			if method == "HEAD" && c.method != "GET" || method == "HEAD" && (c.status == 426 || strings.HasPrefix(c.path, "t/")) {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), method, e.URL+"/"+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status {
				t.Errorf("%s /%s: status %d, want %d", method, c.path, res.StatusCode, c.status)
			}
			if method == "HEAD" && len(body) > 0 || method == "GET" && !strings.Contains(string(body), c.text) {
				t.Errorf("%s /%s: body %q, want %q in it", method, c.path, body, c.text)
			}
			if res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s /%s: a browser may guess its type", method, c.path)
			}
		}
	}
}
