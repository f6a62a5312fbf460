package brokertest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Filters", run: filters},
	testCase{name: "Overlapping", run: overlapping},
	testCase{name: "Invalid", run: invalid},
	testCase{name: "Topics", run: topics},
)

var someTopics = []string{"a", "b", "a/b", "a/b/c", "a/c", "ab", "ab/c", "/a", "a/", "a//b", "*", "a/*", "a.b", "a>", "ä/ö", " ", "A"}

var someFilters = []broker.Filter{
	broker.Exact("a"), broker.Exact("a/b"), broker.Exact("*"), broker.Exact("a/*"), broker.Exact("a>"), broker.Exact(" "),
	{Type: broker.Level}, {Type: broker.Level, Name: "a"}, {Type: broker.Level, Name: "a/b"}, {Type: broker.Level, Name: "ä"},
	{Type: broker.Subtree}, {Type: broker.Subtree, Name: "a"}, {Type: broker.Subtree, Name: "a/b"},
	broker.Prefix(""), broker.Prefix("a"), broker.Prefix("a/"), broker.Prefix("ab"), broker.Prefix("\xc3"),
}

// matching are those of some topics that f matches, sorted.
func matching(f broker.Filter, topics []string) []string {
	var list []string
	for _, topic := range topics {
		if f.Match(topic) {
			list = append(list, topic)
		}
	}
	slices.Sort(list)
	return list
}

// filters: each node gets what its filter matches, and nothing else.
func filters(e *env) {
	p := e.attach("publisher")
	var nodes []*peer
	for i, f := range someFilters {
		nodes = append(nodes, e.attach(fmt.Sprint("node ", i), f))
	}
	for range 2 {
		for _, topic := range someTopics {
			p.publish(topic, "x")
		}
	}
	for i, f := range someFilters {
		for _, topic := range matching(f, someTopics) {
			nodes[i].wait(topic, 2)
		}
	}
	e.settle()
	for i, f := range someFilters {
		e.same("the topics that "+f.String()+" got", list(nodes[i].topics()), list(matching(f, someTopics)))
		for _, topic := range nodes[i].topics() {
			if n := len(nodes[i].of(topic)); n != 2 {
				e.Errorf("%s: of %q came %d messages, want 2", f, topic, n)
			}
		}
	}
}

// overlapping: a message comes once, however many filters match and however often they were subscribed to.
func overlapping(e *env) {
	a := e.attach("a", someFilters...)
	for _, f := range someFilters {
		a.subscribe(f)
	}
	b := e.attach("b")
	for _, topic := range someTopics {
		b.publish(topic, "1")
	}
	for _, topic := range someTopics {
		a.wait(topic, 1)
	}
	e.settle()
	for _, topic := range someTopics {
		e.same("messages of "+topic, bodies(a.of(topic)), list([]string{"1"}))
	}
	for _, f := range someFilters {
		if f != broker.Exact("a") {
			a.unsubscribe(f)
		}
	}
	e.settle()
	for _, topic := range someTopics {
		b.publish(topic, "2")
	}
	a.exactly("a", "1", "2")
	a.exactly("a/b", "1")
	a.unsubscribe(broker.Exact("a")) // once is enough
	e.settle()
	b.publish("a", "3")
	a.exactly("a", "1", "2")
}

// invalid: what is no topic and no filter is refused.
func invalid(e *env) {
	a := e.attach("a")
	for _, topic := range []string{"", "\xff", strings.Repeat("a", broker.MaxTopic+1)} {
		if _, err := a.Publish(e.Context(), text(topic, "x"), keep); err == nil {
			e.Errorf("Publish to %.10q: no error", topic)
		}
		if err := a.Subscribe(e.Context(), broker.Exact(topic)); err == nil {
			e.Errorf("Subscribe to %.10q: no error", topic)
		}
		if err := a.Enter(e.Context(), topic, broker.Member{Key: "k", Ref: "r"}); err == nil {
			e.Errorf("Enter %.10q: no error", topic)
		}
		if _, err := a.History(e.Context(), topic, broker.Query{}); err == nil {
			e.Errorf("History of %.10q: no error", topic)
		}
	}
	if err := a.Subscribe(e.Context(), broker.Filter{Type: 99, Name: "a"}); err == nil {
		e.Error("Subscribe to a filter of an unknown type: no error")
	}
	long := strings.Repeat("a", broker.MaxTopic)
	a.subscribe(broker.Exact(long))
	a.publish(long, "x")
	a.exactly(long, "x")
}

// topics: what is known, by name.
func topics(e *env) {
	a, b := e.attach("a"), e.attach("b")
	for _, topic := range someTopics {
		a.publish(topic, "12345")
	}
	tail := a.publish("a/b", "67")
	b.enter("a/b", broker.Member{Key: "k", Ref: "1"})
	b.enter("a/b", broker.Member{Key: "k", Ref: "2"})
	b.enter("zz", broker.Member{Key: "k", Ref: "2"})
	all := append(slices.Clone(someTopics), "zz")
	for _, f := range someFilters {
		for _, limit := range []int{0, 1, 3, 100} {
			got, err := b.Topics(e.Context(), f, limit)
			if err != nil {
				e.Fatal(err)
			}
			var names []string
			for _, t := range got {
				names = append(names, t.Name)
			}
			want := matching(f, all)
			e.same(fmt.Sprintf("the topics of %s, at most %d", f, limit), list(names), list(want[:min(limit, len(want))]))
		}
	}
	got, err := b.Topics(e.Context(), broker.Exact("a/b"), 10)
	if err != nil || len(got) != 1 || got[0] != (broker.Topic{Name: "a/b", Tail: tail, Retained: 2, Bytes: 7, Present: 2}) {
		e.Errorf("Topics of a/b: %+v, %v", got, err)
	}
}
