package hub_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// nowhere is a sink that does nothing.
type nowhere struct{}

func (nowhere) TrySend(hub.Frame) error                 { return nil }
func (nowhere) Send(context.Context, []hub.Frame) error { return nil }
func (nowhere) Close(hub.Reason)                        {}

// fixed is a codec whose frames are all the same, and cost nothing.
type fixed struct{ lines }

func (*fixed) Message(*broker.Message, []broker.Filter) (hub.Frame, error) {
	return hub.Frame{Size: 100}, nil
}

// crowd returns a hub with so many sessions, each subscribed to some filters.
func crowd(b *testing.B, n int, filters ...broker.Filter) *hub.Hub {
	b.Helper()
	h, err := hub.New(hub.Options{Topics: []hub.Topic{{Pattern: "**", History: broker.Retention{Count: 10}}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.Close() })
	codec := &fixed{}
	for range n {
		s, err := h.Connect(b.Context(), hub.Connect{Codec: codec, Sink: nowhere{}})
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range filters {
			if _, err := s.Subscribe(b.Context(), hub.Subscribe{Filter: f}); err != nil {
				b.Fatal(err)
			}
		}
	}
	return h
}

func publishTo(b *testing.B, h *hub.Hub, n int) {
	b.Helper()
	ctx, body := b.Context(), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Publish(ctx, &broker.Message{Topic: "a/b", Kind: broker.Bytes, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	if n > 0 {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/delivery")
	}
}

// What it costs to publish one message to many: allocations must not depend on how many.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 1000, 10_000} {
		b.Run(fmt.Sprintf("exact/%d", n), func(b *testing.B) { publishTo(b, crowd(b, n, broker.Exact("a/b")), n) })
	}
	b.Run("pattern/10000", func(b *testing.B) { publishTo(b, crowd(b, 10_000, pattern("a/*")), 10_000) })
	b.Run("watched/10000", func(b *testing.B) {
		h := crowd(b, 10_000, broker.Exact("a/b"))
		s, err := h.Connect(b.Context(), hub.Connect{Codec: &fixed{}, Sink: nowhere{}})
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range []broker.Filter{pattern("**"), broker.Prefix("a")} {
			if _, err := s.Subscribe(b.Context(), hub.Subscribe{Filter: f}); err != nil {
				b.Fatal(err)
			}
		}
		publishTo(b, h, 10_001)
	})
	b.Run("overlapping/1000", func(b *testing.B) {
		publishTo(b, crowd(b, 1000, broker.Exact("a/b"), pattern("a/*")), 1000)
	})
}

// What sessions publish, several at once, each to a topic of its own.
func BenchmarkSessionPublish(b *testing.B) {
	h := crowd(b, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s, err := h.Connect(context.Background(), hub.Connect{Codec: &fixed{}, Sink: nowhere{}})
		if err != nil {
			b.Error(err)
			return
		}
		body := make([]byte, 100)
		for pb.Next() {
			if _, err := s.Publish(context.Background(), &broker.Message{Topic: s.ID(), Kind: broker.Bytes, Body: body}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// What it costs to come, to subscribe and to go.
func BenchmarkConnect(b *testing.B) {
	h := crowd(b, 0)
	ctx, codec := b.Context(), &fixed{}
	b.ReportAllocs()
	for b.Loop() {
		s, err := h.Connect(ctx, hub.Connect{Codec: codec, Sink: nowhere{}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Subscribe(ctx, hub.Subscribe{Filter: broker.Exact("a")}); err != nil {
			b.Fatal(err)
		}
		s.Close(hub.Reason{Code: hub.GoingAway})
	}
}

// idle returns how many bytes a session takes that has one subscription and does nothing.
func idle(tb testing.TB, n int) float64 {
	h, err := hub.New(hub.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer h.Close()
	codec := &fixed{}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range n {
		s, err := h.Connect(tb.Context(), hub.Connect{Codec: codec, Sink: nowhere{}})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := s.Subscribe(tb.Context(), hub.Subscribe{Filter: broker.Exact("a")}); err != nil {
			tb.Fatal(err)
		}
		if err := s.Command(); err != nil {
			tb.Fatal(err)
		}
	}
	bytes := float64(heap()-before) / float64(n)
	runtime.KeepAlive(h)
	return bytes
}

// What an idle session takes.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(idle(b, 10_000), "B/session")
	}
}

// The goals that other things rely on.
func TestCosts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	if bytes := idle(t, 2000); bytes > 3<<10 {
		t.Errorf("an idle session takes %.0f bytes", bytes)
	}
	r := testing.Benchmark(func(b *testing.B) { publishTo(b, crowd(b, 1000, pattern("a/*")), 1000) })
	if n := r.AllocsPerOp(); n > 25 {
		t.Errorf("publishing to 1,000 sessions takes %d allocations", n)
	}
}
