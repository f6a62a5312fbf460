package hub_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// A session that ends with its transport says whether the client had left, or had taken nothing for too long.
func TestLost(t *testing.T) {
	stalled := fmt.Errorf("write: %w: no byte", hub.ErrStalled)
	for _, c := range []struct {
		err  error
		want hub.Code
	}{{nil, hub.GoingAway}, {errors.New("reset by peer"), hub.GoingAway}, {stalled, hub.SlowConsumer}} {
		if r := hub.Lost(c.err); r.Code != c.want || !r.Reconnect {
			t.Errorf("%v is %+v", c.err, r)
		}
		if c.err == nil {
			continue
		}
		for _, full := range []bool{false, true} {
			bubble(t, hub.Options{}, func(t *testing.T, h *hub.Hub) {
				end := make(chan hub.Reason, 1)
				s, err := h.Connect(t.Context(), hub.Connect{Codec: plain, Sink: broken{err: c.err, full: full, end: end}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("a")}); err != nil {
					t.Fatal(err)
				}
				publish(t, h, "a", "1")
				synctest.Wait()
				select {
				case r := <-end:
					if r.Code != c.want {
						t.Errorf("%v, full %v: ended with %+v", c.err, full, r)
					}
				default:
					t.Errorf("%v, full %v: it has not ended", c.err, full)
				}
			})
		}
	}
}

// broken is a Sink whose transport has ended, at once or when it is to wait.
type broken struct {
	err  error
	full bool
	end  chan hub.Reason
}

func (b broken) TrySend(hub.Frame) error {
	if b.full {
		return hub.ErrFull
	}
	return b.err
}

func (b broken) Send(context.Context, []hub.Frame) error { return b.err }

func (b broken) Close(r hub.Reason) { b.end <- r }
