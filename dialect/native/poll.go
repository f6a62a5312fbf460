package native

import (
	"context"
	"net/http"

	"github.com/parley-ws/parley/hub"
)

// poll carries out the commands of a request, and answers with all frames for them as soon as there is something to tell. The session lives for
// this request alone.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request) {
	body, ok := h.body(w, r)
	if !ok {
		return
	}
	s := h.open(r, body, overPoll, "")
	defer s.close()
	b, reason := s.collect(r.Context())
	if r.Context().Err() != nil {
		return
	}
	if e := s.peer.refused; e != nil {
		refuse(w, status(e.Code), e)
		return
	}
	if reason != nil {
		b = append(append(b, ','), closedFrame(reason)...)
	}
	if len(b) == 0 {
		b = append(b, ',')
	}
	b[0] = '[' // in place of the comma
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	_ = h.write(w, append(b, "]\n"...)) // who is not there resumes from where it was
}

// collect returns the frames of a poll, a comma before each, and why the session has ended, if it has.
func (s *stream) collect(ctx context.Context) (b []byte, reason *hub.Reason) {
	event := false
	// take takes what there is until ctx ends, and reports whether more is to be waited for.
	take := func(ctx context.Context) bool {
		frames, why, err := s.out.Take(ctx)
		for _, f := range frames {
			l := f.Data.(line)
			event = event || l.event
			b = append(append(b, ','), l.text...)
		}
		if why != nil {
			reason = why
		}
		return err == nil && why == nil && len(b) < s.peer.h.limits.PollBytes
	}
	working, worked := context.WithCancel(ctx)
	defer worked()
	go func() {
		select {
		case <-s.done:
			worked()
		case <-working.Done():
		}
	}()
	for take(working) {
	}
	select {
	case <-s.done:
	default:
		return b, reason // it was too much already, or nobody is there any more
	}
	p := s.peer
	if reason != nil || p.session == nil {
		return b, reason
	}
	waiting, stop := context.WithTimeout(ctx, p.wait)
	defer stop()
	for {
		calls := p.pending()
		// What has come by now is taken in any case: the context counts only when nothing has.
		switch {
		case len(b) >= p.h.limits.PollBytes:
			return b, reason
		case !calls && (event || p.prompt || len(p.session.Subscriptions()) == 0):
			ended, stop := context.WithCancel(ctx)
			stop()
			for take(ended) {
			}
			return b, reason
		}
		if !take(waiting) {
			return b, reason
		}
	}
}
