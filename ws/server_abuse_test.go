package ws_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// served runs a Server over TCP until the test ends, and returns a function that connects to it.
func served(t *testing.T, s *ws.Server) (dial func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Handler.Handle == nil {
		s.Handler.Handle = func(c *ws.Conn) error { return c.Run(context.Background(), ws.Events{}) }
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != ws.ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	})
	return func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(20 * time.Second)) // for a test that fails
		return c
	}
}

const goodHandshake = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// ask sends a request and returns the status of the answer.
func ask(t *testing.T, c net.Conn, r *bufio.Reader, request string) int {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer to %.60q: %v", request, err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		io.Copy(io.Discard, resp.Body)
	}
	return resp.StatusCode
}

// A body that does not come holds no connection for longer than a handshake may take.
func TestServerSlowBody(t *testing.T) {
	dial := served(t, &ws.Server{HandshakeTimeout: 200 * time.Millisecond})
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		goodHandshake + "Content-Length: 1\r\n\r\n",
		goodHandshake + "Transfer-Encoding: chunked\r\n\r\n",
	} {
		c := dial()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%.20q: %v", request, err)
		}
	}
}

// The time for the handshake is the client's: what the application takes for Check does not count.
func TestServerSlowCheck(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := &ws.Server{HandshakeTimeout: timeout}
	connected := make(chan time.Time, 1)
	s.Handler.Options.Check = func(*http.Request) error {
		time.Sleep(time.Until((<-connected).Add(3 * timeout)))
		return nil
	}
	c := served(t, s)()
	half := len(goodHandshake) / 2
	if _, err := io.WriteString(c, goodHandshake[:half]); err != nil { // so that it has to wait for the rest
		t.Fatal(err)
	}
	connected <- time.Now()
	if status := ask(t, c, bufio.NewReader(c), goodHandshake[half:]+"\r\n"); status != http.StatusSwitchingProtocols {
		t.Errorf("status %d", status)
	}
}

// A hook that panics leaves nothing behind that Shutdown would wait for.
func TestServerPanicThenShutdown(t *testing.T) {
	for _, first := range []string{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} { // the second is read by net/http
		s := &ws.Server{}
		s.Handler.Options.Check = func(*http.Request) error { panic(http.ErrAbortHandler) }
		dial := served(t, s)
		c := dial()
		if first != "" {
			ask(t, c, bufio.NewReader(c), first)
		}
		if _, err := io.WriteString(c, goodHandshake+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("after %q: %v", first, err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	var ended error
	s := &ws.Server{}
	s.Handler.Options.Trace = &ws.Trace{
		Handshake: func(ws.HandshakeInfo) { panic(http.ErrAbortHandler) },
		Close:     func(_ *ws.Conn, err error) { ended = err },
	}
	group := &ws.Group{}
	s.Handler.Options.Group = group
	c := served(t, s)()
	if _, err := io.WriteString(c, goodHandshake+"\r\n"); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, c) // the 101, and the end
	if err := s.Shutdown(t.Context()); err != nil || group.Len() != 0 || ended == nil {
		t.Errorf("Shutdown: %v; %d connections; %v", err, group.Len(), ended)
	}
}

// What one of the two readers of a head takes, the other does not refuse.
func TestServerHeadsAlike(t *testing.T) {
	s := &ws.Server{}
	s.Handler.Options.Check = func(*http.Request) error { return &ws.RejectError{Status: http.StatusTeapot} }
	dial := served(t, s)
	long := strings.Replace(goodHandshake, "GET /", "GET /"+strings.Repeat("a", 7<<10), 1) + "X: " + strings.Repeat("b", 7<<10) + "\r\n\r\n"
	for name, test := range map[string]struct {
		request string
		want    int
	}{
		"a long line and long fields":         {long, http.StatusTeapot},
		"Host, though the target is absolute": {strings.NewReplacer("GET /", "GET http://a.test/", "Host: a", "Host: a b").Replace(goodHandshake) + "\r\n", http.StatusBadRequest},
		"a long s":                            {strings.Replace(goodHandshake, "websocket", "web\u017focket", 1) + "\r\n", http.StatusUpgradeRequired},
		"the sign for kelvin":                 {strings.Replace(goodHandshake, "websocket", "websoc\u212aet", 1) + "\r\n", http.StatusUpgradeRequired},
	} {
		c := dial()
		if status := ask(t, c, bufio.NewReader(c), test.request); status != test.want {
			t.Errorf("%s: status %d, want %d", name, status, test.want)
		}
	}
	c := dial()
	r := bufio.NewReader(c)
	if status := ask(t, c, r, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"); status != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS *: status %d", status)
	}
	if status := ask(t, c, r, goodHandshake+"\r\n"); status != http.StatusTeapot {
		t.Errorf("after OPTIONS *: status %d", status)
	}
}
