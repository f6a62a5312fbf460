package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// stage is where a peer and Parley meet: the peer's script, and an HTTP server
// of ours with a page, for browsers.
type stage struct {
	*process
	can  abilities
	http *httptest.Server

	mu     sync.Mutex
	routes map[string]route
}

// route is a path at which one connection, or more, is accepted.
type route struct {
	options  *ws.AcceptOptions
	accepted chan accepted
}

type accepted struct {
	conn *ws.Conn
	err  error
}

// next waits for what came of the next request.
func (r route) next(t *testing.T) accepted {
	t.Helper()
	select {
	case a := <-r.accepted:
		return a
	case <-bounded(t).Done():
		t.Fatal("no request came")
	}
	panic("unreachable")
}

// absent names the peers that are not there.
var absent sync.Map

func newStage(t *testing.T, p peer) *stage {
	t.Helper()
	// One test says what is missing, not each of them.
	if _, known := absent.Load(p.name); known {
		t.Skipf("%s is missing: another test says how to get it", p.name)
	}
	defer func() {
		if t.Skipped() {
			absent.Store(p.name, true)
		}
	}()
	s := &stage{process: p.start(t), can: p.can, routes: make(map[string]route)}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.http.Close)
	if p.name == "Chromium" {
		s.do(t, "goto", command{"url": s.http.URL})
	}
	return s
}

func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	found, ok := s.routes[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>interop</title><link rel=icon href='data:,'>")
		return
	}
	conn, err := ws.Accept(w, r, found.options)
	found.accepted <- accepted{conn, err}
}

// route adds a path whose URL it returns.
func (s *stage) route(o *ws.AcceptOptions) (url string, at route) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := fmt.Sprintf("/%d", len(s.routes)+1)
	at = route{o, make(chan accepted, 16)}
	s.routes[path] = at
	return "ws" + strings.TrimPrefix(s.http.URL, "http") + path, at
}

// meeting says how the two sides are to be connected.
type meeting struct {
	options     ws.Options
	compression *ws.Compression // ours
	deflate     *deflate        // theirs
	ours        []string        // subprotocols
	theirs      []string
	group       *ws.Group // of our server
	echo        bool      // they send back what they get
	fragment    int       // in frames of that many bytes; 0: as their library does it
	binaryType  string    // of a browser's WebSocket
}

// told is what the peer has to know of it.
func (m meeting) told() command {
	return command{
		"deflate": m.deflate, "subprotocols": m.theirs,
		"echo": m.echo, "fragment": m.fragment, "binaryType": m.binaryType,
	}
}

// deflate is what a peer is told to want of permessage-deflate. What is zero is
// left to the other side.
type deflate struct {
	NoServerTakeover bool `json:"noServerTakeover,omitempty"`
	NoClientTakeover bool `json:"noClientTakeover,omitempty"`
	ServerBits       int  `json:"serverBits,omitempty"`
	ClientBits       int  `json:"clientBits,omitempty"`
}

// theirs is a peer's end of a connection.
type theirs struct {
	*process
	id          int
	extensions  string
	subprotocol string
}

// connect has the two sides meet.
func (s *stage) connect(t *testing.T, ours role, m meeting) (*ws.Conn, *theirs) {
	t.Helper()
	told := m.told()
	var conn *ws.Conn
	var answer line
	if ours == server {
		url, at := s.route(&ws.AcceptOptions{
			Options: m.options, Compression: m.compression, Subprotocols: m.ours, Group: m.group,
		})
		told["url"] = url
		answer = s.do(t, "dial", told)
		got := at.next(t)
		if got.err != nil {
			t.Fatal(got.err)
		}
		conn = got.conn
	} else {
		listening := s.do(t, "listen", told)
		t.Cleanup(func() { s.do(t, "unlisten", command{"listener": listening.Listener}) })
		var err error
		conn, err = ws.Dial(t.Context(), listening.URL, &ws.DialOptions{
			Options: m.options, Compression: m.compression, Subprotocols: m.ours,
		})
		if err != nil {
			t.Fatal(err)
		}
		answer = s.await(t, "open", s.event("open", listening.Listener))
	}
	them := &theirs{s.process, answer.Conn, answer.Extensions, answer.Subprotocol}
	t.Cleanup(func() {
		if t.Failed() {
			them.explain(t)
		}
		if err := conn.CloseNow(); err != nil {
			t.Error(err)
		}
	})
	return conn, them
}

// explain logs what the peer's library complained about.
func (c *theirs) explain(t *testing.T) {
	t.Helper()
	for {
		select {
		case l := <-c.event("error", c.id):
			t.Logf("%s says: %s", c.name, l.Message)
		case l := <-c.event("close", c.id):
			t.Logf("%s was closed: %d %q", c.name, l.Code, l.Reason)
		default:
			return
		}
	}
}

// send has the peer send a message, in as many frames as there are parts.
func (c *theirs) send(t *testing.T, typ ws.Type, parts ...[]byte) {
	t.Helper()
	c.process.do(t, "send", command{"conn": c.id, "type": typ.String(), "parts": parts})
}

// close has the peer close; with CodeNoStatus, without a code.
func (c *theirs) close(t *testing.T, code ws.Code, reason string) {
	t.Helper()
	told := command{"conn": c.id}
	if code != ws.CodeNoStatus {
		told["code"], told["reason"] = int(code), reason
	}
	c.process.do(t, "close", told)
}

// next waits for the peer's next event of that name.
func (c *theirs) next(t *testing.T, event string) line {
	t.Helper()
	return c.await(t, event, c.event(event, c.id))
}

// bounded returns a context for what must not take long.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("interop: nothing happened for too long"))
	t.Cleanup(cancel)
	return ctx
}
