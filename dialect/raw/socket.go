package raw

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// socket is a WebSocket that has joined a topic or a pattern. It is the Sink of its session, too, so that what is kept for an idle one is
// little.
type socket struct {
	session *hub.Session
	filter  broker.Filter
	form    format
	kind    kind   // of text frames
	event   string // of what is published

	// Nothing more is sent: what was missed is not there any more, and what follows would hide that.
	silent atomic.Bool

	mu    sync.Mutex
	out   transport.WebSocket // its Conn is nil until the handshake is done
	early *hub.Reason         // the session ended before that
	over  bool                // the connection has ended
}

// socket answers a WebSocket handshake. The client is let in or refused by HTTP, and told by a close frame if it may not subscribe.
func (h *Handler) socket(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	s := &socket{filter: f, kind: kind{Kind: q.kind}.orGuess(broker.Text), event: q.event}
	s.out.CloseWith = closeWith
	want, form, err := wishOf(f, q)
	if err == nil {
		err = checkSubprotocols(offered(r))
	}
	if err != nil {
		fail(w, err)
		return
	}
	s.form = form
	o := h.o.Accept
	check := o.Check
	o.Check = func(r *http.Request) error {
		if check != nil {
			if err := check(r); err != nil {
				return err
			}
		}
		session, err := h.hub.Connect(r.Context(), hub.Connect{
			Credentials:  h.credentials(r, "websocket"),
			Codec:        codec{form, f},
			Sink:         s,
			Capabilities: hub.Capabilities{Binary: true},
		})
		if err != nil {
			status, header, body := answer(hub.AsError(err))
			return &ws.RejectError{Status: status, Header: header, Body: string(body)}
		}
		s.session = session
		return nil
	}
	c, e := ws.Accept(w, r, &o)
	if e != nil {
		h.o.Logger.Debug("raw: handshake refused", "remote", r.RemoteAddr, "err", e)
		s.leave()
		return
	}
	// On this goroutine, whose stack has grown already: that of an idle connection stays small.
	joined := false
	defer func() {
		if !joined { // a panic, which net/http logs
			s.leave()
			_ = c.CloseNow()
		}
	}()
	s.join(c, want)
	joined = true
	go s.serve(c, h.o.Logger)
}

// wishOf is what the query of a WebSocket or an event stream asks for.
func wishOf(f broker.Filter, q *query) (*hub.Subscribe, format, *hub.Error) {
	want, form := &hub.Subscribe{Filter: f, History: q.history}, bodies
	if err := q.only("a WebSocket", "envelope", "event", "history", "kind", "since"); err != nil {
		return nil, 0, err
	}
	if q.envelope || !f.IsExact() {
		form = envelopes
	}
	return want, form, q.resume(want)
}

// resume sets the positions from which to resume.
func (q *query) resume(want *hub.Subscribe) (err *hub.Error) {
	exact := want.Filter.IsExact()
	switch {
	case !exact && q.has("history"):
		return hub.Errorf(hub.BadRequest, "a pattern has no history: ask for that of each topic")
	case exact:
		want.Since, err = q.position()
	default:
		want.Positions, err = q.positions()
	}
	if err == nil && q.since != "" && q.has("history") {
		return hub.Errorf(hub.BadRequest, "since and history exclude each other: all since a position, or the last ones")
	}
	return err
}

// checkSubprotocols returns an error for a token without the subprotocol of the dialect: a browser wants one of those it offers back, and
// a token is never sent back.
func checkSubprotocols(names []string) *hub.Error {
	tokens := slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, bearer) })
	if tokens && !slices.Contains(names, subprotocol) {
		return hub.Errorf(hub.BadRequest, "offer the subprotocol %s, too, beside the one with the token, which is never sent back", subprotocol)
	}
	return nil
}

// serve runs the connection on its own goroutine until it ends.
func (s *socket) serve(c *ws.Conn, log *slog.Logger) {
	defer s.served(c, log)
	// How the connection ends, its Trace is told.
	_ = c.Run(c.Context(), ws.Events{Message: s.message})
}

// served is deferred by serve.
func (s *socket) served(c *ws.Conn, log *slog.Logger) {
	if v := recover(); v != nil {
		log.Error("raw: panic on a WebSocket", "remote", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
		_ = c.Close(context.Background(), ws.CodeInternalError, "") // it ends one way or the other
	}
	s.leave()
}

// join subscribes the session, now that there is a connection to send to.
func (s *socket) join(c *ws.Conn, want *hub.Subscribe) {
	s.mu.Lock()
	s.out.Conn = c
	early := s.early
	s.mu.Unlock()
	if early != nil {
		s.out.Close(*early)
		return
	}
	since := want.Since
	want.Reply = func(told hub.Subscribed) hub.Frame { return s.greet(told, since) }
	told, err := s.session.Subscribe(c.Context(), *want)
	switch {
	case err != nil:
		s.fail(err)
	case s.silent.Load():
		s.fail(&hub.Error{
			Code: codeNotRecovered, Retry: true,
			Text: "messages are missing; come back with since=" + told.Position.String(),
		})
	}
}

// greet is the first frame: an envelope, or nothing, for bodies alone have no words for it.
func (s *socket) greet(told hub.Subscribed, since broker.Position) hub.Frame {
	if s.form == bodies {
		if told.Resumed && !told.Recovered {
			s.silent.Store(true)
		}
		return hub.Frame{}
	}
	return codec{s.form, s.filter}.words("", welcome(&told, since), "")
}

// fail ends the connection for an error.
func (s *socket) fail(err error) {
	e := hub.AsError(err)
	s.session.Close(hub.Reason{Code: e.Code, Text: e.Text, Reconnect: e.Retry, After: e.After})
}

// leave ends the session when the connection is gone, or never was.
func (s *socket) leave() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	if s.session != nil {
		var err error
		if c := s.conn(); c != nil {
			err = s.out.Err()
		}
		s.session.Close(hub.Lost(err))
	}
}

// message publishes a frame. p is lent.
func (s *socket) message(_ *ws.Conn, t ws.Type, p []byte) error {
	if s.session.Context().Err() != nil {
		return nil // the close handshake is under way
	}
	if err := s.publish(t, p); err != nil {
		s.fail(err)
	}
	return nil
}

func (s *socket) publish(t ws.Type, p []byte) error {
	if !s.filter.IsExact() {
		return hub.Errorf(hub.Forbidden, "a pattern is for listening: publish to a topic")
	}
	if err := s.session.Command(); err != nil {
		return err
	}
	m := &broker.Message{Topic: s.filter.Name, Event: s.event, Body: append([]byte{}, p...)}
	k := &s.kind
	if t == ws.Binary {
		k = &kind{Kind: broker.Bytes}
	}
	_, err := k.publish(s.session.Context(), s.session, m)
	return err
}

// errEarly is returned to the hub for what comes before there is a connection: the client comes back.
var errEarly = errors.New("raw: the handshake is not done yet")

// TrySend implements hub.Sink.
func (s *socket) TrySend(f hub.Frame) error {
	switch {
	case f.Data == nil || s.silent.Load():
		return nil
	case s.conn() == nil:
		return errEarly
	}
	return s.out.TrySend(f)
}

// Send implements hub.Sink.
func (s *socket) Send(ctx context.Context, frames []hub.Frame) error {
	if s.silent.Load() {
		return nil
	}
	frames = slices.DeleteFunc(frames, func(f hub.Frame) bool { return f.Data == nil })
	return s.out.Send(ctx, frames)
}

// Close implements hub.Sink.
func (s *socket) Close(r hub.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
	case s.out.Conn == nil:
		s.early = &r
	default:
		s.out.Close(r)
	}
}

func (s *socket) conn() *ws.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Conn
}

// codeNotRecovered is why a connection ends that has no words for what it has missed.
const codeNotRecovered = hub.Code(notRecovered)

// closeWith returns the close frame for the end of a session. Its reason begins with the code of the hub, for programs.
func closeWith(r hub.Reason) (ws.Code, string) {
	code := ws.CodePolicyViolation
	switch r.Code {
	case hub.GoingAway:
		code = ws.CodeServiceRestart
	case codeNotRecovered, hub.SlowConsumer, hub.RateLimited, hub.Unavailable, hub.Timeout, hub.UnknownOutcome:
		code = ws.CodeTryAgainLater
	case hub.Internal:
		code = ws.CodeInternalError
	case hub.TooLarge:
		code = ws.CodeMessageTooBig
	case hub.BadRequest:
		code = ws.CodeInvalidPayload
	case hub.WrongKind:
		code = ws.CodeUnsupportedData
	case hub.Disconnected:
		if r.Reconnect {
			code = ws.CodeServiceRestart
		}
	}
	return code, string(r.Code) + ": " + r.Text
}
