package ws

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Stream is what a Conn runs over: bytes in order both ways, and deadlines that interrupt a pending Read or Write with
// os.ErrDeadlineExceeded. Every net.Conn is one. Read and Write may be called at the same time as each other, as the
// setters, and as Close. A CloseWrite method, where there is one, is used to end the stream gently.
type Stream interface {
	io.ReadWriteCloser
	// SetReadDeadline bounds pending and future Reads; the zero time means no bound.
	SetReadDeadline(time.Time) error
	// SetWriteDeadline bounds pending and future Writes; the zero time means no bound. A Write that it interrupts
	// returns how many bytes were taken.
	SetWriteDeadline(time.Time) error
}

// Conn is a WebSocket connection, of either role. Accept, Dial and NewConn make one.
//
// Writing methods, Ping, Close, CloseNow and all accessors may be called from any goroutine at any time. There is one
// reader at a time; another gets ErrConcurrentRead. Something must read, for pongs and the close frame are
// messages too: an endpoint that only writes calls CloseRead.
//
// A Conn must be ended with Close or CloseNow, unless a read or write has returned a *CloseError: then it is over.
// Handler ends those that it serves.
type Conn struct {
	s      Stream
	rc     syscall.RawConn // set on plain TCP: reads wait without holding a buffer
	tls    bool            // s is a *tls.Conn
	stored bool            // s has a buffer of its own, so that a read need only wait for one byte: TLS, HTTP/2
	client bool
	isCut  bool     // the stream is closed, and done with it; guarded by mu
	opt    *Options // shared by connections with the same

	subprotocol string
	request     *request // nil on a client
	response    *http.Response
	remote      net.Addr
	parent      context.Context
	group       *Group
	deflate     *deflateConn // nil without permessage-deflate

	in  input
	out output
	ka  keepalive

	mu       sync.Mutex // guards what follows, out's queue too; never held across I/O
	unparent func() bool
	closeErr *CloseError // how it ended; nil while open
	local    *CloseError // what Close sent
	pings    []pingWait

	ended     chan struct{} // closed with closeErr set; nil until somebody waits for it
	done      chan struct{} // closed with the stream; nil until somebody waits for it
	own       atomic.Pointer[ownContext]
	closeSent atomic.Bool // no data may follow
	cutting   atomic.Bool // cut was called
}

// ownContext is the context of a connection, made when somebody asks for it.
type ownContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// NewConn returns a connection over s, on which the opening handshake is done already. It owns s from now on.
func NewConn(s Stream, o ConnOptions) *Conn { return newConn(s, &o) }

func newConn(s Stream, o *ConnOptions) *Conn {
	c := &Conn{
		s:           s,
		client:      o.Client,
		opt:         o.Options.shared(),
		subprotocol: o.Subprotocol,
		request:     o.request,
		response:    o.Response,
		remote:      o.RemoteAddr,
		parent:      o.Context,
		group:       o.Group,
	}
	if o.Request != nil {
		c.request = &request{whole: o.Request}
	}
	c.rc = rawConnOf(s)
	switch s.(type) {
	case *tls.Conn:
		c.tls, c.stored = true, true
	case *h2Stream, *handlerStream:
		c.stored = true
	}
	if o.Deflate != nil {
		c.deflate = newDeflateConn(*o.Deflate, o.Compression, o.Client)
		c.deflate.agreed = o.extensions
		if c.deflate.agreed == "" {
			c.deflate.agreed = o.Deflate.String()
		}
	}
	c.in.init(c, o.Buffered)
	c.out.init(c)
	if c.group != nil {
		c.group.add(c)
	}
	c.ka.start(c)
	// From here on the connection may end at any time.
	if c.parent != nil && c.parent.Done() != nil {
		c.mu.Lock()
		c.unparent = context.AfterFunc(c.parent, func() {
			c.abort(&CloseError{Code: CodeAbnormal, Err: context.Cause(c.parent)})
		})
		over, unparent := c.isCut, c.unparent
		c.mu.Unlock()
		if over {
			unparent()
		}
	}
	return c
}

// Subprotocol returns the subprotocol agreed upon, or "".
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Extensions returns the extensions agreed upon as they stand in Sec-WebSocket-Extensions, or "".
func (c *Conn) Extensions() string {
	if c.deflate == nil {
		return ""
	}
	return c.deflate.agreed
}

// Request returns a copy of the handshake's request on a server, with its header, URL and path values, but without body.
// Its context has the values of the original one and never ends. Each call makes another copy, unless the request has what
// cannot be copied. On a client it is nil.
func (c *Conn) Request() *http.Request { return c.request.http(c) }

// Response returns the handshake's answer on a client, without body; its TLS field describes the TLS connection, if it
// is one. On a server it is nil.
func (c *Conn) Response() *http.Response { return c.response }

// RemoteAddr returns the peer's network address, or nil where the stream has none.
func (c *Conn) RemoteAddr() net.Addr {
	if c.remote != nil {
		return c.remote
	}
	if a, ok := c.s.(interface{ RemoteAddr() net.Addr }); ok {
		return a.RemoteAddr()
	}
	return nil
}

// Context returns a context that ends when the connection does; context.Cause then gives the *CloseError that
// says why. It carries the values of the request's context (Accept), of the context given to Dial, or of
// ConnOptions.Context.
func (c *Conn) Context() context.Context {
	if own := c.own.Load(); own != nil {
		return own.Context
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own.Load()
	if own == nil {
		own = &ownContext{}
		own.Context, own.cancel = context.WithCancelCause(context.WithoutCancel(c.request.context(c)))
		if c.closeErr != nil {
			own.cancel(c.closeErr)
		}
		c.own.Store(own)
	}
	return own.Context
}

// isOwn reports whether ctx is the connection's own context, which ends with it and so never has to interrupt anything.
func (c *Conn) isOwn(ctx context.Context) bool {
	own := c.own.Load()
	return own != nil && own.Context == ctx
}

// whenEnded returns a channel that is closed when it is recorded how the connection ended.
func (c *Conn) whenEnded() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return lazily(&c.ended, c.closeErr != nil)
}

// whenCut returns a channel that is closed when the stream is.
func (c *Conn) whenCut() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return lazily(&c.done, c.isCut)
}

// lazily makes a channel when it is first asked for, closed if what it tells has happened.
func lazily(ch *chan struct{}, happened bool) <-chan struct{} {
	if *ch == nil {
		*ch = make(chan struct{})
		if happened {
			close(*ch)
		}
	}
	return *ch
}

// RTT returns the last round-trip time measured by a ping, or 0 if there was none yet.
func (c *Conn) RTT() time.Duration { return time.Duration(c.ka.rtt.Load()) }

// Stats returns what passed through the connection so far. What arrived together is counted together.
func (c *Conn) Stats() Stats {
	s := Stats{
		MessagesIn: c.in.published.messages.Load(),
		BytesIn:    c.in.published.bytes.Load(),
		WireIn:     c.in.published.wire.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	s.MessagesOut, s.BytesOut, s.WireOut = o.messages, o.bytes, o.wire
	s.Dropped = o.dropped
	s.Buffered = int64(o.queue.size+len(o.ctl)) + o.unsent.Load()
	return s
}

// err returns how the connection ended, or nil while it is open.
func (c *Conn) err() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeErr
}

// endedBy reports whether err is how the connection ended.
func (c *Conn) endedBy(err error) bool {
	e := c.err()
	return e != nil && err == error(e)
}

// end records how the connection ended, the first time, and tells everybody who waits. It does not touch the stream.
// It returns what is recorded, and whether it is left to the caller to send a close frame: nobody has or is going to.
func (c *Conn) end(e *CloseError) (recorded *CloseError, reply bool) {
	c.mu.Lock()
	if c.closeErr != nil {
		e = c.closeErr
		c.mu.Unlock()
		return e, false
	}
	c.closeErr = e
	c.closeSent.Store(true)
	reply = c.local == nil
	if own := c.own.Load(); own != nil {
		own.cancel(e)
	}
	if c.ended != nil {
		close(c.ended)
	}
	c.mu.Unlock()
	if t := c.opt.Trace; t != nil && t.Close != nil {
		t.Close(c, e)
	}
	return e, reply
}

// cut closes the stream and lets go of everything that the connection held in the package. When it returns, the stream is
// closed, or another goroutine is about to have it closed. What it calls is on the stack of a reader, too (see Run).
func (c *Conn) cut() {
	if !c.cutting.CompareAndSwap(false, true) {
		return
	}
	c.ka.stop()
	// The stream is dead either way; how it died is in closeErr.
	if t, ok := c.s.(*tls.Conn); ok {
		_ = t.NetConn().Close() // else Close might wait for seconds until a full transport takes its alert
	}
	_ = c.s.Close()
	c.letGo()
}

// letGo is the rest of cut.
func (c *Conn) letGo() {
	c.in.hook.forget()
	c.out.hook.forget()
	if c.deflate != nil {
		c.deflate.release()
	}
	if c.group != nil {
		c.group.remove(c)
	}
	c.mu.Lock()
	c.isCut = true
	unparent := c.unparent
	if c.done != nil {
		close(c.done)
	}
	c.mu.Unlock()
	if unparent != nil {
		unparent()
	}
}

// abort ends the connection at once with e as its cause.
func (c *Conn) abort(e *CloseError) *CloseError {
	e, _ = c.end(e)
	c.cut()
	return e
}
