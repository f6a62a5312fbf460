package memory

import (
	"sync"
	"time"
)

// grain is how long a topic is left alone at least after it was looked at. What is too old is not given out meanwhile; it only takes up memory.
const grain = 100 * time.Millisecond

// clock knows which topic has something to drop next. Its timer runs only while there is one.
type clock struct {
	mu      sync.Mutex
	topics  queue
	timer   *time.Timer
	armed   int64 // when the timer fires; 0 if it does not run
	stopped bool
}

// schedule sees to it that what t has to drop is dropped, though not before its time. The topic is locked.
func (b *Broker) schedule(t *topic, now int64) {
	due := t.due(b.o.Linger)
	if due == 0 || t.scheduled != 0 && t.scheduled <= due {
		return
	}
	t.scheduled = due
	b.clock.mu.Lock()
	defer b.clock.mu.Unlock()
	b.clock.topics.put(t, due)
	b.arm(now)
}

// arm makes the timer fire for the first topic. The clock is locked.
func (b *Broker) arm(now int64) {
	c := &b.clock
	next, ok := c.topics.next()
	if c.stopped || !ok || c.armed != 0 && c.armed <= next {
		return
	}
	c.armed = next
	in := time.Duration(max(0, c.armed-now))
	if c.timer == nil {
		c.timer = time.AfterFunc(in, b.sweep)
	} else {
		c.timer.Reset(in)
	}
}

// sweep looks at the topics whose time has come.
func (b *Broker) sweep() {
	if !b.work.enter() {
		return
	}
	defer b.work.leave()
	c := &b.clock
	now := b.since(time.Now())
	c.mu.Lock()
	c.armed = 0
	for next, ok := c.topics.next(); ok && next <= now; next, ok = c.topics.next() {
		t := c.topics.take()
		c.mu.Unlock()
		b.expire(t, now)
		c.mu.Lock()
	}
	b.arm(now)
	c.mu.Unlock()
}

// expire drops what t need not keep any more, be it t itself.
func (b *Broker) expire(t *topic, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scheduled = 0
	if t.gone {
		return
	}
	t.trim(now)
	b.ids.Add(-int64(t.ids.expire(now)))
	b.store.leave(t)
	t.log.shrink()
	t.ids.shrink()
	if t.idle() {
		if b.subs.named(t.name) {
			return // the end of that subscription schedules it
		}
		if t.due(b.o.Linger) <= now && !t.busy {
			b.forget(t)
			return
		}
	}
	if due := t.due(b.o.Linger); due != 0 {
		t.scheduled = max(due, now+int64(grain))
		b.clock.mu.Lock() // sweep will arm the timer
		b.clock.topics.put(t, t.scheduled)
		b.clock.mu.Unlock()
	}
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
}
