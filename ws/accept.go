package ws

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"time"
)

// Accept answers a WebSocket handshake (RFC 6455 §4.2) and takes the network connection over from the http.Server. On
// error it has answered the request, and the error is a *HandshakeError. It works behind middleware whose ResponseWriter
// has an Unwrap method. Header fields that were set on w go into the answer.
//
// The request's context does not end the connection: use Conn.Context, which has the same values.
//
// It takes WebSockets over HTTP/2, too (RFC 8441), if the http.Server announces them: net/http does so only with the setting
// http2xconnect=1 in the environment variable GODEBUG when the program starts, which importing the package extendedconnect
// below this one brings about. There is nothing to take over then: the connection lives in the request, and the handler must not
// return before it is over, by Close, CloseNow, or a read that has failed. Handler sees to that. A route for it has no method or
// CONNECT. Set HTTP2.WriteByteTimeout and HTTP2.MaxConcurrentStreams of the http.Server: net/http itself does not give up a client
// that has stopped taking bytes from the network, and its handlers with it.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if o == nil {
		o = &AcceptOptions{}
	}
	begun := time.Now()
	c, err := accept(w, r, o)
	told := false
	defer func() {
		if !told && c != nil { // a hook has panicked: nobody gets the connection
			c.abort(&CloseError{Code: CodeInternalError, Err: errPanic})
		}
	}()
	o.traceHandshake(r.URL.RequestURI, begun, c, err)
	told = true
	return c, err
}

// traceHandshake tells Trace.Handshake how an opening handshake ended.
func (o *AcceptOptions) traceHandshake(target func() string, begun time.Time, c *Conn, err error) {
	if o.Trace == nil || o.Trace.Handshake == nil {
		return
	}
	info := HandshakeInfo{URL: target(), Status: http.StatusSwitchingProtocols, Duration: time.Since(begun), Err: err}
	if c != nil && c.stored && !c.tls {
		info.Status = http.StatusOK
	}
	if err != nil {
		var he *HandshakeError
		if errors.As(err, &he) {
			info.Status = he.Status
		}
	} else {
		info.Subprotocol, info.Extensions = c.subprotocol, c.Extensions()
	}
	o.Trace.Handshake(info)
}

func accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	o.Group.enter() // a Shutdown from now on waits for the connection
	defer o.Group.exit()
	in := openingOf(r)
	agreed, no := in.judge(o)
	if no != nil {
		return nil, no.write(w)
	}
	if in.h2 {
		return acceptStream(w, r, o, &agreed)
	}
	answer := agreed.appendAnswer(nil, in, w.Header(), o.Header)
	conn, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "the ResponseWriter cannot be hijacked; middleware needs an Unwrap method", err).write(w)
	}
	if replay, ok := conn.(interface{ rest() net.Conn }); ok {
		conn = replay.rest()
	}
	buffered, err := bufferedBytes(brw.Reader)
	if err == nil {
		err = writeAnswer(conn, answer, o.WriteTimeout, r.Context().Value(http.ServerContextKey) == nil)
	}
	if err != nil {
		_ = conn.Close() // the handshake failed already
		return nil, &HandshakeError{Reason: "writing the answer", Err: err, accept: true}
	}
	return accepted(conn, r, o, &agreed, buffered), nil
}

// accepted returns the connection that was agreed upon and whose answer is written.
//
//go:noinline
func accepted(conn net.Conn, r *http.Request, o *AcceptOptions, agreed *agreement, buffered []byte) *Conn {
	var opt ConnOptions
	agreed.connOptions(&opt, o)
	opt.RemoteAddr, opt.Context, opt.Buffered, opt.request = conn.RemoteAddr(), valuesOf(r.Context()), buffered, keepRequest(r)
	return newConn(conn, &opt)
}

// openingOf is the opening handshake that a request of net/http asks for. Neither it nor what else is large is inlined into
// accept, lest the goroutine that net/http gives us need a larger stack.
//
//go:noinline
func openingOf(r *http.Request) *opening {
	h := r.Header
	return &opening{
		method: r.Method, proto: r.Proto, recent: r.ProtoMajor == 1 && r.ProtoMinor >= 1, host: r.Host, secure: r.TLS != nil,
		body:    r.ContentLength != 0 || len(r.TransferEncoding) > 0,
		upgrade: h["Upgrade"], connection: h["Connection"], origin: h["Origin"],
		h2: r.ProtoMajor == 2, protocol: h[":protocol"],
		key: h["Sec-Websocket-Key"], version: h["Sec-Websocket-Version"],
		protocols: h["Sec-Websocket-Protocol"], extensions: h["Sec-Websocket-Extensions"],
		request: func() *http.Request { return r },
	}
}

// writeAnswer writes the 101 answer within the time. It leaves no deadline behind: bounded tells that
// there may be one, which net/http, but perhaps not every server, has cleared when a connection is hijacked.
func writeAnswer(conn net.Conn, answer []byte, timeout time.Duration, bounded bool) error {
	if bounded {
		// Whoever has answered Check may have taken longer than that.
		if err := conn.SetDeadline(time.Time{}); err != nil {
			return err
		}
	}
	n, err := writeAtOnce(conn, answer)
	if err != nil || n == len(answer) {
		return err
	}
	answer = answer[n:]
	if timeout <= 0 {
		timeout = Options{}.withDefaults().WriteTimeout
	}
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	return conn.SetWriteDeadline(time.Time{})
}

// writeAtOnce writes what a plain TCP connection takes at once, which is everything unless something is wrong. To set a
// deadline costs nearly as much as the write itself.
func writeAtOnce(conn net.Conn, p []byte) (n int, err error) {
	rc := rawConnOf(conn)
	if rc == nil {
		return 0, nil
	}
	closed := rc.Write(func(fd uintptr) bool {
		n, _, err = sysWrite(fd, p)
		return true
	})
	return n, errors.Join(closed, err)
}

// readAtOnce reads what has arrived on a plain TCP connection. It gives nothing if nothing has, or if something is wrong.
func readAtOnce(conn net.Conn, p []byte) (n int) {
	if rc := rawConnOf(conn); rc != nil {
		_ = rc.Read(func(fd uintptr) bool { // whatever is wrong shows when it is read again
			n, _, _ = sysRead(fd, p)
			return true
		})
	}
	return max(n, 0)
}

// bufferedBytes returns what was read past the request.
func bufferedBytes(r *bufio.Reader) ([]byte, error) {
	if r == nil || r.Buffered() == 0 {
		return nil, nil
	}
	return r.Peek(r.Buffered())
}
