package transport_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/dialect/internal/transport"
)

// What comes over a connection, and what becomes of it. The rest of a body never comes, and the connection stays open.
func TestReadBody(t *testing.T) {
	answers := map[error]int{nil: 200, transport.ErrLarge: 413, transport.ErrSlow: 408, transport.ErrBroken: 400}
	for _, test := range []struct {
		name, request string
		progress      time.Duration
		status        int
		body          string
	}{
		{"all", "Content-Length: 5\r\n\r\nhello", time.Minute, 200, "hello"},
		{"none", "\r\n", time.Minute, 200, ""},
		{"in pieces", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", time.Minute, 200, "hello"},
		{"too large, it says", "Content-Length: 11\r\n\r\n", time.Minute, 413, ""},
		{"far too large, it says", "Content-Length: 1099511627776\r\n\r\n", time.Minute, 413, ""},
		{"too large, and asks", "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", time.Minute, 413, ""},
		{"too large", "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n", time.Minute, 413, ""},
		{"slow", "Content-Length: 5\r\n\r\nhell", 10 * time.Millisecond, 408, ""},
		{"slow in pieces", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", 10 * time.Millisecond, 408, ""},
		{"broken", "Transfer-Encoding: chunked\r\n\r\nx\r\n", time.Minute, 400, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := transport.ReadBody(w, r, 10, test.progress)
				w.WriteHeader(answers[err])
				_, _ = w.Write(body)
			}))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: test\r\n"+test.request); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != test.status || string(body) != test.body {
				t.Errorf("got %s %q %v, want %d %q", res.Status, body, err, test.status, test.body)
			}
			if res.Close != (test.status != 200) {
				t.Errorf("status %d, and the connection is closed: %t", res.StatusCode, res.Close)
			}
		})
	}
}

// A handler that is not served by a connection has no deadlines.
func TestReadBodyWithout(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 100<<10)))
	body, err := transport.ReadBody(httptest.NewRecorder(), r, 100<<10, time.Minute)
	if err != nil || len(body) != 100<<10 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	r = httptest.NewRequest("POST", "/", strings.NewReader("hello"))
	if _, err := transport.ReadBody(httptest.NewRecorder(), r, 4, time.Minute); !errors.Is(err, transport.ErrLarge) {
		t.Error(err)
	}
}
