package hook

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{answer: always(200, `{"allow":true,"cache":60}`)}
		who := asks(t, a, Options{CacheEntries: 3}, everything)
		access := func(session, user, claims string, action hub.Action, topic broker.Filter) *hub.Access {
			return &hub.Access{Session: hub.SessionInfo{ID: session}, Identity: &hub.Identity{User: user, Claims: json.RawMessage(claims)},
				Action: action, Topics: topic, Method: "m", Message: &broker.Message{Kind: broker.Text}}
		}
		// ask fails the test unless the application is asked if want says so.
		ask := func(x *hub.Access, want bool) error {
			t.Helper()
			before := a.count()
			err := who.Allow(t.Context(), x)
			if asked := a.count() > before; asked != want {
				t.Errorf("asked: %v, want %v", asked, want)
			}
			return err
		}
		topic := broker.Exact("a/*")
		_ = ask(access("1", "ann", "{}", hub.ActSubscribe, topic), true)
		_ = ask(access("2", "ann", "{}", hub.ActSubscribe, topic), false)
		_ = ask(access("2", "ann", "{}", hub.ActHistory, topic), false)
		time.Sleep(59 * time.Second)
		_ = ask(access("1", "ann", "{}", hub.ActSubscribe, topic), false)
		time.Sleep(2 * time.Second)
		_ = ask(access("1", "ann", "{}", hub.ActSubscribe, topic), true)

		for _, other := range []*hub.Access{
			access("1", "bob", "{}", hub.ActSubscribe, topic),
			access("1", "ann", `{"admin":true}`, hub.ActSubscribe, topic),
			access("1", "ann", "", hub.ActSubscribe, topic),
			access("1", "ann{}", "", hub.ActSubscribe, topic),
			access("1", "ann", "{}", hub.ActSubscribe, broker.Filter{Type: broker.Level, Name: "a"}),
			access("1", "ann", "{}", hub.ActPresence, topic),
			access("1", "ann", "{}", hub.ActPublish, topic),
			access("1", "ann", "{}", hub.ActCall, topic),
			access("1", "", "", hub.ActSubscribe, topic),
			access("2", "", "", hub.ActSubscribe, topic),
		} {
			if err := ask(other, true); err != nil {
				t.Error(err)
			}
			_ = ask(other, false)
		}
		// Three are kept, those that were used last.
		_ = ask(access("1", "ann", "{}", hub.ActSubscribe, topic), true)
		_ = ask(access("2", "", "", hub.ActSubscribe, topic), false)
		_ = ask(access("1", "", "", hub.ActSubscribe, topic), false)
		_ = ask(access("1", "bob", "{}", hub.ActSubscribe, topic), true)
		_ = ask(access("1", "ann", "{}", hub.ActSubscribe, topic), true)
		if n := who.client.cache.order.Len(); n != 3 || len(who.client.cache.entries) != 3 {
			t.Errorf("%d are kept", n)
		}

		// A denial is kept as well, and a failure never is.
		a.answer = always(200, `{"allow":false,"text":"no","cache":0.5}`)
		x := access("1", "eve", "{}", hub.ActSubscribe, topic)
		wantError(t, ask(x, true), hub.Forbidden, "")
		wantError(t, ask(x, false), hub.Forbidden, "")
		time.Sleep(time.Second)
		a.answer = always(500, "")
		wantError(t, ask(x, true), hub.Unavailable, "")
		wantError(t, ask(x, true), hub.Unavailable, "")
		a.answer = always(403, "")
		wantError(t, ask(x, true), hub.Forbidden, "")
		wantError(t, ask(x, true), hub.Forbidden, "")
		a.answer = always(200, `{"allow":true}`)
		_ = ask(x, true)
		_ = ask(x, true)

		// An hour is the most.
		a.answer = always(200, `{"allow":true,"cache":1e300}`)
		_ = ask(x, true)
		time.Sleep(maxCache - time.Second)
		_ = ask(x, false)
		time.Sleep(2 * time.Second)
		_ = ask(x, true)

		// Who connects is asked about each time.
		for range 2 {
			before := a.count()
			if _, err := who.Connect(t.Context(), &hub.Credentials{}); err != nil || a.count() != before+1 {
				t.Errorf("%v, asked %d times", err, a.count()-before)
			}
		}
	})
}

func TestCacheByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &app{}
		who := asks(t, a, Options{Cache: time.Minute}, everything)
		for _, test := range []struct {
			action hub.Action
			answer string
			asked  int
		}{
			{hub.ActSubscribe, `{"allow":true}`, 1},
			{hub.ActPresence, `{"allow":false}`, 1},
			{hub.ActPublish, `{"allow":true}`, 2},
			{hub.ActCall, `{"allow":true}`, 2},
			{hub.ActSubscribe, `{"allow":true,"cache":0}`, 2},
		} {
			a.answer = always(200, test.answer)
			before := a.count()
			for range 2 {
				_ = who.Allow(t.Context(), &hub.Access{Session: ann, Action: test.action, Topics: broker.Exact(fmt.Sprint(before))})
			}
			if n := a.count() - before; n != test.asked {
				t.Errorf("%s %s: asked %d times, want %d", test.action, test.answer, n, test.asked)
			}
		}
	})
	off := newCache(-1)
	off.put(key{}, nil, time.Hour)
	if _, ok := off.get(key{}); ok {
		t.Error("it was kept")
	}
}
