package hub_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// words is the smallest of codecs: what is delivered is a string.
type words struct{}

func say(format string, args ...any) hub.Frame {
	s := fmt.Sprintf(format, args...)
	return hub.Frame{Size: len(s), Data: s}
}

func (words) Message(m *broker.Message, _ []broker.Filter) (hub.Frame, error) {
	return say("%s %d: %s", m.Topic, m.Position.Offset, m.Body), nil
}

func (words) Gap(g hub.Gap) (hub.Frame, bool) {
	return say("%s: %d to %d are missing", g.Topic, g.After.Offset+1, g.Tail.Offset), true
}

func (words) Presence(topic string, d broker.Diff) (hub.Frame, bool) {
	return say("%s: %d came, %d went", topic, len(d.Joins), len(d.Leaves)), true
}

func (words) Subscribed(r hub.Subscribed) (hub.Frame, bool) {
	return say("subscribed to %v", r.Filter), true
}

func (words) Unsubscribed(f broker.Filter, why *hub.Error) (hub.Frame, bool) {
	return say("unsubscribed from %v: %s", f, why.Text), true
}

func (words) Notice(n hub.Notice) (hub.Frame, bool) { return say("%s", n.Text), true }

// printer is the smallest of sinks: it prints what it gets, and never is full.
type printer struct{}

func (printer) TrySend(f hub.Frame) error {
	fmt.Println(f.Data)
	return nil
}

func (p printer) Send(_ context.Context, frames []hub.Frame) error {
	for _, f := range frames {
		p.TrySend(f)
	}
	return nil
}

func (printer) Close(r hub.Reason) { fmt.Println("closed:", r.Text) }

// A client subscribes, gets what it missed and what is published, and goes.
func Example() {
	h, err := hub.New(hub.Options{Topics: []hub.Topic{{Pattern: "chat/**", History: broker.Retention{Count: 100}}}})
	if err != nil {
		panic(err)
	}
	defer h.Close()
	ctx := context.Background()
	publish := func(s string) broker.Position {
		p, err := h.Publish(ctx, &broker.Message{Topic: "chat/lobby", Kind: broker.Text, Body: []byte(s)})
		if err != nil {
			panic(err)
		}
		return p.Position
	}
	seen := publish("one")
	publish("two")

	s, err := h.Connect(ctx, hub.Connect{Codec: words{}, Sink: printer{}})
	if err != nil {
		panic(err)
	}
	if _, err := s.Subscribe(ctx, hub.Subscribe{
		Filter: broker.Exact("chat/lobby"),
		Since:  seen,
		Reply:  func(r hub.Subscribed) hub.Frame { return say("recovered: %v", r.Recovered) },
	}); err != nil {
		panic(err)
	}
	publish("three")
	s.Close(hub.Reason{Code: hub.GoingAway, Text: "bye"})
	// Output:
	// recovered: true
	// chat/lobby 2: two
	// chat/lobby 3: three
	// closed: bye
}

func ExampleHub_Publish() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		panic(err)
	}
	defer h.Close()
	for range 2 { // the second time it is known already
		p, err := h.Publish(context.Background(), &broker.Message{Topic: "orders", Kind: broker.JSON, Body: []byte(`{"n":1}`), ID: "order-1"})
		if err != nil {
			panic(err)
		}
		fmt.Println(p.Position.Offset, p.Duplicate)
	}
	// Output:
	// 1 false
	// 1 true
}

func ExampleHub_Handle() {
	h, err := hub.New(hub.Options{})
	if err != nil {
		panic(err)
	}
	defer h.Close()
	h.Handle("add", func(_ context.Context, c *hub.Call) (json.RawMessage, error) {
		var n []int
		if err := json.Unmarshal(c.Args, &n); err != nil {
			return nil, hub.Errorf(hub.BadRequest, "the arguments are a list of numbers")
		}
		sum := 0
		for _, n := range n {
			sum += n
		}
		return json.Marshal(sum)
	})
	s, err := h.Connect(context.Background(), hub.Connect{Codec: words{}, Sink: printer{}})
	if err != nil {
		panic(err)
	}
	done := make(chan bool)
	if _, err := s.Call(hub.CallRequest{Method: "add", Args: json.RawMessage("[1,2,3]"), Done: func(result json.RawMessage, err *hub.Error) {
		fmt.Println(string(result))
		close(done)
	}}); err != nil {
		panic(err)
	}
	<-done
	s.Close(hub.Reason{Text: "done"})
	// Output:
	// 6
	// closed: done
}
