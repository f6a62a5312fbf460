package origin_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-ws/parley/dialect/internal/origin"
	"github.com/parley-ws/parley/ws"
)

var patterns = []string{
	"https://a.com", "HTTPS://A.com", "a.com", "a.com:443", "a.com:80", "a.com:8443", "https://a.com:443", "https://a.com:8443",
	"https://*.a.com", "*.a.com", "*.a.com:8443", "https://*.a.com:8443", "https://*.a.com:*", "*://a.com", "https://*", "*", "*:*",
	"localhost:*", "http://localhost:*", "https://?.com", "https://[ab].com", `https://a\.com`, "[::1]", "[::1]:*", "https://[::1]:8443",
	"null", "chrome-extension://*", "capacitor://localhost", "", "a.com/", "https://a.com/",
}

var origins = []string{
	"https://a.com", "http://a.com", "HTTPS://A.COM", "https://a.com:443", "http://a.com:80", "http://a.com:443", "https://a.com:8443",
	"https://x.a.com", "https://x.y.a.com", "http://x.a.com", "https://x.a.com:443", "https://x.a.com:8443", "https://xa.com",
	"https://x.a.com.evil.com", "https://evil.com/.a.com", "https://evil.com/a.com", "https://evil.com://a.com", "https://evil.com?.a.com",
	"https://evil.com#.a.com", "https://evil.com@x.a.com", "https://user@a.com", "https://a.com/", "https://a.com:", "https://a.com, https://a.com",
	"http://localhost", "http://localhost:5173", "https://localhost:5173", "http://localhost.evil.com:5173", "https://[::1]", "https://[::1]:443",
	"http://[::1]:8080", "https://[::1]:8443", "https://1", "https://:", "https://", "null", "https://null", "a.com", "//a.com", "file://",
	"chrome-extension://abc", "capacitor://localhost", "https://b.com", "https://?.com", "https://[ab].com", `https://a\.com`,
}

// Every pattern allows what it allows for a WebSocket: a page that may open one may do the rest, too.
func TestMatchIsThatOfWebSockets(t *testing.T) {
	if testing.Short() {
		t.Skip("it shakes hands more than a thousand times")
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for _, pattern := range patterns {
		server := httptest.NewServer(&ws.Handler{
			Options: ws.AcceptOptions{Origins: []string{pattern}},
			Handle:  func(c *ws.Conn) error { c.CloseNow(); return nil },
		})
		for _, page := range origins {
			c, err := ws.Dial(ctx, "ws"+server.URL[len("http"):], &ws.DialOptions{Host: "host.test", Header: http.Header{"Origin": {page}}})
			var refused *ws.HandshakeError
			switch {
			case err == nil:
				c.CloseNow()
			case !errors.As(err, &refused) || refused.Status != http.StatusForbidden:
				t.Fatalf("pattern %q, origin %q: %v", pattern, page, err)
			}
			if got, want := origin.Match(pattern, page), err == nil; got != want {
				t.Errorf("pattern %q, origin %q: %t, and for a WebSocket %t", pattern, page, got, want)
			}
		}
		server.Close()
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, origin string
		match           bool
	}{
		{"https://app.example", "https://app.example", true},
		{"https://app.example", "http://app.example", false},
		{"*.example.com", "https://app.example.com", true},
		{"*.example.com", "http://app.example.com", true},
		{"*.example.com", "https://app.example.com:8443", false},
		{"*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://app.example.com", true},
		{"https://*.example.com", "http://app.example.com", false},
		{"*", "https://app.example.com:8443", true},
		{"*", "null", false},
		{"null", "null", true},
	} {
		if got := origin.Match(test.pattern, test.origin); got != test.match {
			t.Errorf("pattern %q, origin %q: %t", test.pattern, test.origin, got)
		}
	}
}
