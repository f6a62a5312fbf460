package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-ws/parley/hub"
)

// other is the value of a label for what has no name here.
const other = "other"

// codes are the hub's: why sessions end, and what became of something that failed.
var codes = texts(hub.BadRequest, hub.Unauthenticated, hub.Expired, hub.Forbidden, hub.NotFound, hub.TooLarge, hub.RateLimited,
	hub.LimitReached, hub.WrongKind, hub.Unavailable, hub.UnknownOutcome, hub.Timeout, hub.Internal, hub.SlowConsumer, hub.GoingAway,
	hub.Disconnected)

// denials are the codes with which somebody is refused who asks to do something.
var denials = texts(hub.BadRequest, hub.Unauthenticated, hub.Expired, hub.Forbidden, hub.RateLimited, hub.Unavailable, hub.Timeout,
	hub.Internal)

// gapReasons are why messages are missing.
var gapReasons = texts(hub.GapSlow, hub.GapConflated, hub.GapLost, hub.GapEncoding)

// asked is what an Authoriser decides about.
var asked = append([]string{"connect", "refresh"}, texts(hub.ActSubscribe, hub.ActPublish, hub.ActPresence, hub.ActHistory, hub.ActCall)...)

// limits are the names of the limits: first those of the hub, then those on connections and requests before the hub sees them.
var limits = []string{
	"sessions", "commands", "topic_rate", "subscriptions", "presence", "calls", "message_bytes", "outbox", "topics",
	"connections", "accepts", "address_connections", "address_rate", "memory", "header_lines", "connect_time",
}

// statuses are those that an opening handshake is answered with.
var statuses = []string{"101", "400", "401", "403", "404", "405", "408", "426", "429", "431", "500", "503", "none"}

func texts[T ~string](names ...T) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = string(name)
	}
	return list
}

// counters are those of one metric by its only label. They are found beforehand: that costs no more than looking into a map which
// nobody changes, every series is there from the beginning, and there are never more.
type counters struct {
	known map[string]prometheus.Counter
	other prometheus.Counter
}

func newCounters(v *prometheus.CounterVec, values ...string) counters {
	c := counters{make(map[string]prometheus.Counter, len(values)), v.WithLabelValues(other)}
	for _, value := range values {
		c.known[value] = v.WithLabelValues(value)
	}
	return c
}

// of returns the counter of a value of the label.
func (c *counters) of(value string) prometheus.Counter {
	if known, ok := c.known[value]; ok {
		return known
	}
	return c.other
}
