package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// exchange is an opening handshake under way on a listener of our own.
type exchange struct {
	head
	scanner headScanner
	conn    net.Conn
	ctx     context.Context // of the request
	text    string          // the head
	buf     *buffer         // what has arrived is buf.b[:n], of which the head is the first end bytes
	n, end  int
	by      time.Time     // when the handshake must be done
	bounded bool          // the connection has that deadline
	r       *http.Request // once the application has asked for it
}

var exchanges = sync.Pool{New: func() any {
	x := &exchange{}
	x.request = x.httpRequest
	return x
}}

func (x *exchange) release() {
	putBuffer(x.buf)
	x.head.reset()
	*x = exchange{head: x.head}
	exchanges.Put(x)
}

func (x *exchange) httpRequest() *http.Request {
	if x.r == nil {
		x.r = requestOf(x.ctx, x.text, x.conn)
	}
	return x.r
}

// handshake serves a new connection up to its end or until its handler runs.
func (s *Server) handshake(conn net.Conn) {
	group := s.handler.Options.Group
	group.enter() // a Shutdown from now on waits for the connection
	served := false
	defer func() {
		if !served {
			group.exit()
		}
	}()
	c := s.open(conn)
	if c == nil {
		return
	}
	if s.base.Err() != nil {
		c.abort(&CloseError{Code: CodeGoingAway, Err: ErrServerClosed}) // Close came in between
		return
	}
	served = true
	go serve(c, s.handler.Handle) // on a fresh stack, for this one has grown
}

// open reads and answers the request on a new connection. It returns nil if no WebSocket connection came of it.
func (s *Server) open(conn net.Conn) (c *Conn) {
	begun := time.Now()
	raw := conn
	if s.tls != nil {
		conn = tls.Server(conn, s.tls)
	}
	t, overTLS := conn.(*tls.Conn)
	if overTLS {
		raw = t.NetConn() // closing it never waits
	}
	handed := false // the connection is somebody else's affair
	x := exchanges.Get().(*exchange)
	defer func() {
		s.arrived(x)
		if v := recover(); v != nil {
			if c != nil { // it has begun already
				c.abort(&CloseError{Code: CodeInternalError, Err: errPanic})
			}
			if v != http.ErrAbortHandler {
				s.logger().Error("ws: panic in a handshake", "remote", raw.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
			}
			c = nil
		} else {
			x.release() // not after a panic: somebody may hold on to it
		}
		if c == nil && !handed {
			_ = raw.Close() // whatever happened, it is over
		}
	}()
	x.conn, x.by = conn, begun.Add(s.handshakeTimeout())
	if !s.await(x, raw) || overTLS && (!x.bound() || !s.handshakeTLS(t)) {
		return nil
	}
	x.ctx, x.secure, x.scanner.limit = s.base, overTLS, s.maxHeaderBytes()
	if status := x.read(); status != 0 {
		s.reject(x, status)
		return nil
	}
	if !x.parse(x.text) {
		s.reject(x, http.StatusBadRequest)
		return nil
	}
	s.arrived(x)
	o := &s.handler.Options
	if x.expect || x.body || s.Fallback != nil && !asksForUpgrade(&x.opening) {
		handed = true
		s.handOver(x, nil)
		return nil
	}
	c, no, err := x.accept(o)
	if no != nil {
		err = no.err
	}
	o.traceHandshake(x.requestURI, begun, c, err)
	if err != nil {
		s.logger().Debug("ws: handshake refused", "remote", raw.RemoteAddr(), "error", err)
	}
	if no != nil {
		handed = true
		s.handOver(x, no)
	}
	return c
}

// asksForUpgrade reports whether a request is for a WebSocket connection, if not a right one.
func asksForUpgrade(in *opening) bool {
	return hasToken(in.upgrade, "websocket") && hasToken(in.connection, "upgrade")
}

// handshakeTLS does the TLS handshake.
func (s *Server) handshakeTLS(t *tls.Conn) bool {
	err := t.Handshake()
	if err == nil {
		p := t.ConnectionState().NegotiatedProtocol
		return p == "" || p == "http/1.1"
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && e.Conn != nil && looksLikeHTTP(string(e.RecordHeader[:])) {
		_, _ = io.WriteString(e.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
	s.logger().Debug("ws: TLS handshake failed", "remote", t.RemoteAddr(), "error", err)
	return false
}

// looksLikeHTTP reports whether the first bytes of a client that does not speak TLS are those of a request.
func looksLikeHTTP(record string) bool {
	method, _, found := strings.Cut(record, " ")
	return found && isToken(method) || record == "OPTIO" || record == "DELET"
}

// firstRead is the size of the buffer with which a request is awaited.
const firstRead = 4 << 10

// errStatus is the status of a request that cannot be answered.
const errStatus = -1

// read reads up to the end of the head. It returns the status with which to refuse the request, or 0.
func (x *exchange) read() (status int) {
	x.buf = getBuffer(firstRead)
	// Mostly it is there already: then no deadline is needed.
	n, err := readAtOnce(x.conn, x.buf.b), error(nil)
	for ; ; n, err = x.conn.Read(x.buf.b[x.n:]) {
		seen := x.n
		x.n += n
		if x.end, status = x.scanner.scan(x.buf.b[:x.n], seen); status != 0 {
			return status
		}
		if x.end > 0 {
			x.text = string(x.buf.b[:x.end])
			return 0
		}
		switch {
		case err == nil && (x.bounded || x.bound()):
		case errors.Is(err, os.ErrDeadlineExceeded) && x.n > 0:
			return http.StatusRequestTimeout
		default:
			return errStatus
		}
		if x.n == len(x.buf.b) {
			x.buf = growBuffer(x.buf, x.n, 2*x.n)
		}
	}
}

// bound sets the deadline of the handshake. It reports false if the connection is closed.
func (x *exchange) bound() bool {
	x.bounded = true
	return x.conn.SetDeadline(x.by) == nil
}

// The time for an answer to a request that is refused before it is understood, and for the client to notice.
const (
	rejectTimeout = time.Second
	rejectLinger  = 500 * time.Millisecond
)

// reject answers a request that is not understood. Bytes that wait unread when a connection is closed make the kernel throw
// the answer away, too, so that they are read for a while.
func (s *Server) reject(x *exchange, status int) {
	s.logger().Debug("ws: request refused", "remote", x.conn.RemoteAddr(), "status", max(status, 0))
	if status == errStatus || x.conn.SetDeadline(time.Now().Add(rejectTimeout)) != nil {
		return
	}
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	_, err := fmt.Fprintf(x.conn, "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%s", text, text)
	half, ok := x.conn.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil || x.conn.SetReadDeadline(time.Now().Add(rejectLinger)) != nil {
		return
	}
	for range 1024 {
		if _, err := x.conn.Read(x.buf.b); err != nil {
			return
		}
	}
}

// accept accepts or refuses the request that was read.
func (x *exchange) accept(o *AcceptOptions) (*Conn, *refusal, error) {
	agreed, no := x.judge(o)
	if no != nil {
		return nil, no, nil
	}
	out := getBuffer(firstRead)
	err := writeAnswer(x.conn, agreed.appendAnswer(out.b[:0], &x.opening, o.Header), o.WriteTimeout, x.bounded)
	putBuffer(out)
	if err != nil {
		return nil, nil, &HandshakeError{Reason: "writing the answer", Err: err, accept: true}
	}
	var opt ConnOptions
	agreed.connOptions(&opt, o)
	opt.Buffered = x.buf.b[x.end:x.n]
	if x.r != nil { // the application may have changed it
		opt.Context = valuesOf(x.r.Context())
		opt.request = keepRequest(x.r)
	} else {
		opt.request = &request{packed: x.text, raw: true}
	}
	return newConn(x.conn, &opt), nil, nil
}

// requestURI is the request's target as URL.RequestURI writes it.
func (x *exchange) requestURI() string {
	if x.r != nil {
		return x.r.URL.RequestURI()
	}
	u, err := url.ParseRequestURI(x.target)
	if err != nil {
		return x.target
	}
	return u.RequestURI()
}

// requestOf returns the request that a well-formed head asks for, on a connection.
func requestOf(ctx context.Context, text string, conn any) *http.Request {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		// parse takes nothing that net/http does not.
		r = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	}
	r.Body = http.NoBody
	if c, ok := conn.(interface{ RemoteAddr() net.Addr }); ok {
		if a := c.RemoteAddr(); a != nil {
			r.RemoteAddr = a.String()
		}
	}
	if t, ok := conn.(*tls.Conn); ok {
		state := t.ConnectionState()
		r.TLS = &state
	}
	return r.WithContext(withLocalAddr(ctx, conn))
}

// withLocalAddr gives a context the value that net/http gives it.
func withLocalAddr(ctx context.Context, conn any) context.Context {
	if c, ok := conn.(interface{ LocalAddr() net.Addr }); ok {
		return context.WithValue(ctx, http.LocalAddrContextKey, c.LocalAddr())
	}
	return ctx
}
