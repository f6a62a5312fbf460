package brokertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// faults are those that the suite has to catch.
var faults = []fault{
	{name: "drops a message", message: func(n *faultyNode, m *broker.Message) {
		if !n.every(7) {
			n.receiver.Message(m)
		}
	}},
	{name: "drops a message and closes the gap", message: func(n *faultyNode, m *broker.Message) {
		if n.every(7) {
			return
		}
		c := *m
		n.mu.Lock()
		c.Prev, n.at[m.Topic] = n.at[m.Topic], m.Position.Offset
		n.mu.Unlock()
		n.receiver.Message(&c)
	}},
	{name: "swaps two messages", message: func(n *faultyNode, m *broker.Message) {
		n.mu.Lock()
		held := n.held
		n.count++
		if held == nil && n.count%5 == 0 {
			n.held = m
			n.mu.Unlock()
			return
		}
		n.held = nil
		n.mu.Unlock()
		n.receiver.Message(m)
		if held != nil {
			n.receiver.Message(held)
		}
	}},
	{name: "delivers twice", message: func(n *faultyNode, m *broker.Message) {
		n.receiver.Message(m)
		if n.every(20) {
			n.receiver.Message(m)
		}
	}},
	{name: "delivers once for each filter", message: func(n *faultyNode, m *broker.Message) {
		n.mu.Lock()
		filters := slices.Clone(n.filters)
		n.mu.Unlock()
		for _, f := range filters {
			if f.Match(m.Topic) {
				n.receiver.Message(m)
			}
		}
	}, subscribe: func(n *faultyNode, ctx context.Context, f broker.Filter) error {
		n.mu.Lock()
		if !slices.Contains(n.filters, f) {
			n.filters = append(n.filters, f)
		}
		n.mu.Unlock()
		return n.Node.Subscribe(ctx, f)
	}},
	{name: "delivers what does not match", subscribe: func(n *faultyNode, ctx context.Context, f broker.Filter) error {
		if f.Type == broker.Level {
			f.Type = broker.Subtree
		}
		return n.Node.Subscribe(ctx, f)
	}},
	{name: "subscribes too late", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		at, err := n.Node.Publish(ctx, m, o)
		for _, other := range n.b.nodes {
			other.mu.Lock()
			filters := other.filters
			other.filters = nil
			other.mu.Unlock()
			for _, f := range filters {
				other.Node.Subscribe(ctx, f)
			}
		}
		return at, err
	}, subscribe: func(n *faultyNode, ctx context.Context, f broker.Filter) error {
		n.mu.Lock()
		n.filters = append(n.filters, f)
		n.mu.Unlock()
		return nil
	}},
	{name: "delivers after Unsubscribe", unsubscribe: func(*faultyNode, broker.Filter) {}},
	{name: "says the wrong Prev", message: func(n *faultyNode, m *broker.Message) {
		c := *m
		if n.every(5) {
			c.Prev = 0
		}
		n.receiver.Message(&c)
	}},
	{name: "says no Prev in the log", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		page, err := n.Node.History(ctx, topic, q)
		for i, m := range page.Messages {
			c := *m
			c.Prev = 0
			page.Messages[i] = &c
		}
		return page, err
	}},
	{name: "loses a field", message: func(n *faultyNode, m *broker.Message) {
		c := *m
		c.ContentType = ""
		n.receiver.Message(&c)
	}},
	{name: "acknowledges without storing", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		if !n.every(10) {
			return n.Node.Publish(ctx, m, o)
		}
		page, err := n.Node.History(ctx, m.Topic, broker.Query{})
		page.Tail.Offset++
		return broker.Published{Position: page.Tail}, err
	}},
	{name: "acknowledges the wrong position", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		at, err := n.Node.Publish(ctx, m, o)
		if n.every(10) {
			at.Position.Offset++
		}
		return at, err
	}},
	{name: "stores twice", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		if n.every(10) {
			again := *m
			n.Node.Publish(ctx, &again, o)
		}
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "forgets ids", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		o.Dedup = 0
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "knows ids for ever", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		o.Dedup *= 1000
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "does not say Duplicate", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		at, err := n.Node.Publish(ctx, m, o)
		at.Duplicate = false
		return at, err
	}},
	{name: "ignores whose id it is", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		m.Producer = ""
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "keeps too much", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		o.Retention.Count++
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "keeps too many bytes", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		o.Retention.Bytes = 0
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "keeps for too long", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		o.Retention.Age *= 2
		return n.Node.Publish(ctx, m, o)
	}},
	{name: "says Complete of what is not", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		page, err := n.Node.History(ctx, topic, q)
		page.Complete = !q.Since.IsZero() && q.Since.Epoch == page.Tail.Epoch && q.Since.Offset <= page.Tail.Offset
		return page, err
	}},
	{name: "does not look at the epoch", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		if !q.Since.IsZero() {
			page, err := n.Node.History(ctx, topic, broker.Query{})
			if err != nil {
				return page, err
			}
			q.Since.Epoch = page.Tail.Epoch
		}
		return n.Node.History(ctx, topic, q)
	}},
	{name: "never says More", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		page, err := n.Node.History(ctx, topic, q)
		page.More = false
		return page, err
	}},
	{name: "returns the first for the last", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		q.Last = false
		return n.Node.History(ctx, topic, q)
	}},
	{name: "ignores the bound in bytes", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		q.Bytes = 0
		return n.Node.History(ctx, topic, q)
	}},
	{name: "says the last message of the page is the tail", history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
		page, err := n.Node.History(ctx, topic, q)
		if len(page.Messages) > 0 {
			page.Tail = page.Messages[len(page.Messages)-1].Position
		}
		return page, err
	}},
	reusingEpochs(),
	{name: "topics in no order", topics: func(n *faultyNode, ctx context.Context, f broker.Filter, limit int) ([]broker.Topic, error) {
		list, err := n.Node.Topics(ctx, f, limit)
		slices.Reverse(list)
		return list, err
	}},
	{name: "forgets to tell who left", diff: func(n *faultyNode, topic string, d broker.Diff) {
		if len(d.Joins) > 0 {
			d.Leaves = nil
		}
		n.receiver.Presence(topic, d)
	}},
	{name: "tells of presence out of order", diff: func(n *faultyNode, topic string, d broker.Diff) {
		d.Joins, d.Leaves = d.Leaves, d.Joins
		n.receiver.Presence(topic, d)
	}},
	{name: "says the wrong node of a member", members: func(n *faultyNode, ctx context.Context, topic string) ([]broker.Member, error) {
		list, err := n.Node.Members(ctx, topic)
		for i := range list {
			list[i].Node = ""
		}
		return list, err
	}},
	{name: "knows members by key alone", enter: func(n *faultyNode, ctx context.Context, topic string, m broker.Member) error {
		m.Ref = m.Key
		return n.Node.Enter(ctx, topic, m)
	}},
	{name: "keeps the session of who has come back", enter: func(n *faultyNode, ctx context.Context, topic string, m broker.Member) error {
		if before, ok := n.same(ctx, topic, m); ok {
			m.Session = before.Session
		}
		return n.Node.Enter(ctx, topic, m)
	}},
	{name: "keeps the node of who has come back", enter: func(n *faultyNode, ctx context.Context, topic string, m broker.Member) error {
		if _, ok := n.same(ctx, topic, m); ok {
			return nil
		}
		return n.Node.Enter(ctx, topic, m)
	}},
	{name: "tells of who has come back", enter: func(n *faultyNode, ctx context.Context, topic string, m broker.Member) error {
		if before, ok := n.same(ctx, topic, m); ok {
			if err := n.Node.Leave(ctx, topic, before.Ref); err != nil {
				return err
			}
		}
		return n.Node.Enter(ctx, topic, m)
	}},
	{name: "members stay when the node goes", close: func(n *faultyNode) error {
		for _, f := range n.filters {
			n.Node.Unsubscribe(f)
		}
		return nil
	}},
	{name: "tells every node", send: func(n *faultyNode, ctx context.Context, t broker.Target, c broker.Command) error {
		t.Node = ""
		return n.Node.Send(ctx, t, c)
	}},
	{name: "tells only the others", send: func(n *faultyNode, ctx context.Context, t broker.Target, c broker.Command) error {
		for i, other := range n.b.nodes {
			if other != n {
				if err := n.Node.Send(ctx, broker.Target{Node: []string{"a", "b", "c"}[i%3], Session: t.Session, User: t.User, Topic: t.Topic}, c); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{name: "lets two nodes have a name", attach: func(b *faulty, ctx context.Context, name string) (string, context.Context) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return name + strings.Repeat(" ", len(b.nodes)), ctx
	}},
	{name: "does not end with the context", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		return n.Node.Publish(context.WithoutCancel(ctx), m, o)
	}},
	{name: "tells of an error for what was stored", publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
		at, err := n.Node.Publish(ctx, m, o)
		if n.every(100) {
			err = fmt.Errorf("something")
		}
		return at, err
	}},
	{name: "goes on delivering after Close", close: func(n *faultyNode) error {
		go n.Node.Close()
		return nil
	}},
}

// reusingEpochs is a broker all of whose topics have one epoch, for ever.
func reusingEpochs() fault {
	const epoch = "always"
	change := func(m *broker.Message) *broker.Message {
		c := *m
		c.Position.Epoch = epoch
		return &c
	}
	return fault{
		name:    "uses an epoch again",
		message: func(n *faultyNode, m *broker.Message) { n.receiver.Message(change(m)) },
		publish: func(n *faultyNode, ctx context.Context, m *broker.Message, o broker.Publish) (broker.Published, error) {
			c := *m
			at, err := n.Node.Publish(ctx, &c, o)
			*m = *change(&c)
			at.Position.Epoch = epoch
			return at, err
		},
		history: func(n *faultyNode, ctx context.Context, topic string, q broker.Query) (broker.Page, error) {
			if q.Since.Epoch == epoch {
				page, err := n.Node.History(ctx, topic, broker.Query{})
				if err != nil {
					return page, err
				}
				q.Since.Epoch = page.Tail.Epoch
			}
			page, err := n.Node.History(ctx, topic, q)
			for i, m := range page.Messages {
				page.Messages[i] = change(m)
			}
			page.Tail.Epoch = epoch
			return page, err
		},
		topics: func(n *faultyNode, ctx context.Context, f broker.Filter, limit int) ([]broker.Topic, error) {
			list, err := n.Node.Topics(ctx, f, limit)
			for i := range list {
				list[i].Tail.Epoch = epoch
			}
			return list, err
		},
	}
}
