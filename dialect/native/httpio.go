package native

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// refuse answers a request with an error.
func refuse(w http.ResponseWriter, status int, e *hub.Error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if e.After > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.After+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(errorFrame(0, e), '\n')) // nobody is there to be told
}

// body reads the body of a request, which holds commands. An error was answered.
func (h *Handler) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	limit := h.o.Accept.MessageLimit
	if limit < 0 {
		limit = 1<<63 - 1
	}
	body, err := transport.ReadBody(w, r, limit, h.limits.Progress)
	switch {
	case err == transport.ErrLarge:
		h.hub.Refused("message_bytes")
		refuse(w, http.StatusRequestEntityTooLarge, hub.Errorf(hub.TooLarge, "the body has more than %d bytes", limit))
	case err == transport.ErrSlow:
		refuse(w, http.StatusRequestTimeout, hub.Errorf(hub.Timeout, "the body did not come in time"))
	case err != nil:
		refuse(w, http.StatusBadRequest, hub.Errorf(hub.BadRequest, "the body ends too early, or is not what HTTP takes for one"))
	case !utf8.Valid(body):
		refuse(w, http.StatusBadRequest, hub.Errorf(hub.BadRequest, "malformed JSON: it is not UTF-8"))
	default:
		return body, true
	}
	return nil, false
}

// closedFrame is the last frame of a session over HTTP, which stands for the close frame.
func closedFrame(r *hub.Reason) []byte {
	b := begin(nil, "closed", 0)
	b = appendInt(b, "code", int64(closeCode(*r)))
	b = appendError(b, &hub.Error{Code: r.Code, Text: r.Text, Retry: r.Reconnect, After: r.After})
	return append(b, '}')
}

// write sends a part of an answer, as long as the client takes some of it in time.
func (h *Handler) write(w http.ResponseWriter, b []byte) error {
	rc := http.NewResponseController(w)
	for len(b) > 0 {
		n := min(len(b), 64<<10)
		_ = rc.SetWriteDeadline(time.Now().Add(h.limits.Progress)) // where there are no deadlines, there is none to overcome
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return rc.Flush()
}
