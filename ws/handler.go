package ws

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
)

// Handler is an http.Handler that accepts WebSocket connections and serves each with Handle.
//
// Handle runs on a goroutine of its own after ServeHTTP has returned, so that an idle connection does not keep the
// http.Server's buffers; over HTTP/2 (see Accept) ServeHTTP runs it and returns when the connection is over. What it returns ends the connection: nil with 1000, a *CloseError made by the
// application with its code and reason, anything else, and a panic, with 1011, and is logged to Options.Logger. If the
// connection is over already, nothing more is sent, and only a panic is logged: Trace.Close and Handle itself know why.
type Handler struct {
	// Options configures the handshake and the connections.
	Options AcceptOptions
	// Handle serves one connection. Conn.Context replaces the request's context.
	Handle func(*Conn) error
}

// ServeHTTP accepts the connection.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Options.Group.enter()
	served := false
	defer func() {
		if !served { // refused, or a hook has panicked
			h.Options.Group.exit()
		}
	}()
	c, err := Accept(w, r, &h.Options)
	if err != nil {
		h.Options.refused(r, err)
		return
	}
	served = true
	if s, ok := c.s.(*handlerStream); ok {
		h.hold(c, s)
		return
	}
	go serve(c, h.Handle)
}

// hold serves a connection that lives in its request.
//
//go:noinline
func (h Handler) hold(c *Conn, s *handlerStream) {
	serve(c, h.Handle)
	<-c.whenCut()
	s.work.Wait() // what uses the ResponseWriter
}

// refused tells the logger of a request that ServeHTTP did not accept.
//
//go:noinline
func (o *AcceptOptions) refused(r *http.Request, err error) {
	o.withDefaults().Logger.Debug("ws: handshake refused", "remote", r.RemoteAddr, "error", err)
}

// serve runs a handler on its connection and ends both. The handler's stack stays for as long as the connection lives, so
// that what lies below it is small.
func serve(c *Conn, handle func(*Conn) error) {
	defer served(c)
	finish(c, handle(c))
}

// served is deferred by serve. It logs a panic: also one on a connection that is over.
func served(c *Conn) {
	if v := recover(); v != nil {
		c.opt.Logger.Error(errPanic.Error(), "remote", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
		finish(c, errPanic)
	}
	c.group.exit()
}

// finish ends a connection whose handler has returned. Not inlined, it is nothing that lies below the handler.
//
//go:noinline
func finish(c *Conn, err error) {
	if c.err() != nil {
		return
	}
	code, reason := CodeNormal, ""
	if err != nil {
		code = CodeInternalError
		var ce *CloseError
		if errors.As(err, &ce) && ce.Code.sendable() {
			code, reason = ce.Code, ce.Reason
		} else if err != errPanic {
			c.opt.Logger.Error("ws: handler failed", "remote", c.RemoteAddr(), "error", err)
		}
	}
	// The handler is done: how the peer takes it is of no interest any more.
	_ = c.Close(context.Background(), code, reason)
}

var errPanic = errors.New("ws: panic in Handler.Handle")
