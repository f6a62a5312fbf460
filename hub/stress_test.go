package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// tapped is what the sessions of the stress test get.
type tapped struct {
	message *broker.Message
	matched []broker.Filter
	gap     *hub.Gap
	reply   *hub.Subscribed
	without *broker.Filter // what was unsubscribed from
}

type tapCodec struct{ lines }

func (*tapCodec) Message(m *broker.Message, matched []broker.Filter) (hub.Frame, error) {
	return hub.Frame{Size: len(m.Body) + 20, Data: tapped{message: m, matched: matched}}, nil
}

func (c *tapCodec) Gap(g hub.Gap) (hub.Frame, bool) {
	return hub.Frame{Size: 50, Data: tapped{gap: &g}}, !c.noGaps
}

func (*tapCodec) Unsubscribed(f broker.Filter, _ *hub.Error) (hub.Frame, bool) {
	return hub.Frame{Size: 50, Data: tapped{without: &f}}, true
}

// tap is a sink that keeps what comes and can be shut.
type tap struct {
	mu     sync.Mutex
	got    []tapped
	opened chan struct{} // nil while it is open
	ends   int           // the messages "end" that came
	ended  chan struct{} // closed when there were as many as topics
	closed chan struct{}
}

func newTap() *tap { return &tap{ended: make(chan struct{}), closed: make(chan struct{})} }

func (p *tap) TrySend(f hub.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened != nil {
		return hub.ErrFull
	}
	if d, ok := f.Data.(tapped); ok {
		p.got = append(p.got, d)
		if d.message != nil && string(d.message.Body) == "end" {
			if p.ends++; p.ends == len(stressTopics) {
				close(p.ended)
			}
		}
	}
	return nil
}

func (p *tap) Send(ctx context.Context, frames []hub.Frame) error {
	for _, f := range frames {
		for p.TrySend(f) != nil {
			p.mu.Lock()
			opened := p.opened
			p.mu.Unlock()
			if opened == nil {
				continue
			}
			select {
			case <-opened:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (p *tap) Close(hub.Reason) { close(p.closed) }

func (p *tap) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened == nil {
		p.opened = make(chan struct{})
	}
}

func (p *tap) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened != nil {
		close(p.opened)
		p.opened = nil
	}
}

var (
	stressTopics = []string{"s/a/1", "s/a/2", "s/b/1", "s/b/2", "s/c", "s/d"}
	stressBase   = broker.Filter{Type: broker.Subtree, Name: "s"}
)

// verify holds what a session got against what it was told: the messages of each topic without a hole, a duplicate or another
// order, but for the gaps that are told; and each by the filters that it was subscribed to then. It returns how many messages and gaps there
// were.
func (p *tap) verify(t *testing.T) (messages, gaps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := map[string]broker.Position{}
	since := map[broker.Filter]map[string]broker.Position{}
	ending := map[broker.Filter]bool{} // it is not named any more: that it was ended has to come next
	based := false
	for _, d := range p.got {
		switch {
		case d.reply != nil:
			from := map[string]broker.Position{}
			if d.reply.Filter.IsExact() {
				from[d.reply.Filter.Name] = d.reply.Position
			}
			for topic, r := range d.reply.Topics {
				from[topic] = r.Position
			}
			if ending[d.reply.Filter] {
				t.Errorf("%v begins again, but it was not said that it had ended", d.reply.Filter)
			}
			since[d.reply.Filter] = from
			for topic, r := range from {
				if !based {
					at[topic] = r
				} else if r.Offset < at[topic].Offset {
					t.Errorf("%v begins at %v of %s, where it is at %v already", d.reply.Filter, r, topic, at[topic])
				}
			}
			based = true
		case d.without != nil:
			delete(since, *d.without)
			delete(ending, *d.without)
		case d.gap != nil:
			gaps++
			if g := d.gap; g.After.Offset != at[g.Topic].Offset || g.Tail.Offset <= g.After.Offset || g.Count == 0 || uint64(g.Count) != g.Tail.Offset-g.After.Offset {
				t.Errorf("at %v of %s: %+v", at[g.Topic], g.Topic, g)
			}
			at[d.gap.Topic] = d.gap.Tail
		case d.message != nil:
			messages++
			m := d.message
			if m.Position.Offset != at[m.Topic].Offset+1 || m.Prev != at[m.Topic].Offset {
				t.Errorf("at %v of %s comes %v", at[m.Topic], m.Topic, m.Position)
			}
			at[m.Topic] = m.Position
			for f, from := range since {
				if !f.Match(m.Topic) || m.Position.Offset <= from[m.Topic].Offset {
					continue
				}
				if named := slices.Contains(d.matched, f) || d.matched == nil; !named {
					ending[f] = true
				} else if ending[f] {
					t.Errorf("%s %v comes by %v, but the message before did not come by %v", m.Topic, m.Position, d.matched, f)
				}
			}
			for _, f := range d.matched {
				if _, ok := since[f]; !ok || !f.Match(m.Topic) {
					t.Errorf("%s %v comes by %v, to which the session is not subscribed", m.Topic, m.Position, f)
				}
			}
		}
	}
	return messages, gaps
}

// come connects and subscribes to everything.
func come(h *hub.Hub, user string, codec *tapCodec) (*hub.Session, *tap, error) {
	p := newTap()
	s, err := h.Connect(context.Background(), hub.Connect{Credentials: hub.Credentials{Token: user}, Codec: codec, Sink: p})
	if err != nil {
		return nil, nil, err
	}
	return s, p, join(s, stressBase)
}

func join(s *hub.Session, f broker.Filter) error {
	_, err := s.Subscribe(context.Background(), hub.Subscribe{Filter: f, Presence: true, Reply: func(r hub.Subscribed) hub.Frame {
		return hub.Frame{Size: 50, Data: tapped{reply: &r}}
	}})
	return err
}

// wander does all that a client can do, in no order, and goes.
func wander(t *testing.T, h *hub.Hub, n int, codec *tapCodec) (messages, gaps int) {
	ctx := context.Background()
	user := fmt.Sprint("user", n%5)
	s, p, err := come(h, user, codec)
	if err != nil {
		if s != nil {
			s.Close(hub.Reason{Code: hub.GoingAway})
		}
		return 0, 0 // it was ended meanwhile, or nobody is let in any more
	}
	filters := []broker.Filter{pattern("s/*"), pattern("s/a/*"), broker.Prefix("s/b"), pattern("**")}
	for _, topic := range stressTopics {
		filters = append(filters, broker.Exact(topic))
	}
	for range 40 {
		topic := stressTopics[rand.IntN(len(stressTopics))]
		f := filters[rand.IntN(len(filters))]
		switch rand.IntN(13) {
		case 0, 1, 2:
			join(s, f)
		case 3:
			if s.Unsubscribe(f) == nil {
				s.Send(hub.Frame{Size: 50, Data: tapped{without: &f}})
			}
		case 4:
			p.shut()
		case 5:
			p.open()
		case 6, 7:
			s.Publish(ctx, &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte("from a client"), Key: fmt.Sprint(rand.IntN(5))})
		case 8:
			s.Enter(ctx, topic, json.RawMessage(fmt.Sprintf(`{"n":%d}`, rand.IntN(3))))
		case 9:
			s.Leave(ctx, topic)
		case 10:
			done := make(chan bool)
			if cancel, err := s.Call(hub.CallRequest{Method: "wait", Done: func(json.RawMessage, *hub.Error) { close(done) }}); err == nil {
				cancel()
				<-done
			}
		case 11:
			s.History(ctx, topic, broker.Query{Last: true, Limit: 5})
			s.Members(ctx, topic)
			h.Sessions(broker.Target{Topic: topic}, 10)
			h.Topics(ctx, pattern("**"), 10)
		case 12:
			switch user := (broker.Target{User: user}); rand.IntN(4) {
			case 0:
				h.Refresh(ctx, broker.Target{Session: s.ID()}, hub.Identity{Expires: time.Now().Add(time.Hour)})
			case 1:
				h.Refresh(ctx, user, hub.Identity{})
			case 2:
				h.Unsubscribe(ctx, user, f)
			case 3:
				if rand.IntN(10) == 0 {
					h.Disconnect(ctx, user, hub.Reason{Reconnect: true})
				}
			}
		}
	}
	p.open()
	s.Close(hub.Reason{Code: []hub.Code{hub.GoingAway, hub.Disconnected}[rand.IntN(2)]})
	<-p.closed
	return p.verify(t)
}

// Many come, go, publish, stall and are thrown out at once, and each sees every topic in order, and all of it or is told.
func TestStress(t *testing.T) {
	rounds, each := 15, 1500
	if testing.Short() {
		rounds, each = 4, 300
	}
	h := newHub(t, hub.Options{
		Authoriser: users{},
		Topics: []hub.Topic{
			{Pattern: "s/a/*", Presence: true, History: broker.Retention{Count: 20}},
			{Pattern: "s/b/*", Presence: true, Policy: hub.Disconnect},
			{Pattern: "s/c", Presence: true, Policy: hub.Conflate, History: broker.Retention{Count: 20}},
		},
		Limits: hub.Limits{OutboxCount: 100, OutboxBytes: 8000, PresenceGrace: time.Millisecond},
	})
	h.Handle("wait", waits)
	// These stay, and never stall: they get everything.
	var steady []*tap
	for i := range 4 {
		_, p, err := come(h, fmt.Sprint("steady", i), &tapCodec{})
		if err != nil {
			t.Fatal(err)
		}
		steady = append(steady, p)
	}
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			for i := range each {
				topic := stressTopics[rand.IntN(len(stressTopics))]
				if _, err := h.Publish(context.Background(), &broker.Message{
					Topic: topic, Kind: broker.Text, Body: []byte("from the application"), Key: fmt.Sprint(i % 7),
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	messages, gaps := 0, 0
	codecs := []*tapCodec{{}, {}, {lines{noGaps: true}}}
	for i := range 16 {
		work.Go(func() {
			for range rounds {
				m, g := wander(t, h, i, codecs[i%len(codecs)])
				mu.Lock()
				messages, gaps = messages+m, gaps+g
				mu.Unlock()
			}
		})
	}
	work.Wait()
	for _, topic := range stressTopics {
		publish(t, h, topic, "end")
	}
	for i, p := range steady {
		<-p.ended
		n, g := p.verify(t)
		total := uint64(0)
		for _, topic := range stressTopics {
			page, err := h.History(t.Context(), topic, broker.Query{})
			if err != nil {
				t.Fatal(err)
			}
			total += page.Tail.Offset
		}
		if uint64(n) != total || g != 0 {
			t.Errorf("steady %d got %d messages of %d, and %d gaps", i, n, total, g)
		}
	}
	t.Logf("%d messages and %d gaps came to those who wander", messages, gaps)

	// Now the hub is drained while they go on.
	for i := range 16 {
		work.Go(func() {
			for {
				if _, _, err := come(h, "late", codecs[i%len(codecs)]); err != nil && h.Len() == 0 {
					return
				}
				wander(t, h, i, codecs[i%len(codecs)])
			}
		})
	}
	if err := h.Drain(t.Context(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	work.Wait()
	if h.Len() != 0 {
		t.Errorf("%d sessions stay", h.Len())
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if h.Waiting() != 0 {
		t.Errorf("%d bytes wait for nobody", h.Waiting())
	}
}
