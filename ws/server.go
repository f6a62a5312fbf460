package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrServerClosed is what Server.Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("ws: serve: the server is closed")

// Server accepts WebSocket connections on listeners of its own. It does what an http.Server with a Handler does, by the
// same rules and with the same answers, but it reads the requests of opening handshakes by itself: a handshake costs less, and
// nothing of net/http stays with the connection. Whatever else arrives is left to an http.Server inside, and with it to
// Fallback.
//
// It understands HTTP/1.1 alone, and is stricter than net/http: a request with a folded or a malformed field, a line that
// ends without CR, more than one Host, or more than 64 fields is refused. Only the first request of a connection is read in this way: after a
// refusal, or an answer of Fallback, net/http reads what follows. For routes, middleware or HTTP/2 use Handler with an http.Server.
//
// The fields are set before the first Serve. A Server must not be copied. Every connection costs the four system calls with which
// package net turns TCP keepalive on, unless the listener comes from a net.ListenConfig with a negative KeepAlive: pings
// (Options.PingInterval) do the same.
type Server struct {
	// Handler configures the handshake and the connections, and serves each of them. If its Options have no Group, the
	// server uses one of its own.
	Handler Handler
	// Fallback answers the requests that do not ask for a WebSocket connection. Their connections may stay idle for
	// a minute between requests; a time for bodies and answers is Fallback's to set, with http.ResponseController. If nil,
	// these requests are refused as Accept does.
	Fallback http.Handler
	// TLSConfig turns TLS on for all listeners: it holds at least one certificate. HTTP/1.1 is all that is negotiated,
	// whatever NextProtos says. If nil, only those connections use TLS that a listener returns as *tls.Conn.
	TLSConfig *tls.Config
	// HandshakeTimeout is how long a client may take, from the connection on, for TLS and for its request. Who is too slow is
	// answered with 408, if anything, and disconnected. If zero or negative, 5 seconds.
	HandshakeTimeout time.Duration
	// MaxHeaderBytes is the size that the first line of a request may have, and also all other lines of its head together. The
	// answer to a larger one is a 431. If zero or negative, 8 KiB.
	MaxHeaderBytes int

	once    sync.Once
	handler Handler // Handler with a Group
	tls     *tls.Config
	base    context.Context // of requests
	cancel  context.CancelFunc
	plain   http.Server

	mu        sync.Mutex
	closed    chan struct{} // closed by Shutdown and Close
	closing   bool
	listeners map[*net.Listener]struct{}
	reading   map[*exchange]net.Conn // connections whose request is not there yet
}

// init puts what the fields say into the form in which it is used.
func (s *Server) init() {
	s.once.Do(func() {
		s.closed = make(chan struct{})
		s.listeners = make(map[*net.Listener]struct{})
		s.reading = make(map[*exchange]net.Conn)
		s.handler = s.Handler
		o := &s.handler.Options
		o.Options = o.Options.withDefaults()
		if o.Group == nil {
			o.Group = &Group{}
		}
		if s.TLSConfig != nil {
			s.tls = s.TLSConfig.Clone()
			s.tls.NextProtos = []string{"http/1.1"}
		}
		s.base, s.cancel = context.WithCancel(context.Background())
		s.initPlain()
	})
}

func (s *Server) logger() *slog.Logger { return s.handler.Options.Logger }

func (s *Server) handshakeTimeout() time.Duration {
	if s.HandshakeTimeout > 0 {
		return s.HandshakeTimeout
	}
	return 5 * time.Second
}

func (s *Server) maxHeaderBytes() int {
	if s.MaxHeaderBytes > 0 {
		return s.MaxHeaderBytes
	}
	return 8 << 10
}

// Serve accepts connections from l until Shutdown or Close, after which it returns ErrServerClosed, or until l fails for good.
// It closes l. Temporary failures, such as too many open files, are logged and waited out. Serve may be called for
// several listeners.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	defer l.Close()
	if !s.listening(&l) {
		return ErrServerClosed
	}
	defer s.unlisten(&l)
	g := &greeters{s: s, next: make(chan net.Conn), done: make(chan struct{})}
	defer close(g.done)
	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			g.greet(conn)
			continue
		}
		select {
		case <-s.closed:
			return ErrServerClosed
		default:
		}
		if e, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); !ok || !e.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.logger().Error("ws: serve: accepting a connection failed", "error", err, "retry", pause)
		select {
		case <-s.closed:
			return ErrServerClosed
		case <-time.After(pause):
		}
	}
}

// listening registers a listener. It reports false if the server is closed.
func (s *Server) listening(l *net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.listeners[l] = struct{}{}
	}
	return !s.closing
}

func (s *Server) unlisten(l *net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// Shutdown stops listening, ends every WebSocket connection with 1001 (going away) through its Group, lets requests in
// Fallback finish, and waits for all of it, Handler.Handle included. When ctx ends, what is left is cut and Shutdown returns
// the context's error. A Server does not start again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	err := s.stop()
	plain := make(chan error, 1)
	go func() { plain <- s.plain.Shutdown(ctx) }()
	err = errors.Join(err, s.handler.Options.Group.Shutdown(ctx), <-plain)
	if ctx.Err() != nil {
		_ = s.plain.Close() // it has no listener that could fail to close
	}
	s.cancel()
	if ctx.Err() != nil {
		return cancelled("shutdown", ctx)
	}
	return err
}

// Close stops listening and cuts all connections. It does not wait for Handler.Handle.
func (s *Server) Close() error {
	s.init()
	err := s.stop()
	s.cancel()
	s.handler.Options.Group.cut(ErrServerClosed)
	_ = s.plain.Close()
	return err
}

// stop closes the listeners and the connections from which no request has come yet.
func (s *Server) stop() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		close(s.closed)
	}
	for l := range s.listeners {
		err = errors.Join(err, (*l).Close())
	}
	clear(s.listeners)
	for _, conn := range s.reading {
		_ = conn.Close() // nobody is interested in it any more
	}
	return err
}

// await registers a connection whose request is awaited. It reports false if the server is closed.
func (s *Server) await(x *exchange, conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.reading[x] = conn
	}
	return !s.closing
}

func (s *Server) arrived(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reading, x)
}
