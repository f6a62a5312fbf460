package memory

import (
	"container/heap"
	"sync"
	"time"
)

// grain is how long a topic is left alone at least after it was looked at. What is too old is not given out meanwhile; it only takes up memory.
const grain = 100 * time.Millisecond

// clock knows which topic has something to drop next. Its timer runs only while there is one.
type clock struct {
	mu      sync.Mutex
	topics  byTime
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
	b.clock.put(t, due)
	b.arm(now)
}

// put sets when a topic is looked at. The topic and the clock are locked.
func (c *clock) put(t *topic, at int64) {
	t.at = at
	if t.index > 0 {
		heap.Fix(&c.topics, t.index-1)
	} else {
		heap.Push(&c.topics, t)
	}
}

// arm makes the timer fire for the first topic. The clock is locked.
func (b *Broker) arm(now int64) {
	c := &b.clock
	if c.stopped || len(c.topics) == 0 || c.armed != 0 && c.armed <= c.topics[0].at {
		return
	}
	c.armed = c.topics[0].at
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
	for len(c.topics) > 0 && c.topics[0].at <= now {
		t := heap.Pop(&c.topics).(*topic)
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
		b.clock.put(t, t.scheduled)
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

// byTime is a heap of topics, the earliest first.
type byTime []*topic

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].at < h[j].at }
func (h byTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push is for package heap.
func (h *byTime) Push(x any) {
	t := x.(*topic)
	*h = append(*h, t)
	t.index = len(*h)
}

// Pop is for package heap.
func (h *byTime) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	return t
}
