package hub_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestSnapshot(t *testing.T) {
	o := hub.Options{Authoriser: users{}, Node: "here", Topics: []hub.Topic{{Pattern: "**", Presence: true, History: broker.Retention{Count: 2}}}}
	bubble(t, o, func(t *testing.T, h *hub.Hub) {
		if h.Node() != "here" || h.Len() != 0 || len(h.Sessions(broker.Target{}, 10)) != 0 {
			t.Error("a new hub is not empty")
		}
		var list []*client
		for i := range 5 {
			list = append(list, connect(t, h, plain, fmt.Sprintf("user%d", i%2)))
			time.Sleep(time.Second)
		}
		list[0].subscribe(t, hub.Subscribe{Filter: pattern("**")})
		list[0].subscribe(t, hub.Subscribe{Filter: broker.Exact("b")})
		list[1].subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		list[1].stall()
		list[2].enter(t, "a", "")
		publish(t, h, "a", "1")
		synctest.Wait() // it is being sent
		publish(t, h, "a", "2", "3")
		publish(t, h, "b", "1")
		synctest.Wait()

		all := h.Sessions(broker.Target{}, 100)
		if len(all) != 5 {
			t.Fatalf("%+v", all)
		}
		for i, s := range all { // the oldest first
			if s.ID != list[i].ID() || s.Node != "here" || s.User != fmt.Sprintf("user%d", i%2) || s.Dialect != "test" || s.Transport != "memory" {
				t.Errorf("%d: %+v", i, s)
			}
		}
		if all[0].Subscriptions != 2 || all[0].Waiting != 0 || all[1].Subscriptions != 1 || all[1].Waiting == 0 || int64(all[1].Waiting) != h.Waiting() {
			t.Errorf("%+v\n%+v", all[0], all[1])
		}
		for _, test := range []struct {
			target broker.Target
			limit  int
			want   int
		}{
			{broker.Target{}, 2, 2},
			{broker.Target{}, 0, 0},
			{broker.Target{}, -1, 0},
			{broker.Target{User: "user1"}, 10, 2},
			{broker.Target{Topic: "a"}, 10, 2},
			{broker.Target{Topic: "a", User: "user1"}, 10, 1},
			{broker.Target{Node: "there"}, 10, 0},
			{broker.Target{Session: list[3].ID()}, 10, 1},
		} {
			if got := h.Sessions(test.target, test.limit); len(got) != test.want {
				t.Errorf("%+v: %+v", test.target, got)
			}
		}
		if h.Session(list[3].ID()) != list[3].Session || h.Session("x") != nil {
			t.Error("a session is not found by its id")
		}
		if got := fmt.Sprint(list[0].Subscriptions()); got != "[b **]" {
			t.Error(got)
		}

		topics, err := h.Topics(t.Context(), pattern("**"), 10)
		if err != nil || len(topics) != 2 {
			t.Fatalf("%+v: %v", topics, err)
		}
		if a := topics[0]; a.Name != "a" || a.Tail.Offset != 3 || a.Retained != 2 || a.Bytes != 2 || a.Present != 1 || a.Subscribers != 2 {
			t.Errorf("%+v", a)
		}
		if b := topics[1]; b.Name != "b" || b.Subscribers != 2 {
			t.Errorf("%+v", b)
		}
		for limit, want := range map[int]int{1: 1, 0: 0, -1: 0} {
			if topics, err := h.Topics(t.Context(), pattern("*"), limit); err != nil || len(topics) != want {
				t.Errorf("%d: %+v: %v", limit, topics, err)
			}
		}
		list[1].move()
	})
}

// Whoever resumes a pattern is told if it matches more topics than are listed: something may be missing.
func TestPatternOfManyTopics(t *testing.T) {
	o := hub.Options{Limits: hub.Limits{PatternTopics: 3, ReplayBytes: 10, ReplayCount: 4}, Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 10}}}}
	bubble(t, o, func(t *testing.T, h *hub.Hub) {
		at := map[string]broker.Position{}
		for _, topic := range []string{"a/1", "a/2", "a/3"} {
			at[topic] = publish(t, h, topic, "x")
		}
		resume := func() hub.Subscribed {
			t.Helper()
			c := connect(t, h, plain, "")
			defer c.Session.Close(hub.Reason{Code: hub.GoingAway})
			return c.subscribe(t, hub.Subscribe{Filter: pattern("a/*"), Positions: at})
		}
		if r := resume(); !r.Recovered || r.Replayed != 0 || len(r.Topics) != 3 {
			t.Errorf("%+v", r)
		}
		publish(t, h, "a/1", "x", "x")
		if r := resume(); !r.Recovered || r.Replayed != 2 {
			t.Errorf("%+v", r)
		}
		// Too many messages, or bytes, for all topics together: what has no room is not recovered, the rest is.
		publish(t, h, "a/2", "x", "x", "x")
		if r := resume(); r.Recovered || r.Topics["a/1"].Recovered == r.Topics["a/2"].Recovered || !r.Topics["a/3"].Recovered {
			t.Errorf("%+v", r)
		}
		at["a/2"] = publish(t, h, "a/2", "x")
		publish(t, h, "a/3", "eight...")
		if r := resume(); !r.Recovered || r.Replayed != 3 {
			t.Errorf("%+v", r)
		}
		publish(t, h, "a/2", "three")
		if r := resume(); r.Recovered || r.Topics["a/2"].Recovered && r.Topics["a/3"].Recovered {
			t.Errorf("%+v", r)
		}
		at["a/2"] = publish(t, h, "a/2", "x")
		publish(t, h, "a/4", "x")
		if r := resume(); r.Recovered || len(r.Topics) > 4 {
			t.Errorf("%+v", r)
		}
		c := connect(t, h, plain, "")
		at["b"] = broker.Position{}
		delete(at, "a/1")
		_, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: pattern("a/*"), Positions: at})
		wantCode(t, err, hub.BadRequest)
		at["a/5"] = broker.Position{}
		_, err = c.Subscribe(t.Context(), hub.Subscribe{Filter: pattern("a/*"), Positions: at})
		wantCode(t, err, hub.LimitReached)
	})
}
