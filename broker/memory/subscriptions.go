package memory

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parley-ws/parley/broker"
)

// subscriptions says which nodes have subscribed to what. Topics keep what they found until the version changes.
type subscriptions struct {
	version atomic.Uint64
	mu      sync.RWMutex
	index   broker.Index[[]*node] // the lists are not changed in place
}

// add subscribes n, unless it is closed.
func (s *subscriptions) add(n *node, f broker.Filter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.calls.closed() {
		return broker.ErrClosed
	}
	if _, ok := n.filters[f]; ok {
		return nil
	}
	n.filters[f] = struct{}{}
	list, _ := s.index.Get(f)
	s.index.Set(f, append(slices.Clip(list), n))
	s.version.Add(1)
	return nil
}

// remove takes a subscription back. It reports whether nobody has subscribed to f any more.
func (s *subscriptions) remove(n *node, f broker.Filter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := n.filters[f]; !ok {
		return false
	}
	delete(n.filters, f)
	s.version.Add(1)
	list, _ := s.index.Get(f)
	if len(list) == 1 {
		s.index.Delete(f)
		return true
	}
	s.index.Set(f, slices.DeleteFunc(slices.Clone(list), func(other *node) bool { return other == n }))
	return false
}

// of returns what n has subscribed to.
func (s *subscriptions) of(n *node) []broker.Filter {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]broker.Filter, 0, len(n.filters))
	for f := range n.filters {
		list = append(list, f)
	}
	return list
}

// named reports whether a node has subscribed to a topic by its name.
func (s *subscriptions) named(topic string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.index.Get(broker.Exact(topic))
	return ok
}

// refresh brings up to date who gets what is published to a topic, which is locked.
func (s *subscriptions) refresh(t *topic) {
	if t.toVersion == s.version.Load() {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t.toVersion = s.version.Load()
	var few [4][]*node
	lists := s.index.Match(few[:0], t.name)
	switch len(lists) {
	case 0:
		t.to = nil
		return
	case 1:
		t.to = lists[0]
		return
	}
	all := slices.Clone(lists[0])
	for _, list := range lists[1:] {
		for _, n := range list {
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		}
	}
	t.to = all
}
