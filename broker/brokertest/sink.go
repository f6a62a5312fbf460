package brokertest

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/parley-ws/parley/broker"
)

// sink is a broker.Receiver that keeps what it gets, and watches what must always hold: the offsets of a topic's epoch rise, and the
// messages follow each other without a hole.
type sink struct {
	onMessage func(m *broker.Message) // may be nil

	mu          sync.Mutex
	messages    map[string][]*broker.Message // by topic
	last        map[string]broker.Position
	diffs       map[string][]broker.Diff
	commands    []sent
	interrupted bool          // it has unsubscribed at times: there may be holes
	closed      bool          // nothing may come any more
	problems    []string      // what was wrong
	changed     chan struct{} // closed when something has come
}

// sent is a command that came.
type sent struct {
	to      broker.Target
	command broker.Command
}

func newSink() *sink {
	return &sink{
		messages: map[string][]*broker.Message{}, last: map[string]broker.Position{}, diffs: map[string][]broker.Diff{},
		changed: make(chan struct{}),
	}
}

// Message is of broker.Receiver.
func (s *sink) Message(m *broker.Message) {
	s.mu.Lock()
	last, any := s.last[m.Topic]
	if any && last.Epoch == m.Position.Epoch {
		switch {
		case m.Position.Offset <= last.Offset:
			s.problem("topic %s: %s came after %s", m.Topic, m.Position, last)
		case m.Prev != last.Offset && !s.interrupted:
			s.problem("topic %s: %s came after %s, but says that it follows %d", m.Topic, m.Position, last, m.Prev)
		}
	}
	if m.Prev >= m.Position.Offset {
		s.problem("topic %s: %s says that it follows %d", m.Topic, m.Position, m.Prev)
	}
	s.last[m.Topic] = m.Position
	s.messages[m.Topic] = append(s.messages[m.Topic], m)
	s.came("message")
	s.mu.Unlock()
	if s.onMessage != nil {
		s.onMessage(m)
	}
}

// Gap is of broker.Receiver.
func (s *sink) Gap(g broker.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[g.Topic] = g.Tail
	s.came("gap")
}

// Presence is of broker.Receiver.
func (s *sink) Presence(topic string, d broker.Diff) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Empty() {
		s.problem("topic %s: a Diff of nothing", topic)
	}
	s.diffs[topic] = append(s.diffs[topic], d)
	s.came("diff")
}

// Command is of broker.Receiver.
func (s *sink) Command(t broker.Target, c broker.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, sent{t, c})
	s.came("command")
}

// came notes that something came. The lock is held.
func (s *sink) came(what string) {
	if s.closed {
		s.problem("a %s came after Close had returned", what)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// problem notes what was wrong. The lock is held.
func (s *sink) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// of returns the messages of a topic so far.
func (s *sink) of(topic string) []*broker.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages[topic])
}

// topics returns of which topics there were messages, by name.
func (s *sink) topics() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.messages))
}

// diffsOf returns the diffs of a topic so far.
func (s *sink) diffsOf(topic string) []broker.Diff {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.diffs[topic])
}

// sent returns the commands so far.
func (s *sink) sent() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// ended says that nothing may come any more.
func (s *sink) ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// until waits until ok, which is called with the lock held, and reports whether it came to that in time.
func (s *sink) until(timeout <-chan struct{}, ok func() bool) bool {
	for {
		s.mu.Lock()
		done, changed := ok(), s.changed
		s.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timeout:
			return false
		}
	}
}
