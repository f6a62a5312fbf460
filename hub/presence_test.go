package hub_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func (c *client) enter(t *testing.T, topic, meta string) broker.Member {
	t.Helper()
	m, err := c.Enter(t.Context(), topic, json.RawMessage(meta))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// present returns who is present in a topic.
func present(t *testing.T, h *hub.Hub, topic string) string {
	t.Helper()
	list, err := h.Members(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, m := range list {
		s = append(s, m.Key+string(m.Meta))
	}
	return strings.Join(s, " ")
}

func TestPresence(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub) {
		watch, blind := connect(t, h, plain, ""), connect(t, h, plain, "")
		r := watch.subscribe(t, hub.Subscribe{Filter: broker.Exact("room"), Presence: true})
		blind.subscribe(t, hub.Subscribe{Filter: broker.Exact("room")})
		if len(r.Members) != 0 {
			t.Errorf("%+v", r.Members)
		}
		desk, phone, bob := connect(t, h, plain, "ann"), connect(t, h, plain, "ann"), connect(t, h, plain, "bob")
		a := desk.enter(t, "room", `{"on":"desk"}`)
		b := phone.enter(t, "room", `{"on":"phone"}`)
		bob.enter(t, "room", "")
		if a.Key != "ann" || b.Key != "ann" || a.Ref == b.Ref || a.Session != desk.ID() || a.Node != h.Node() || a.Since.IsZero() {
			t.Errorf("%+v\n%+v", a, b)
		}
		if again := desk.enter(t, "room", `{"on":"desk","busy":true}`); again.Ref != a.Ref || !again.Since.Equal(a.Since) {
			t.Errorf("%+v after %+v", again, a)
		}
		desk.enter(t, "room", `{"on":"desk","busy":true}`) // changes nothing
		if err := bob.Leave(t.Context(), "room"); err != nil {
			t.Error(err)
		}
		wantCode(t, bob.Leave(t.Context(), "room"), hub.NotFound)
		synctest.Wait()
		watch.expect(t, "ok room at 0", `presence room +ann{"on":"desk"}`, `presence room +ann{"on":"phone"}`, "presence room +bob",
			`presence room -ann{"on":"desk"} +ann{"on":"desk","busy":true}`, "presence room -bob")
		blind.expect(t, "ok room at 0")
		late := connect(t, h, plain, "")
		if r := late.subscribe(t, hub.Subscribe{Filter: broker.Exact("room"), Presence: true}); len(r.Members) != 2 {
			t.Errorf("%+v", r.Members)
		}
		if list, err := late.Members(t.Context(), "room"); err != nil || len(list) != 2 {
			t.Errorf("%+v: %v", list, err)
		}
		// Who is nobody in particular goes by the session.
		if m := late.enter(t, "room", "{}"); m.Key != late.ID() {
			t.Errorf("%+v", m)
		}
	})
}

// Those who watch a pattern are told once, too, whatever else they are subscribed to.
func TestPresenceByPattern(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub) {
		watch := connect(t, h, plain, "")
		watch.subscribe(t, hub.Subscribe{Filter: broker.Exact("r/1")})
		watch.subscribe(t, hub.Subscribe{Filter: pattern("r/*"), Presence: true})
		watch.subscribe(t, hub.Subscribe{Filter: pattern("**"), Presence: true})
		watch.take()
		ann := connect(t, h, plain, "ann")
		ann.enter(t, "r/1", "")
		ann.enter(t, "other", "")
		watch.Unsubscribe(pattern("r/*"))
		watch.Unsubscribe(pattern("**"))
		ann.enter(t, "r/2", "")
		synctest.Wait()
		watch.expect(t, "presence r/1 +ann", "presence other +ann")
	})
}

// Whoever is back within the grace has never been away, and is the same as before.
func TestPresenceFlap(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{PresenceGrace: 3 * time.Second}}, func(t *testing.T, h *hub.Hub) {
		watch := connect(t, h, plain, "")
		watch.subscribe(t, hub.Subscribe{Filter: broker.Exact("room"), Presence: true})
		first := connect(t, h, plain, "ann")
		was := first.enter(t, "room", `{"n":1}`)
		watch.expect(t, "ok room at 0", `presence room +ann{"n":1}`)
		for range 5 { // each time the grace begins anew
			first.Session.Close(hub.Reason{Code: hub.GoingAway})
			time.Sleep(2 * time.Second)
			first = connect(t, h, plain, "ann")
			now := first.enter(t, "room", `{"n":1}`)
			if now.Ref != was.Ref || now.Session != first.ID() || !now.Since.Equal(was.Since) {
				t.Errorf("%+v after %+v", now, was)
			}
			synctest.Wait()
			watch.expect(t)
		}
		if list, _ := h.Members(t.Context(), "room"); len(list) != 1 || list[0].Session != first.ID() {
			t.Errorf("%+v", list)
		}
		// With something else to say it is a change.
		first.Session.Close(hub.Reason{Code: hub.GoingAway})
		second := connect(t, h, plain, "ann")
		if now := second.enter(t, "room", `{"n":2}`); now.Ref != was.Ref {
			t.Errorf("%+v after %+v", now, was)
		}
		synctest.Wait()
		watch.expect(t, `presence room -ann{"n":1} +ann{"n":2}`)
		// Who does not come back in time has left.
		second.Session.Close(hub.Reason{Code: hub.Disconnected})
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		watch.expect(t)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		watch.expect(t, `presence room -ann{"n":2}`)
		if now := connect(t, h, plain, "ann").enter(t, "room", ""); now.Ref == was.Ref {
			t.Error("the same after having left")
		}
		watch.expect(t, "presence room +ann")
	})
}

// Of several that are gone, the one with the same to say comes back.
func TestPresenceFlapOfSeveral(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h *hub.Hub) {
		refs := map[string]string{}
		var tabs []*client
		for i := range 3 {
			c := connect(t, h, plain, "ann")
			meta := fmt.Sprintf(`{"tab":%d}`, i)
			refs[meta] = c.enter(t, "room", meta).Ref
			tabs = append(tabs, c)
		}
		for _, c := range tabs {
			c.Session.Close(hub.Reason{Code: hub.GoingAway})
		}
		for _, meta := range []string{`{"tab":1}`, `{"tab":2}`, `{"tab":0}`} {
			if got := connect(t, h, plain, "ann").enter(t, "room", meta).Ref; got != refs[meta] {
				t.Errorf("%s is another", meta)
			}
		}
		time.Sleep(time.Minute)
		if got := present(t, h, "room"); strings.Count(got, "ann") != 3 {
			t.Errorf("present: %s", got)
		}
	})
}

func TestPresenceWithoutGrace(t *testing.T) {
	bubble(t, hub.Options{Authoriser: users{}, Limits: hub.Limits{PresenceGrace: -1}}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "ann")
		c.enter(t, "room", "")
		c.Session.Close(hub.Reason{Code: hub.GoingAway})
		synctest.Wait()
		if got := present(t, h, "room"); got != "" {
			t.Errorf("present: %s", got)
		}
	})
}

// With the hub all of its members leave at once, those in the grace, too.
func TestPresenceEndsWithTheHub(t *testing.T) {
	twoHubs(t, hub.Options{Authoriser: users{}}, func(t *testing.T, h, other *hub.Hub) {
		watch := connect(t, other, plain, "")
		watch.subscribe(t, hub.Subscribe{Filter: broker.Exact("room"), Presence: true})
		gone := connect(t, h, plain, "ann")
		gone.enter(t, "room", "")
		gone.Session.Close(hub.Reason{Code: hub.GoingAway})
		connect(t, h, plain, "bob").enter(t, "room", "")
		connect(t, other, plain, "cid").enter(t, "room", "")
		synctest.Wait()
		watch.take()
		h.Close()
		synctest.Wait()
		if got := present(t, other, "room"); got != "cid" {
			t.Errorf("present: %s", got)
		}
		time.Sleep(time.Minute)
		if got := strings.Join(watch.take(), " "); !strings.Contains(got, "-ann") || !strings.Contains(got, "-bob") || strings.Contains(got, "cid") {
			t.Errorf("told %s", got)
		}
	})
}

func TestPresenceRefused(t *testing.T) {
	bubble(t, hub.Options{
		Topics: []hub.Topic{{Pattern: "none"}, {Pattern: "closed", Presence: true, MaySeePresence: hub.Nobody}}, Limits: hub.Limits{Subscriptions: 2},
	}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		for _, topic := range []string{"none", "closed"} {
			_, err := c.Enter(t.Context(), topic, nil)
			wantCode(t, err, hub.Forbidden)
			_, err = c.Members(t.Context(), topic)
			wantCode(t, err, hub.Forbidden)
			_, err = c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact(topic), Presence: true})
			wantCode(t, err, hub.Forbidden)
		}
		for meta, want := range map[string]hub.Code{
			"null": hub.BadRequest, "1": hub.BadRequest, "[]": hub.BadRequest, "{": hub.BadRequest, " ": hub.BadRequest,
			`{"a":"` + strings.Repeat("x", 5000) + `"}`: hub.TooLarge,
		} {
			_, err := c.Enter(t.Context(), "a", json.RawMessage(meta))
			wantCode(t, err, want)
		}
		_, err := c.Enter(t.Context(), "", nil)
		wantCode(t, err, hub.BadRequest)
		_, err = c.Members(t.Context(), "\xff")
		wantCode(t, err, hub.BadRequest)
		c.enter(t, "a", "")
		c.enter(t, "b", " {}")
		c.enter(t, "a", "{}")
		_, err = c.Enter(t.Context(), "c", nil)
		wantCode(t, err, hub.LimitReached)
	})
}
