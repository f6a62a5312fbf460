package native

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"

	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// stream is a session over HTTP while its handler runs.
type stream struct {
	peer *peer
	out  *transport.Stream
	done chan struct{} // closed when the commands of the request have been carried out
}

// open begins a session with the commands of a request. They have a goroutine of their own, for they may wait until what they cause is
// sent; close ends all of it.
func (h *Handler) open(r *http.Request, body []byte, over, secret string) *stream {
	out := &transport.Stream{}
	s := &stream{out: out, done: make(chan struct{}), peer: &peer{
		h: h, codec: lines, transport: over, sink: out, request: func() *http.Request { return r }, secret: secret,
		digest: sha256.Sum256([]byte(secret)),
	}}
	go func() {
		defer close(s.done)
		p := s.peer
		p.runApart(body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.session == nil && !p.over.Load() {
			p.end(0, hub.Errorf(hub.BadRequest, "the first command must be connect"))
		}
	}()
	return s
}

func (s *stream) close() {
	s.out.Leave()
	s.peer.gone()
	<-s.done
}

// sse serves a session as a stream of server-sent events.
func (h *Handler) sse(w http.ResponseWriter, r *http.Request) {
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	s := h.open(r, body, overSSE, rand.Text())
	defer h.strike(s.peer)
	defer s.close()
	frames, reason, err := s.out.Take(r.Context())
	if err != nil {
		return
	}
	if e := s.peer.refused; e != nil {
		refuse(w, status(e.Code), e)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no")
	head.Set("X-Content-Type-Options", "nosniff")
	var b []byte
	for {
		b = b[:0]
		for _, f := range frames {
			b = append(b, "data: "...)
			b = append(b, f.Data.(line).text...)
			b = append(b, "\n\n"...)
		}
		if reason != nil {
			b = append(b, "data: "...)
			b = append(b, closedFrame(reason)...)
			b = append(b, "\n\n"...)
		}
		if len(b) == 0 {
			b = append(b, ":\n\n"...) // a comment, for what stands between not to give up
		}
		err := h.write(w, b)
		if s.out.Fail(err); err != nil || reason != nil {
			return
		}
		if cap(b) > 64<<10 {
			b = nil
		}
		frames, reason, _ = s.out.TakeWithin(r.Context(), h.limits.Keepalive)
		if r.Context().Err() != nil {
			return
		}
	}
}
