package brokertest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Fields", run: fields},
	testCase{name: "Order", run: order},
	testCase{name: "Acknowledged", run: acknowledged},
	testCase{name: "SubscribeThenPublish", run: subscribeThenPublish},
	testCase{name: "Unsubscribe", run: unsubscribe},
	testCase{name: "SlowReceiver", run: slowReceiver},
)

// fields: everything that a message says arrives and is kept.
func fields(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("news"))
	at := time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC)
	m := &broker.Message{
		Topic: "news", Event: "added", Kind: broker.Bytes, Body: []byte{0, 255, '\n'}, ContentType: "image/png", ID: "id 1",
		Producer: "user:ä", Key: "k", From: "session", NoEcho: true, Headers: map[string]string{"a": "1", "B": ""}, Time: at,
	}
	want := fmt.Sprintf("%+v %v", describe(m), at)
	published := a.publishAs(m, keep)
	if published.Duplicate {
		e.Error("the first message is called a duplicate")
	}
	check := func(where string, m *broker.Message) {
		e.same(where, fmt.Sprintf("%+v %v", describe(m), m.Time.UTC()), want)
		if m.Position != published.Position || m.Prev != 0 {
			e.Errorf("%s: the position is %s after %d, want %s after 0", where, m.Position, m.Prev, published.Position)
		}
	}
	check("the message itself", m)
	check("what was delivered", b.wait("news", 1)[0])
	page := b.history("news", broker.Query{Limit: 1})
	if len(page.Messages) != 1 {
		e.Fatalf("the history has %d messages", len(page.Messages))
	}
	check("the history", page.Messages[0])

	m = text("news", "")
	a.publishAs(m, keep)
	got := b.wait("news", 2)[1]
	if got.Time.IsZero() || len(got.Body) != 0 || got.Headers != nil || got.ID != "" {
		e.Errorf("a message with an empty body and no time came as %+v at %v", describe(got), got.Time)
	}
}

// describe is a message without what the broker sets.
func describe(m *broker.Message) any {
	c := *m
	c.Time, c.Position, c.Prev = time.Time{}, broker.Position{}, 0
	return c
}

// order: all nodes get the messages of many publishers in the same order, which is that of the log, and each publisher's as it sent them.
func order(e *env) {
	const publishers, each = 6, 50
	topics := []string{"a", "b/c"}
	nodes := []*peer{e.attach("1", broker.Exact("a"), broker.Exact("b/c")), e.attach("2", broker.Filter{Type: broker.Subtree}), e.attach("3", broker.Prefix(""))}
	var mu sync.Mutex
	acks := map[string]broker.Position{}
	e.parallel(publishers, func(i int) error {
		for k := range each {
			for _, topic := range topics {
				body := fmt.Sprintf("%d:%d", i, k)
				at, err := nodes[i%len(nodes)].Publish(e.Context(), text(topic, body), keep)
				if err != nil {
					return err
				}
				mu.Lock()
				acks[topic+" "+body] = at.Position
				mu.Unlock()
			}
		}
		return nil
	})
	for _, topic := range topics {
		first := nodes[0].wait(topic, publishers*each)
		for _, n := range nodes {
			n.wait(topic, publishers*each)
		}
		e.settle()
		for _, n := range nodes {
			e.same("the order of "+topic, bodies(n.of(topic)), bodies(first))
		}
		log := nodes[1].history(topic, broker.Query{Limit: publishers * each * 2})
		e.same("the log of "+topic, bodies(log.Messages), bodies(first))
		next := make([]int, publishers)
		prev := uint64(0)
		for _, m := range first {
			var i, k int
			fmt.Sscanf(string(m.Body), "%d:%d", &i, &k)
			if next[i] != k {
				e.Fatalf("%s: publisher %d: message %d came where %d was to come", topic, i, k, next[i])
			}
			next[i]++
			if at := acks[topic+" "+string(m.Body)]; m.Position != at {
				e.Fatalf("%s: the message acknowledged as %s came as %s", topic, at, m.Position)
			}
			if m.Prev != prev {
				e.Fatalf("%s: %s says that it follows %d, want %d", topic, m.Position, m.Prev, prev)
			}
			prev = m.Position.Offset
		}
		if tail := first[len(first)-1].Position; log.Tail != tail {
			e.Errorf("%s: the tail is %s, want %s", topic, log.Tail, tail)
		}
	}
}

// acknowledged: what was acknowledged is in the log, for every node, at that position.
func acknowledged(e *env) {
	nodes := []*peer{e.attach("1"), e.attach("2")}
	e.parallel(4, func(i int) error {
		before := broker.Position{}
		for k := range 25 {
			body := fmt.Sprintf("%d:%d", i, k)
			at, err := nodes[i%2].Publish(e.Context(), text("t", body), keep)
			if err != nil {
				return err
			}
			page, err := nodes[(i+1)%2].History(e.Context(), "t", broker.Query{Since: before, Limit: 1000})
			if err != nil {
				return err
			}
			found := 0
			for _, m := range page.Messages {
				if m.Position == at.Position && string(m.Body) == body {
					found++
				}
			}
			if found != 1 {
				return fmt.Errorf("message %s was acknowledged as %s and is in the log %d times", body, at.Position, found)
			}
			before = at.Position
		}
		return nil
	})
	if page := nodes[0].history("t", broker.Query{Limit: 1000}); len(page.Messages) != 100 {
		e.Errorf("the log has %d messages, want 100", len(page.Messages))
	}
}

// subscribeThenPublish: what is published after Subscribe has returned is delivered, however much is going on.
func subscribeThenPublish(e *env) {
	a, b, c := e.attach("a"), e.attach("b"), e.attach("c")
	round := func(f broker.Filter, topic string) {
		var stop atomic.Bool
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop.Store(true)
		wg.Go(func() {
			for n := 0; n < 1000 && !stop.Load(); n++ { // bounded: a fake clock stands still meanwhile
				if _, err := c.Publish(e.Context(), text(topic, "noise"), broker.Publish{}); err != nil {
					e.Errorf("Publish: %v", err)
					return
				}
			}
		})
		b.subscribe(f)
		at := a.publish(topic, "wanted")
		b.eventually("the message "+at.String()+" of "+topic, func() bool {
			return slices.ContainsFunc(b.messages[topic], func(m *broker.Message) bool { return m.Position == at })
		})
	}
	for i := range 3 {
		topic := fmt.Sprint("x/", i)
		round(broker.Exact(topic), topic)
	}
	round(broker.Filter{Type: broker.Level, Name: "x"}, "x/y")
	round(broker.Filter{Type: broker.Subtree, Name: "z"}, "z/1/2")
	round(broker.Prefix("p"), "pq")
}

// unsubscribe: what is published afterwards does not come, unless another filter matches.
func unsubscribe(e *env) {
	a, b, c := e.attach("a"), e.attach("b", broker.Exact("t"), broker.Exact("u/v"), broker.Filter{Type: broker.Level, Name: "u"}), e.attach("c", broker.Exact("t"))
	a.publish("t", "1")
	a.publish("u/v", "1")
	b.wait("t", 1)
	b.wait("u/v", 1)
	b.unsubscribe(broker.Exact("t"))
	b.unsubscribe(broker.Exact("u/v"))
	b.unsubscribe(broker.Exact("never"))
	e.settle()
	a.publish("t", "2")
	a.publish("u/v", "2")
	c.exactly("t", "1", "2")
	b.exactly("t", "1")
	b.exactly("u/v", "1", "2")
	b.subscribe(broker.Exact("t"))
	a.publish("t", "3")
	b.exactly("t", "1", "3")
	c.exactly("t", "1", "2", "3")
}

// slowReceiver: who is slow gets everything, and holds up neither publishers nor other topics.
func slowReceiver(e *env) {
	s := newSink()
	release := make(chan struct{})
	s.onMessage = func(m *broker.Message) {
		if m.Topic == "slow" {
			<-release
		}
	}
	var once sync.Once
	free := func() { once.Do(func() { close(release) }) }
	defer free()
	b := e.attachSink("b", s, broker.Prefix(""))
	a := e.attach("a", broker.Exact("fast"))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer free()
	wg.Go(func() { a.Publish(e.Context(), text("slow", "0"), keep) })
	b.wait("slow", 1)
	e.within("publishing beside a slow receiver", func() {
		for range 10 {
			a.Publish(e.Context(), text("slow", "more"), keep)
		}
		for range 10 {
			a.Publish(e.Context(), text("fast", "x"), keep)
		}
	})
	b.wait("fast", 10)
	if got := bodies(a.history("slow", broker.Query{Limit: 100}).Messages); strings.Count(got, "more") != 10 {
		e.Errorf("the log has %s", got)
	}
	free()
	b.wait("slow", 11)
}
