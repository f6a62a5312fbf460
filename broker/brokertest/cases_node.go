package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Names", run: names},
	testCase{name: "Cancelled", run: cancelled},
	testCase{name: "Closed", run: closed},
	testCase{name: "CloseUnderWay", run: closeUnderWay},
	testCase{name: "CallsFromCallbacks", run: callbacks},
	testCase{name: "CloseFromCallback", run: closeFromCallback},
)

// names: a name is one node's, and free when it is gone. The next one of that name begins anew.
func names(e *env) {
	a, b := e.attach("a", broker.Exact("t")), e.attach("b")
	if _, err := e.broker.Attach(e.Context(), "a", newSink()); !errors.Is(err, broker.ErrNameTaken) {
		e.Errorf("Attach with a name that is taken: %v", err)
	}
	b.publish("t", "1")
	a.exactly("t", "1") // the attempt did it no harm
	a.close()
	again := e.attach("a")
	b.publish("t", "2")
	again.exactly("t")
	again.subscribe(broker.Exact("t"))
	b.publish("t", "3")
	again.exactly("t", "3")
}

// calls are all methods of a node that may fail.
func calls(n broker.Node) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Subscribe": func(ctx context.Context) error { return n.Subscribe(ctx, broker.Exact("late")) },
		"Publish":   func(ctx context.Context) error { _, err := n.Publish(ctx, text("t", "late"), keep); return err },
		"History":   func(ctx context.Context) error { _, err := n.History(ctx, "t", broker.Query{Limit: 1}); return err },
		"Topics":    func(ctx context.Context) error { _, err := n.Topics(ctx, broker.Prefix(""), 1); return err },
		"Enter":     func(ctx context.Context) error { return n.Enter(ctx, "t", broker.Member{Key: "k", Ref: "late"}) },
		"Leave":     func(ctx context.Context) error { return n.Leave(ctx, "t", "late") },
		"Members":   func(ctx context.Context) error { _, err := n.Members(ctx, "t"); return err },
		"Send":      func(ctx context.Context) error { return n.Send(ctx, broker.Target{}, broker.Command{Op: "late"}) },
	}
}

// cancelled: a context that has ended ends the call, and does no harm to others.
func cancelled(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("t"))
	a.publish("t", "1")
	ctx, cancel := context.WithCancel(e.Context())
	cancel()
	for name, call := range calls(a.Node) {
		e.within(name, func() {
			if err := call(ctx); !errors.Is(err, context.Canceled) {
				e.Errorf("%s with a cancelled context: %v", name, err)
			}
		})
	}
	if n, err := e.broker.Attach(ctx, "c", newSink()); !errors.Is(err, context.Canceled) {
		e.Errorf("Attach with a cancelled context: %v", err)
		if err == nil {
			n.Close()
		}
	}
	e.attach("c")
	tail := a.publish("t", "2")
	b.eventually("what was published afterwards", func() bool { return b.last["t"] == tail })
	e.same("the log", bodies(b.history("t", broker.Query{Limit: 10}).Messages), bodies(b.of("t")))

	// Contexts that end while the calls are under way: what is told to have been stored is.
	acknowledged := make([][]broker.Position, 4)
	e.parallel(4, func(i int) error {
		for k := range 50 {
			ctx, cancel := context.WithCancel(e.Context())
			go cancel()
			at, err := a.Publish(ctx, text("t", fmt.Sprint(i, k)), keep)
			switch {
			case err == nil:
				acknowledged[i] = append(acknowledged[i], at.Position)
			case !errors.Is(err, context.Canceled):
				return err
			}
			cancel()
		}
		return nil
	})
	tail = a.publish("t", "3")
	b.eventually("what was published in the end", func() bool { return b.last["t"] == tail })
	log := b.history("t", broker.Query{Limit: 1000})
	e.same("the log in the end", bodies(log.Messages), bodies(b.of("t")))
	in := map[broker.Position]bool{}
	for _, m := range log.Messages {
		in[m.Position] = true
	}
	for _, list := range acknowledged {
		for _, at := range list {
			if !in[at] {
				e.Errorf("%s was acknowledged and is not in the log", at)
			}
		}
	}
}

// closed: a node that is closed says so, and gets nothing.
func closed(e *env) {
	a, b := e.attach("a", broker.Prefix("")), e.attach("b", broker.Exact("t"))
	b.publish("t", "1")
	a.exactly("t", "1")
	a.close()
	for name, call := range calls(a.Node) {
		if err := call(e.Context()); !errors.Is(err, broker.ErrClosed) {
			e.Errorf("%s after Close: %v", name, err)
		}
	}
	a.Unsubscribe(broker.Exact("t"))
	e.within("a second Close", func() { a.Close() })
	b.publish("t", "2")
	b.enter("t", broker.Member{Key: "k", Ref: "1"})
	if err := b.Send(e.Context(), broker.Target{}, broker.Command{Op: "x"}); err != nil {
		e.Errorf("Send, with another node closed: %v", err)
	}
	b.exactly("t", "1", "2")
	b.eventually("the command", func() bool { return len(b.commands) == 1 })
	a.exactly("t", "1")
}

// closeUnderWay: nothing comes after Close has returned, however much is under way, and no call gets stuck.
func closeUnderWay(e *env) {
	b := e.attach("b", broker.Exact("t/1"))
	round := func(number int) {
		a := e.attach(fmt.Sprint("a", number), broker.Filter{Type: broker.Level, Name: "t"})
		var stop atomic.Bool
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop.Store(true)
		for i := range 3 {
			wg.Go(func() {
				for n := 0; n < 1000 && !stop.Load(); n++ { // bounded: a fake clock stands still meanwhile
					if _, err := b.Publish(e.Context(), text(fmt.Sprint("t/", i), "x"), broker.Publish{}); err != nil {
						e.Errorf("Publish: %v", err)
						return
					}
				}
			})
		}
		a.wait("t/1", 20)
		e.within("Close", a.close) // which tells the sink that nothing may come any more
		for range 20 {
			b.publishAs(text("t/1", "x"), broker.Publish{})
		}
	}
	for i := range 5 {
		round(i)
	}
}

// callbacks: a Receiver may call its node.
func callbacks(e *env) {
	s := newSink()
	var a *peer
	var errs []error // of the messages of in, which come one after the other
	s.onMessage = func(m *broker.Message) {
		if m.Topic != "in" {
			return
		}
		ctx := e.Context()
		note := func(err error) { errs = append(errs, err) }
		_, err := a.Publish(ctx, text("out", string(m.Body)), keep)
		note(err)
		if len(m.Body) < 3 {
			_, err = a.Publish(ctx, text("in", string(m.Body)+"x"), keep)
			note(err)
		}
		page, err := a.History(ctx, "in", broker.Query{Limit: 100})
		note(err)
		if len(page.Messages) == 0 || page.Tail.Offset < m.Position.Offset {
			note(fmt.Errorf("the history does not have the message that is being delivered: %+v", page))
		}
		note(a.Subscribe(ctx, broker.Exact("more "+string(m.Body))))
		a.Unsubscribe(broker.Exact("more " + string(m.Body)))
		note(a.Enter(ctx, "in", broker.Member{Key: "k", Ref: string(m.Body)}))
		_, err = a.Members(ctx, "in")
		note(err)
		note(a.Leave(ctx, "in", string(m.Body)))
		_, err = a.Topics(ctx, broker.Prefix(""), 10)
		note(err)
		note(a.Send(ctx, broker.Target{}, broker.Command{Op: string(m.Body)}))
	}
	a = e.attachSink("a", s, broker.Exact("in"), broker.Exact("out"))
	b := e.attach("b", broker.Exact("out"))
	e.within("Publish", func() { b.Publish(e.Context(), text("in", "x"), keep) })
	a.exactly("out", "x", "xx", "xxx")
	a.exactly("in", "x", "xx", "xxx")
	b.exactly("out", "x", "xx", "xxx")
	a.diffsUntil("in", 6)
	a.eventually("the commands", func() bool { return len(a.commands) == 3 })
	e.settle()
	if err := errors.Join(errs...); err != nil {
		e.Error(err)
	}
}

// closeFromCallback: a Receiver may close its node, and a node may be closed while another one's Receiver does the same.
func closeFromCallback(e *env) {
	var nodes [2]*peer
	done := make(chan struct{}, len(nodes))
	for i := range nodes {
		s := newSink()
		var once sync.Once
		s.onMessage = func(*broker.Message) {
			once.Do(func() {
				nodes[i].Close()
				done <- struct{}{}
			})
		}
		nodes[i] = e.attachSink(fmt.Sprint("a", i), s, broker.Exact("t"))
	}
	b := e.attach("b", broker.Exact("t"))
	e.within("closing from callbacks", func() {
		b.Publish(e.Context(), text("t", "1"), keep)
		for range nodes {
			select {
			case <-done:
			case <-e.Context().Done():
			}
		}
	})
	e.settle()
	for _, n := range nodes {
		e.within("a second Close", func() { n.Close() })
	}
	b.publish("t", "2")
	b.exactly("t", "1", "2")
	for _, n := range nodes {
		if got := n.of("t"); len(got) != 1 {
			e.Errorf("%s: got %s", n.name, bodies(got))
		}
	}
}
