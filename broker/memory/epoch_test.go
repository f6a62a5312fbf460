package memory

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Who asks for topics makes none, and finds what was said.
func TestAskingMakesNothing(t *testing.T) {
	b := New(Options{MaxTopics: 1})
	defer b.Close()
	n, err := b.Attach(t.Context(), "a", &fan{})
	if err != nil {
		t.Fatal(err)
	}
	tails := map[string]broker.Position{}
	for i := range 100 {
		topic := fmt.Sprint(i)
		page, err := n.History(t.Context(), topic, broker.Query{Limit: 1})
		if err != nil || page.Tail.Epoch == "" || page.Tail.Offset != 0 || page.Complete {
			t.Fatalf("%+v, %v", page, err)
		}
		tails[topic] = page.Tail
		if list, err := n.Members(t.Context(), topic); len(list) > 0 || err != nil {
			t.Fatal(list, err)
		}
	}
	b.empty(t)
	at := publish(t, n, "7", "", keep100)
	page, err := n.History(t.Context(), "7", broker.Query{Since: tails["7"], Limit: 10})
	if err != nil || at.Epoch != tails["7"].Epoch || !page.Complete || len(page.Messages) != 1 {
		t.Errorf("after %s came %s: %+v, %v", tails["7"], at, page, err)
	}
	if page, err := n.History(t.Context(), "8", broker.Query{Since: tails["8"], Limit: 10}); err != nil || !page.Complete || page.Tail != tails["8"] {
		t.Errorf("since %s: %+v, %v", tails["8"], page, err)
	}
	if tails["7"].Epoch == tails["8"].Epoch {
		t.Errorf("two topics have the epoch %s", tails["7"].Epoch)
	}
	if _, err := n.History(t.Context(), "", broker.Query{}); err == nil {
		t.Error("a topic without a name has a history")
	}
	other := New(Options{})
	defer other.Close()
	if other.promised("7") == tails["7"].Epoch {
		t.Error("another broker has the same epoch")
	}
}

// What was said of a topic before it was forgotten does not hold afterwards, if there was a message.
func TestPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := attach(t, "a", &fan{})
		seen := map[string]bool{}
		for range 5 {
			promise := b.promised("t")
			if seen[promise] {
				t.Fatalf("%s means two things", promise)
			}
			seen[promise] = true
			// Who only enters leaves nothing behind.
			if err := n.Enter(t.Context(), "t", broker.Member{Ref: "1"}); err != nil {
				t.Fatal(err)
			}
			n.Leave(t.Context(), "t", "1")
			pass(defaultLinger + 2*grain)
			b.empty(t)
			if again := b.promised("t"); again != promise {
				t.Errorf("%s was promised, and then %s", promise, again)
			}
			if at := publish(t, n, "t", "", broker.Publish{}); at != (broker.Position{Epoch: promise, Offset: 1}) {
				t.Errorf("after %s:0 came %s", promise, at)
			}
			if b.promised("t") != "" {
				t.Error("an epoch is promised for a topic that is there")
			}
			pass(defaultLinger + 2*grain)
			page, err := n.History(t.Context(), "t", broker.Query{Since: broker.Position{Epoch: promise}})
			if err != nil || page.Complete || page.Tail.Epoch == promise {
				t.Errorf("since %s:0, which is forgotten with a message: %+v, %v", promise, page, err)
			}
		}
	})
}

// Of very many topics nothing is left when they have expired.
func TestGivesMemoryBack(t *testing.T) {
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	synctest.Test(t, func(t *testing.T) {
		b, n := attach(t, "a", &fan{})
		before := heap()
		for i := range 30_000 {
			publish(t, n, fmt.Sprint(i), "", broker.Publish{Retention: broker.Retention{Count: 1, Age: time.Second}})
		}
		full := heap() - before
		pass(defaultLinger + time.Minute)
		b.empty(t)
		left := heap() - before
		counters := len(b.shards) * lives * 4
		t.Logf("30,000 topics took %d KiB; %d KiB are left, %d KiB of them the counters of lives", full>>10, left>>10, counters>>10)
		if left > counters+full/20 {
			t.Errorf("of %d bytes, %d are left", full, left)
		}
		runtime.KeepAlive(b)
	})
}
