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
	gaps    int            // how many of the entries are notices of gaps
	stale   bool           // a message has come for which an earlier one may give way
	lookAt  int            // how many entries there are when that is looked into
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
			s.fail(Lost(err))
			return false
		}
		o.sending = true
		s.hub.stalled.Add(1)
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
	if e.gap != nil {
		o.gaps++
	}
	if t := e.topic(); t != "" {
		if o.topics == nil {
			o.topics = map[string]int{}
		}
		o.topics[t] += e.size()
	}
}

func (o *outbox) remove(e *entry) {
	o.bytes -= e.size()
	if e.gap != nil {
		o.gaps--
	}
	if t := e.topic(); t != "" {
		if o.topics[t] -= e.size(); o.topics[t] <= 0 {
			delete(o.topics, t)
		}
	}
}

// trim drops what must be dropped so that the outbox is within its bounds, and reports whether the session lives on. What it costs is
// spread: it looks at all that waits only when that has doubled, or to drop a quarter of it. Session.mu is held.
func (s *Session) trim() bool {
	o, l := &s.out, &s.hub.rules.Load().limits
	if last := &o.entries[len(o.entries)-1]; last.conflates() {
		o.stale = true
	}
	if o.stale && len(o.entries) >= o.lookAt {
		s.rewrite(nil)
	}
	bytes := s.allowance(l)
	if o.fits(bytes, l.OutboxCount) {
		return true
	}
	s.rewrite(o.quotas(o.bytes-bytes*3/4, o.messages()-l.OutboxCount*3/4))
	if o.fits(bytes, l.OutboxCount) {
		return true
	}
	s.hub.refused("outbox")
	s.fail(Reason{Code: SlowConsumer, Text: "the client does not read fast enough; come back and resume", Reconnect: true})
	return false
}

// fits reports whether what waits is within its bounds. Notices of gaps are bounded by their bytes alone: there is one for each topic at least
// that something was dropped of, and whoever waits for more topics than messages may wait is told of all of them.
func (o *outbox) fits(bytes, count int) bool { return o.bytes <= bytes && o.messages() <= count }

// messages is how many entries are no notices of gaps.
func (o *outbox) messages() int { return len(o.entries) - o.gaps }

// allowance is how many bytes may wait for the session. When too much waits for all sessions together, it is no more than an equal share:
// those who take their share must not suffer for the others.
func (s *Session) allowance(l *Limits) int {
	if s.hub.waiting.Load() <= l.OutboxTotal {
		return l.OutboxBytes
	}
	return min(l.OutboxBytes, int(l.OutboxTotal/max(1, s.hub.stalled.Load())))
}

// conflates reports whether an earlier message with the same key may give way to e.
func (e *entry) conflates() bool {
	return e.msg != nil && e.rule.Policy == Conflate && e.msg.Key != ""
}

// conflated names what a message is about.
type conflated struct{ topic, key string }

// quotas returns how many messages of each topic are to be dropped, so that as many bytes and entries are freed: from the topic with most
// bytes, and only if that is not enough, from the next.
func (o *outbox) quotas(bytes, count int) map[string]int {
	type share struct {
		topic        string
		bytes, count int
	}
	at := map[string]int{}
	var shares []share
	for i := range o.entries {
		e := &o.entries[i]
		if e.msg == nil || e.rule.Policy == Disconnect {
			continue
		}
		n, ok := at[e.msg.Topic]
		if !ok {
			n = len(shares)
			at[e.msg.Topic] = n
			shares = append(shares, share{topic: e.msg.Topic})
		}
		shares[n].bytes += e.frame.Size
		shares[n].count++
	}
	slices.SortFunc(shares, func(a, b share) int { return b.bytes - a.bytes })
	quotas := map[string]int{}
	for _, h := range shares {
		if bytes <= 0 && count <= 0 {
			break
		}
		// A notice takes the place of what goes.
		each := max(1, h.bytes/h.count)
		n := min(h.count, max((bytes+gapSize+each-1)/each, count))
		quotas[h.topic] = n
		bytes -= n*each - gapSize
		count -= n
	}
	return quotas
}

// rewrite drops as many of the oldest messages of each topic as quotas says, and those for which one with the same key comes later where the
// topic wants that. Notices of gaps stand in their place, one for as many as follow each other. Session.mu is held.
func (s *Session) rewrite(quotas map[string]int) {
	o := &s.out
	before := o.bytes
	latest := map[conflated]int{}
	if o.stale {
		for i := range o.entries {
			if e := &o.entries[i]; e.conflates() {
				latest[conflated{e.msg.Topic, e.msg.Key}] = i
			}
		}
	}
	gaps := map[string]*Gap{} // of each topic whose entry before was a gap
	slow, replaced := 0, 0
	kept := o.entries[:0]
	for i, e := range o.entries {
		topic := e.topic()
		if topic == "" {
			if e.begins {
				clear(gaps) // what is missing after that is told after that
			}
			kept = append(kept, e)
			continue
		}
		switch {
		case e.msg == nil:
		case e.conflates() && latest[conflated{topic, e.msg.Key}] > i:
			replaced++
			o.remove(&e)
			e = gapFor(&e, GapConflated)
			o.charge(&e)
		case quotas[topic] > 0 && e.rule.Policy != Disconnect:
			quotas[topic]--
			slow++
			o.remove(&e)
			e = gapFor(&e, GapSlow)
			o.charge(&e)
		}
		if e.gap != nil && gaps[topic].join(e.gap) {
			o.remove(&e)
			continue
		}
		if e.gap != nil {
			gaps[topic] = e.gap
		} else {
			delete(gaps, topic)
		}
		kept = append(kept, e)
	}
	clear(o.entries[len(kept):])
	o.entries = kept
	o.stale, o.lookAt = false, 2*len(kept)+16
	s.hub.waiting.Add(int64(o.bytes - before))
	if f := s.hub.trace.Dropped; f != nil {
		if slow > 0 {
			f(s.info(), GapSlow, slow)
		}
		if replaced > 0 {
			f(s.info(), GapConflated, replaced)
		}
	}
}

// gapFor is the notice that takes the place of a message.
func gapFor(e *entry, why GapReason) entry {
	return entry{gap: &Gap{
		Topic:   e.msg.Topic,
		After:   broker.Position{Epoch: e.msg.Position.Epoch, Offset: e.msg.Prev},
		Tail:    e.msg.Position,
		Count:   1,
		Reason:  why,
		Matched: e.match,
	}}
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
	defer s.hub.stalled.Add(-1)
	var frames []Frame
	for {
		s.mu.Lock()
		o := &s.out
		if o.stale {
			s.rewrite(nil)
		}
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
				lost := Lost(err)
				why = &lost
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
	s.out.entries, s.out.topics, s.out.bytes, s.out.gaps = nil, nil, 0, 0
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
