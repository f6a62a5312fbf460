package raw

import (
	"net/http"

	"github.com/parley-ws/parley/hub"
)

// visited is why the session of a single request ends.
var visited = hub.Reason{Code: hub.GoingAway, Text: "the request is answered"}

// visit lets the client of a single request in, or answers it.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request) (*hub.Session, bool) {
	s, err := h.enter(r, "http", codec{}, nil)
	if err != nil {
		fail(w, err)
		return nil, false
	}
	return s, true
}

// enter makes a session for a request; without a sink it is one that gets nothing.
func (h *Handler) enter(r *http.Request, transport string, c codec, sink hub.Sink) (*hub.Session, error) {
	s, err := h.hub.Connect(r.Context(), hub.Connect{
		Credentials:  h.credentials(r, transport),
		Codec:        c,
		Sink:         sink,
		Capabilities: hub.Capabilities{Binary: true},
		Visit:        sink == nil,
	})
	if err != nil {
		return nil, err
	}
	if err := h.rates.take(s, h.o.Remote(r)); err != nil {
		h.hub.Refused("commands")
		s.Close(visited)
		return nil, err
	}
	return s, nil
}
