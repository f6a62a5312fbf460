package memory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
)

// publish publishes a message of 10 bytes.
func publish(t *testing.T, n broker.Node, topic, id string, o broker.Publish) broker.Position {
	t.Helper()
	at, err := n.Publish(t.Context(), &broker.Message{Topic: topic, ID: id, Body: []byte("0123456789")}, o)
	if err != nil {
		t.Fatal(err)
	}
	return at.Position
}

// pass lets time pass in a bubble.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// waiting returns how many topics the clock knows, and whether its timer runs.
func (b *Broker) waiting() (int, bool) {
	b.clock.mu.Lock()
	defer b.clock.mu.Unlock()
	return b.clock.topics.Len(), b.clock.armed != 0
}

// empty fails if the broker knows anything.
func (b *Broker) empty(t *testing.T) {
	t.Helper()
	if n, armed := b.waiting(); n != 0 || armed {
		t.Errorf("the clock knows %d topics; its timer runs: %v", n, armed)
	}
	if b.topics.Load() != 0 || b.ids.Load() != 0 {
		t.Errorf("there are %d topics and %d ids", b.topics.Load(), b.ids.Load())
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if b.store.used.Load() != 0 || b.store.oldest.Len() != 0 {
		t.Errorf("%d topics have %d bytes", b.store.oldest.Len(), b.store.used.Load())
	}
	for i := range b.shards {
		if n := len(b.shards[i].topics); n != 0 {
			t.Errorf("a shard has %d topics", n)
		}
	}
}

// What a topic needs a while longer is kept, and then nothing of it.
func TestForgets(t *testing.T) {
	for _, c := range []struct {
		name string
		o    broker.Publish
		stay time.Duration // how long the topic stays
	}{
		{"nothing kept", broker.Publish{}, time.Minute},
		{"kept for a while", broker.Publish{Retention: broker.Retention{Count: 5, Age: 10 * time.Minute}}, 10 * time.Minute},
		{"kept for a moment", broker.Publish{Retention: broker.Retention{Count: 5, Age: time.Second}}, time.Minute},
		{"ids", broker.Publish{Dedup: 2 * time.Minute}, 2 * time.Minute},
		{"both", broker.Publish{Retention: broker.Retention{Count: 5, Age: 3 * time.Minute}, Dedup: 2 * time.Minute}, 3 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, n := attach(t, "a", &fan{}, broker.Filter{Type: broker.Subtree})
				b.empty(t)
				first := publish(t, n, "t", "1", c.o)
				for range 9 {
					pass(c.stay / 10)
				}
				if topic := b.find("t"); topic == nil || topic.tail() != first {
					t.Fatal("forgotten too early")
				} else {
					topic.mu.Unlock()
				}
				pass(c.stay/10 + 2*grain)
				b.empty(t)
				if next := publish(t, n, "t", "1", c.o); next.Epoch == first.Epoch || next.Offset != 1 {
					t.Errorf("after %s came %s", first, next)
				}
			})
		})
	}
}

// A topic that is used stays.
func TestUsedIsNotForgotten(t *testing.T) {
	for name, use := range map[string]func(n broker.Node){
		"publish": func(n broker.Node) {
			n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{})
		},
		"history": func(n broker.Node) { n.History(t.Context(), "t", broker.Query{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, n := attach(t, "a", &fan{})
				first := publish(t, n, "t", "", broker.Publish{})
				for range 10 {
					pass(59 * time.Second)
					use(n)
				}
				if at := publish(t, n, "t", "", broker.Publish{}); at.Epoch != first.Epoch {
					t.Errorf("%s came after %s", at, first)
				}
			})
		})
	}
}

// What holds a topic holds it until its end, and nothing runs meanwhile.
func TestHeld(t *testing.T) {
	for _, c := range []struct {
		name       string
		hold, free func(t *testing.T, n broker.Node) error
	}{
		{"by a subscription", func(t *testing.T, n broker.Node) error { return n.Subscribe(t.Context(), broker.Exact("t")) },
			func(t *testing.T, n broker.Node) error { n.Unsubscribe(broker.Exact("t")); return nil }},
		{"by a subscription, until the node is closed", func(t *testing.T, n broker.Node) error { return n.Subscribe(t.Context(), broker.Exact("t")) },
			func(t *testing.T, n broker.Node) error { return n.Close() }},
		{"by a member", func(t *testing.T, n broker.Node) error { return n.Enter(t.Context(), "t", broker.Member{Ref: "1"}) },
			func(t *testing.T, n broker.Node) error { return n.Leave(t.Context(), "t", "1") }},
		{"by a member, until the node is closed", func(t *testing.T, n broker.Node) error { return n.Enter(t.Context(), "t", broker.Member{Ref: "1"}) },
			func(t *testing.T, n broker.Node) error { return n.Close() }},
		{"by messages", func(t *testing.T, n broker.Node) error {
			_, err := n.Publish(t.Context(), &broker.Message{Topic: "t"}, keep100)
			return err
		}, func(t *testing.T, n broker.Node) error {
			_, err := n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, holder := attach(t, "holder", &fan{})
				n, err := b.Attach(t.Context(), "a", &fan{})
				if err != nil {
					t.Fatal(err)
				}
				first := publish(t, n, "t", "", broker.Publish{})
				if err := c.hold(t, holder); err != nil {
					t.Fatal(err)
				}
				pass(time.Hour)
				if waiting, armed := b.waiting(); waiting != 0 || armed {
					t.Errorf("the clock knows %d topics; its timer runs: %v", waiting, armed)
				}
				page, err := n.History(t.Context(), "t", broker.Query{})
				if err != nil || page.Tail.Epoch != first.Epoch {
					t.Fatalf("after %s: %+v, %v", first, page, err)
				}
				if err := c.free(t, holder); err != nil {
					t.Fatal(err)
				}
				pass(59 * time.Second)
				if b.topics.Load() != 1 {
					t.Error("forgotten too early")
				}
				pass(time.Second + 2*grain)
				b.empty(t)
			})
		})
	}
}

// Many topics with retentions of different length: at every time the clock knows no more than it needs, and in the end nothing.
func TestManyTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := attach(t, "a", &fan{}, broker.Prefix("1"))
		for i := range 3000 {
			o := broker.Publish{Retention: broker.Retention{Count: 1 + i%3, Age: time.Duration(1+i%7) * time.Second}, Dedup: time.Duration(i%5) * time.Second}
			publish(t, n, fmt.Sprint(i%1000), fmt.Sprint(i), o)
			time.Sleep(time.Millisecond)
		}
		if waiting, armed := b.waiting(); waiting != 1000 || !armed {
			t.Errorf("the clock knows %d topics; its timer runs: %v", waiting, armed)
		}
		pass(8 * time.Second)
		list, err := n.Topics(t.Context(), broker.Prefix(""), 10000)
		if err != nil || len(list) != 1000 {
			t.Fatalf("%d topics, %v", len(list), err)
		}
		for _, topic := range list {
			if topic.Retained != 0 || topic.Bytes != 0 {
				t.Errorf("%+v", topic)
			}
		}
		if n := b.ids.Load(); n != 0 {
			t.Errorf("%d ids are remembered", n)
		}
		pass(time.Minute)
		b.empty(t)
	})
}

func TestMaxTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{MaxTopics: 2, Linger: time.Second})
		defer b.Close()
		n, err := b.Attach(t.Context(), "a", &fan{})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, n, "1", "", broker.Publish{})
		publish(t, n, "2", "", broker.Publish{})
		publish(t, n, "1", "", broker.Publish{})
		for range 2 {
			if _, err := n.Publish(t.Context(), &broker.Message{Topic: "3"}, broker.Publish{}); !errors.Is(err, broker.ErrFull) || !strings.Contains(err.Error(), "Options.MaxTopics") {
				t.Fatalf("a third topic: %v", err)
			}
			if err := n.Enter(t.Context(), "3", broker.Member{Ref: "1"}); !errors.Is(err, broker.ErrFull) {
				t.Fatalf("somebody in a third topic: %v", err)
			}
			if _, err := n.History(t.Context(), "3", broker.Query{}); err != nil {
				t.Fatalf("the history of a third topic: %v", err)
			}
		}
		pass(2 * time.Second)
		publish(t, n, "3", "", broker.Publish{})
	})
}

// Too many ids: a topic forgets its oldest for a new one, and always knows its last.
func TestMaxIDs(t *testing.T) {
	b := New(Options{MaxIDs: 3})
	defer b.Close()
	n, err := b.Attach(t.Context(), "a", &fan{})
	if err != nil {
		t.Fatal(err)
	}
	o := broker.Publish{Dedup: time.Hour}
	known := func(topic, id string) bool {
		x := b.find(topic)
		defer x.mu.Unlock()
		_, ok := x.ids.find(messageID{"", id}, b.since(time.Now()))
		return ok
	}
	for i := range 5 {
		publish(t, n, "t", fmt.Sprint(i), o)
	}
	for i, want := range []bool{false, false, true, true, true} {
		if got := known("t", fmt.Sprint(i)); got != want {
			t.Errorf("id %d is known: %v", i, got)
		}
	}
	publish(t, n, "u", "1", o)
	publish(t, n, "u", "2", o)
	if known("u", "1") || !known("u", "2") || b.ids.Load() != 4 {
		t.Errorf("in another topic: %v, %v, %d", known("u", "1"), known("u", "2"), b.ids.Load())
	}
}
