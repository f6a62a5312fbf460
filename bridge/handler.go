package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Handler serves the endpoint that Options describe, at every path. New makes one; Shutdown ends it.
type Handler struct {
	o         Options
	endpoint  endpoint
	rest      http.Handler // answers what is no handshake; may be nil
	hosts     map[string]bool
	slots     chan struct{}
	processes processes
	group     ws.Group
	cancel    context.CancelFunc // ends what runs without connections

	mu     sync.Mutex
	closed bool
	active sync.WaitGroup // connections from their request on, and what runs without them
}

// maxHeaderLines is how many header lines a request may have: each is a variable of a process. http.Server bounds their bytes.
const maxHeaderLines = 64

// bodyTimeout is how long the body of a request may take, which nobody asked for.
const bodyTimeout = 5 * time.Second

// endpoint is what connections talk to.
type endpoint interface {
	// open makes ready what a request needs, before it is answered. An error is a *ws.RejectError or becomes a 500.
	open(r *http.Request) (session, error)
}

// session is what one connection talks to.
type session interface {
	// serve returns when the connection and all that belonged to it have ended.
	serve(c *ws.Conn)
	// abandon is called in place of serve if there was no connection in the end.
	abandon()
}

// Check returns the error that New would return for options that do not go together, or whose command is not found. It starts nothing.
func Check(o Options) error { return o.check() }

// start starts a command as the options have it; set gets to know it.
func (o *Options) start(c command, set *processes) (*process, error) {
	c.merge, c.dir = o.Stderr == MergeStderr, o.Dir
	return startProcess(c, o.Ladder, o.Logger, set)
}

// New checks the options and returns what serves them. With Shared and Pool processes are started at once.
func New(o Options) (*Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	h := &Handler{o: o, slots: make(chan struct{}, o.MaxConnections), hosts: map[string]bool{"localhost": true}}
	h.processes.trace = o.Trace
	for _, host := range o.Hosts {
		h.hosts[canonicalHost(host)] = true
	}
	switch {
	case o.Console:
		page, err := newPage()
		if err != nil {
			return nil, err
		}
		h.rest = page
	case o.Static != "":
		root, err := os.OpenRoot(o.Static)
		if err != nil {
			return nil, fmt.Errorf("bridge: the static directory: %w", err)
		}
		h.rest = http.FileServerFS(files{root}) // the root is closed when nothing refers to it
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	switch {
	case o.Dial != nil:
		h.endpoint = &service{h}
	case o.Mode == Shared:
		h.endpoint = startShared(ctx, h)
	case o.Mode == Pool:
		h.endpoint = startPool(ctx, h)
	case o.Scripts != "":
		s, err := openScripts(o.Scripts)
		if err != nil {
			cancel()
			return nil, err
		}
		h.endpoint = &own{h: h, scripts: s}
	default:
		h.endpoint = &own{h: h}
	}
	return h, nil
}

// ServeHTTP answers handshakes; other requests go to the console or the static directory, if there is one.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range h.o.Header {
		w.Header()[name] = values
	}
	if r.ContentLength != 0 { // nothing here takes a body, but the answer comes after it: it must not take forever
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	lines := 1 // Host, which net/http takes out
	for _, values := range r.Header {
		lines += len(values)
	}
	if lines > maxHeaderLines {
		http.Error(w, fmt.Sprintf("431 request header fields too large: more than %d lines", maxHeaderLines), http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	if !h.o.AnyHost && !h.knownHost(r) {
		http.Error(w, fmt.Sprintf("403 forbidden: no endpoint answers to the Host %q here; if the name is yours, start with --host NAME", r.Host), http.StatusForbidden)
		return
	}
	if h.rest != nil && !isHandshake(r) {
		h.rest.ServeHTTP(w, r)
		return
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		w.Header().Set("Retry-After", "5")
		http.Error(w, "503 service unavailable: the server is shutting down", http.StatusServiceUnavailable)
		return
	}
	h.active.Add(1)
	h.mu.Unlock()
	defer h.active.Done()
	if page, ok := h.rest.(*page); ok && r.URL.Path == clockPath {
		page.serveClock(w, r, &h.group)
		return
	}
	h.accept(w, r)
}

func (h *Handler) accept(w http.ResponseWriter, r *http.Request) {
	var s session
	o := &ws.AcceptOptions{
		Options:      h.o.connOptions(),
		Origins:      h.o.Origins,
		AnyOrigin:    h.o.AnyOrigin,
		Subprotocols: h.o.Subprotocols,
		Compression:  h.o.Compression,
		Group:        &h.group,
		Check: func(r *http.Request) (err error) {
			select {
			case h.slots <- struct{}{}:
			default:
				return &ws.RejectError{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"5"}},
					Body: fmt.Sprintf("429 too many requests: %d connections are open, and no more are allowed\n", h.o.MaxConnections)}
			}
			if s, err = h.endpoint.open(r); err != nil {
				<-h.slots
				s = nil
				var reject *ws.RejectError
				if !errors.As(err, &reject) {
					h.o.Logger.Error("no connection", "url", r.URL.Path, "err", err)
					// The error may say how this machine is set up: that is for the log.
					return &ws.RejectError{Status: http.StatusInternalServerError, Body: "500 internal server error: the command cannot be started\n"}
				}
			}
			return err
		},
	}
	switch {
	case h.o.Dial != nil:
		o.Subprotocols = append([]string{SubprotocolTCP, "binary"}, o.Subprotocols...)
	case h.o.Terminal:
		o.Subprotocols = append([]string{SubprotocolTerminal}, o.Subprotocols...)
	}
	if h.o.Accept != nil {
		h.o.Accept(r, o)
	}
	c, err := ws.Accept(w, r, o)
	if s != nil {
		defer func() { <-h.slots }()
	}
	if err != nil {
		if s != nil {
			s.abandon()
		}
		h.o.Logger.Debug("handshake refused", "remote", r.RemoteAddr, "url", r.URL.Path, "err", err)
		return
	}
	h.o.Logger.Debug("open", "remote", r.RemoteAddr, "url", r.URL.Path)
	if h.o.Opened != nil {
		h.o.Opened(r, c)
	}
	s.serve(c)
	h.o.Logger.Debug("closed", "remote", r.RemoteAddr, "url", r.URL.Path, "how", context.Cause(c.Context()))
}

// start starts the command of the options.
func (h *Handler) start(c command) (*process, error) {
	return h.o.start(c, &h.processes)
}

// Done is closed when a shared command has ended and is not started again. Other modes have no end.
func (h *Handler) Done() <-chan struct{} {
	if s, ok := h.endpoint.(*shared); ok {
		return s.over
	}
	return nil
}

// Err returns, after Done was closed, how the command failed: nil for status 0.
func (h *Handler) Err() error {
	s, ok := h.endpoint.(*shared)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Connections returns the number of open connections.
func (h *Handler) Connections() int { return h.group.Len() }

// Shutdown closes all connections with 1001, refuses new ones, and waits until all processes have ended. When ctx ends they
// are killed, and Shutdown returns the context's error.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	kill := context.AfterFunc(ctx, h.processes.kill)
	defer kill()
	err := h.group.Shutdown(ctx)
	h.cancel()
	h.active.Wait()
	if s, ok := h.endpoint.(*own); ok && s.scripts != nil {
		s.scripts.root.Close()
	}
	return err
}

// Kill kills all processes at once, for a program that has to end.
func (h *Handler) Kill() { h.processes.kill() }

// isHandshake reports whether a request asks for a WebSocket, rightly or not.
func isHandshake(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}
