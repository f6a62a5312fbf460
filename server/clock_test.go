package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// ticking runs a clock behind a server in memory until the test of the bubble ends.
func ticking(t *testing.T) (*clock, *wstest.Server) {
	k := &clock{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { k.run(ctx) })
	srv := wstest.NewServer(t, k.handler(ws.AcceptOptions{}))
	t.Cleanup(func() { cancel(); wg.Wait() })
	return k, srv
}

func TestClockTicksEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond) // it does not matter when it starts
		_, srv := ticking(t)
		c, err := srv.Dial(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		last := time.Now()
		for range 20 {
			typ, p, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, string(p))
			if err != nil || typ != ws.Text {
				t.Fatalf("%v %q: %v", typ, p, err)
			}
			if step := now.Sub(last); step <= 0 || step > time.Second {
				t.Fatalf("%v after %v", now, last)
			}
			if late := time.Since(now); late > 2*time.Millisecond {
				t.Fatalf("%v late", late)
			}
			last = now
		}
		if err := c.Close(t.Context(), ws.CodeNormal, ""); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestClockHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, srv := ticking(t)
		c, err := srv.Dial(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if err := c.Write(t.Context(), ws.Text, []byte("what time is it?")); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(t.Context()); err != nil || len(p) != len("2006-01-02T15:04:05Z") {
			t.Errorf("%q, %v", p, err)
		}
	})
}

// TestClockDropsWhoDoesNotRead stalls one of two connections: the other one misses no tick, the stalled one is dropped.
func TestClockDropsWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &clock{conns: map[*ws.Conn]struct{}{}}
		add := func() (*ws.Conn, *wstest.PipeConn) {
			a, b := wstest.Pipe(nil)
			// Without keepalive and write timeout, the queue is what drops it.
			o := ws.Options{PingInterval: -1, WriteTimeout: time.Hour, QueueLimit: clockQueue}
			s := ws.NewConn(a, ws.ConnOptions{Options: o})
			k.conns[s] = struct{}{}
			t.Cleanup(func() { s.CloseNow(); b.Close() })
			if len(k.conns) == 1 {
				a.Stall()
			}
			return s, b
		}
		stalled, _ := add()
		good, end := add()
		reader := ws.NewConn(end, ws.ConnOptions{Client: true})
		defer reader.CloseNow()
		for i := range 1000 {
			k.send(time.Now())
			if _, _, err := reader.Read(t.Context()); err != nil {
				t.Fatalf("tick %d: %v", i, err)
			}
			time.Sleep(time.Second)
		}
		if stalled.Context().Err() == nil {
			t.Error("the stalled connection is still there")
		}
		if good.Context().Err() != nil {
			t.Errorf("the good connection ended: %v", context.Cause(good.Context()))
		}
		if n := stalled.Stats().Buffered; n > clockQueue+4096 {
			t.Errorf("%d bytes waited for the stalled connection", n)
		}
	})
}

func TestUntilNextSecond(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, offset := range []time.Duration{0, 1, time.Millisecond, 999 * time.Millisecond, time.Second - 1} {
		now := base.Add(offset)
		next := now.Add(untilNextSecond(now))
		if next.Truncate(time.Second) != base.Add(time.Second) {
			t.Errorf("after %v comes %v", now, next)
		}
	}
}
