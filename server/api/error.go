package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/parley-ws/parley/hub"
)

// Codes that only HTTP has, beside those of the hub.
const (
	methodNotAllowed hub.Code = "method_not_allowed"
	unsupportedMedia hub.Code = "unsupported_media_type"
)

// statuses are those of the codes. What is missing is our own fault.
var statuses = map[hub.Code]int{
	hub.BadRequest:      http.StatusBadRequest,
	hub.Unauthenticated: http.StatusUnauthorized,
	hub.Forbidden:       http.StatusForbidden,
	hub.NotFound:        http.StatusNotFound,
	methodNotAllowed:    http.StatusMethodNotAllowed,
	hub.LimitReached:    http.StatusConflict,
	hub.TooLarge:        http.StatusRequestEntityTooLarge,
	unsupportedMedia:    http.StatusUnsupportedMediaType,
	hub.WrongKind:       http.StatusUnprocessableEntity,
	hub.RateLimited:     http.StatusTooManyRequests,
	hub.Unavailable:     http.StatusServiceUnavailable,
	hub.GoingAway:       http.StatusServiceUnavailable,
	hub.UnknownOutcome:  http.StatusGatewayTimeout,
	hub.Timeout:         http.StatusGatewayTimeout,
}

func statusOf(e *hub.Error) int {
	if status, ok := statuses[e.Code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// problem is an error as it is told.
type problem struct {
	Code    hub.Code `json:"code"`
	Text    string   `json:"text"`
	Retry   bool     `json:"retry"`
	AfterMS int64    `json:"after_ms,omitempty"`
}

// refusal is the body of an answer that is an error.
type refusal struct {
	Error problem `json:"error"`
}

func tell(e *hub.Error) problem {
	return problem{Code: e.Code, Text: e.Text, Retry: e.Retry, AfterMS: int64((e.After + time.Millisecond - 1) / time.Millisecond)}
}

// refuse returns the body for an error, and sets Retry-After if it is known when to try again.
func refuse(w http.ResponseWriter, e *hub.Error) refusal {
	if e.After > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.After+time.Second-1)/time.Second), 10))
	}
	return refusal{tell(e)}
}
