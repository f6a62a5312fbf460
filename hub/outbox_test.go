package hub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// topics have a rule for each policy.
var policies = []hub.Topic{
	{Pattern: "drop/**", History: broker.Retention{Count: 1000}},
	{Pattern: "conflate/**", History: broker.Retention{Count: 1000}, Policy: hub.Conflate},
	{Pattern: "cut/**", History: broker.Retention{Count: 1000}, Policy: hub.Disconnect},
}

func small(bytes, count int) hub.Options {
	return hub.Options{Topics: policies, Limits: hub.Limits{OutboxBytes: bytes, OutboxCount: count}}
}

func TestSlowConsumerWaits(t *testing.T) {
	bubble(t, small(10_000, 100), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: pattern("**")})
		c.stall()
		publish(t, h, "drop/a", "1")
		synctest.Wait() // it is being sent
		publish(t, h, "drop/a", "2")
		publish(t, h, "cut/a", "1")
		synctest.Wait()
		c.expect(t, "ok ** at 0")
		if h.Waiting() == 0 {
			t.Error("nothing waits")
		}
		c.move()
		synctest.Wait()
		c.expect(t, "drop/a:1 1 by **", "drop/a:2 2 by **", "cut/a:1 1 by **")
		publish(t, h, "drop/a", "3")
		c.expect(t, "drop/a:3 3 by **")
		if h.Waiting() != 0 {
			t.Errorf("%d bytes wait", h.Waiting())
		}
	})
}

func TestDropOldest(t *testing.T) {
	bubble(t, small(1<<20, 10), func(t *testing.T, h *hub.Hub) {
		c, other := connect(t, h, plain, ""), connect(t, h, plain, "")
		for _, c := range []*client{c, other} {
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("drop/a")})
			c.subscribe(t, hub.Subscribe{Filter: broker.Exact("cut/a")})
			c.take()
		}
		c.stall()
		publish(t, h, "drop/a", "1") // is being sent
		synctest.Wait()
		publish(t, h, "cut/a", "first")
		for i := 2; i <= 30; i++ {
			publish(t, h, "drop/a", fmt.Sprint(i))
			if i == 20 {
				publish(t, h, "cut/a", "second")
			}
		}
		c.move()
		synctest.Wait()
		got := c.take()
		last := 1
		cut := 0
		for i, s := range got {
			var a, b, n int
			switch {
			case i == 0 && s == "drop/a:1 1":
			case strings.HasPrefix(s, "cut/a:"):
				cut++
			case strings.HasPrefix(s, "gap"):
				if _, err := fmt.Sscanf(s, "gap drop/a:%d-%d slow n=%d", &a, &b, &n); err != nil || a != last || n != b-a {
					t.Errorf("%s after %d: %v", s, last, err)
				}
				last = b
			default:
				if fmt.Sscanf(s, "drop/a:%d", &a); a != last+1 {
					t.Errorf("%s after %d", s, last)
				}
				last = a
			}
		}
		if last != 30 || cut != 2 || len(got) > 12 {
			t.Errorf("the last is %d, %d others: %q", last, cut, got)
		}
		if n := len(other.take()); n != 32 {
			t.Errorf("the other session got %d", n)
		}
	})
}

func TestConflate(t *testing.T) {
	bubble(t, small(1<<20, 1000), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("conflate/a")})
		c.take()
		c.stall()
		for i, key := range []string{"", "x", "y", "x", "x", "", "y"} {
			if _, err := h.Publish(t.Context(), &broker.Message{Topic: "conflate/a", Kind: broker.Text, Body: fmt.Append(nil, key, i), Key: key}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		c.move()
		synctest.Wait()
		c.expect(t, "conflate/a:1 0", "gap conflate/a:1-4 conflated n=3", "conflate/a:5 x4", "conflate/a:6 5", "conflate/a:7 y6")
	})
}

func TestDisconnectSlow(t *testing.T) {
	for name, test := range map[string]struct {
		codec hub.Codec
		topic string
	}{
		"policy":             {plain, "cut/a"},
		"no words for a gap": {mute, "drop/a"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, small(1<<20, 10), func(t *testing.T, h *hub.Hub) {
				c := connect(t, h, test.codec, "")
				c.subscribe(t, hub.Subscribe{Filter: broker.Exact(test.topic)})
				c.take()
				c.stall()
				for i := range 40 {
					publish(t, h, test.topic, fmt.Sprint(i+1))
				}
				synctest.Wait()
				c.move()
				synctest.Wait()
				if r := c.closed(); r == nil || r.Code != hub.SlowConsumer || !r.Reconnect {
					t.Fatalf("closed with %+v", r)
				}
				for i, s := range c.take() {
					if s != fmt.Sprintf("%s:%d %d", test.topic, i+1, i+1) {
						t.Errorf("message %d is %q", i+1, s)
					}
				}
				if h.Len() != 0 || h.Waiting() != 0 {
					t.Errorf("%d sessions, %d bytes wait", h.Len(), h.Waiting())
				}
			})
		})
	}
}

func TestCannotEncode(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c, d := connect(t, h, plain, ""), connect(t, h, mute, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		d.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		publish(t, h, "a", "1", "cannot be encoded", "3")
		synctest.Wait()
		c.expect(t, "ok a at 0", "a:1 1", "gap a:1-2 encoding n=1", "a:3 3")
		d.expect(t, "ok a at 0", "a:1 1")
		if d.closed() == nil {
			t.Error("a session that cannot be told of a gap lives on")
		}
	})
}

// What is replied is never dropped; too much of it ends the session.
func TestRepliesStay(t *testing.T) {
	bubble(t, small(100_000, 20), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("drop/a")})
		c.stall()
		for i := range 15 {
			c.Session.Send(line("reply %d", i))
			publish(t, h, "drop/a", "x", "y")
			synctest.Wait()
		}
		c.move()
		synctest.Wait()
		next := 0
		for _, s := range c.take() {
			if s == fmt.Sprintf("reply %d", next) {
				next++
			}
		}
		if next != 15 {
			t.Errorf("%d replies came in order", next)
		}
		c.stall()
		for i := range 40 {
			c.Session.Send(line("reply %d", i))
		}
		synctest.Wait()
		c.move()
		synctest.Wait()
		if c.closed() == nil {
			t.Error("the session lives on")
		}
	})
}

// What is missing after the answer to a subscription is told after it: the next one to the same topic, or another that overlaps.
func TestGapsStayBehindAnswers(t *testing.T) {
	bubble(t, small(1<<20, 12), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		a := hub.Subscribe{Filter: broker.Exact("drop/a")}
		c.subscribe(t, a)
		c.stall()
		publish(t, h, "drop/a", "1") // is being sent
		synctest.Wait()
		publish(t, h, "drop/a", "2", "3")
		c.Unsubscribe(a.Filter)
		c.Session.Send(line("unsubscribed"))
		publish(t, h, "drop/a", "4")
		c.subscribe(t, a)
		publish(t, h, "drop/a", "5", "6")
		c.subscribe(t, hub.Subscribe{Filter: pattern("drop/*")})
		for i := 7; i <= 16; i++ {
			publish(t, h, "drop/a", fmt.Sprint(i))
		}
		c.move()
		synctest.Wait()
		want := []string{
			"ok drop/a at 0", "drop/a:1 1", "gap drop/a:1-3 slow n=2", "unsubscribed", "ok drop/a at 4", "gap drop/a:4-6 slow n=2", "ok drop/* at 0",
		}
		got := c.take()
		if len(got) < len(want)+2 || !slices.Equal(got[:len(want)], want) || !strings.HasPrefix(got[len(want)], "gap drop/a:6-") ||
			got[len(got)-1] != "drop/a:16 16 by drop/a by drop/*" {
			t.Errorf("got\n\t%s", strings.Join(got, "\n\t"))
		}
	})
}

// Too much waits for all together: those who have their share and more give it back, and nobody else.
func TestOutboxTotal(t *testing.T) {
	bubble(t, hub.Options{Topics: policies, Limits: hub.Limits{OutboxTotal: 20_000}}, func(t *testing.T, h *hub.Hub) {
		greedy, modest := connect(t, h, plain, ""), connect(t, h, plain, "")
		greedy.subscribe(t, hub.Subscribe{Filter: broker.Exact("drop/a")})
		modest.subscribe(t, hub.Subscribe{Filter: broker.Exact("cut/a")})
		greedy.stall()
		modest.stall()
		for range 3 {
			publish(t, h, "cut/a", "x")
			synctest.Wait()
		}
		body := strings.Repeat("x", 1000)
		for range 50 {
			publish(t, h, "drop/a", body)
			synctest.Wait()
		}
		publish(t, h, "cut/a", "x")
		synctest.Wait()
		if n := h.Waiting(); n == 0 || n > 21_000 {
			t.Errorf("%d bytes wait", n)
		}
		greedy.move()
		modest.move()
		synctest.Wait()
		modest.expect(t, "ok cut/a at 0", "cut/a:1 x", "cut/a:2 x", "cut/a:3 x", "cut/a:4 x")
		if greedy.closed() != nil || modest.closed() != nil {
			t.Errorf("closed: %v, %v", greedy.closed(), modest.closed())
		}
	})
}

// What waits is of more topics than there is room for notices, so the client has to come back.
func TestTooManyTopicsWait(t *testing.T) {
	bubble(t, small(10_000, 50), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: pattern("drop/*")})
		c.stall()
		for i := range 200 {
			publish(t, h, fmt.Sprintf("drop/%d", i), "x")
		}
		synctest.Wait()
		c.move()
		synctest.Wait()
		if r := c.closed(); r == nil || r.Code != hub.SlowConsumer || !r.Reconnect {
			t.Errorf("closed: %+v", r)
		}
	})
}

func BenchmarkStalled(b *testing.B) {
	for name, topic := range map[string]string{"drop": "drop/a", "conflate": "conflate/a"} {
		b.Run(name, func(b *testing.B) {
			h, err := hub.New(hub.Options{Topics: policies})
			if err != nil {
				b.Fatal(err)
			}
			defer h.Close()
			c := &client{}
			s, err := h.Connect(b.Context(), hub.Connect{Codec: plain, Sink: c})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Subscribe(b.Context(), hub.Subscribe{Filter: broker.Exact(topic)}); err != nil {
				b.Fatal(err)
			}
			c.stall()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := h.Publish(b.Context(), &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte("x"), Key: fmt.Sprint(i)}); err != nil {
					b.Fatal(err)
				}
			}
			c.move()
		})
	}
}

// Who waits for messages of more topics than messages may wait is told of the gap in each.
func TestGapsOfManyTopics(t *testing.T) {
	const topics, rounds = 100, 5
	bubble(t, small(1<<20, 10), func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: pattern("drop/**")})
		c.take()
		c.stall()
		publish(t, h, "drop/first", "1") // is being sent
		synctest.Wait()
		for range rounds {
			for i := range topics {
				publish(t, h, fmt.Sprint("drop/", i), "x")
			}
		}
		c.move()
		synctest.Wait()
		if r := c.closed(); r != nil {
			t.Fatalf("closed with %+v", r)
		}
		at := map[string]int{}
		got := c.take()
		for _, s := range got {
			var a, b, n int
			head, rest, _ := strings.Cut(strings.TrimPrefix(s, "gap "), ":")
			if strings.HasPrefix(s, "gap ") {
				if _, err := fmt.Sscanf(rest, "%d-%d slow n=%d", &a, &b, &n); err != nil || n != b-a {
					t.Fatalf("%s: %v", s, err)
				}
			} else if _, err := fmt.Sscanf(rest, "%d", &b); err != nil {
				t.Fatalf("%s: %v", s, err)
			} else {
				a = b - 1
			}
			if at[head] != a {
				t.Errorf("%s after %d", s, at[head])
			}
			at[head] = b
		}
		for i := range topics {
			if n := at[fmt.Sprint("drop/", i)]; n != rounds {
				t.Errorf("of topic %d it heard up to %d", i, n)
			}
		}
		if h.Waiting() != 0 || len(got) > topics*2 {
			t.Errorf("%d frames, and %d bytes wait", len(got), h.Waiting())
		}
	})
}
