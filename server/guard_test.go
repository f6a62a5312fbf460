package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/server/config"
)

// answer asks a server with these hosts, as if the connection had come to 192.0.2.7.
func answer(t *testing.T, hosts []string, r *http.Request) (status int, text string) {
	t.Helper()
	s, err := New(Options{Config: configured(func(cfg *config.Config) { cfg.Hosts = hosts })})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestHost(t *testing.T) {
	for host, want := range map[string]int{
		"localhost":                 200,
		"localhost:8080":            200,
		"LOCALHOST.:1":              200,
		"127.0.0.1":                 200,
		"127.0.0.1:8080":            200,
		"127.1.2.3":                 200,
		"[::1]":                     200,
		"[::1]:8080":                200,
		"[0:0:0:0:0:0:0:1]:8080":    200,
		"[::ffff:127.0.0.1]:8080":   200,
		"192.0.2.7:8080":            200, // what the connection came to
		"mine.example":              200, // given
		"Mine.Example.:8443":        200,
		"203.0.113.9":               200,
		"":                          400,
		"evil.example":              403,
		"evil.example:8080":         403,
		"localhost.evil.example":    403,
		"evil-localhost":            403,
		"127.0.0.1.evil.example":    403,
		"sub.mine.example":          403,
		"192.0.2.8":                 403,
		"0.0.0.0":                   403,
		"[::]":                      403,
		"127.1":                     403, // a short form that no browser sends
		"0x7f000001":                403,
		"localhost@evil.example":    400,
		"evil.example#localhost":    400,
		"[::1%25lo]:8080":           400,
		"xn--loclhost-9za":          403,
		"evil.example, localhost":   400,
		"localhost:8080:8080":       400,
		"[::1].evil.example":        400,
		"[::1":                      400,
		"127.0.0.1%00.evil.example": 400,
	} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = host
		status, text := answer(t, []string{"mine.example", "203.0.113.9"}, r)
		if status != want {
			t.Errorf("Host %q: status %d, want %d", host, status, want)
		}
		if status == 403 && (!strings.Contains(text, "--host") || !strings.Contains(text, "rebinding")) {
			t.Errorf("Host %q: the answer does not help: %s", host, text)
		}
	}
}

func TestHostIsQuoted(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "<script>\x1b[31m"
	if _, text := answer(t, nil, r); strings.Contains(text, "\x1b") {
		t.Errorf("the answer holds a control character: %q", text)
	}
}

func TestHeaderLines(t *testing.T) {
	for lines, want := range map[int]int{1: 200, 63: 200, 64: 431, 2000: 431} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = "localhost"
		for i := range lines {
			r.Header.Add(fmt.Sprintf("X-%d", i/2), "v") // two lines of each name
		}
		if status, _ := answer(t, nil, r); status != want {
			t.Errorf("%d lines and Host: status %d, want %d", lines, status, want)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	for _, c := range []struct {
		method, name, value string
		want                int
	}{
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"DELETE", "Origin", "https://evil.example", 403},
		{"POST", "Origin", "null", 403},
		{"POST", "Sec-Fetch-Site", "same-origin", 405},
		{"POST", "Origin", "http://localhost", 405},
		{"POST", "User-Agent", "curl", 405},
		{"GET", "Sec-Fetch-Site", "cross-site", 200}, // a link
	} {
		r := httptest.NewRequest(c.method, "/healthz", nil)
		r.Host = "localhost"
		r.Header.Set(c.name, c.value)
		if status, text := answer(t, nil, r); status != c.want {
			t.Errorf("%s with %s: %s: status %d, want %d (%s)", c.method, c.name, c.value, status, c.want, text)
		}
	}
}
