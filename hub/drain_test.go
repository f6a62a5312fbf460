package hub_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

func TestDrain(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		var list []*client
		for range 11 {
			list = append(list, connect(t, h, plain, ""))
		}
		begun := time.Now()
		done := make(chan error, 1)
		go func() { done <- h.Drain(t.Context(), 10*time.Second) }()
		synctest.Wait()
		// Each is told when to come back; the times are spread over the window.
		after := map[string]int{}
		for _, c := range list {
			for _, s := range c.take() {
				after[s]++
			}
		}
		if len(after) != 11 || after["notice going_away in 0s"] != 1 || after["notice going_away in 10s"] != 1 || after["notice going_away in 4s"] != 1 {
			t.Errorf("notices %v", after)
		}
		for left := 10; left > 0; left-- {
			if n := h.Len(); n != left {
				t.Errorf("after %v there are %d sessions, not %d", time.Since(begun), n, left)
			}
			_, err := try(t, h, "")
			wantCode(t, err, hub.GoingAway)
			if e := hub.AsError(err); !e.Retry || e.After == 0 {
				t.Errorf("%+v", e)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if err := <-done; err != nil || time.Since(begun) != 10*time.Second {
			t.Errorf("ended after %v: %v", time.Since(begun), err)
		}
		for _, c := range list {
			if r := c.closed(); r == nil || r.Code != hub.GoingAway || !r.Reconnect {
				t.Errorf("closed with %+v", r)
			}
		}
	})
}

// The time of ctx holds: the rest is ended at once.
func TestDrainEnds(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		list := []*client{connect(t, h, plain, ""), connect(t, h, plain, ""), connect(t, h, plain, "")}
		list[0].subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		list[0].stall() // and never reads again
		publish(t, h, "a", "1")
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		begun := time.Now()
		if err := h.Drain(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second || h.Len() != 0 {
			t.Errorf("after %v %d sessions are left: %v", time.Since(begun), h.Len(), err)
		}
		synctest.Wait()
		for i, c := range list {
			if ended := c.closed() != nil; ended != (i > 0) {
				t.Errorf("client %d: %v", i, c.closed())
			}
		}
		list[0].move()
	})
}

// What waits is sent before a session ends, and Drain waits for that.
func TestDrainFlushes(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		c := connect(t, h, plain, "")
		c.subscribe(t, hub.Subscribe{Filter: broker.Exact("a")})
		c.stall()
		publish(t, h, "a", "1", "2")
		time.AfterFunc(5*time.Second, c.move)
		begun := time.Now()
		if err := h.Drain(t.Context(), time.Second); err != nil || time.Since(begun) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		c.expect(t, "ok a at 0", "a:1 1", "a:2 2", "notice going_away in 0s")
		if r := c.closed(); r == nil || r.Code != hub.GoingAway {
			t.Errorf("closed with %+v", r)
		}
	})
}

func TestDrainNobody(t *testing.T) {
	bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
		if err := h.Drain(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// Whoever is being let in when the drain begins is either refused or told to leave: nobody stays.
func TestConnectDuringDrain(t *testing.T) {
	asked, answer := make(chan bool), make(chan bool)
	g := &gatekeeper{connect: func(c *hub.Credentials) (*hub.Identity, error) {
		if c.Token == "slow" {
			asked <- true
			<-answer
		}
		return &hub.Identity{}, nil
	}}
	h := newHub(t, hub.Options{Authoriser: g})
	done := make(chan error)
	go func() {
		_, err := h.Connect(context.Background(), hub.Connect{Credentials: hub.Credentials{Token: "slow"}, Codec: plain, Sink: &client{}})
		done <- err
	}()
	<-asked
	if err := h.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
	answer <- true
	wantCode(t, <-done, hub.GoingAway)
	if h.Len() != 0 {
		t.Errorf("%d sessions", h.Len())
	}
}
