package hub

import (
	"time"

	"github.com/parley-ws/parley/broker"
)

// Trace has functions that are called when something happens, for metrics and logs. Any may be nil. They are called from any goroutine, some
// with locks held: they must be quick, and call nothing of the hub.
type Trace struct {
	// Connected is called when a session has begun, and Disconnected when it has ended.
	Connected    func(s SessionInfo)
	Disconnected func(s SessionInfo, why Reason)

	// Authorised is called when the Authoriser or a topic's rule has decided. what is connect, refresh or an Action; err is nil if it was allowed.
	Authorised func(what string, err error)

	// Published is called when somebody has published, with what became of it.
	Published func(m *broker.Message, p broker.Published, err error)

	// Delivered is called for a message that the broker delivered to this node when it was handed to n sessions.
	Delivered func(m *broker.Message, n int)

	// Dropped is called when messages that waited for a session were dropped.
	Dropped func(s SessionInfo, reason GapReason, n int)

	// Resumed is called when a subscription with a position was answered.
	Resumed func(recovered bool, replayed int)

	// Refused is called when a limit refused something, with the name of the limit.
	Refused func(limit string)

	// Called is called when a call has ended.
	Called func(method string, took time.Duration, err error)
}

// Refused counts what a limit outside of the hub has refused, by the name of the limit: a dialect's, on what it reads.
func (h *Hub) Refused(limit string) { h.refused(limit) }
