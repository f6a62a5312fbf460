package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/parley-ws/parley/broker"
)

// presence is a member and the node that it came through.
type presence struct {
	broker.Member
	node *node
}

// place is where a member is.
type place struct{ topic, ref string }

func (n *node) Enter(ctx context.Context, topic string, m broker.Member) error {
	if err := n.check(ctx); err != nil {
		return err
	}
	t, err := n.openFor(ctx, topic)
	if err != nil {
		return err
	}
	if !n.took(place{topic, m.Ref}) {
		t.mu.Unlock()
		return broker.ErrClosed
	}
	clock := time.Now()
	m.Node = n.name
	if m.Since.IsZero() {
		m.Since = clock.Round(0)
	}
	diff := &broker.Diff{Joins: []broker.Member{m}}
	if old := t.here[m.Ref]; old != nil {
		diff.Leaves = []broker.Member{old.Member}
		if old.Key == m.Key && bytes.Equal(old.Meta, m.Meta) && old.Since.Equal(m.Since) {
			diff = nil
		}
		if old.node != n {
			old.node.lost(place{topic, m.Ref})
		}
	}
	if t.here == nil {
		t.here = map[string]*presence{}
	}
	t.here[m.Ref] = &presence{m, n}
	if diff == nil {
		t.used = n.b.since(clock)
		t.mu.Unlock()
		return nil
	}
	n.b.tell(t, diff, n.b.since(clock))
	return nil
}

func (n *node) Leave(ctx context.Context, topic, ref string) error {
	if err := n.check(ctx); err != nil {
		return err
	}
	t := n.b.find(topic)
	if t == nil {
		return nil
	}
	old := t.here[ref]
	if old == nil {
		t.mu.Unlock()
		return nil
	}
	delete(t.here, ref)
	old.node.lost(place{topic, ref})
	n.b.tell(t, &broker.Diff{Leaves: []broker.Member{old.Member}}, n.b.since(time.Now()))
	return nil
}

func (n *node) Members(ctx context.Context, topic string) ([]broker.Member, error) {
	if err := n.check(ctx); err != nil {
		return nil, err
	}
	t := n.b.find(topic)
	if t == nil {
		return nil, nil
	}
	list := make([]broker.Member, 0, len(t.here))
	for _, p := range t.here {
		list = append(list, p.Member)
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b broker.Member) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Ref, b.Ref))
	})
	return list, nil
}

// tell unlocks a topic and delivers who came and went.
func (b *Broker) tell(t *topic, diff *broker.Diff, now int64) {
	t.used = now
	if len(t.here) == 0 {
		t.here = nil
	}
	b.schedule(t, now)
	b.subs.refresh(t)
	b.release(t, event{to: t.to, diff: diff, topic: t.name})
}

// took notes a member of the node, unless they have all left.
func (n *node) took(p place) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.left {
		n.here[p] = struct{}{}
	}
	return !n.left
}

// lost takes back the note of a member.
func (n *node) lost(p place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.here, p)
}

// leaveAll makes all members of the node leave, those of a topic at once.
func (n *node) leaveAll() {
	n.mu.Lock()
	n.left = true
	refs := map[string][]string{}
	for p := range n.here {
		refs[p.topic] = append(refs[p.topic], p.ref)
	}
	clear(n.here)
	n.mu.Unlock()
	now := n.b.since(time.Now())
	for topic, list := range refs {
		t := n.b.find(topic)
		if t == nil {
			continue
		}
		slices.Sort(list)
		diff := &broker.Diff{}
		for _, ref := range list {
			if p := t.here[ref]; p != nil && p.node == n {
				delete(t.here, ref)
				diff.Leaves = append(diff.Leaves, p.Member)
			}
		}
		if diff.Empty() {
			t.mu.Unlock()
			continue
		}
		n.b.tell(t, diff, now)
	}
}
