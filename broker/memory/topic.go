package memory

import (
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
)

// topic is all that is known of a topic. The lock is never held while a Receiver runs.
type topic struct {
	store *store
	name  string
	epoch string

	mu     sync.Mutex
	gone   bool   // forgotten: another topic may have taken its place
	offset uint64 // of the last message; those of the log are the last ones before it, without a hole
	log    fifo[kept]
	bytes  int // of the bodies in the log
	keep   broker.Retention
	ids    window
	here   map[string]*presence // by Ref
	used   int64                // when it was used last

	// Delivery.
	to        []*node // who gets what is published; not to be changed in place
	toVersion uint64  // of the subscriptions that to was made from
	pending   fifo[event]
	busy      bool          // somebody delivers; pending is empty otherwise
	room      chan struct{} // closed when pending has become shorter; nil if nobody waits

	// The store.
	oldest slot // in its queue, under its lock
	stored bool // in its queue, or taken out by who evicts

	// Expiry.
	scheduled int64 // when expire is called at the latest; 0 is never
	look      slot  // the same in the clock, under its lock
}

// kept is a message of a log.
type kept struct {
	m    *broker.Message
	at   int64 // when it was stored, which its Time need not say
	cost int64
}

// tail is the position of the last message.
func (t *topic) tail() broker.Position { return broker.Position{Epoch: t.epoch, Offset: t.offset} }

// append stores m, and trims the log to what is to be kept from now on.
func (t *topic) append(m *broker.Message, keep broker.Retention, now int64) {
	m.Prev = t.offset
	t.offset++
	m.Position = t.tail()
	t.keep, t.used = keep, now
	if keep.Count > 0 {
		k := kept{m, now, cost(m)}
		t.log.push(k)
		t.bytes += len(m.Body)
		t.store.keep(t, k)
	}
	t.trim(now)
}

// trim drops what is beyond the limits.
func (t *topic) trim(now int64) {
	for n := t.log.len(); n > 0; n-- {
		k := t.log.at(0)
		if n <= t.keep.Count && (t.keep.Bytes <= 0 || t.bytes <= t.keep.Bytes) && (t.keep.Age <= 0 || now < k.at+int64(t.keep.Age)) {
			return
		}
		t.drop()
	}
}

// drop drops the oldest message of the log.
func (t *topic) drop() {
	k := t.log.pop()
	t.bytes -= len(k.m.Body)
	t.store.used.Add(-k.cost)
}

// idle reports whether nothing would be lost with the topic but its counter.
func (t *topic) idle() bool {
	return t.log.len() == 0 && t.ids.order.len() == 0 && len(t.here) == 0
}

// due returns when something will have to be dropped, 0 for never. It is not looked at here who has subscribed.
func (t *topic) due(linger time.Duration) int64 {
	if t.idle() {
		return t.used + int64(linger)
	}
	var due int64
	if t.log.len() > 0 && t.keep.Age > 0 {
		due = t.log.at(0).at + int64(t.keep.Age)
	}
	if t.ids.order.len() > 0 {
		if end := t.ids.order.at(0).end; due == 0 || end < due {
			due = end
		}
	}
	return due
}
