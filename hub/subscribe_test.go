package hub_test

import (
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func bubble(t *testing.T, o hub.Options, test func(t *testing.T, h *hub.Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newHub(t, o)) })
}

func TestSubscribe(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		publish(t, h, "a", "before")
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		publish(t, h, "a", "one", "two")
		publish(t, h, "b", "other")
		synctest.Wait()
		c.expect(t, "ok a at 1", "a:2 one", "a:3 two")
		if err := c.Unsubscribe(broker.Exact("a")); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "a", "after")
		synctest.Wait()
		c.expect(t)
		if err := c.Unsubscribe(broker.Exact("a")); hub.AsError(err).Code != hub.NotFound {
			t.Errorf("unsubscribing twice: %v", err)
		}
	})
}

func TestResume(t *testing.T) {
	bubble(t, hub.Options{Topics: []hub.Topic{{Pattern: "a", History: broker.Retention{Count: 3}}}}, func(t *testing.T, h *hub.Hub) {
		at := publish(t, h, "a", "1")
		publish(t, h, "a", "2", "3")
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a"), Since: at})
		publish(t, h, "a", "4")
		synctest.Wait()
		c.expect(t, "ok a at 3 recovered=true", "a:2 2", "a:3 3", "a:4 4")
		c.Unsubscribe(broker.Exact("a"))
		publish(t, h, "a", "5")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a"), Since: at})
		synctest.Wait()
		c.expect(t, "ok a at 5 recovered=false")
		c.Unsubscribe(broker.Exact("a"))
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a"), Since: broker.Position{Epoch: "other", Offset: 5}})
		c.expect(t, "ok a at 5 recovered=false")
		c.Unsubscribe(broker.Exact("a"))
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a"), History: 2})
		c.expect(t, "ok a at 5", "a:4 4", "a:5 5")
	})
}

func TestPatterns(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		first := publish(t, h, "a/b", "1")
		publish(t, h, "a/c", "1")
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: pattern("a/*")})
		c.subscribe(t, hub.Subscribe{Filter: pattern("a/**")})
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a/b")})
		publish(t, h, "a/b", "2")
		publish(t, h, "a/d/e", "1")
		publish(t, h, "a", "not below itself")
		synctest.Wait()
		c.expect(t, "ok a/* at 0", "ok a/** at 0", "ok a/b at 1", "a/b:2 2 by a/b by a/* by a/**", "a/d/e:1 1 by a/**")

		d := connect(t, h, plain, "")
		r := d.subscribe(t, hub.Subscribe{Filter: pattern("a/*"), Positions: map[string]broker.Position{"a/b": first}})
		d.expect(t, "ok a/* at 0 recovered=false", "a/b:2 2 by a/*")
		if !r.Topics["a/b"].Recovered || r.Topics["a/c"].Recovered {
			t.Errorf("topics %+v", r.Topics)
		}
	})
}
