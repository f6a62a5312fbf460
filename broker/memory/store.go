package memory

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
)

// overhead is what a message takes up beside what its publisher has written, roughly.
const overhead = 256

// cost is what a message takes up.
func cost(m *broker.Message) int64 {
	n := overhead + len(m.Body) + len(m.Topic) + len(m.Event) + len(m.ContentType) + len(m.ID) + len(m.Producer) + len(m.Key) + len(m.From)
	for k, v := range m.Headers {
		n += overhead/4 + len(k) + len(v)
	}
	return int64(n)
}

// store bounds what the logs of all topics hold together.
type store struct {
	max  int64
	used atomic.Int64

	evicting sync.Mutex // held by whoever evicts, before any other lock
	mu       sync.Mutex
	oldest   queue // the topics that have a log, by a time that is not after that of its first message
}

// keep notes that t has a message in its log. The topic is locked.
func (s *store) keep(t *topic, k kept) {
	s.used.Add(k.cost)
	if !t.stored {
		t.stored = true
		s.mu.Lock()
		s.oldest.put(t, k.at)
		s.mu.Unlock()
	}
}

// leave takes t out if its log is empty. The topic is locked.
func (s *store) leave(t *topic) {
	if t.stored && t.log.len() == 0 {
		t.stored = false
		s.mu.Lock()
		s.oldest.remove(t)
		s.mu.Unlock()
	}
}

// take takes out the topic which seems to have the oldest message, and returns the time up to which it has it if it does.
func (s *store) take() (t *topic, until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oldest.Len() == 0 {
		return nil, 0
	}
	t, until = s.oldest.take(), math.MaxInt64
	if next, ok := s.oldest.next(); ok {
		until = next
	}
	return t, until
}

// evict drops the oldest messages of all topics until the rest fits, as if their time were over. No topic is locked by the caller.
func (b *Broker) evict() {
	s := &b.store
	if s.used.Load() <= s.max {
		return
	}
	s.evicting.Lock()
	defer s.evicting.Unlock()
	for s.used.Load() > s.max {
		t, until := s.take()
		if t == nil {
			return
		}
		t.mu.Lock()
		now := b.since(time.Now())
		t.trim(now)
		for t.log.len() > 0 && t.log.at(0).at <= until && s.used.Load() > s.max {
			t.drop()
		}
		t.log.shrink()
		t.stored = t.log.len() > 0
		if t.stored {
			s.mu.Lock()
			s.oldest.put(t, t.log.at(0).at)
			s.mu.Unlock()
		}
		if !t.gone {
			b.schedule(t, now)
		}
		t.mu.Unlock()
	}
}
