package hub_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
)

// twoHubs runs a test with two nodes that share a broker.
func twoHubs(t *testing.T, o hub.Options, test func(t *testing.T, a, b *hub.Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(memory.Options{})
		t.Cleanup(func() { b.Close() })
		o.Broker = b
		test(t, newHub(t, o), newHub(t, o))
	})
}

// Whoever is named is reached, wherever it is, and nobody else.
func TestTargets(t *testing.T) {
	twoHubs(t, hub.Options{Authoriser: users{}}, func(t *testing.T, a, b *hub.Hub) {
		here, there, other := connect(t, a, plain, "ann"), connect(t, b, plain, "ann"), connect(t, b, plain, "bob")
		there.subscribe(t, hub.Subscribe{Filter: pattern("room/*")})
		all := []*client{here, there, other}
		for i, test := range []struct {
			target broker.Target
			want   string
		}{
			{broker.Target{Session: here.ID()}, "here"},
			{broker.Target{Session: there.ID()}, "there"},
			{broker.Target{Session: there.ID(), User: "bob"}, ""},
			{broker.Target{User: "ann"}, "here there"},
			{broker.Target{User: "ann", Node: b.Node()}, "there"},
			{broker.Target{User: "ann", Topic: "room/1"}, "there"},
			{broker.Target{Topic: "room/1"}, "there"},
			{broker.Target{Topic: "room"}, ""},
			{broker.Target{Node: b.Node()}, "there other"},
			{broker.Target{User: "nobody"}, ""},
			{broker.Target{Session: "none"}, ""},
		} {
			f := broker.Exact(fmt.Sprint("topic ", i))
			if err := a.Subscribe(t.Context(), test.target, f); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			got := ""
			for j, c := range all {
				for _, s := range c.take() {
					if s == "subscribed by the server to "+f.Name {
						if got != "" {
							got += " "
						}
						got += []string{"here", "there", "other"}[j]
					}
				}
			}
			if got != test.want {
				t.Errorf("%+v reaches %q, want %q", test.target, got, test.want)
			}
		}
		wantCode(t, a.Subscribe(t.Context(), broker.Target{}, broker.Exact("x")), hub.BadRequest)
		wantCode(t, a.Disconnect(t.Context(), broker.Target{}, hub.Reason{}), hub.BadRequest)
		wantCode(t, a.Subscribe(t.Context(), broker.Target{User: "ann"}, broker.Exact("")), hub.BadRequest)
	})
}

func TestServerSubscribes(t *testing.T) {
	o := hub.Options{Authoriser: users{}, Limits: hub.Limits{Subscriptions: 1}, Topics: []hub.Topic{{Pattern: "**", MaySubscribe: hub.Nobody}}}
	twoHubs(t, o, func(t *testing.T, a, b *hub.Hub) {
		c := connect(t, b, plain, "ann")
		ann := broker.Target{User: "ann"}
		// Also prefixes that end within a character, more than a client may have, and what it may not have by itself.
		cut := "caf\xc3"
		for _, f := range []broker.Filter{broker.Exact("a"), broker.Exact("a"), pattern("b/**"), broker.Prefix(cut)} {
			if err := a.Subscribe(t.Context(), ann, f); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		publish(t, a, "a", "1")
		publish(t, a, "b/c", "1")
		publish(t, a, "caf\u00e9", "1")
		synctest.Wait()
		c.expect(t, "subscribed by the server to a", "subscribed by the server to b/**", "subscribed by the server to "+cut+"...",
			"a:1 1", "b/c:1 1 by b/**", "caf\u00e9:1 1 by "+cut+"...")
		for _, f := range []broker.Filter{broker.Exact("a"), broker.Exact("none"), broker.Prefix(cut)} {
			if err := a.Unsubscribe(t.Context(), ann, f); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		publish(t, a, "a", "2")
		publish(t, a, "caf\u00e9", "2")
		publish(t, a, "b/c", "2")
		synctest.Wait()
		c.expect(t, "unsubscribed from a: disconnected", "unsubscribed from "+cut+"...: disconnected", "b/c:2 2 by b/**")
	})
}

// terse has no words for the end of a subscription.
type terse struct{ lines }

func (*terse) Unsubscribed(broker.Filter, *hub.Error) (hub.Frame, bool) { return hub.Frame{}, false }

// A client that cannot be told that a subscription has ended does not go on without knowing.
func TestUnsubscribedWithoutWords(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, &terse{}, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		for _, topic := range []string{"b", "a"} {
			if c.closed() != nil {
				t.Error("ended for what it was not subscribed to")
			}
			if err := h.Unsubscribe(t.Context(), broker.Target{Session: c.ID()}, broker.Exact(topic)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if r := c.closed(); r == nil || r.Code != hub.Disconnected || !r.Reconnect {
			t.Errorf("closed with %+v", r)
		}
	})
}

// What the application orders holds in the order in which it does.
func TestCommandsKeepTheirOrder(t *testing.T) {
	h := newHub(t, hub.Options{Authoriser: users{}})
	var list []*client
	got := make([][]byte, 20)
	for i := range got {
		c := connect(t, h, plain, "ann")
		c.Forwarded(func(data []byte) { got[i] = append(got[i], data...) })
		list = append(list, c)
	}
	want := ""
	for i := range 51 {
		do := h.Subscribe
		if i%2 == 1 {
			do = h.Unsubscribe
		}
		if err := do(t.Context(), broker.Target{User: "ann"}, broker.Exact("a")); err != nil {
			t.Fatal(err)
		}
		if err := h.Refresh(t.Context(), broker.Target{User: "ann"}, hub.Identity{Rate: float64(i)}); err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprint(i)
		for _, c := range list {
			if err := h.Forward(t.Context(), c.ID(), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, c := range list {
		done := make(chan bool)
		c.Forwarded(func([]byte) { close(done) })
		if err := h.Forward(t.Context(), c.ID(), nil); err != nil {
			t.Fatal(err)
		}
		<-done
		if string(got[i]) != want {
			t.Errorf("client %d was handed %s", i, got[i])
		}
		if r := c.Identity().Rate; r != 50 {
			t.Errorf("client %d has rate %v", i, r)
		}
	}
	if err := h.Close(); err != nil { // waits for the rest
		t.Error(err)
	}
	for i, c := range list {
		lines := c.take()
		for j, s := range lines {
			if want := []string{"subscribed by the server to a", "unsubscribed from a: disconnected"}[j%2]; s != want {
				t.Fatalf("client %d, frame %d: %s", i, j, s)
			}
		}
	}
}

// Commands that wait are bounded, and who knows the id of a session cannot end it by them.
func TestForwardIsBounded(t *testing.T) {
	bubble(t, hub.Options{Limits: hub.Limits{OutboxBytes: 1000}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		if err := h.Forward(t.Context(), c.ID(), []byte("nobody takes it")); err != nil {
			t.Error(err)
		}
		go_, n := make(chan bool), 0
		c.Forwarded(func(data []byte) {
			<-go_
			n++
		})
		for range 50 {
			if err := h.Forward(t.Context(), c.ID(), make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		close(go_)
		synctest.Wait()
		if n != 11 || c.closed() != nil { // one under way, ten waiting
			t.Errorf("%d were handed over; closed with %+v", n, c.closed())
		}
	})
}

func TestDisconnect(t *testing.T) {
	twoHubs(t, hub.Options{Authoriser: users{}}, func(t *testing.T, a, b *hub.Hub) {
		c, d, e := connect(t, a, plain, "ann"), connect(t, b, plain, "ann"), connect(t, b, plain, "bob")
		c.stall()
		c.Session.Send(line("waits"))
		if err := b.Disconnect(t.Context(), broker.Target{User: "ann"}, hub.Reason{Text: "enough"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.move()
		synctest.Wait()
		for _, c := range []*client{c, d} {
			if r := c.closed(); r == nil || r.Code != hub.Disconnected || r.Text != "enough" || r.Reconnect {
				t.Errorf("closed with %+v", r)
			}
		}
		if err := a.Disconnect(t.Context(), broker.Target{Session: e.ID()}, hub.Reason{Code: hub.GoingAway, Reconnect: true, After: time.Second}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := e.closed(); r == nil || *r != (hub.Reason{Code: hub.GoingAway, Reconnect: true, After: time.Second}) {
			t.Errorf("closed with %+v", r)
		}
		if a.Len()+b.Len() != 0 {
			t.Errorf("%d and %d sessions", a.Len(), b.Len())
		}
	})
}

// The application gives a session other rights, and takes them back.
func TestServerRefreshes(t *testing.T) {
	o := hub.Options{Authoriser: users{}, Topics: []hub.Topic{{Pattern: "**", MaySubscribe: hub.Named, MayPublish: hub.Named}}, Limits: hub.Limits{ExpiryGrace: -1}}
	twoHubs(t, o, func(t *testing.T, a, b *hub.Hub) {
		c := connect(t, b, plain, "ann")
		ann := broker.Target{User: "ann"}
		_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")})
		wantCode(t, err, hub.Forbidden)
		until := time.Now().Add(time.Minute)
		id := hub.Identity{
			User: "mallory", Claims: []byte(`{"a":1}`), Expires: until, Producer: "p", Rate: 5, Burst: 2,
			Subscribe: []broker.Filter{broker.Exact("a"), broker.Prefix("\xc3")}, Publish: []broker.Filter{pattern("b/*")},
		}
		if err := a.Refresh(t.Context(), ann, id); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := c.Identity()
		if got.User != "ann" || string(got.Claims) != `{"a":1}` || !got.Expires.Equal(until) || got.Producer != "p" || got.Rate != 5 || got.Burst != 2 {
			t.Errorf("%+v", got)
		}
		if len(got.Subscribe) != 2 || got.Subscribe[1] != id.Subscribe[1] || got.Data != nil {
			t.Errorf("%+v", got)
		}
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		if _, err := c.Publish(t.Context(), text("b/1", "")); err != nil {
			t.Error(err)
		}
		if err := a.Refresh(t.Context(), ann, hub.Identity{Expires: until}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		publish(t, a, "a", "1")
		synctest.Wait()
		c.expect(t, "ok a at 0", "unsubscribed from a: forbidden")
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := c.closed(); r == nil || r.Code != hub.Expired {
			t.Errorf("closed with %+v", r)
		}
		d := connect(t, b, plain, "ann")
		if err := a.Refresh(t.Context(), ann, hub.Identity{Expires: time.Now()}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := d.closed(); r == nil || r.Code != hub.Expired {
			t.Errorf("closed with %+v", r)
		}
	})
}

// Commands that are not understood do no harm.
func TestUnknownCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(memory.Options{})
		t.Cleanup(func() { b.Close() })
		h := newHub(t, hub.Options{Broker: b, Node: "one"})
		if other, err := hub.New(hub.Options{Broker: b, Node: "one"}); err == nil {
			other.Close()
			t.Error("two nodes have one name")
		}
		n, err := b.Attach(context.Background(), "two", deaf{})
		if err != nil {
			t.Fatal(err)
		}
		c := connect(t, h, plain, "")
		for _, cmd := range []broker.Command{{Op: "dance"}, {Op: "refresh"}, {Op: "subscribe", Args: []byte("{")}, {Op: "disconnect", Args: []byte(`"x"`)}} {
			if err := n.Send(t.Context(), broker.Target{}, cmd); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if c.closed() != nil || len(c.Subscriptions()) != 0 {
			t.Errorf("closed with %+v", c.closed())
		}
	})
}

// deaf is a Receiver that does nothing.
type deaf struct{}

func (deaf) Message(*broker.Message)               {}
func (deaf) Gap(broker.Gap)                        {}
func (deaf) Presence(string, broker.Diff)          {}
func (deaf) Command(broker.Target, broker.Command) {}
