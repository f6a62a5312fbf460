package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// chromium starts the browser, with a page loaded from our server.
func chromium(t *testing.T) *stage {
	t.Helper()
	for _, p := range peers {
		if p.name == "Chromium" {
			return newStage(t, p)
		}
	}
	t.Fatal("there is no row for Chromium")
	return nil
}

// checkFailed checks that a page saw a connection fail, without learning why.
func checkFailed(t *testing.T, event line) {
	t.Helper()
	if ws.Code(event.Code) != ws.CodeAbnormal || event.Reason != "" || event.Errors != 1 {
		t.Errorf("the page got %d error events, then close %d %q; want one, then 1006", event.Errors, event.Code, event.Reason)
	}
	checkClean(t, event, false)
}

// evaluate runs an expression in the page and stores what comes out of it.
func (s *stage) evaluate(t *testing.T, script string, value any) {
	t.Helper()
	tab{s, 0}.evaluate(t, script, value)
}

// tab is one of the tabs of a browser.
type tab struct {
	*stage
	number int
}

// do has the script do something in this tab.
func (b tab) do(t *testing.T, do string, c command) line {
	t.Helper()
	told := command{"tab": b.number}
	maps.Copy(told, c)
	return b.stage.do(t, do, told)
}

func (b tab) evaluate(t *testing.T, script string, value any) {
	t.Helper()
	answer := b.do(t, "run", command{"script": script})
	if err := json.Unmarshal(answer.Value, value); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

// until waits for an expression in the page to become true, and returns it. When that takes too long, it shows the page.
func (b tab) until(t *testing.T, expression string) string {
	t.Helper()
	var value any
	b.evaluate(t, fmt.Sprintf(`new Promise((resolve) => {
		const late = performance.now() + %d;
		(function poll() {
			const value = (%s);
			if (value || performance.now() > late) resolve(value);
			else setTimeout(poll, 10);
		})();
	})`, (patience*2/3).Milliseconds(), expression), &value)
	if value == nil || value == false || value == "" {
		var page string
		b.evaluate(t, `document.body.innerText`, &page)
		t.Fatalf("tab %d: still not true: %s\nThe page:\n%s", b.number, expression, page)
	}
	return fmt.Sprint(value)
}

func TestChromium(t *testing.T) {
	t.Parallel()
	s := chromium(t)
	t.Run("binary-data", func(t *testing.T) { testBinaryData(t, s) })
	t.Run("origin", func(t *testing.T) { testOrigin(t, s) })
	t.Run("server-going-away", func(t *testing.T) { testGoingAway(t, s) })
	t.Run("buffered-amount", func(t *testing.T) { testBufferedAmount(t, s) })
	t.Run("page-goes-away", func(t *testing.T) { testPageGoesAway(t, s) })
	t.Run("no-server", func(t *testing.T) { testNoServer(t, s) })
}

// Whatever a page can send as binary arrives, and what comes is what its
// binaryType says.
func testBinaryData(t *testing.T, s *stage) {
	for _, compression := range []*ws.Compression{nil, {}} {
		for binaryType, as := range map[string]string{"blob": "Blob", "arraybuffer": "ArrayBuffer"} {
			t.Run(fmt.Sprintf("%s-compression-%t", binaryType, compression != nil), func(t *testing.T) {
				conn, them := s.connect(t, server, meeting{compression: compression, binaryType: binaryType})
				for _, size := range []int{0, 1, 70_000, mebibyte} {
					for _, sendAs := range []string{"ArrayBuffer", "Uint8Array", "Blob"} {
						want := ws.Message{Type: ws.Binary, Data: noise(newRandom(), size)}
						s.do(t, "send", command{"conn": them.id, "type": "binary", "as": sendAs, "parts": [][]byte{want.Data}})
						typ, p, err := conn.Read(bounded(t))
						if err != nil {
							t.Fatal(err)
						}
						if err := differ(ws.Message{Type: typ, Data: p}, want); err != nil {
							t.Errorf("sent as %s: %v", sendAs, err)
						}
					}
					want := ws.Message{Type: ws.Binary, Data: records(newRandom(), size)}
					if err := conn.Write(bounded(t), want.Type, want.Data); err != nil {
						t.Fatal(err)
					}
					got := them.next(t, "message")
					if err := differ(got.message(), want); err != nil {
						t.Error(err)
					}
					if got.As != as {
						t.Errorf("it came as %s, want %s", got.As, as)
					}
				}
			})
		}
	}
}

// A page of another origin is refused with a 403, which it sees as an error
// and a close event with 1006, unless its origin is listed.
func testOrigin(t *testing.T, s *stage) {
	// The server that the page came from is s; this is another.
	other := &stage{process: s.process, can: s.can, routes: make(map[string]route)}
	other.http = httptest.NewServer(http.HandlerFunc(other.serve))
	defer other.http.Close()
	origin, err := url.Parse(s.http.URL)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options ws.AcceptOptions
		ok      bool
	}{
		{"default", ws.AcceptOptions{}, false},
		{"another-listed", ws.AcceptOptions{Origins: []string{"https://example.com", "null"}}, false},
		{"host-listed", ws.AcceptOptions{Origins: []string{origin.Host}}, true},
		{"pattern-listed", ws.AcceptOptions{Origins: []string{"http://127.0.0.1:*"}}, true},
		{"any", ws.AcceptOptions{AnyOrigin: true}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url, at := other.route(&test.options)
			answer := s.try(t, "dial", command{"url": url})
			got := at.next(t)
			if test.ok {
				if got.err != nil || answer.Error != "" {
					t.Fatalf("Accept: %v; the page: %s", got.err, answer.Error)
				}
				if origin := got.conn.Request().Header.Get("Origin"); origin != s.http.URL {
					t.Errorf("the origin is %q, want %q: the test does not show what it should", origin, s.http.URL)
				}
				if err := got.conn.CloseNow(); err != nil {
					t.Error(err)
				}
				return
			}
			var he *ws.HandshakeError
			if !errors.As(got.err, &he) || he.Status != http.StatusForbidden {
				t.Errorf("Accept: %v, want a HandshakeError with 403", got.err)
			}
			if answer.Error == "" {
				t.Fatal("the page says that it is connected")
			}
			checkFailed(t, answer)
		})
	}
}

func testGoingAway(t *testing.T, s *stage) {
	var group ws.Group
	var pages []*theirs
	for _, mode := range few(s.can, server) {
		meeting := mode.meeting()
		meeting.group = &group
		conn, them := s.connect(t, server, meeting)
		if mode.agreed == nil {
			conn.CloseRead(t.Context()) // and the others are not being read
		}
		pages = append(pages, them)
	}
	if group.Len() != len(pages) {
		t.Errorf("the group has %d connections, want %d", group.Len(), len(pages))
	}
	if err := group.Shutdown(bounded(t)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for _, them := range pages {
		event := them.next(t, "close")
		if ws.Code(event.Code) != ws.CodeGoingAway {
			t.Errorf("the page got %d %q, want 1001", event.Code, event.Reason)
		}
		checkClean(t, event, true)
	}
}

// What a page has sent is counted in bufferedAmount until the server reads it.
func testBufferedAmount(t *testing.T, s *stage) {
	const count = 32
	conn, them := s.connect(t, server, meeting{})
	var amount int
	s.evaluate(t, fmt.Sprintf(`(() => {
		const { socket } = peer.conns.get(%d);
		for (let i = 0; i < %d; i++) socket.send(new Uint8Array(%d).fill(i));
		return socket.bufferedAmount;
	})()`, them.id, count, mebibyte), &amount)
	if amount != count*mebibyte {
		t.Errorf("bufferedAmount is %d after sending, want %d", amount, count*mebibyte)
	}
	for i := range count {
		_, p, err := conn.Read(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(p) != mebibyte || p[0] != byte(i) || p[len(p)-1] != byte(i) {
			t.Fatalf("message %d has %d bytes, the first of them %d", i, len(p), p[0])
		}
	}
	s.evaluate(t, fmt.Sprintf(`new Promise((resolve) => {
		const { socket } = peer.conns.get(%d);
		(function poll() {
			if (socket.bufferedAmount === 0) resolve(0);
			else setTimeout(poll, 1);
		})();
	})`, them.id), &amount)
	if amount != 0 {
		t.Errorf("bufferedAmount is %d after all was read", amount)
	}
}

// A page that is left closes its connections with 1001.
func testPageGoesAway(t *testing.T, s *stage) {
	conn, _ := s.connect(t, server, meeting{})
	s.do(t, "goto", command{"url": s.http.URL + "/another"})
	if ce := ended(t, conn); ce.Code != ws.CodeGoingAway || !ce.Remote {
		t.Errorf("Parley ended with %v, want 1001 by the peer", ce)
	}
	if err := context.Cause(conn.Context()); ws.CloseCode(err) != ws.CodeGoingAway {
		t.Errorf("the context ended with %v", err)
	}
}

// Where nothing listens, a page gets an error and 1006.
func testNoServer(t *testing.T, s *stage) {
	gone := httptest.NewServer(http.NotFoundHandler())
	url := "ws" + strings.TrimPrefix(gone.URL, "http")
	gone.Close()
	answer := s.try(t, "dial", command{"url": url})
	if answer.Error == "" {
		t.Fatal("the page says that it is connected")
	}
	checkFailed(t, answer)
}
