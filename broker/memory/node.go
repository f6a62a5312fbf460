package memory

import (
	"context"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
)

// node is a broker.Node.
type node struct {
	b        *Broker
	name     string
	receiver broker.Receiver
	calls    *gate                      // the calls of the Receiver; shut when the node is closed
	done     chan struct{}              // closed when Close begins
	closed   chan struct{}              // closed when nothing of the node is left
	filters  map[broker.Filter]struct{} // what it has subscribed to, under the lock of the subscriptions

	mu   sync.Mutex
	here map[place]struct{} // its members
	left bool               // no more members
}

func newNode(b *Broker, name string, r broker.Receiver) *node {
	return &node{
		b: b, name: name, receiver: r, calls: newGate(), done: make(chan struct{}), closed: make(chan struct{}),
		filters: map[broker.Filter]struct{}{}, here: map[place]struct{}{},
	}
}

// check returns why nothing can be done.
func (n *node) check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.calls.closed() {
		return broker.ErrClosed
	}
	return nil
}

func (n *node) Subscribe(ctx context.Context, f broker.Filter) error {
	if err := n.check(ctx); err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	return n.b.subs.add(n, f)
}

func (n *node) Unsubscribe(f broker.Filter) {
	if !n.b.subs.remove(n, f) || !f.IsExact() {
		return
	}
	// The topic may be forgotten now.
	if t := n.b.find(f.Name); t != nil {
		t.used = n.b.since(time.Now())
		n.b.schedule(t, t.used)
		t.mu.Unlock()
	}
}

func (n *node) Publish(ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
	if err := n.check(ctx); err != nil {
		return broker.Published{}, err
	}
	t, err := n.openFor(ctx, m.Topic)
	if err != nil {
		return broker.Published{}, err
	}
	clock := time.Now()
	now := n.b.since(clock)
	id := messageID{m.Producer, m.ID}
	remember := m.ID != "" && o.Dedup > 0
	if remember {
		n.b.ids.Add(-int64(t.ids.expire(now)))
		if at, ok := t.ids.find(id, now); ok {
			t.mu.Unlock()
			return broker.Published{Position: at, Duplicate: true}, nil
		}
	}
	if m.Time.IsZero() {
		m.Time = clock.Round(0)
	}
	t.append(m, o.Retention, now)
	if remember {
		if t.ids.order.len() > 0 && n.b.ids.Load() >= int64(n.b.o.MaxIDs) {
			t.ids.drop()
			n.b.ids.Add(-1)
		}
		t.ids.add(id, m.Position, now+int64(o.Dedup))
		n.b.ids.Add(1)
	}
	n.b.schedule(t, now)
	n.b.subs.refresh(t)
	at := m.Position
	n.b.release(t, event{to: t.to, m: m})
	return broker.Published{Position: at}, nil
}

func (n *node) Send(ctx context.Context, to broker.Target, c broker.Command) error {
	if err := n.check(ctx); err != nil {
		return err
	}
	c.From = n.name
	n.b.mu.RLock()
	var nodes []*node
	for name, other := range n.b.nodes {
		if to.Node == "" || to.Node == name {
			nodes = append(nodes, other)
		}
	}
	n.b.mu.RUnlock()
	for _, other := range nodes {
		other.hand(event{command: &c, target: &to})
	}
	return nil
}

func (n *node) Topics(ctx context.Context, f broker.Filter, limit int) ([]broker.Topic, error) {
	if err := n.check(ctx); err != nil {
		return nil, err
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, nil
	}
	if f.IsExact() {
		return n.b.describe([]string{f.Name}), nil
	}
	return n.b.describe(n.b.names.list(f, limit)), nil
}

// describe returns what is known of topics.
func (b *Broker) describe(names []string) []broker.Topic {
	var list []broker.Topic
	now := b.since(time.Now())
	for _, name := range names {
		if t := b.find(name); t != nil {
			t.trim(now)
			list = append(list, broker.Topic{Name: name, Tail: t.tail(), Retained: t.log.len(), Bytes: t.bytes, Present: len(t.here)})
			t.mu.Unlock()
		}
	}
	return list
}

// Close takes the node away. Called by a Receiver it does not wait for what else is being delivered.
func (n *node) Close() error {
	if !n.calls.shut() {
		if !delivering() {
			<-n.closed
			<-n.calls.empty
		}
		return nil
	}
	close(n.done)
	for _, f := range n.b.subs.of(n) {
		n.Unsubscribe(f)
	}
	n.leaveAll()
	n.b.mu.Lock()
	delete(n.b.nodes, n.name)
	n.b.mu.Unlock()
	close(n.closed)
	if !delivering() {
		<-n.calls.empty
	}
	return nil
}
