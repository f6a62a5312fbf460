package hub

import (
	"context"
	"errors"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Frame is something encoded for the wire by a Codec. Frames are shared by all sessions that get the same.
type Frame struct {
	// Size is what it takes on the wire, in bytes, about.
	Size int

	// Data is what the Sink that belongs to the Codec takes, as a *ws.Prepared. It must not be changed any more.
	Data any
}

// Codec encodes what the hub delivers of itself; replies to what a client asked are the dialect's own business. A Codec is compared with ==: sessions
// with the same one get the same frames, each encoded once. Its methods may be called from any goroutine.
type Codec interface {
	// Message encodes a message. matched are the filters that brought it, if that was not only the topic itself.
	// An error says that this dialect cannot carry the message: the subscriber is told of a gap.
	Message(m *broker.Message, matched []broker.Filter) (Frame, error)

	// Gap encodes that messages are missing. If ok is false, there are no words for it: the session ends, in a way that makes the client
	// come back.
	Gap(g Gap) (f Frame, ok bool)

	// Presence encodes who came to a topic and who went, for those who have asked to be told.
	Presence(topic string, d broker.Diff) (f Frame, ok bool)

	// Subscribed encodes that the server has subscribed the session; if ok is false, the client is not told. Unsubscribed encodes that the
	// server has ended a subscription, and why; if ok is false, the session ends with it.
	Subscribed(r Subscribed) (f Frame, ok bool)
	Unsubscribed(flt broker.Filter, why *Error) (f Frame, ok bool)

	// Notice encodes what the client should know, such as that the server is going to stop.
	Notice(n Notice) (f Frame, ok bool)
}

// Gap says that messages of a topic are missing in what a session got.
type Gap struct {
	// Topic is the topic.
	Topic string

	// After is the last position before the gap as far as it is known, and Tail the last that is missing. What comes next comes after Tail.
	After broker.Position
	Tail  broker.Position

	// Count is how many messages are missing, 0 if that is not known.
	Count int

	// Reason is why.
	Reason GapReason

	// Matched are the filters by which the session would have got them, if not only by the topic itself.
	Matched []broker.Filter
}

// GapReason is why messages are missing.
type GapReason string

// The reasons.
const (
	GapSlow      GapReason = "slow"      // the client did not read fast enough, and the topic drops the oldest
	GapConflated GapReason = "conflated" // later messages with the same key stand for them
	GapLost      GapReason = "lost"      // the broker lost them, or was out of reach
	GapEncoding  GapReason = "encoding"  // they cannot be expressed for this client
)

// Notice is what the server tells a client by itself.
type Notice struct {
	// Code says what it is about: GoingAway before a drain, Expired before a token's end.
	Code Code

	// Text says it to a person.
	Text string

	// After is when the client should act: for GoingAway, come back.
	After time.Duration
}

// Reason is why a session ends.
type Reason struct {
	// Code and Text are as in Error.
	Code Code
	Text string

	// Reconnect says that the client should come back, and resume.
	Reconnect bool

	// After is when it should, counted from now.
	After time.Duration
}

// ErrFull is returned by Sink.TrySend while the transport takes no more.
var ErrFull = errors.New("hub: the transport is full")

// ErrStalled is in the chain of what a Sink returns, and of what Lost is given, if the transport was given up because the client took
// nothing for too long.
var ErrStalled = errors.New("hub: the client took nothing for too long")

// Lost is the reason for the end of a session whose transport has ended with err: SlowConsumer for ErrStalled, and GoingAway for everything
// else, such as a client that has left. Dialects close their sessions with it.
func Lost(err error) Reason {
	if errors.Is(err, ErrStalled) {
		return Reason{Code: SlowConsumer, Text: "the client took nothing for too long", Reconnect: true}
	}
	return Reason{Code: GoingAway, Text: "the connection was lost", Reconnect: true}
}

// Sink is the transport of one session. The hub calls TrySend and Send by one goroutine at a time, Close from any. It may hold locks when it
// calls them, as when it calls a Codec: they must not call the Session or the Hub.
type Sink interface {
	// TrySend hands over a frame without ever waiting. ErrFull says that nothing was taken; after any other error the transport is
	// of no use.
	TrySend(Frame) error

	// Send hands over frames, waiting as long as the transport makes progress; they should leave together. After an error, which may be that
	// of ctx, the transport is of no use.
	Send(ctx context.Context, frames []Frame) error

	// Close ends the transport for this reason, once everything that was handed over has been sent or cannot be. It does not wait. It
	// is called once.
	Close(Reason)
}

// Capabilities are what the dialect and the client can do beyond receiving messages.
type Capabilities struct {
	// Binary says that messages of the kind Bytes, and text that is not JSON, can be delivered.
	Binary bool
}
