package brokertest

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/parley-ws/parley/broker"
)

// faulty is a broker with a fault: it changes what its nodes do, and what they are told.
type faulty struct {
	broker.Broker
	fault fault

	mu    sync.Mutex
	nodes []*faultyNode
}

// fault is how a broker goes wrong. Each function is called in place of what it is named after, if it is not nil.
type fault struct {
	name string

	message     func(n *faultyNode, m *broker.Message)
	diff        func(n *faultyNode, topic string, d broker.Diff)
	subscribe   func(n *faultyNode, ctx context.Context, f broker.Filter) error
	unsubscribe func(n *faultyNode, f broker.Filter)
	publish     func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error)
	history     func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error)
	topics      func(n *faultyNode, ctx context.Context, f broker.Filter, limit int) ([]broker.Topic, error)
	enter       func(n *faultyNode, ctx context.Context, topic string, m broker.Member) error
	members     func(n *faultyNode, ctx context.Context, topic string) ([]broker.Member, error)
	send        func(n *faultyNode, ctx context.Context, t broker.Target, c broker.Command) error
	attach      func(b *faulty, ctx context.Context, name string) (string, context.Context)
	close       func(n *faultyNode) error
}

// faultyNode is a node of a faulty broker, and the Receiver that stands before the real one.
type faultyNode struct {
	broker.Node
	b        *faulty
	receiver broker.Receiver

	mu      sync.Mutex
	count   int
	held    *broker.Message
	filters []broker.Filter
	at      map[string]uint64
}

func (b *faulty) Attach(ctx context.Context, name string, r broker.Receiver) (broker.Node, error) {
	if b.fault.attach != nil {
		name, ctx = b.fault.attach(b, ctx, name)
	}
	n := &faultyNode{b: b, receiver: r, at: map[string]uint64{}}
	node, err := b.Broker.Attach(ctx, name, receiving{n})
	if err != nil {
		return nil, err
	}
	n.Node = node
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = append(b.nodes, n)
	return n, nil
}

// every reports each k-th time that it is called.
func (n *faultyNode) every(k int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count++
	return n.count%k == 0
}

// receiving is what the inner broker delivers to.
type receiving struct{ n *faultyNode }

func (r receiving) Message(m *broker.Message) {
	if r.n.b.fault.message != nil {
		r.n.b.fault.message(r.n, m)
	} else {
		r.n.receiver.Message(m)
	}
}

func (r receiving) Gap(g broker.Gap) { r.n.receiver.Gap(g) }

func (r receiving) Presence(topic string, d broker.Diff) {
	if r.n.b.fault.diff != nil {
		r.n.b.fault.diff(r.n, topic, d)
	} else {
		r.n.receiver.Presence(topic, d)
	}
}

func (r receiving) Command(t broker.Target, c broker.Command) { r.n.receiver.Command(t, c) }

func (n *faultyNode) Subscribe(ctx context.Context, f broker.Filter) error {
	if n.b.fault.subscribe != nil {
		return n.b.fault.subscribe(n, ctx, f)
	}
	return n.Node.Subscribe(ctx, f)
}

func (n *faultyNode) Unsubscribe(f broker.Filter) {
	if n.b.fault.unsubscribe != nil {
		n.b.fault.unsubscribe(n, f)
	} else {
		n.Node.Unsubscribe(f)
	}
}

func (n *faultyNode) Publish(ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
	if n.b.fault.publish != nil {
		return n.b.fault.publish(n, ctx, m, o)
	}
	return n.Node.Publish(ctx, m, o)
}

func (n *faultyNode) History(ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
	if n.b.fault.history != nil {
		return n.b.fault.history(n, ctx, topic, q)
	}
	return n.Node.History(ctx, topic, q)
}

func (n *faultyNode) Topics(ctx context.Context, f broker.Filter, limit int) ([]broker.Topic, error) {
	if n.b.fault.topics != nil {
		return n.b.fault.topics(n, ctx, f, limit)
	}
	return n.Node.Topics(ctx, f, limit)
}

func (n *faultyNode) Enter(ctx context.Context, topic string, m broker.Member) error {
	if n.b.fault.enter != nil {
		return n.b.fault.enter(n, ctx, topic, m)
	}
	return n.Node.Enter(ctx, topic, m)
}

// same returns the member that is there, if m differs from it in nothing but its session.
func (n *faultyNode) same(ctx context.Context, topic string, m broker.Member) (broker.Member, bool) {
	list, err := n.Node.Members(ctx, topic)
	if err != nil {
		return m, false
	}
	i := slices.IndexFunc(list, func(x broker.Member) bool {
		return x.Ref == m.Ref && x.Key == m.Key && bytes.Equal(x.Meta, m.Meta) && x.Since.Equal(m.Since)
	})
	if i < 0 {
		return m, false
	}
	return list[i], true
}

func (n *faultyNode) Members(ctx context.Context, topic string) ([]broker.Member, error) {
	if n.b.fault.members != nil {
		return n.b.fault.members(n, ctx, topic)
	}
	return n.Node.Members(ctx, topic)
}

func (n *faultyNode) Send(ctx context.Context, t broker.Target, c broker.Command) error {
	if n.b.fault.send != nil {
		return n.b.fault.send(n, ctx, t, c)
	}
	return n.Node.Send(ctx, t, c)
}

func (n *faultyNode) Close() error {
	if n.b.fault.close != nil {
		return n.b.fault.close(n)
	}
	return n.Node.Close()
}
