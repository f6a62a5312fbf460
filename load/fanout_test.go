package load

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// room sends what one publishes to all, after what deliver does with it: it returns the messages that a member gets.
func room(deliver func(member, n int, p []byte) [][]byte) func(*ws.Conn) error {
	var mu sync.Mutex
	var members []*ws.Conn
	n := 0
	return func(c *ws.Conn) error {
		mu.Lock()
		members = append(members, c)
		mu.Unlock()
		return c.Run(c.Context(), ws.Events{Message: func(_ *ws.Conn, t ws.Type, p []byte) error {
			mu.Lock()
			defer mu.Unlock()
			for i, m := range members {
				for _, q := range deliver(i, n, p) {
					m.TryWrite(t, q)
				}
			}
			n++
			return nil
		}})
	}
}

func TestFanout(t *testing.T) {
	all := func(_, _ int, p []byte) [][]byte {
		time.Sleep(time.Millisecond)
		return [][]byte{p}
	}
	plan := Plan{Rate: 10, Duration: 2 * time.Second, Warmup: time.Second, Fanout: &Fanout{Publishers: 2, Subscribers: 5}}
	bubble(t, room(all), plan, func(t *testing.T, r *Report, err error) {
		want := Deliveries{Publishers: 2, Subscribers: 5, Published: 10, Expected: 50}
		if err != nil || *r.Fanout != want || r.Messages.Received != 50 || r.Messages.Sent != 10 || len(r.Faults) != 0 || r.Mode != "fan-out" {
			t.Errorf("%+v, %+v, %+v, %v", r.Fanout, r.Messages, r.Faults, err)
		}
		if l := r.Latency["delivery"]; l.Count != 50 || l.Min < .99 || l.Max > 7.1 || r.Latency["roundtrip"] != nil || r.Main() != l {
			t.Errorf("%+v", l)
		}
	})
}

// What is lost, comes twice or out of order is counted, and told from what the server said is missing.
func TestFanoutLoss(t *testing.T) {
	var held []byte
	deliver := func(member, n int, p []byte) [][]byte {
		switch {
		case member == 0 && n == 3:
			return nil // lost
		case member == 0 && n == 4:
			return [][]byte{p, p}
		case member == 1 && n == 5:
			held = append([]byte(nil), p...)
			return nil
		case member == 1 && n == 6:
			return [][]byte{p, held}
		case member == 2 && (n == 7 || n == 8):
			return nil
		case member == 2 && n == 9:
			return [][]byte{[]byte(`{"type":"gap","count":2,"reason":"slow"}`), fmt.Appendf(nil, `{"type":"message","text":%q}`, p), []byte(`{"type":"notice"}`)}
		}
		return [][]byte{p}
	}
	plan := Plan{Rate: 10, Duration: 2 * time.Second, Timeout: time.Second, Fanout: &Fanout{Subscribers: 3}}
	bubble(t, room(deliver), plan, func(t *testing.T, r *Report, err error) {
		want := Deliveries{Publishers: 1, Subscribers: 3, Published: 20, Expected: 60, Announced: 2, Lost: 1, Duplicates: 1, Disorder: 1}
		if err != nil || *r.Fanout != want || r.Messages.Received != 57 || r.Messages.Other != 2 {
			t.Errorf("%+v, %+v, %v", *r.Fanout, r.Messages, err)
		}
		if v, ok := r.value("loss"); !ok || v != 3 {
			t.Errorf("loss %v, %v", v, ok)
		}
		if v, ok := r.value("loss%"); !ok || v != 5 {
			t.Errorf("loss %v %%, %v", v, ok)
		}
	})
}

// What the server tells a slow subscriber is told.
func TestFanoutSlowGap(t *testing.T) {
	deliver := func(member, n int, p []byte) [][]byte {
		switch {
		case member > 0, n == 0:
			return [][]byte{p}
		case n == 19:
			return [][]byte{[]byte(`{"type":"gap","count":19,"reason":"slow"}`)}
		}
		return nil
	}
	plan := Plan{Rate: 10, Duration: 2 * time.Second, Slow: 1, SlowRate: 10, ConnectRate: 10, Fanout: &Fanout{Subscribers: 2}}
	bubble(t, room(deliver), plan, func(t *testing.T, r *Report, err error) {
		if s := r.Slow; err != nil || s.Received != 2 || s.Announced != 19 || s.Open != 1 || r.Fanout.Lost != 0 {
			t.Errorf("%+v, %+v, %v", s, r.Fanout, err)
		}
		var b strings.Builder
		if err := r.WriteText(&b, 100); err != nil || !strings.Contains(b.String(), "slow readers 1, 1 still open; 2 received, 19 said to be missing") {
			t.Errorf("%s, %v", b.String(), err)
		}
	})
}

// Slow subscribers do not count as loss.
func TestFanoutSlow(t *testing.T) {
	one := func(_, _ int, p []byte) [][]byte { return [][]byte{p} }
	plan := Plan{Rate: 20, Duration: 2 * time.Second, Slow: 2, Fanout: &Fanout{Subscribers: 3}}
	bubble(t, room(one), plan, func(t *testing.T, r *Report, err error) {
		if err != nil || r.Fanout.Subscribers != 1 || r.Fanout.Expected != 40 || r.Fanout.Lost != 0 || r.Slow.Connections != 2 || r.Slow.Open != 2 || r.Messages.Received != 40 {
			t.Errorf("%+v, %+v, %v", r.Fanout, r.Slow, err)
		}
	})
}

func TestPublishNative(t *testing.T) {
	for message, want := range map[string]string{
		`"a"`: `{"type":"publish","id":3,"topic":"a\"b","data":"a"}`,
		"a\n": `{"type":"publish","id":3,"topic":"a\"b","text":"a\n"}`,
	} {
		if got := string(publishNative(3, `a"b`, []byte(message))); got != want {
			t.Errorf("%q: %s", message, got)
		}
	}
}

// A server that does not speak parley.v1, and one that refuses the subscription.
func TestNativeRefused(t *testing.T) {
	plan := Plan{Rate: 10, Duration: time.Second, Fanout: &Fanout{Topic: "t"}}
	bubble(t, echo(same), plan, func(t *testing.T, r *Report, err error) {
		if r != nil || err == nil || !strings.Contains(err.Error(), "does not speak the subprotocol parley.v1") {
			t.Errorf("%v", err)
		}
	})
}
