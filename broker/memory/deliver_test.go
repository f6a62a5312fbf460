package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
)

// hook is a Receiver with a function.
type hook struct {
	counter
	f func(m *broker.Message)
}

func (h *hook) Message(m *broker.Message) { h.f(m); h.n.Add(1) }

// Whoever publishes does not deliver for ever: after a burst a goroutine does.
func TestHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 10 * burst
		var n broker.Node
		var published atomic.Bool
		var before atomic.Int64
		h := &hook{}
		h.f = func(m *broker.Message) {
			if !published.Load() {
				before.Add(1)
			}
			if m.Position.Offset < all {
				n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{})
			}
		}
		_, n = attach(t, "a", h, broker.Exact("t"))
		publish(t, n, "t", "", broker.Publish{})
		published.Store(true)
		synctest.Wait()
		if h.n.Load() != all || before.Load() < burst {
			t.Errorf("%d of %d messages have come, %d before Publish returned", h.n.Load(), all, before.Load())
		}
	})
}

// Publish waits while too much is pending, and so does not pile up what cannot be delivered; what a Receiver publishes goes on.
func TestMaxPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{MaxPending: 4})
		defer b.Close()
		release := make(chan struct{})
		var n broker.Node
		var got []uint64
		n, err := b.Attach(t.Context(), "a", &hook{f: func(m *broker.Message) {
			if m.Position.Offset == 1 {
				<-release
				for range 10 { // more than may be pending
					if _, err := n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{}); err != nil {
						t.Error(err)
					}
				}
			}
			got = append(got, m.Position.Offset)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Subscribe(t.Context(), broker.Exact("t")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var published atomic.Int64
		for range 20 {
			wg.Go(func() {
				if _, err := n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{}); err != nil {
					t.Error(err)
				}
				published.Add(1)
			})
		}
		synctest.Wait()
		if published.Load() != 4 {
			t.Errorf("%d calls of Publish have returned", published.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Publish(ctx, &broker.Message{Topic: "t"}, broker.Publish{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a deadline: %v", err)
		}
		other, err := b.Attach(t.Context(), "other", &fan{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := other.Enter(t.Context(), "t", broker.Member{}); !errors.Is(err, broker.ErrClosed) {
				t.Errorf("Enter, while its node is closed: %v", err)
			}
		})
		synctest.Wait()
		other.Close()
		close(release)
		wg.Wait()
		synctest.Wait()
		want := make([]uint64, 30)
		for i := range want {
			want[i] = uint64(i + 1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

// A Receiver that panics does so in the face of who published; the topic goes on for the others.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, n := attach(t, "a", &hook{f: func(m *broker.Message) {
			if m.Position.Offset == 1 {
				panic("oh")
			}
		}}, broker.Exact("t"))
		f := &fan{}
		other, err := b.Attach(t.Context(), "b", f)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Subscribe(t.Context(), broker.Exact("t")); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if r := recover(); r != "oh" {
					t.Errorf("recovered %v", r)
				}
			}()
			publish(t, n, "t", "", broker.Publish{})
		}()
		publish(t, n, "t", "", broker.Publish{})
		synctest.Wait()
		if f.n.Load() != 2 {
			t.Errorf("the other one got %d messages, want 2", f.n.Load())
		}
		n.Close() // does not wait for the call that never ended
	})
}

// A broker that is closed under way ends, and says so.
func TestCloseBroker(t *testing.T) {
	for range 20 {
		b := New(Options{})
		var wg sync.WaitGroup
		for i := range 3 {
			n, err := b.Attach(t.Context(), fmt.Sprint(i), &fan{})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Subscribe(t.Context(), broker.Prefix("")); err != nil {
				t.Fatal(err)
			}
			if err := n.Enter(t.Context(), "t", broker.Member{Ref: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for {
					if _, err := n.Publish(t.Context(), &broker.Message{Topic: "t"}, broker.Publish{}); err != nil {
						if !errors.Is(err, broker.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		b.Close()
		wg.Wait()
		if _, err := b.Attach(t.Context(), "late", &fan{}); !errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("Attach after Close: %v", err)
		}
		b.Close()
	}
}

// What publishing costs.
func TestAllocations(t *testing.T) {
	_, n := attach(t, "a", &fan{}, broker.Exact("news"), broker.Prefix("n"))
	body := []byte("hello")
	ctx := t.Context()
	got := testing.AllocsPerRun(1000, func() {
		n.Publish(ctx, &broker.Message{Topic: "news", Kind: broker.Text, Body: body}, keep100)
	})
	if got > 2 {
		t.Errorf("publishing takes %v allocations, want at most 2", got)
	}
}
