package memory

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/parley-ws/parley/broker"
)

// counter is a Receiver that counts messages.
type counter struct{ n atomic.Int64 }

func (c *counter) Message(*broker.Message)               {}
func (c *counter) Gap(broker.Gap)                        {}
func (c *counter) Presence(string, broker.Diff)          {}
func (c *counter) Command(broker.Target, broker.Command) {}

// fan counts what it gets.
type fan struct{ counter }

func (f *fan) Message(*broker.Message) { f.n.Add(1) }

func attach(b testing.TB, name string, r broker.Receiver, filters ...broker.Filter) (*Broker, broker.Node) {
	m := New(Options{})
	b.Cleanup(func() { m.Close() })
	n, err := m.Attach(b.Context(), name, r)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range filters {
		if err := n.Subscribe(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
	return m, n
}

var keep100 = broker.Publish{Retention: broker.Retention{Count: 100}}

func BenchmarkPublish(b *testing.B) {
	_, n := attach(b, "a", &fan{}, broker.Exact("news"))
	body := []byte("hello")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Publish(b.Context(), &broker.Message{Topic: "news", Kind: broker.Text, Body: body}, keep100); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublishParallel(b *testing.B) {
	_, n := attach(b, "a", &fan{}, broker.Filter{Type: broker.Subtree})
	body := []byte("hello")
	var topics atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		topic := fmt.Sprintf("topic/%d", topics.Add(1))
		for pb.Next() {
			if _, err := n.Publish(b.Context(), &broker.Message{Topic: topic, Kind: broker.Text, Body: body}, keep100); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkPublishSameTopic(b *testing.B) {
	_, n := attach(b, "a", &fan{}, broker.Exact("news"))
	body := []byte("hello")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := n.Publish(b.Context(), &broker.Message{Topic: "news", Kind: broker.Text, Body: body}, keep100); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkPublishDedup(b *testing.B) {
	_, n := attach(b, "a", &fan{}, broker.Exact("news"))
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	o := keep100
	o.Dedup = 1 // a nanosecond: what it costs to remember and to forget
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		if _, err := n.Publish(b.Context(), &broker.Message{Topic: "news", ID: ids[i%len(ids)]}, o); err != nil {
			b.Fatal(err)
		}
	}
}
