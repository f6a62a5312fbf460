package ws_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// upgrade is one request and what became of it.
type upgrade struct {
	*wstest.Response
	peer    *wstest.Peer
	conn    *ws.Conn // nil if the request was refused
	err     error    // of Accept
	reached bool     // Accept was called: net/http did not refuse the request by itself
}

// tryUpgrade sends one request to a server, in a bubble, and shows the result. wrap is the middleware and may be nil. Without
// it, the request goes to two servers: one that calls Accept, and one with a listener of its own.
func tryUpgrade(t *testing.T, o *ws.AcceptOptions, h wstest.Head, wrap func(http.Handler) http.Handler, check func(*testing.T, *upgrade)) {
	t.Helper()
	if wrap != nil {
		tryUpgradeOver(t, throughHTTP(wrap), o, h, check)
		return
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) { tryUpgradeOver(t, start, o, h, check) })
	}
}

// servers are the ways in which package ws reads requests. Each starts a server that sets conn, err and reached.
var servers = map[string]func(*testing.T, *ws.AcceptOptions, *upgrade) dialer{
	"net-http":     throughHTTP(nil),
	"own-listener": throughServer,
}

// dialer is a server that can be connected to.
type dialer interface {
	Peer(context.Context) (*wstest.Peer, error)
}

func throughHTTP(wrap func(http.Handler) http.Handler) func(*testing.T, *ws.AcceptOptions, *upgrade) dialer {
	return func(t *testing.T, o *ws.AcceptOptions, u *upgrade) dialer {
		var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u.reached = true
			u.conn, u.err = ws.Accept(w, r, o)
		})
		if wrap != nil {
			handler = wrap(handler)
		}
		return wstest.NewServer(t, handler)
	}
}

// throughServer learns of errors by a trace, for there is nobody that Accept could return them to.
func throughServer(t *testing.T, o *ws.AcceptOptions, u *upgrade) dialer {
	var mine ws.AcceptOptions
	if o != nil {
		mine = *o
	}
	var trace ws.Trace
	if mine.Trace != nil {
		trace = *mine.Trace
	}
	traced := trace.Handshake
	trace.Handshake = func(i ws.HandshakeInfo) {
		u.reached, u.err = true, i.Err
		if traced != nil {
			traced(i)
		}
	}
	mine.Trace = &trace
	done := make(chan struct{})
	srv := &ws.Server{Handler: ws.Handler{Options: mine, Handle: func(c *ws.Conn) error {
		u.conn = c
		<-done
		return nil
	}}}
	l := serving(t, srv)
	t.Cleanup(func() { close(done) })
	return l
}

// serving serves until the end of the test.
func serving(t *testing.T, srv *ws.Server) listening {
	l := listening{wstest.Listen(nil)}
	servingOn(t, srv, l)
	return l
}

func servingOn(t *testing.T, srv *ws.Server, l net.Listener) {
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != ws.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// listening is a listener that can be connected to.
type listening struct{ *wstest.Listener }

func (l listening) Peer(ctx context.Context) (*wstest.Peer, error) {
	c, err := l.Dial(ctx, "tcp", "server.test:80")
	if err != nil {
		return nil, err
	}
	return wstest.ClientPeer(c), nil
}

func tryUpgradeOver(t *testing.T, start func(*testing.T, *ws.AcceptOptions, *upgrade) dialer, o *ws.AcceptOptions, h wstest.Head, check func(*testing.T, *upgrade)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		u := &upgrade{}
		srv := start(t, o, u)
		peer, err := srv.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		u.peer = peer
		if u.Response, err = peer.Upgrade(h); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the handler has returned
		if u.conn != nil {
			defer u.conn.CloseNow()
		}
		if open := u.conn != nil; open != (u.StatusCode == http.StatusSwitchingProtocols) || u.reached && open != (u.err == nil) {
			t.Fatalf("status %d, but Accept returned %v, %v", u.StatusCode, u.conn, u.err)
		}
		if u.err != nil {
			if he, ok := errors.AsType[*ws.HandshakeError](u.err); !ok || he.Status != u.StatusCode || he.Reason == "" {
				t.Errorf("Accept's error is %#v after status %d", u.err, u.StatusCode)
			}
		}
		check(t, u)
	})
}
