package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// plainIdle is how long a connection of Server.Fallback may wait for its next request.
const plainIdle = time.Minute

// initPlain prepares the http.Server for whatever does not become a WebSocket connection at once.
func (s *Server) initPlain() {
	s.plain.Handler = http.HandlerFunc(s.servePlain)
	s.plain.ReadHeaderTimeout = s.handshakeTimeout()
	s.plain.IdleTimeout = s.handshakeTimeout()
	if s.Fallback != nil {
		s.plain.IdleTimeout = max(plainIdle, s.handshakeTimeout())
	}
	if s.Fallback == nil {
		s.plain.WriteTimeout = time.Minute // for refusals that nobody reads
	}
	s.plain.DisableGeneralOptionsHandler = true
	// The first line and the rest may each have as much as the limit.
	s.plain.MaxHeaderBytes = int(min(2*int64(s.maxHeaderBytes()), math.MaxInt32))
	s.plain.ErrorLog = slog.NewLogLogger(s.logger().Handler(), slog.LevelError)
	s.plain.Protocols = new(http.Protocols)
	s.plain.Protocols.SetHTTP1(true)
	s.plain.BaseContext = func(net.Listener) context.Context { return s.base }
	s.plain.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if c, ok := conn.(interface {
			refused() *atomic.Pointer[refusal]
		}); ok && c.refused().Load() != nil {
			return context.WithValue(ctx, refusedKey{}, c.refused())
		}
		return ctx
	}
}

// refusedKey is the key of the context's value that says why the first request of a connection is refused.
type refusedKey struct{}

// servePlain answers a request that net/http has read.
func (s *Server) servePlain(w http.ResponseWriter, r *http.Request) {
	if p, ok := r.Context().Value(refusedKey{}).(*atomic.Pointer[refusal]); ok {
		if no := p.Swap(nil); no != nil {
			_ = no.write(w) // the error is known
			return
		}
	}
	if s.Fallback != nil && !asksForUpgrade(openingOf(r)) {
		s.Fallback.ServeHTTP(w, r)
		return
	}
	if r.ContentLength != 0 {
		// It will be refused, after which net/http reads the body, for as long as it takes.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.handshakeTimeout()))
	}
	s.handler.ServeHTTP(w, r)
}

// handOver leaves a connection to net/http, which reads once more what has been read. With no, its first request is
// refused.
func (s *Server) handOver(x *exchange, no *refusal) {
	c := &replayConn{Conn: x.conn, unread: bytes.Clone(x.buf.b[:x.n])}
	c.no.Store(no)
	l := &handedOver{local: x.conn.LocalAddr(), conn: make(chan net.Conn, 1)}
	if t, ok := x.conn.(*tls.Conn); ok {
		l.conn <- replayTLS{c, t}
	} else {
		l.conn <- c
	}
	if x.conn.SetDeadline(time.Time{}) == nil {
		_ = s.plain.Serve(l) // ends when the connection is accepted, or if the server is closed
	}
	_ = l.Close() // closes nothing but what nobody took
}

// handedOver is a listener that one connection arrives at.
type handedOver struct {
	local net.Addr
	conn  chan net.Conn
}

func (l *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	default:
		return nil, net.ErrClosed
	}
}

func (l *handedOver) Close() error {
	if c, err := l.Accept(); err == nil {
		return c.Close()
	}
	return nil
}

func (l *handedOver) Addr() net.Addr { return l.local }

// replayConn is a connection of which some has been read, and is read again.
type replayConn struct {
	net.Conn
	unread []byte
	no     atomic.Pointer[refusal] // of the first request
}

// Read reads what has been read, and then the rest.
func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// ReadFrom lets files take the short way.
func (c *replayConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite ends the stream gently.
func (c *replayConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

func (c *replayConn) refused() *atomic.Pointer[refusal] { return &c.no }

// rest returns the connection itself if nothing is left to read again.
func (c *replayConn) rest() net.Conn {
	if len(c.unread) == 0 {
		return c.Conn
	}
	return c
}

// replayTLS is a replayConn over TLS: net/http asks it for its state.
type replayTLS struct {
	*replayConn
	t *tls.Conn
}

// ConnectionState is that of the TLS connection.
func (c replayTLS) ConnectionState() tls.ConnectionState { return c.t.ConnectionState() }
