package brokertest

import (
	"fmt"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Empty", run: empty},
	testCase{name: "History", run: history},
	testCase{name: "HistoryOfAnotherEpoch", run: foreignEpoch},
	testCase{name: "RetentionByCount", run: byCount},
	testCase{name: "RetentionByBytes", run: byBytes},
	testCase{name: "RetentionByAge", needs: advance, run: byAge},
	testCase{name: "RetentionNone", run: byNothing},
	testCase{name: "Forgotten", needs: forget, run: forgotten},
)

// empty: a topic that nobody published to has the tail that the next message comes after.
func empty(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("t"))
	page := b.history("t", broker.Query{Limit: 10})
	if len(page.Messages) != 0 || page.Complete || page.More || page.Tail.Epoch == "" || page.Tail.Offset != 0 {
		e.Fatalf("the page is %+v", page)
	}
	if page := a.history("t", broker.Query{Since: page.Tail, Limit: 10}); !page.Complete {
		e.Errorf("since the tail %s nothing is missing, but the page is %+v", page.Tail, page)
	}
	if _, err := broker.ParsePosition(page.Tail.String()); err != nil {
		e.Error(err)
	}
	at := a.publish("t", "x")
	if at.Epoch != page.Tail.Epoch {
		e.Errorf("the first message went to %s, but the tail had been %s", at, page.Tail)
	}
	if m := b.wait("t", 1)[0]; m.Prev != page.Tail.Offset {
		e.Errorf("the first message follows %d, but the tail had been %s", m.Prev, page.Tail)
	}
	page = b.history("t", broker.Query{Since: page.Tail, Limit: 10})
	if !page.Complete || len(page.Messages) != 1 || page.Tail != at {
		e.Errorf("since then the page is %+v", page)
	}
}

// history: the table of queries.
func history(e *env) {
	a, b := e.attach("a"), e.attach("b")
	// The messages 6 to 15 are kept. Their bodies have 10 bytes each.
	at := make([]broker.Position, 17) // by number
	o := broker.Publish{Retention: broker.Retention{Count: 10}}
	for i := 1; i <= 15; i++ {
		at[i] = a.publishAs(text("t", fmt.Sprintf("%010d", i)), o).Position
	}
	for i := 2; i <= 15; i++ {
		if at[i].Epoch != at[1].Epoch || at[i].Offset <= at[i-1].Offset {
			e.Fatalf("message %d is at %s, the one before at %s", i, at[i], at[i-1])
		}
	}
	beyond := broker.Position{Epoch: at[1].Epoch, Offset: at[15].Offset + 1}
	start := broker.Position{Epoch: at[1].Epoch}
	for _, c := range []struct {
		name           string
		q              broker.Query
		from, to       int // of the messages that are returned; 0 is none
		complete, more bool
	}{
		{"all", broker.Query{Limit: 100}, 6, 15, false, false},
		{"as many as there are", broker.Query{Limit: 10}, 6, 15, false, false},
		{"the first 3", broker.Query{Limit: 3}, 6, 8, false, true},
		{"the last 3", broker.Query{Last: true, Limit: 3}, 13, 15, false, true},
		{"the last of all", broker.Query{Last: true, Limit: 100}, 6, 15, false, false},
		{"the tail alone", broker.Query{}, 0, 0, false, true},
		{"since 12", broker.Query{Since: at[12], Limit: 100}, 13, 15, true, false},
		{"since 12, 2", broker.Query{Since: at[12], Limit: 2}, 13, 14, true, true},
		{"since 12, the last 2", broker.Query{Since: at[12], Limit: 2, Last: true}, 14, 15, true, true},
		{"since 12, the last 3", broker.Query{Since: at[12], Limit: 3, Last: true}, 13, 15, true, false},
		{"since 12, none", broker.Query{Since: at[12]}, 0, 0, true, true},
		{"since the last", broker.Query{Since: at[15], Limit: 100}, 0, 0, true, false},
		{"since the last, none", broker.Query{Since: at[15]}, 0, 0, true, false},
		{"since the first that is kept", broker.Query{Since: at[6], Limit: 100}, 7, 15, true, false},
		{"since the one before that", broker.Query{Since: at[5], Limit: 100}, 6, 15, true, false},
		{"since the one before that, 1", broker.Query{Since: at[5], Limit: 1}, 6, 6, true, true},
		{"since two before that", broker.Query{Since: at[4], Limit: 100}, 6, 15, false, false},
		{"since two before that, 2", broker.Query{Since: at[4], Limit: 2}, 6, 7, false, true},
		{"since the first", broker.Query{Since: at[1], Limit: 100}, 6, 15, false, false},
		{"since the beginning", broker.Query{Since: start, Limit: 100}, 6, 15, false, false},
		{"by bytes", broker.Query{Limit: 100, Bytes: 35}, 6, 8, false, true},
		{"by exactly as many bytes", broker.Query{Limit: 100, Bytes: 100}, 6, 15, false, false},
		{"by bytes, since", broker.Query{Since: at[10], Limit: 100, Bytes: 20}, 11, 12, true, true},
		{"by bytes, the last", broker.Query{Last: true, Limit: 100, Bytes: 29}, 14, 15, false, true},
		{"by bytes and limit", broker.Query{Limit: 2, Bytes: 35}, 6, 7, false, true},
		{"by fewer bytes than one has", broker.Query{Limit: 100, Bytes: 1}, 6, 6, false, true},
		{"by fewer bytes than one has, the last", broker.Query{Last: true, Limit: 100, Bytes: 1}, 15, 15, false, true},
		{"by fewer bytes than one has, none", broker.Query{Bytes: 1}, 0, 0, false, true},
	} {
		page := b.history("t", c.q)
		var want []string
		for i := c.from; i <= c.to && i > 0; i++ {
			want = append(want, fmt.Sprintf("%010d", i))
		}
		e.same(c.name, bodies(page.Messages), list(want))
		for i, m := range page.Messages {
			if m.Position != at[c.from+i] || m.Prev != at[c.from+i-1].Offset {
				e.Errorf("%s: message %d is %s after %d, want %s after %d", c.name, c.from+i, m.Position, m.Prev, at[c.from+i], at[c.from+i-1].Offset)
			}
		}
		if page.Tail != at[15] || page.Complete != c.complete || page.More != c.more {
			e.Errorf("%s: tail %s, complete %v, more %v; want %s, %v, %v", c.name, page.Tail, page.Complete, page.More, at[15], c.complete, c.more)
		}
	}
	if page := b.history("t", broker.Query{Since: beyond, Limit: 100}); page.Complete || page.Tail != at[15] {
		e.Errorf("beyond the tail %s: the page is complete: %v, its tail %s", at[15], page.Complete, page.Tail)
	}
}

// foreignEpoch: to a position of another epoch everything that is kept comes after, and nothing is complete.
func foreignEpoch(e *env) {
	a := e.attach("a")
	a.publish("t", "1")
	tail := a.publish("t", "2")
	for _, offset := range []uint64{0, 1, 2, 1 << 60} {
		since := broker.Position{Epoch: "anotherEpoch", Offset: offset}
		page := a.history("t", broker.Query{Since: since, Limit: 10})
		if page.Complete || page.Tail != tail {
			e.Errorf("since %s: complete %v, tail %s", since, page.Complete, page.Tail)
		}
		e.same("since "+since.String(), bodies(page.Messages), list([]string{"1", "2"}))
	}
}

// kept fails if the log of t is not as told, or disagrees with Topics.
func (e *env) kept(p *peer, want ...string) {
	e.Helper()
	page := p.history("t", broker.Query{Limit: 1000})
	e.same("the log", bodies(page.Messages), list(want))
	topics, err := p.Topics(e.Context(), broker.Exact("t"), 1)
	if err != nil || len(topics) != 1 {
		e.Fatalf("Topics: %v, %v", topics, err)
	}
	if got := topics[0]; got.Retained != len(want) || got.Bytes != len(strings.Join(want, "")) || got.Tail != page.Tail {
		e.Errorf("of the log of %v with the tail %s, Topics says %+v", want, page.Tail, got)
	}
}

func byCount(e *env) {
	a := e.attach("a")
	o := broker.Publish{Retention: broker.Retention{Count: 3}}
	for i := range 10 {
		a.publishAs(text("t", fmt.Sprint(i)), o)
	}
	e.kept(a, "7", "8", "9")
	o.Retention.Count = 5 // what is gone does not come back
	a.publishAs(text("t", "10"), o)
	e.kept(a, "7", "8", "9", "10")
	o.Retention.Count = 2 // what is kept from now on
	a.publishAs(text("t", "11"), o)
	e.kept(a, "10", "11")
}

func byBytes(e *env) {
	a := e.attach("a")
	o := broker.Publish{Retention: broker.Retention{Count: 100, Bytes: 10}}
	for _, body := range []string{"aaaa", "bbb", "ccc"} {
		a.publishAs(text("t", body), o)
	}
	e.kept(a, "aaaa", "bbb", "ccc")
	a.publishAs(text("t", "d"), o)
	e.kept(a, "bbb", "ccc", "d")
	tail := a.publishAs(text("t", "12345678901"), o).Position // goes at once
	e.kept(a)
	if page := a.history("t", broker.Query{Since: tail}); page.Tail != tail || !page.Complete {
		e.Errorf("since the tail %s, the page is %+v", tail, page)
	}
}

func byAge(e *env) {
	a := e.attach("a", broker.Exact("t"))
	o := broker.Publish{Retention: broker.Retention{Count: 100, Age: 10 * time.Second}}
	a.publishAs(text("t", "1"), o)
	e.suite.Advance(6 * time.Second)
	m := text("t", "2")
	m.Time = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) // it is not old for that
	second := a.publishAs(m, o).Position
	e.kept(a, "1", "2")
	e.suite.Advance(5 * time.Second)
	e.kept(a, "2")
	e.suite.Advance(time.Hour)
	e.kept(a)
	if page := a.history("t", broker.Query{Since: second}); page.Tail != second || !page.Complete {
		e.Errorf("since the tail %s, the page is %+v", second, page)
	}
	third := a.publishAs(text("t", "3"), o).Position
	if third.Epoch != second.Epoch || third.Offset <= second.Offset {
		e.Errorf("after %s came %s, though the node has subscribed", second, third)
	}
}

// byNothing: what is not kept has a position all the same.
func byNothing(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("t"))
	first := a.publish("t", "1")
	e.kept(a, "1")
	second := a.publishAs(text("t", "2"), broker.Publish{}).Position
	e.kept(a)
	third := a.publishAs(text("t", "3"), broker.Publish{}).Position
	b.exactly("t", "1", "2", "3")
	for _, c := range []struct {
		since    broker.Position
		complete bool
	}{{first, false}, {second, false}, {third, true}, {broker.Position{}, false}} {
		if page := a.history("t", broker.Query{Since: c.since, Limit: 10}); page.Complete != c.complete || page.Tail != third || len(page.Messages) > 0 || page.More {
			e.Errorf("since %q: the page is %+v", c.since, page)
		}
	}
}

// forgotten: a counter that is forgotten begins a new epoch, and nobody takes one for another.
func forgotten(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Filter{Type: broker.Subtree})
	seen := map[string]bool{}
	for round := range 3 {
		first := a.publishAs(text("t", "1"), broker.Publish{}).Position
		second := a.publishAs(text("t", "2"), broker.Publish{}).Position
		if seen[first.Epoch] || second.Epoch != first.Epoch {
			e.Fatalf("round %d: the epochs are %s and %s, after %v", round, first, second, seen)
		}
		seen[first.Epoch] = true
		if m := b.wait("t", 2*round+1)[2*round]; m.Prev != 0 || m.Position != first {
			e.Errorf("round %d: the first message came as %s after %d, want %s after 0", round, m.Position, m.Prev, first)
		}
		e.suite.Forget(e, e.broker, "t")
		page := a.history("t", broker.Query{Since: second, Limit: 10})
		if page.Complete || page.Tail == second || seen[page.Tail.Epoch] {
			e.Errorf("round %d: since %s, which is forgotten, the page is %+v", round, second, page)
		}
	}
}
