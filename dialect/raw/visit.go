package raw

import (
	"context"
	"net/http"

	"github.com/parley-ws/parley/hub"
)

// visited is why the session of a single request ends.
var visited = hub.Reason{Code: hub.GoingAway, Text: "the request is answered"}

// nowhere is the Sink of a session that gets nothing.
type nowhere struct{}

func (nowhere) TrySend(hub.Frame) error                 { return nil }
func (nowhere) Send(context.Context, []hub.Frame) error { return nil }
func (nowhere) Close(hub.Reason)                        {}

// visit lets the client of a single request in, or answers it.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request) (*hub.Session, bool) {
	s, err := h.enter(r, "http", codec{}, nowhere{})
	if err != nil {
		fail(w, err)
		return nil, false
	}
	return s, true
}

// enter makes a session for a request.
func (h *Handler) enter(r *http.Request, transport string, c codec, sink hub.Sink) (*hub.Session, error) {
	s, err := h.hub.Connect(r.Context(), hub.Connect{
		Credentials:  h.credentials(r, transport),
		Codec:        c,
		Sink:         sink,
		Capabilities: hub.Capabilities{Binary: true},
	})
	if err != nil {
		return nil, err
	}
	if err := h.rates.take(s, remote(r)); err != nil {
		s.Close(visited)
		return nil, err
	}
	return s, nil
}
