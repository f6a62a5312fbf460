package brokertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Duplicates", run: duplicates},
	testCase{name: "DuplicatesAtOnce", run: duplicatesAtOnce},
	testCase{name: "DuplicatesInTime", needs: advance, run: duplicatesInTime},
)

// window is a Publish that knows duplicates.
var window = broker.Publish{Retention: broker.Retention{Count: 100}, Dedup: time.Minute}

func withID(topic, producer, id, body string) *broker.Message {
	m := text(topic, body)
	m.Producer, m.ID = producer, id
	return m
}

// duplicates: the same id of the same producer in the same topic is the same message, whichever node it comes by.
func duplicates(e *env) {
	a, b := e.attach("a", broker.Exact("t"), broker.Exact("u")), e.attach("b")
	first := a.publishAs(withID("t", "p", "1", "first"), window)
	a.publishAs(withID("t", "p", "2", "second"), window)
	for _, p := range []*peer{a, b, b} {
		if got := p.publishAs(withID("t", "p", "1", "again"), window); got.Position != first.Position || !got.Duplicate {
			e.Errorf("%s: published again it is %+v, want the position %s", p.name, got, first.Position)
		}
	}
	for _, m := range []*broker.Message{
		withID("t", "q", "1", "of another producer"), withID("t", "", "1", "of nobody"), withID("t", "p1", "", "without id"),
		withID("t", "p1", "", "without id again"), withID("u", "p", "1", "of another topic"), withID("t", "p", "3", "third"),
	} {
		if got := b.publishAs(m, window); got.Duplicate {
			e.Errorf("%q is called a duplicate", m.Body)
		}
	}
	a.exactly("t", "first", "second", "of another producer", "of nobody", "without id", "without id again", "third")
	a.exactly("u", "of another topic")

	// Without a window nothing is a duplicate.
	for range 2 {
		if got := a.publishAs(withID("w", "p", "1", "x"), keep); got.Duplicate {
			e.Error("without a window a message is called a duplicate")
		}
	}
	if page := a.history("w", broker.Query{Limit: 10}); len(page.Messages) != 2 {
		e.Errorf("without a window %d messages are stored, want 2", len(page.Messages))
	}

	// What is not kept is known too.
	o := broker.Publish{Dedup: time.Minute}
	first = a.publishAs(withID("v", "p", "1", "x"), o)
	if got := b.publishAs(withID("v", "p", "1", "x"), o); got.Position != first.Position || !got.Duplicate {
		e.Errorf("what is not kept: published again it is %+v, want the position %s", got, first.Position)
	}
}

// duplicatesAtOnce: of many with the same id one is stored.
func duplicatesAtOnce(e *env) {
	nodes := []*peer{e.attach("a", broker.Exact("t")), e.attach("b", broker.Exact("t"))}
	const ids, each = 20, 6
	var mu sync.Mutex
	at := map[string]broker.Position{}
	fresh := map[string]int{}
	e.parallel(each, func(i int) error {
		for k := range ids {
			id := fmt.Sprint(k)
			got, err := nodes[i%2].Publish(e.Context(), withID("t", "p", id, id), window)
			if err != nil {
				return err
			}
			mu.Lock()
			if !got.Duplicate {
				fresh[id]++
			}
			before, known := at[id]
			at[id] = got.Position
			mu.Unlock()
			if known && before != got.Position {
				return fmt.Errorf("id %s was acknowledged as %s and as %s", id, before, got.Position)
			}
		}
		return nil
	})
	for id, n := range fresh {
		if n != 1 {
			e.Errorf("id %s was acknowledged as new %d times", id, n)
		}
	}
	for _, n := range nodes {
		n.wait("t", ids)
	}
	e.settle()
	for _, n := range nodes {
		if got := n.of("t"); len(got) != ids || len(fresh) != ids {
			e.Errorf("%s: %d messages came, %d were acknowledged as new, want %d: %s", n.name, len(got), len(fresh), ids, bodies(got))
		}
	}
}

// duplicatesInTime: the window begins with the first and ends.
func duplicatesInTime(e *env) {
	a := e.attach("a", broker.Exact("t"))
	first := a.publishAs(withID("t", "p", "1", "first"), window)
	for range 2 { // the second one does not begin it anew
		e.suite.Advance(25 * time.Second)
		if got := a.publishAs(withID("t", "p", "1", "again"), window); got.Position != first.Position || !got.Duplicate {
			e.Errorf("within the window it is %+v, want the position %s", got, first.Position)
		}
	}
	e.suite.Advance(11 * time.Second)
	second := a.publishAs(withID("t", "p", "1", "second"), window)
	if second.Duplicate || second.Position == first.Position {
		e.Errorf("after the window it is %+v, as the first was", second)
	}
	e.suite.Advance(25 * time.Second)
	if got := a.publishAs(withID("t", "p", "1", "again"), window); got.Position != second.Position || !got.Duplicate {
		e.Errorf("within the second window it is %+v, want the position %s", got, second.Position)
	}
	a.exactly("t", "first", "second")

	// A topic is not forgotten while ids are remembered, be it idle.
	o := broker.Publish{Dedup: time.Hour}
	at := a.publishAs(withID("idle", "p", "1", ""), o)
	e.suite.Advance(59 * time.Minute)
	if got := a.publishAs(withID("idle", "p", "1", ""), o); got.Position != at.Position || !got.Duplicate {
		e.Errorf("in an idle topic, within the window, it is %+v, want the position %s", got, at.Position)
	}
}
