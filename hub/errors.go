package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Code is the stable name of an error. Clients go by it; dialects translate it where they have numbers.
type Code string

// The codes.
const (
	BadRequest      Code = "bad_request"     // what was asked is malformed; asking again does not help
	Unauthenticated Code = "unauthenticated" // no token, or one that does not hold
	Expired         Code = "expired"         // the token has expired: come back with a new one
	Forbidden       Code = "forbidden"       // known, but not allowed
	NotFound        Code = "not_found"       // no such method, session or subscription
	TooLarge        Code = "too_large"       // beyond a limit of size
	RateLimited     Code = "rate_limited"    // too often: After says when it helps to try again
	LimitReached    Code = "limit_reached"   // too many of something that only ends by giving something up
	WrongKind       Code = "wrong_kind"      // the topic takes another kind of message, or the client cannot take this one
	Unavailable     Code = "unavailable"     // not now: After, if set, says when
	UnknownOutcome  Code = "unknown_outcome" // it may have happened: publish again with the same id
	Timeout         Code = "timeout"         // it took too long
	Internal        Code = "internal"        // our fault; the log has more
	SlowConsumer    Code = "slow_consumer"   // the client did not read fast enough
	GoingAway       Code = "going_away"      // the server stops or moves: come back, After says when
	Disconnected    Code = "disconnected"    // an operator or the application ended it: do not come back by yourself
)

// Error is what a client is told. Its text gives away nothing about the inside; Err does, and is for the log alone.
type Error struct {
	// Code is the stable name.
	Code Code

	// Text says in one sentence what was wrong, and what to do about it.
	Text string

	// Retry says whether the same may work later.
	Retry bool

	// After is when that is worth trying, counted from now; 0 is unknown.
	After time.Duration

	// Err is the cause, or nil. It never leaves the server.
	Err error
}

// Error returns the code, the text and the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("hub: %s: %s: %v", e.Code, e.Text, e.Err)
	}
	return fmt.Sprintf("hub: %s: %s", e.Code, e.Text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error whose text is for the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...), Retry: retries(code)}
}

// badRequest tells a client what a check of package broker found.
func badRequest(err error) *Error {
	return Errorf(BadRequest, "%s", strings.TrimPrefix(err.Error(), "broker: "))
}

// retries reports whether the same may work later without anything else having changed.
func retries(c Code) bool {
	switch c {
	case RateLimited, Unavailable, UnknownOutcome, Timeout, Internal, SlowConsumer, GoingAway:
		return true
	}
	return false
}

// AsError returns err as what a client is told of it: an *Error in its chain, or one that says no more than it has to.
func AsError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: Timeout, Text: "it took too long; try again", Retry: true, Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: GoingAway, Text: "it was interrupted; try again", Retry: true, Err: err}
	case errors.Is(err, broker.ErrFull): // without its cause: a limit that does its work is no failure, and the log need not say so each time
		return &Error{Code: Unavailable, Text: "the server has no room for more topics; try again later", Retry: true}
	case errors.Is(err, broker.ErrUnknownOutcome):
		return &Error{Code: UnknownOutcome, Text: "it is not known whether the message was stored; publish it again with the same id", Retry: true, Err: err}
	case errors.Is(err, broker.ErrUnavailable), errors.Is(err, broker.ErrClosed):
		return &Error{Code: Unavailable, Text: "the server cannot do this now; try again", Retry: true, Err: err}
	}
	return &Error{Code: Internal, Text: "the server failed; its log says why", Retry: true, Err: err}
}

// full counts what the broker had no room for.
func (h *Hub) full(err error) {
	if errors.Is(err, broker.ErrFull) {
		h.refused("topics")
	}
}
