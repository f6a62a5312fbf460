package memory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/parley-ws/parley/broker"
)

// bounded returns a node of a broker in which so many messages fit that publish makes, in topics whose names have one byte.
func bounded(t testing.TB, messages int64) (*Broker, broker.Node) {
	b := New(Options{MaxBytes: messages * cost(&broker.Message{Topic: "t", Body: make([]byte, 10)})})
	t.Cleanup(func() { b.Close() })
	n, err := b.Attach(t.Context(), "a", &fan{})
	if err != nil {
		t.Fatal(err)
	}
	return b, n
}

// check fails if the books are not right.
func (s *store) check(t *testing.T, b *Broker) {
	t.Helper()
	used, topics := int64(0), 0
	var all []*topic
	for i := range b.shards {
		b.shards[i].mu.RLock()
		all = slices.AppendSeq(all, maps.Values(b.shards[i].topics))
		b.shards[i].mu.RUnlock()
	}
	for _, topic := range all {
		topic.mu.Lock()
		s.mu.Lock()
		for i := range topic.log.len() {
			used += cost(topic.log.at(i).m)
		}
		if topic.log.len() > 0 {
			topics++
			if !topic.stored || topic.oldest.index == 0 || topic.oldest.at > topic.log.at(0).at {
				t.Errorf("the oldest message of %s would not be found: %+v", topic.name, topic.oldest)
			}
		}
		s.mu.Unlock()
		topic.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if used != s.used.Load() || used > s.max || topics > s.oldest.Len() {
		t.Errorf("%d topics have %d bytes; the store says %d have %d of %d", topics, used, s.oldest.Len(), s.used.Load(), s.max)
	}
}

// What is too much goes, the oldest first, in whatever topic it is, and nobody is told that it is still there.
func TestEvictsTheOldest(t *testing.T) {
	b, n := bounded(t, 4)
	var at []broker.Position
	for _, topic := range []string{"a", "b", "a", "c"} {
		at = append(at, publish(t, n, topic, "", keep100))
	}
	kept := func(topic string, since broker.Position, want int, complete bool) {
		t.Helper()
		page, err := n.History(t.Context(), topic, broker.Query{Since: since, Limit: 10})
		if err != nil || len(page.Messages) != want || page.Complete != complete {
			t.Errorf("since %s %s has %+v, %v; want %d messages, complete: %v", since, topic, page, err, want, complete)
		}
		b.store.check(t, b)
	}
	start := func(at broker.Position) broker.Position { return broker.Position{Epoch: at.Epoch} }
	kept("a", start(at[0]), 2, true)
	publish(t, n, "d", "", keep100) // in the place of the first of a
	kept("a", start(at[0]), 1, false)
	kept("a", at[0], 1, true)
	kept("b", start(at[1]), 1, true)
	publish(t, n, "d", "", keep100) // in the place of that of b
	kept("b", start(at[1]), 0, false)
	kept("b", at[1], 0, true)
	kept("a", at[0], 1, true)
	publish(t, n, "e", "", broker.Publish{}) // is not kept, and displaces nothing
	kept("a", at[0], 1, true)
	publish(t, n, "b", "", keep100) // comes after the others: that of a goes
	kept("a", at[0], 0, false)
	kept("c", start(at[3]), 1, true)

	// One that is too large for all of it is delivered, and not kept.
	large := &broker.Message{Topic: "x", Body: make([]byte, 5*overhead)}
	if _, err := n.Publish(t.Context(), large, keep100); err != nil {
		t.Fatal(err)
	}
	kept("x", start(large.Position), 0, false)
	kept("x", large.Position, 0, true)
	if n := b.store.used.Load(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// Headers count too.
func TestHeadersCount(t *testing.T) {
	b, n := bounded(t, 10)
	for range 100 {
		m := &broker.Message{Topic: "t", Headers: map[string]string{"name": fmt.Sprintf("%01000d", 1)}}
		if _, err := n.Publish(t.Context(), m, keep100); err != nil {
			t.Fatal(err)
		}
	}
	if x := b.find("t"); x.log.len() > 2 {
		t.Errorf("%d are kept", x.log.len())
	} else {
		x.mu.Unlock()
	}
	b.store.check(t, b)
}

// However many publish at the same time, it stays within the bound, and the books are right.
func TestEvictsTogether(t *testing.T) {
	b, n := bounded(t, 100)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 2000 {
				topic, o := fmt.Sprint(r.IntN(60)), broker.Publish{Retention: broker.Retention{Count: r.IntN(20)}}
				if _, err := n.Publish(t.Context(), &broker.Message{Topic: topic, Body: make([]byte, r.IntN(100))}, o); err != nil {
					t.Error(err)
				}
				if _, err := n.History(t.Context(), topic, broker.Query{Limit: 5}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.store.check(t, b)
	if b.store.used.Load() < b.store.max/2 {
		t.Errorf("%d bytes of %d are used", b.store.used.Load(), b.store.max)
	}
}

// What it costs to publish to very many topics where there is no more room.
func BenchmarkEvict(b *testing.B) {
	_, n := bounded(b, 100_000)
	topics := make([]string, 200_000)
	for i := range topics {
		topics[i] = fmt.Sprint(i)
	}
	body, i := make([]byte, 10), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		if _, err := n.Publish(b.Context(), &broker.Message{Topic: topics[i*7919%len(topics)], Body: body}, keep100); err != nil {
			b.Fatal(err)
		}
	}
}
