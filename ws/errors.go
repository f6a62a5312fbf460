package ws

import (
	"errors"
	"fmt"
	"net/http"
)

// Sentinel errors, matched with errors.Is.
var (
	// ErrConcurrentRead is returned by a read while another one is under way: a connection has one reader.
	ErrConcurrentRead = errors.New("ws: read: another read is under way on this connection")
	// ErrSlowConsumer is returned by TryWrite and TryWritePrepared when Options.QueueLimit bytes wait already.
	ErrSlowConsumer = errors.New("ws: try write: slow consumer: the queue is full (Options.QueueLimit)")
	// ErrPingTimeout is the cause of an end because the peer showed no sign of life (Options.PingTimeout).
	ErrPingTimeout = errors.New("ws: keepalive: no sign of life from the peer (Options.PingTimeout)")
	// ErrProgressTimeout is the cause of an end because a message stalled half-way (Options.ProgressTimeout).
	ErrProgressTimeout = errors.New("ws: read: no progress inside a message (Options.ProgressTimeout)")
	// ErrWriteTimeout is the cause of an end because the transport accepted no byte (Options.WriteTimeout).
	ErrWriteTimeout = errors.New("ws: write: the transport accepted no byte in time (Options.WriteTimeout)")
	// ErrCloseTimeout is returned by Close when the peer did not answer its close frame (Options.CloseTimeout).
	ErrCloseTimeout = errors.New("ws: close: the peer did not answer in time (Options.CloseTimeout)")
	// ErrGroupClosed is the error of an Accept whose Group shuts down; the client got a 503.
	ErrGroupClosed = errors.New("ws: accept: the group is shutting down")
)

// LimitError is the cause of an end because the peer exceeded a limit.
type LimitError struct {
	// Limit is the option that sets the limit, such as "Options.MessageLimit".
	Limit string
	// Max is the limit's value, in bytes.
	Max int64
}

// Error names the limit and its value.
func (e *LimitError) Error() string {
	return fmt.Sprintf("ws: read: message exceeds %d bytes (%s)", e.Max, e.Limit)
}

// HandshakeError says why an opening handshake failed. Every error of Dial and of Accept is one.
type HandshakeError struct {
	// Status is the HTTP status that the server answered; 0 if no answer came.
	Status int
	// Header holds the answer's header fields. It is nil where Accept refused.
	Header http.Header
	// Body holds at most the first 64 KiB of the answer's body.
	Body []byte
	// Reason says what was wrong in the words of RFC 6455 §4.
	Reason string
	// Err is the cause where there is one, such as a network error or an error of AcceptOptions.Check.
	Err error

	accept bool
}

// Error describes the failure in one line.
func (e *HandshakeError) Error() string {
	s := "ws: dial: "
	if e.accept {
		s = "ws: accept: "
	}
	s += e.Reason
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// RejectError is what AcceptOptions.Check returns to choose the answer to a refused request.
type RejectError struct {
	// Status is the HTTP status. Default 403.
	Status int
	// Header holds fields to add to the answer.
	Header http.Header
	// Body is the text of the answer. Default: the status text.
	Body string
}

// Error describes the refusal.
func (e *RejectError) Error() string {
	return fmt.Sprintf("ws: request refused with status %d", e.Status)
}
