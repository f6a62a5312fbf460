package raw

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// piece is how much of an event stream is written under one deadline.
const piece = 32 << 10

// events is an event stream that is being sent.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	buf     []byte
}

// stream answers with server-sent events until the client goes or the session ends.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	want, form, err := streamWish(r, f, q)
	if err != nil {
		fail(w, err)
		return
	}
	sink := &transport.Stream{}
	defer sink.Leave()
	c := codec{form, f}
	s, e := h.enter(r, "sse", c, sink)
	if e != nil {
		h.later(w, r, e)
		return
	}
	defer func() { s.Close(hub.Lost(sink.Err())) }()
	since := want.Since
	want.Reply = func(told hub.Subscribed) hub.Frame { return c.begin(&told, since) }
	if _, e := s.Subscribe(r.Context(), *want); e != nil {
		h.later(w, r, e)
		return
	}
	out := h.open(w)
	out.buf = appendRetry(out.buf, h.o.Retry)
	if err := out.flush(); err != nil {
		sink.Fail(err)
		return
	}
	h.pump(r.Context(), out, sink)
}

// streamWish is what an event stream is to send. A client that comes back says so by Last-Event-ID; its URL is that of the first time.
func streamWish(r *http.Request, f broker.Filter, q *query) (*hub.Subscribe, format, *hub.Error) {
	if err := q.only("an event stream", "envelope", "history", "since"); err != nil {
		return nil, 0, err
	}
	want, form := &hub.Subscribe{Filter: f, History: q.history}, stream
	if q.envelope || !f.IsExact() {
		form = streamed
	}
	if err := q.resume(want); err != nil {
		return nil, 0, err
	}
	last := r.Header.Get("Last-Event-ID")
	switch {
	case last == "":
	case !f.IsExact():
		want.Positions = map[string]broker.Position{} // some may have been missed, and it is not known how many
	default:
		since, err := broker.ParsePosition(last)
		if err != nil {
			// An error would end an EventSource for good. This is the position of no topic: the client is told of a gap.
			since = broker.Position{Epoch: "unknown"}
		}
		want.Since, want.History = since, 0
	}
	return want, form, nil
}

// begin is the first frame of an event stream: from where the client can resume, and what it has missed for ever.
func (c codec) begin(told *hub.Subscribed, since broker.Position) hub.Frame {
	id := wideID
	if c.filter.IsExact() {
		id = told.Position.String()
	}
	var text []byte
	switch {
	case told.Resumed && !told.Recovered:
		return c.words(eventGap, gapOf(told, since), id)
	case !c.filter.IsExact() || told.Replayed == 0:
		text = appendID(nil, id)
	case told.Resumed:
		text = appendID(nil, since.String())
	default:
		return hub.Frame{} // the messages that follow have ids
	}
	return hub.Frame{Size: len(text), Data: text}
}

// open begins an event stream.
func (h *Handler) open(w http.ResponseWriter) *events {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // nginx would collect what is to go out at once
	out := &events{w: w, control: http.NewResponseController(w), timeout: h.o.WriteTimeout}
	_ = out.control.SetReadDeadline(time.Time{}) // a writer without deadlines has none to be lifted
	w.WriteHeader(http.StatusOK)
	return out
}

// flush sends what is in the buffer. Every piece of it has the whole time.
func (e *events) flush() error {
	long := len(e.buf) > piece
	for p := e.buf; len(p) > 0; {
		n := min(len(p), piece)
		if err := e.extend(); err != nil {
			return err
		}
		if _, err := e.w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	e.buf = e.buf[:0]
	if cap(e.buf) > 2*piece {
		e.buf = nil
	}
	if long {
		if err := e.extend(); err != nil {
			return err
		}
	}
	return e.control.Flush()
}

func (e *events) extend() error {
	err := e.control.SetWriteDeadline(time.Now().Add(e.timeout))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// pump sends what the hub delivers until the end.
func (h *Handler) pump(ctx context.Context, out *events, sink *transport.Stream) {
	for {
		frames, reason, err := sink.TakeWithin(ctx, h.o.KeepAlive)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			out.buf = append(out.buf, ":\n\n"...)
		}
		for _, f := range frames {
			if text, ok := f.Data.([]byte); ok {
				out.buf = append(out.buf, text...)
			}
		}
		if reason != nil {
			out.buf = h.appendEnd(out.buf, reason)
		}
		if len(out.buf) > 0 {
			if err := out.flush(); err != nil {
				sink.Fail(err)
				return
			}
		}
		if reason != nil {
			_ = out.control.SetWriteDeadline(time.Time{}) // the connection may serve another request
			return
		}
	}
}

// appendEnd appends the last words of a stream: why it ends, and when to come back.
func (h *Handler) appendEnd(dst []byte, r *hub.Reason) []byte {
	dst = appendRetry(dst, spread(afterOr(r.After, h.o.Retry)))
	text, err := appendJSON(nil, farewell(*r))
	if err != nil {
		panic("raw: encode: " + err.Error())
	}
	return appendLines(dst, "", eventNotice, text)
}

// spread returns something between half of d and one and a half of it, so that those who were sent away together do not
// come back together.
func spread(d time.Duration) time.Duration {
	return d/2 + rand.N(max(d, 1))
}

// later answers a request for an event stream that cannot be had. An EventSource gives up for good unless the status is 200: if coming
// back helps, it is told so in a stream that ends at once.
func (h *Handler) later(w http.ResponseWriter, r *http.Request, err error) {
	e := hub.AsError(err)
	if !e.Retry || !accepts(r, "text/event-stream") {
		fail(w, err)
		return
	}
	out := h.open(w)
	out.buf = h.appendEnd(out.buf, &hub.Reason{Code: e.Code, Text: e.Text, Reconnect: true, After: e.After})
	if out.flush() == nil {
		_ = out.control.SetWriteDeadline(time.Time{}) // the connection may serve another request
	}
}
