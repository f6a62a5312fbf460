package hub

import (
	"slices"

	"github.com/parley-ws/parley/broker"
)

// outbox is what waits for a session because its transport was full. As long as nothing waits, frames go straight to the Sink; once
// one does, a goroutine sends until nothing is left. It is guarded by Session.mu.
type outbox struct {
	entries []entry
	bytes   int
	count   int            // of entries, while some are dropped
	sending bool           // a goroutine sends
	topics  map[string]int // bytes that wait of each topic that may be dropped; nil until something waits
	final   *Reason        // close the Sink for this when nothing waits any more
	room    chan struct{}  // closed when bytes is down to low; nil if nobody waits for that
	low     int
}

// entry is one frame that waits.
type entry struct {
	frame Frame
	msg   *broker.Message // nil for what is never dropped
	rule  *Topic          // of the message
	match []broker.Filter
	gap   *Gap // it is the notice of a gap, not encoded yet

	begins bool // it is the answer to a subscription
}

// gapSize is about what the notice of a gap takes.
const gapSize = 200

func (e *entry) size() int {
	if e.gap != nil {
		return gapSize
	}
	return e.frame.Size
}

// topic is the topic that e belongs to, or "".
func (e *entry) topic() string {
	switch {
	case e.msg != nil:
		return e.msg.Topic
	case e.gap != nil:
		return e.gap.Topic
	}
	return ""
}

// push sends an entry, or lets it wait. It reports whether the entry was taken, be it by dropping others. Session.mu is held.
func (s *Session) push(e entry) bool {
	if s.closed || s.failed {
		return false
	}
	o := &s.out
	if !o.sending {
		if e.gap != nil {
			f, ok := s.codec.Gap(*e.gap)
			if !ok {
				s.fail(Reason{Code: SlowConsumer, Text: "messages are missing; come back and resume", Reconnect: true})
				return false
			}
			e = entry{frame: f}
		}
		switch err := s.sink.TrySend(e.frame); err {
		case nil:
			return true
		case ErrFull:
		default:
			s.fail(Reason{Code: GoingAway, Text: "the connection was lost", Reconnect: true})
			return false
		}
		o.sending = true
		s.hub.working.Add(1)
		go s.drain()
	}
	s.hub.waiting.Add(int64(e.size()))
	o.add(e)
	return s.trim()
}

func (o *outbox) add(e entry) {
	o.entries = append(o.entries, e)
	o.charge(&e)
}

// charge counts an entry, and remove takes it out of the counts.
func (o *outbox) charge(e *entry) {
	o.bytes += e.size()
	if t := e.topic(); t != "" {
		if o.topics == nil {
			o.topics = map[string]int{}
		}
		o.topics[t] += e.size()
	}
}

func (o *outbox) remove(e *entry) {
	o.bytes -= e.size()
	if t := e.topic(); t != "" {
		if o.topics[t] -= e.size(); o.topics[t] <= 0 {
			delete(o.topics, t)
		}
	}
}

// trim drops what must be dropped so that the outbox is within its bounds, and reports whether the session lives on. Session.mu is held.
func (s *Session) trim() bool {
	o, l := &s.out, &s.hub.rules.Load().limits
	if last := &o.entries[len(o.entries)-1]; last.rule != nil && last.rule.Policy == Conflate && last.msg.Key != "" {
		s.dropSome(last.msg.Topic, GapConflated, func(e *entry) bool { return e.msg != last.msg && e.msg.Key == last.msg.Key })
	}
	for o.bytes > l.OutboxBytes || len(o.entries) > l.OutboxCount || s.hub.waiting.Load() > l.OutboxTotal {
		topic := o.heaviest()
		// A quarter goes at once, for that does not cost more than to drop one.
		dropped := topic != "" && s.dropSome(topic, GapSlow, func(*entry) bool {
			return o.bytes > l.OutboxBytes*3/4 || o.count > l.OutboxCount*3/4 || s.hub.waiting.Load() > l.OutboxTotal
		})
		if !dropped {
			s.hub.refused("outbox")
			s.fail(Reason{Code: SlowConsumer, Text: "the client does not read fast enough; come back and resume", Reconnect: true})
			return false
		}
	}
	return true
}

// heaviest returns the topic with most bytes waiting among those that may drop messages, or "".
func (o *outbox) heaviest() string {
	topic, most := "", 0
	for i := range o.entries {
		if e := &o.entries[i]; e.msg != nil && e.rule.Policy != Disconnect && o.topics[e.msg.Topic] > most {
			topic, most = e.msg.Topic, o.topics[e.msg.Topic]
		}
	}
	return topic
}

// dropSome drops the messages of a topic that which says, oldest first, and puts notices of gaps in their place, one for as many as follow
// each other. It reports whether there were any. Session.mu is held.
func (s *Session) dropSome(topic string, why GapReason, which func(*entry) bool) bool {
	o := &s.out
	before := o.bytes
	var last *Gap // the entry of this topic before was a gap
	dropped := 0
	kept := o.entries[:0]
	o.count = len(o.entries)
	for _, e := range o.entries {
		if e.topic() != topic {
			if e.begins {
				last = nil // what is missing after that is told after that
			}
			kept = append(kept, e)
			continue
		}
		if e.msg != nil && which(&e) {
			o.remove(&e)
			dropped++
			e = entry{gap: &Gap{
				Topic:   topic,
				After:   broker.Position{Epoch: e.msg.Position.Epoch, Offset: e.msg.Prev},
				Tail:    e.msg.Position,
				Count:   1,
				Reason:  why,
				Matched: e.match,
			}}
			o.count--
			if !last.join(e.gap) {
				o.charge(&e)
				o.count++
			} else {
				continue
			}
		} else if e.gap != nil && last.join(e.gap) {
			o.remove(&e)
			o.count--
			continue
		}
		last = e.gap
		kept = append(kept, e)
	}
	clear(o.entries[len(kept):])
	o.entries = kept
	s.hub.waiting.Add(int64(o.bytes - before))
	if dropped == 0 {
		return false
	}
	if f := s.hub.trace.Dropped; f != nil {
		f(s.info(), why, dropped)
	}
	return true
}

// join makes g longer by the gap that follows it, if it can.
func (g *Gap) join(next *Gap) bool {
	if g == nil || g.Tail.Epoch != next.After.Epoch || !slices.Equal(g.Matched, next.Matched) {
		return false
	}
	g.Tail = next.Tail
	if g.Count == 0 || next.Count == 0 {
		g.Count = 0
	} else {
		g.Count += next.Count
	}
	if g.Reason == GapConflated {
		g.Reason = next.Reason
	}
	return true
}

// roomFor returns nil if at most so many bytes wait, and otherwise what will be closed when that is so.
func (o *outbox) roomFor(bytes int) <-chan struct{} {
	if o.bytes <= bytes {
		return nil
	}
	if o.room == nil {
		o.room = make(chan struct{})
	}
	o.low = bytes
	return o.room
}

// madeRoom tells whoever waits for room.
func (o *outbox) madeRoom() {
	if o.room != nil && o.bytes <= o.low {
		close(o.room)
		o.room = nil
	}
}

// drain sends what waits until nothing does. It is the goroutine of a session whose transport was full.
func (s *Session) drain() {
	defer s.hub.working.Done()
	var frames []Frame
	for {
		s.mu.Lock()
		o := &s.out
		frames = frames[:0]
		size, n := 0, 0
		var why *Reason
		for n < len(o.entries) && size < 64<<10 && why == nil {
			e := &o.entries[n]
			f := e.frame
			if e.gap != nil {
				var ok bool
				if f, ok = s.codec.Gap(*e.gap); !ok {
					why = &Reason{Code: SlowConsumer, Text: "messages are missing; come back and resume", Reconnect: true}
					break
				}
			}
			frames = append(frames, f)
			size += f.Size
			o.remove(e)
			s.hub.waiting.Add(-int64(e.size()))
			n++
		}
		o.entries = slices.Delete(o.entries, 0, n)
		o.madeRoom()
		if len(frames) == 0 && why == nil {
			o.sending = false
			o.entries, o.topics = nil, nil
			final := o.final
			s.mu.Unlock()
			if final != nil {
				s.closeSink(*final)
			}
			return
		}
		s.mu.Unlock()
		if len(frames) > 0 {
			if err := s.sink.Send(s.hub.ctx, frames); err != nil {
				why = &Reason{Code: SlowConsumer, Text: "the connection was lost, or did not take anything for too long", Reconnect: true}
			}
		}
		if why != nil {
			s.abandon(*why)
			return
		}
	}
}

// abandon ends the session and lets go of what waits.
func (s *Session) abandon(why Reason) {
	s.mu.Lock()
	s.failed = true // nothing may follow what is let go of
	s.discard()
	s.out.sending = false
	final := s.out.final
	s.mu.Unlock()
	if final != nil {
		s.closeSink(*final)
		return
	}
	s.Close(why)
}

// discard lets go of what waits. Session.mu is held.
func (s *Session) discard() {
	s.hub.waiting.Add(-int64(s.out.bytes))
	s.out.entries, s.out.topics, s.out.bytes = nil, nil, 0
	s.out.madeRoom()
}

// finish notes that the session ends for this reason, and reports whether a goroutine still sends, which closes the Sink then.
// Session.mu is held.
func (o *outbox) finish(r Reason) (flushing bool) {
	o.final = &r
	return o.sending
}

// fail ends the session from within a lock: on a goroutine of its own. What waits is let go of. Session.mu is held.
func (s *Session) fail(r Reason) {
	if s.failed || s.closed {
		return
	}
	s.failed = true // nothing may follow what is let go of
	s.discard()
	s.hub.working.Go(func() { s.Close(r) })
}
