package raw

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-ws/parley/hub"
)

// problem is an error as JSON.
type problem struct {
	Error told `json:"error"`
}

// told is what a client is told of an error, or of an end.
type told struct {
	Code  hub.Code `json:"code"`
	Text  string   `json:"text"`
	Retry bool     `json:"retry"`
	After int64    `json:"after_ms,omitempty"`
}

func tell(e *hub.Error) told {
	return told{Code: e.Code, Text: e.Text, Retry: e.Retry, After: milliseconds(e.After)}
}

// milliseconds rounds up: who comes a moment too early is refused again.
func milliseconds(d time.Duration) int64 {
	return int64(max(0, d+time.Millisecond-1) / time.Millisecond)
}

// statuses are those of the codes.
var statuses = map[hub.Code]int{
	hub.BadRequest:      http.StatusBadRequest,
	hub.Unauthenticated: http.StatusUnauthorized,
	hub.Expired:         http.StatusUnauthorized,
	hub.Forbidden:       http.StatusForbidden,
	hub.Disconnected:    http.StatusForbidden,
	hub.NotFound:        http.StatusNotFound,
	hub.LimitReached:    http.StatusConflict,
	hub.TooLarge:        http.StatusRequestEntityTooLarge,
	hub.WrongKind:       http.StatusUnsupportedMediaType,
	hub.RateLimited:     http.StatusTooManyRequests,
	hub.Internal:        http.StatusInternalServerError,
	hub.Unavailable:     http.StatusServiceUnavailable,
	hub.SlowConsumer:    http.StatusServiceUnavailable,
	hub.GoingAway:       http.StatusServiceUnavailable,
	hub.UnknownOutcome:  http.StatusGatewayTimeout,
	hub.Timeout:         http.StatusGatewayTimeout,
}

// answer returns the status, the header fields and the body that tell of an error.
func answer(e *hub.Error) (int, http.Header, []byte) {
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}}
	switch e.Code {
	case hub.Unauthenticated:
		header.Set("WWW-Authenticate", "Bearer")
	case hub.Expired: // RFC 6750 section 3.1
		header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	if e.Retry && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		header.Set("Retry-After", strconv.Itoa(int(max(1, math.Ceil(e.After.Seconds())))))
	}
	return status, header, encode(problem{tell(e)})
}

// fail answers a request with an error.
func fail(w http.ResponseWriter, err error) {
	failWith(w, 0, err)
}

// failWith is fail with another status, if that is not 0.
func failWith(w http.ResponseWriter, status int, err error) {
	usual, header, body := answer(hub.AsError(err))
	if status == 0 {
		status = usual
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	reply(w, status, body)
}

// reply sends an answer in JSON. A client that has gone needs none.
func reply(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// encode returns v as JSON in one line, which ends with a newline. v is one of ours, that can always be encoded.
func encode(v any) []byte {
	text, err := appendJSON(nil, v)
	if err != nil {
		panic("raw: encode: " + err.Error())
	}
	return append(text, '\n')
}

// appendJSON appends v as JSON without a newline and without escaping for HTML.
func appendJSON(dst []byte, v any) ([]byte, error) {
	b := writer{dst}
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	return b.p[:len(b.p)-1], nil
}

type writer struct{ p []byte }

func (w *writer) Write(p []byte) (int, error) {
	w.p = append(w.p, p...)
	return len(p), nil
}
