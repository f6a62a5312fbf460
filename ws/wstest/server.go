package wstest

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// Server is an HTTP server in memory, for handlers that accept WebSocket connections. It serves HTTP/1.1 without TLS.
type Server struct {
	// URL is where Dial goes: "ws://server.test". The name exists for this server alone.
	URL string

	listener *Listener
	http     http.Server
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // the server's ends
}

// NewServer serves h until the end of the test, or Close. In a test with [testing/synctest], call it inside the bubble.
func NewServer(t testing.TB, h http.Handler) *Server {
	s := &Server{URL: "ws://server.test", listener: Listen(nil)}
	s.http.Handler = h
	s.http.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns = append(s.conns, c)
		}
	}
	s.serving.Go(func() { s.http.Serve(s.listener) })
	t.Cleanup(s.Close)
	return s
}

// Dial opens a WebSocket connection to the server. With nil options, or those given; their NetDial and Proxy are replaced.
func (s *Server) Dial(ctx context.Context, o *ws.DialOptions) (*ws.Conn, error) {
	return s.DialPath(ctx, "/", o)
}

// DialPath is Dial to a path, such as "/chat?room=1".
func (s *Server) DialPath(ctx context.Context, path string, o *ws.DialOptions) (*ws.Conn, error) {
	var mine ws.DialOptions
	if o != nil {
		mine = *o
	}
	mine.NetDial = s.NetDial
	mine.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	return ws.Dial(ctx, s.URL+path, &mine)
}

// Peer opens a connection to the server on which nothing has been sent: [Peer.Upgrade] comes next.
func (s *Server) Peer(ctx context.Context) (*Peer, error) {
	c, err := s.NetDial(ctx, "tcp", "server.test:80")
	if err != nil {
		return nil, err
	}
	return ClientPeer(c), nil
}

// NetDial opens a network connection to the server whatever the address. It fits [ws.DialOptions] and [http.Transport].
func (s *Server) NetDial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.listener.Dial(ctx, network, addr)
}

// Close stops the server and closes its ends of all connections, the upgraded ones too. It does not wait for handlers.
func (s *Server) Close() {
	s.http.Close()
	s.serving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}
