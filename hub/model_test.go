package hub_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
	"pgregory.net/rapid"
)

// log is what a topic is to be, by the simplest of models: all that was ever published, by epoch.
type log struct {
	epochs []string
	bodies map[string][]string // by epoch; the first has offset 1
}

func (l *log) published(at broker.Position, body string) error {
	if len(l.epochs) == 0 || l.epochs[len(l.epochs)-1] != at.Epoch {
		if _, again := l.bodies[at.Epoch]; again {
			return fmt.Errorf("epoch %s came back", at.Epoch)
		}
		l.epochs = append(l.epochs, at.Epoch)
	}
	l.bodies[at.Epoch] = append(l.bodies[at.Epoch], body)
	if n := uint64(len(l.bodies[at.Epoch])); n != at.Offset {
		return fmt.Errorf("message %d of the epoch has offset %d", n, at.Offset)
	}
	return nil
}

// seen is a subscriber's view of one topic: the last position that it accounts for.
type seen struct {
	at    broker.Position
	known bool // it has a position; before that, any message may come
}

// recorded are the frames of the model's codec, which are not text.
type recorded struct {
	message *broker.Message
	gap     *hub.Gap
	reply   *hub.Subscribed
}

type recording struct{ lines }

func (*recording) Message(m *broker.Message, _ []broker.Filter) (hub.Frame, error) {
	return hub.Frame{Size: len(m.Body) + 10, Data: recorded{message: m}}, nil
}

func (r *recording) Gap(g hub.Gap) (hub.Frame, bool) {
	return hub.Frame{Size: 100, Data: recorded{gap: &g}}, !r.noGaps
}

// lagging delivers what a broker has later than the broker says: a node elsewhere is like that.
type lagging struct {
	broker.Broker
	stop chan struct{}
}

type late struct {
	broker.Receiver
	queue chan func()
}

func (l *lagging) Attach(ctx context.Context, name string, r broker.Receiver) (broker.Node, error) {
	q := make(chan func(), 10_000)
	go func() {
		for {
			select {
			case f := <-q:
				time.Sleep(10 * time.Millisecond)
				f()
			case <-l.stop:
				return
			}
		}
	}()
	return l.Broker.Attach(ctx, name, &late{r, q})
}

func (l *late) Message(m *broker.Message) { l.queue <- func() { l.Receiver.Message(m) } }
func (l *late) Gap(g broker.Gap)          { l.queue <- func() { l.Receiver.Gap(g) } }

type player struct {
	t       *rapid.T
	name    int
	h       *hub.Hub
	logs    map[string]*log
	sink    *client // nil while it is not connected
	filter  broker.Filter
	topics  map[string]*seen
	noGaps  bool
	session *hub.Session
	got     int
}

// check reads what came, and holds it against the log.
func (p *player) check() {
	if p.sink == nil {
		return
	}
	for _, frame := range p.sink.frames() {
		f, ok := frame.Data.(recorded)
		if !ok {
			continue // a line: nothing that matters here
		}
		switch {
		case f.reply != nil:
			p.replied(f.reply)
		case f.gap != nil:
			v := p.view(f.gap.Topic)
			if v.known && f.gap.Tail.Epoch == v.at.Epoch && (f.gap.After.Offset != v.at.Offset || f.gap.Tail.Offset <= v.at.Offset) {
				p.t.Fatalf("subscriber %d, at %v of %s, is told of a gap from %v to %v", p.name, v.at, f.gap.Topic, f.gap.After, f.gap.Tail)
			}
			v.at, v.known = f.gap.Tail, true
		case f.message != nil:
			p.message(f.message)
		}
	}
}

func (p *player) view(topic string) *seen {
	v := p.topics[topic]
	if v == nil {
		v = &seen{}
		p.topics[topic] = v
	}
	return v
}

// replied is the answer to subscribing.
func (p *player) replied(r *hub.Subscribed) {
	answer := func(topic string, r *hub.Subscribed) {
		v := p.view(topic)
		if r.Resumed && r.Recovered {
			if v.known && v.at.Epoch != r.Position.Epoch {
				p.t.Fatalf("subscriber %d resumed %s from %v, recovered at %v", p.name, topic, v.at, r.Position)
			}
			return // what follows begins where it was
		}
		v.at, v.known = r.Position, true
	}
	if r.Filter.IsExact() {
		answer(r.Filter.Name, r)
		return
	}
	for topic, one := range r.Topics {
		answer(topic, &one)
	}
}

func (p *player) message(m *broker.Message) {
	p.got++
	v := p.view(m.Topic)
	l := p.logs[m.Topic]
	bodies := l.bodies[m.Position.Epoch]
	if m.Position.Offset == 0 || m.Position.Offset > uint64(len(bodies)) || bodies[m.Position.Offset-1] != string(m.Body) {
		p.t.Fatalf("subscriber %d got %q at %v of %s, which was not published there", p.name, m.Body, m.Position, m.Topic)
	}
	switch {
	case v.known && v.at.Epoch == m.Position.Epoch && m.Position.Offset != v.at.Offset+1:
		p.t.Fatalf("subscriber %d was at %v of %s and got %v: a hole, a duplicate, or out of order", p.name, v.at, m.Topic, m.Position)
	case (!v.known || v.at.Epoch != m.Position.Epoch) && m.Position.Offset != 1:
		p.t.Fatalf("subscriber %d was at %v of %s and got %v, in the middle of an epoch", p.name, v.at, m.Topic, m.Position)
	}
	v.at, v.known = m.Position, true
}

func (p *player) connect() {
	p.sink = &client{}
	s, err := p.h.Connect(context.Background(), hub.Connect{Codec: &recording{lines{noGaps: p.noGaps}}, Sink: p.sink})
	if err != nil {
		p.t.Fatal(err)
	}
	p.session = s
	o := hub.Subscribe{Filter: p.filter, Reply: func(r hub.Subscribed) hub.Frame {
		return hub.Frame{Size: 50, Data: recorded{reply: &r}}
	}}
	if p.filter.IsExact() {
		if v := p.topics[p.filter.Name]; v != nil && v.known {
			o.Since = v.at
		}
	} else if len(p.topics) > 0 {
		o.Positions = map[string]broker.Position{}
		for topic, v := range p.topics {
			o.Positions[topic] = v.at
		}
	}
	if _, err := s.Subscribe(context.Background(), o); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) disconnect() {
	if p.sink == nil {
		return
	}
	p.sink.mu.Lock()
	if p.sink.full {
		p.sink.full = false
		close(p.sink.moves)
	}
	p.sink.mu.Unlock()
	p.session.Close(hub.Reason{Code: hub.GoingAway})
	synctest.Wait()
	p.check()
	p.sink, p.session = nil, nil
}

// Whatever subscribers do, and however much of the log is forgotten: nobody sees a hole, a duplicate or another order without having been
// told.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var stopped any // rapid ends a play by a panic, which must not end the bubble
		synctest.Test(t, func(*testing.T) {
			defer func() { stopped = recover() }()
			play(r)
		})
		if stopped != nil {
			panic(stopped)
		}
	})
}

func play(t *rapid.T) {
	mem := memory.New(memory.Options{Linger: time.Minute})
	defer mem.Close()
	var b broker.Broker = mem
	if rapid.Bool().Draw(t, "lag") {
		lag := &lagging{mem, make(chan struct{})}
		defer close(lag.stop)
		b = lag
	}
	h, err := hub.New(hub.Options{
		Broker: b,
		Topics: []hub.Topic{
			{Pattern: "a/1", History: broker.Retention{Count: 5}},
			{Pattern: "a/2", History: broker.Retention{Count: 20, Age: 5 * time.Second}},
			{Pattern: "a/3", Policy: hub.Conflate, History: broker.Retention{Bytes: 100, Count: 100}},
			{Pattern: "a/4"}, // keeps nothing
			{Pattern: "b/**", Policy: hub.Disconnect, History: broker.Retention{Count: 10}},
		},
		Limits: hub.Limits{OutboxCount: 12, OutboxBytes: 2000, ReplayCount: 15},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	topics := []string{"a/1", "a/2", "a/3", "a/4", "b/1", "c"}
	logs := map[string]*log{}
	for _, topic := range topics {
		logs[topic] = &log{bodies: map[string][]string{}}
	}
	filters := []broker.Filter{pattern("a/*"), pattern("**"), broker.Prefix("a/"), pattern("b/**")}
	for _, topic := range topics {
		filters = append(filters, broker.Exact(topic))
	}
	players := make([]*player, 4)
	for i := range players {
		players[i] = &player{
			t: t, name: i, h: h, logs: logs, topics: map[string]*seen{},
			filter: rapid.SampledFrom(filters).Draw(t, "filter"),
			noGaps: rapid.IntRange(0, 3).Draw(t, "words") == 0,
		}
	}
	number := 0
	any := func() *player { return players[rapid.IntRange(0, len(players)-1).Draw(t, "player")] }
	t.Repeat(map[string]func(*rapid.T){
		"publish": func(t *rapid.T) {
			for range rapid.IntRange(1, 20).Draw(t, "n") {
				number++
				topic := rapid.SampledFrom(topics).Draw(t, "topic")
				body := fmt.Sprint(number)
				p, err := h.Publish(context.Background(), &broker.Message{
					Topic: topic, Kind: broker.Text, Body: []byte(body), Key: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "key"),
				})
				if err == nil {
					err = logs[topic].published(p.Position, body)
				}
				if err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "yield") {
					synctest.Wait()
				}
			}
		},
		"come": func(*rapid.T) {
			if p := any(); p.sink == nil {
				p.connect()
			}
		},
		"go": func(*rapid.T) { any().disconnect() },
		"stall": func(*rapid.T) {
			if p := any(); p.sink != nil && !p.sink.full && p.sink.closed() == nil {
				p.sink.stall()
			}
		},
		"move": func(*rapid.T) {
			if p := any(); p.sink != nil && p.sink.full {
				p.sink.move()
			}
		},
		"wait": func(t *rapid.T) {
			time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 20, 1000, 6000, 70_000}).Draw(t, "ms")) * time.Millisecond)
		},
		"": func(*rapid.T) {
			synctest.Wait()
			for _, p := range players {
				p.check()
				if p.sink != nil && p.sink.closed() != nil {
					p.disconnect() // it was cut, and will come back
				}
			}
		},
	})
	// In the end all come back, and have all that was published.
	for _, p := range players {
		p.disconnect()
		p.connect()
		time.Sleep(20 * time.Second) // for what lags
		synctest.Wait()
		p.check()
		for topic, v := range p.topics {
			if l := logs[topic]; p.filter.Match(topic) && len(l.epochs) > 0 && v.at.Epoch == l.epochs[len(l.epochs)-1] {
				if n := uint64(len(l.bodies[v.at.Epoch])); v.at.Offset != n {
					t.Fatalf("subscriber %d stays at %v of %s, which has %d messages", p.name, v.at, topic, n)
				}
			}
		}
		p.disconnect()
	}
}
