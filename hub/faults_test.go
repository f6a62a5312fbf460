package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
)

// faulty is a broker in memory whose methods can be held up, or fail before or after they have done what they do.
type faulty struct {
	*memory.Broker

	mu       sync.Mutex
	node     *faultyNode
	receiver broker.Receiver
	before   map[string]func() error
	after    map[string]func() error
	filters  map[broker.Filter]bool
}

type faultyNode struct {
	broker.Node
	b *faulty
}

func newFaulty(t *testing.T) *faulty {
	b := &faulty{
		Broker: memory.New(memory.Options{}), before: map[string]func() error{}, after: map[string]func() error{}, filters: map[broker.Filter]bool{},
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *faulty) Attach(ctx context.Context, name string, r broker.Receiver) (broker.Node, error) {
	n, err := b.Broker.Attach(ctx, name, r)
	b.node, b.receiver = &faultyNode{n, b}, r
	return b.node, err
}

// once makes a method call f the next time that it is called.
func (b *faulty) once(at map[string]func() error, method string, f func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at[method] = f
}

func (n *faultyNode) do(method string, f func() error) error {
	hook := func(at map[string]func() error) error {
		n.b.mu.Lock()
		h := at[method]
		delete(at, method)
		n.b.mu.Unlock()
		if h == nil {
			return nil
		}
		return h()
	}
	if err := hook(n.b.before); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return hook(n.b.after)
}

func (n *faultyNode) Subscribe(ctx context.Context, f broker.Filter) error {
	return n.do("subscribe", func() error {
		n.b.mu.Lock()
		n.b.filters[f] = true
		n.b.mu.Unlock()
		return n.Node.Subscribe(ctx, f)
	})
}

func (n *faultyNode) Unsubscribe(f broker.Filter) {
	n.do("unsubscribe", func() error {
		n.b.mu.Lock()
		delete(n.b.filters, f)
		n.b.mu.Unlock()
		n.Node.Unsubscribe(f)
		return nil
	})
}

func (n *faultyNode) History(ctx context.Context, topic string, q broker.Query) (p broker.Page, err error) {
	err = n.do("history", func() error {
		p, err = n.Node.History(ctx, topic, q)
		return err
	})
	return p, err
}

func (n *faultyNode) Topics(ctx context.Context, f broker.Filter, limit int) (list []broker.Topic, err error) {
	err = n.do("topics", func() error {
		list, err = n.Node.Topics(ctx, f, limit)
		return err
	})
	return list, err
}

func (n *faultyNode) Enter(ctx context.Context, topic string, m broker.Member) error {
	return n.do("enter", func() error { return n.Node.Enter(ctx, topic, m) })
}

func (n *faultyNode) Leave(ctx context.Context, topic, ref string) error {
	return n.do("leave", func() error { return n.Node.Leave(ctx, topic, ref) })
}

func (b *faulty) subscribed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.filters)
}

func withFaults(t *testing.T, o hub.Options, test func(t *testing.T, h *hub.Hub, b *faulty)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newFaulty(t)
		o.Broker = b
		test(t, newHub(t, o), b)
	})
}

func fails() error { return fmt.Errorf("at 10.0.0.7: %w", broker.ErrUnavailable) }

// What is published while the past is looked up comes once, whether the past has it or not, and after it.
func TestPublishWhileLookingUp(t *testing.T) {
	o := hub.Options{Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 10}}}}
	for _, when := range []string{"before", "after", "both"} {
		withFaults(t, o, func(t *testing.T, h *hub.Hub, b *faulty) {
			at := publish(t, h, "a", "1")
			publish(t, h, "a", "2")
			c := connect(t, h, plain, "")
			want := []string{"ok a at 2 recovered=true", "a:2 2", "a:3 3", "a:4 cannot be encoded"}
			if when != "after" {
				b.once(b.before, "history", func() error { publish(t, h, "a", "3", "cannot be encoded"); return nil })
				want[0] = "ok a at 4 recovered=true"
			}
			if when == "after" {
				b.once(b.after, "history", func() error { publish(t, h, "a", "3", "cannot be encoded"); return nil })
			}
			if when == "both" {
				b.once(b.after, "history", func() error { publish(t, h, "a", "5"); return nil })
				want = append(want, "a:5 5")
			}
			want[3] = "gap a:3-4 encoding n=1"
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a"), Since: at})
			synctest.Wait()
			c.expect(t, want...)
		})
	}
}

// A subscription that begins while another brings the same leaves no hole behind its answer: where it replays, what comes
// meanwhile comes again, in its place; where it begins now, its answer says from where.
func TestOverlapWhileLookingUp(t *testing.T) {
	o := hub.Options{Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 10}}}}
	between := func(h *hub.Hub, t *testing.T) func() error {
		return func() error { publish(t, h, "a/b", "2"); return nil }
	}
	for name, test := range map[string]struct {
		first, second broker.Filter
		positions     bool
		want          []string
	}{
		"exact, now":        {pattern("a/*"), broker.Exact("a/b"), false, []string{"a/b:2 2 by a/*", "ok a/b at 2", "a/b:3 3 by a/b by a/*"}},
		"exact, replays":    {pattern("a/*"), broker.Exact("a/b"), true, []string{"a/b:2 2 by a/*", "ok a/b at 1 recovered=true", "a/b:2 2", "a/b:3 3 by a/b by a/*"}},
		"pattern, replays":  {broker.Exact("a/b"), pattern("a/*"), true, []string{"a/b:2 2", "ok a/* at 0 recovered=true", "a/b:2 2 by a/*", "a/b:3 3 by a/b by a/*"}},
		"two patterns, now": {pattern("**"), pattern("a/*"), false, []string{"a/b:2 2 by **", "ok a/* at 0", "a/b:3 3 by a/* by **"}},
	} {
		t.Run(name, func(t *testing.T) {
			withFaults(t, o, func(t *testing.T, h *hub.Hub, b *faulty) {
				at := publish(t, h, "a/b", "1")
				c := connect(t, h, plain, "")
				c.subscribe(t, hub.Subscribe{Filter: test.first})
				c.take()
				second := hub.Subscribe{Filter: test.second}
				switch {
				case test.positions && test.second.IsExact():
					second.Since = at
				case test.positions:
					second.Positions = map[string]broker.Position{"a/b": at}
				}
				if test.second.IsExact() || test.positions {
					b.once(b.after, "history", between(h, t))
				} else {
					b.once(b.after, "topics", between(h, t)) // patterns that begin now look up no history
				}
				r := c.subscribe(t, second)
				publish(t, h, "a/b", "3")
				synctest.Wait()
				c.expect(t, test.want...)
				if one := r.Topics["a/b"]; !test.positions && !test.second.IsExact() && one.Position.Offset != 2 {
					t.Errorf("the answer says %+v", one)
				}
			})
		})
	}
}

// What waits for the past to be looked up is bounded in bytes, too.
func TestPendingIsBounded(t *testing.T) {
	for _, l := range []hub.Limits{{OutboxBytes: 1000}, {OutboxCount: 20}} {
		withFaults(t, hub.Options{Limits: l}, func(t *testing.T, h *hub.Hub, b *faulty) {
			c := connect(t, h, plain, "")
			b.once(b.after, "history", func() error {
				for range 30 {
					publish(t, h, "a", "thirty bytes and nothing more..")
				}
				return nil
			})
			_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
			synctest.Wait()
			if r := c.closed(); r == nil || r.Code != hub.SlowConsumer || !r.Reconnect {
				t.Errorf("closed with %+v; %v", r, err)
			}
			if h.Waiting() != 0 {
				t.Errorf("%d bytes wait", h.Waiting())
			}
		})
	}
}

// A subscription that ends before it has begun is answered with an error, whoever ends it.
func TestEndWhileLookingUp(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *hub.Hub, c *client){
		"client": func(t *testing.T, _ *hub.Hub, c *client) { c.Unsubscribe(broker.Exact("a")) },
		"server": func(t *testing.T, h *hub.Hub, c *client) {
			h.Unsubscribe(t.Context(), broker.Target{Session: c.ID()}, broker.Exact("a"))
		},
		"session": func(t *testing.T, _ *hub.Hub, c *client) { c.Session.Close(hub.Reason{Code: hub.Disconnected}) },
		"hub":     func(t *testing.T, h *hub.Hub, _ *client) { go h.Close() },
	} {
		for _, method := range []string{"subscribe", "history"} {
			t.Run(name+" "+method, func(t *testing.T) {
				withFaults(t, hub.Options{}, func(t *testing.T, h *hub.Hub, b *faulty) {
					c := connect(t, h, plain, "")
					b.once(b.after, method, func() error {
						end(t, h, c)
						synctest.Wait()
						return nil
					})
					_, err := c.Subscribe(context.Background(), hub.Subscribe{
						Filter: broker.Exact("a"), Reply: func(hub.Subscribed) hub.Frame { return line("ok") },
					})
					if code(err) == "" || len(c.Subscriptions()) != 0 {
						t.Errorf("%v: %v", c.Subscriptions(), err)
					}
					h.Publish(context.Background(), text("a", "1"))
					synctest.Wait()
					for _, s := range c.take() {
						if s != "unsubscribed from a: disconnected" {
							t.Errorf("got %s", s)
						}
					}
					if n := b.subscribed(); n != 0 {
						t.Errorf("%d filters are left at the broker", n)
					}
				})
			})
		}
	}
}

// What fails leaves nothing behind, even where it may have happened.
func TestSubscribeFails(t *testing.T) {
	withFaults(t, hub.Options{}, func(t *testing.T, h *hub.Hub, b *faulty) {
		c := connect(t, h, plain, "")
		for i, at := range []map[string]func() error{b.before, b.after} {
			for _, method := range []string{"subscribe", "history"} {
				b.once(at, method, fails)
				_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
				wantCode(t, err, hub.Unavailable)
				if e := hub.AsError(err); e.Text != "the server cannot do this now; try again" {
					t.Errorf("the client is told %q", e.Text)
				}
				if n := b.subscribed(); n != 0 || len(c.Subscriptions()) != 0 {
					t.Errorf("%d %s: %d filters are left at the broker, %v in the session", i, method, n, c.Subscriptions())
				}
			}
		}
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		publish(t, h, "a", "1")
		c.expect(t, "ok a at 0", "a:1 1")
		c.Unsubscribe(broker.Exact("a"))
		if n := b.subscribed(); n != 0 {
			t.Errorf("%d filters are left at the broker", n)
		}
	})
}

// Several sessions share what the node has subscribed to, however slow the broker is.
func TestSharedSubscription(t *testing.T) {
	withFaults(t, hub.Options{}, func(t *testing.T, h *hub.Hub, b *faulty) {
		c, d := connect(t, h, plain, ""), connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		// While the last one lets go of it, the next takes hold.
		b.once(b.before, "unsubscribe", func() error {
			time.Sleep(time.Second)
			return nil
		})
		go c.Unsubscribe(broker.Exact("a"))
		synctest.Wait()
		d.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		publish(t, h, "a", "1")
		synctest.Wait()
		d.expect(t, "ok a at 0", "a:1 1")
		c.expect(t, "ok a at 0")
		// One that gives up waiting does not take it from the other.
		b.once(b.before, "subscribe", func() error {
			time.Sleep(time.Second)
			return nil
		})
		go c.Subscribe(context.Background(), hub.Subscribe{Filter: broker.Exact("b")})
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		_, err := d.Subscribe(ctx, hub.Subscribe{Filter: broker.Exact("b")})
		wantCode(t, err, hub.Timeout)
		time.Sleep(time.Second)
		synctest.Wait()
		publish(t, h, "b", "1")
		synctest.Wait()
		c.expect(t, "b:1 1")
		d.expect(t)
	})
}

// Nobody stays present whose session has gone, whatever fails.
func TestPresenceLeavesNoGhosts(t *testing.T) {
	leave := hub.Reason{Code: hub.GoingAway}
	for name, test := range map[string]func(t *testing.T, h *hub.Hub, b *faulty, c *client){
		"enter fails, though it happened": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			b.once(b.after, "enter", fails)
			_, err := c.Enter(t.Context(), "room", nil)
			wantCode(t, err, hub.Unavailable)
		},
		"an update fails": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			c.enter(t, "room", "")
			b.once(b.after, "enter", fails)
			_, err := c.Enter(t.Context(), "room", json.RawMessage("{}"))
			wantCode(t, err, hub.Unavailable)
			c.Session.Close(leave)
		},
		"coming back fails": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			c.enter(t, "room", "")
			c.Session.Close(leave)
			b.once(b.before, "enter", fails)
			_, err := connect(t, h, plain, "ann").Enter(t.Context(), "room", nil)
			wantCode(t, err, hub.Unavailable)
		},
		"leaving fails": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			c.enter(t, "room", "")
			b.once(b.before, "leave", fails)
			wantCode(t, c.Leave(t.Context(), "room"), hub.Unavailable)
		},
		"leaving after the grace fails": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			c.enter(t, "room", "")
			c.Session.Close(leave)
			b.once(b.before, "leave", fails)
		},
		"the session ends while it enters, which takes longer than the grace": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			b.once(b.before, "enter", func() error {
				c.Session.Close(leave)
				time.Sleep(10 * time.Second)
				return nil
			})
			c.Enter(t.Context(), "room", nil)
		},
		"it leaves while it enters": func(t *testing.T, h *hub.Hub, b *faulty, c *client) {
			b.once(b.before, "enter", func() error { return c.Leave(t.Context(), "room") })
			c.Enter(t.Context(), "room", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			withFaults(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub, b *faulty) {
				test(t, h, b, connect(t, h, plain, "ann"))
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := present(t, h, "room"); got != "" {
					t.Errorf("present: %s", got)
				}
			})
		})
	}
}

// What a broker lost is told to those who would have got it, and to nobody who has begun after it.
func TestBrokerLosesMessages(t *testing.T) {
	withFaults(t, hub.Options{}, func(t *testing.T, h *hub.Hub, b *faulty) {
		c, d := connect(t, h, plain, ""), connect(t, h, mute, "")
		publish(t, h, "a", "1", "2")
		c.subscribe(t, hub.Subscribe{Filter: pattern("**")})
		at := c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")}).Position
		d.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		late := broker.Gap{Topic: "a", After: broker.Position{Epoch: at.Epoch, Offset: 1}, Tail: at}
		b.receiver.Gap(late)
		d.expect(t, "ok a at 2")
		if d.closed() != nil {
			t.Error("ended for a gap that was told about")
		}
		b.receiver.Gap(broker.Gap{Topic: "a", After: at, Tail: broker.Position{Epoch: at.Epoch, Offset: 5}})
		b.receiver.Gap(broker.Gap{Topic: "b", Tail: broker.Position{Epoch: "x", Offset: 5}})
		synctest.Wait()
		c.expect(t, "ok ** at 0", "ok a at 2", "gap a:2-5 lost n=0 by a by **", "gap b:0-5 lost n=0 by **")
		if r := d.closed(); r == nil || r.Code != hub.SlowConsumer || !r.Reconnect {
			t.Errorf("closed with %+v", r)
		}
	})
}

// Nothing follows a gap for which there are no words, also where the transport was full.
func TestNothingFollowsAnUnspokenGap(t *testing.T) {
	h := newHub(t, small(1<<20, 10))
	for range 50 {
		c := connect(t, h, mute, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("drop/a")})
		at := c.Info()
		if at.Subscriptions != 1 {
			t.Fatal("not subscribed")
		}
		c.stall()
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				h.Publish(context.Background(), text("drop/a", "x"))
				if n == 50 {
					c.move()
				}
			}
		}()
		<-c.Context().Done()
		close(stop)
		<-stopped
		last := 0
		for i, s := range c.take() {
			var n int
			if fmt.Sscanf(s, "ok drop/a at %d", &n); n == 0 {
				fmt.Sscanf(s, "drop/a:%d", &n)
			}
			if i > 0 && last > 0 && n != last+1 {
				t.Fatalf("%d after %d", n, last)
			}
			last = n
		}
	}
}

// A visit is for one request: it may do what needs no subscription, and nobody sees it.
func TestVisit(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{Sessions: 1}}, func(t *testing.T, h *hub.Hub) {
		s, err := h.Connect(t.Context(), hub.Connect{Credentials: hub.Credentials{Token: "ann"}, Visit: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Publish(t.Context(), text("a", "1"))
		if err != nil || p.Position.Offset != 1 {
			t.Errorf("%+v: %v", p, err)
		}
		if page, err := s.History(t.Context(), "a", broker.Query{Limit: 1}); err != nil || len(page.Messages) != 1 {
			t.Errorf("%+v: %v", page, err)
		}
		if _, err := s.Members(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		_, err = s.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
		wantCode(t, err, hub.GoingAway)
		_, err = s.Enter(t.Context(), "a", nil)
		wantCode(t, err, hub.GoingAway)
		s.Send(line("x"))
		s.Close(hub.Reason{Code: hub.GoingAway})
		if h.Len() != 0 || len(h.Sessions(broker.Target{User: "ann"}, 10)) != 0 {
			t.Error("it is counted")
		}
		if err := h.Drain(t.Context(), 0); err != nil {
			t.Error(err)
		}
		_, err = h.Connect(t.Context(), hub.Connect{Visit: true})
		if !errors.As(err, new(*hub.Error)) {
			t.Error(err)
		}
	})
}
