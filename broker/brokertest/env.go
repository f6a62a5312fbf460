package brokertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
)

// patience is how long something may take that has to happen.
const patience = 10 * time.Second

// env is what a case runs in.
type env struct {
	testing.TB
	suite  Suite
	broker broker.Broker

	mu    sync.Mutex
	peers []*peer
}

// peer is a node and what it got.
type peer struct {
	broker.Node
	*sink
	e    *env
	name string
}

// attach returns a node with subscriptions. It is closed at the end.
func (e *env) attach(name string, filters ...broker.Filter) *peer {
	e.Helper()
	return e.attachSink(name, newSink(), filters...)
}

func (e *env) attachSink(name string, s *sink, filters ...broker.Filter) *peer {
	e.Helper()
	n, err := e.broker.Attach(e.Context(), name, s)
	if err != nil {
		e.Fatalf("Attach %s: %v", name, err)
	}
	p := &peer{Node: n, sink: s, e: e, name: name}
	e.Cleanup(func() { n.Close() })
	e.mu.Lock()
	e.peers = append(e.peers, p)
	e.mu.Unlock()
	for _, f := range filters {
		p.subscribe(f)
	}
	return p
}

// finish reports what the sinks found wrong.
func (e *env) finish() {
	e.Helper()
	e.settle()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.peers {
		p.mu.Lock()
		for i, problem := range p.problems {
			if i == 5 {
				e.Errorf("%s: and %d problems more", p.name, len(p.problems)-i)
				break
			}
			e.Errorf("%s: %s", p.name, problem)
		}
		p.mu.Unlock()
	}
}

func (e *env) settle() {
	if e.suite.Settle != nil {
		e.suite.Settle()
	} else {
		time.Sleep(100 * time.Millisecond)
	}
}

// parallel calls f in n goroutines and fails if one of them returned an error.
func (e *env) parallel(n int, f func(i int) error) {
	e.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		e.Fatal(err)
	}
}

// within fails if f does not end soon.
func (e *env) within(what string, f func()) {
	e.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
		e.Fatalf("%s has not ended within %v", what, patience)
	}
}

// keep is for messages that are kept.
var keep = broker.Publish{Retention: broker.Retention{Count: 1000}}

// text returns a message.
func text(topic, body string) *broker.Message {
	return &broker.Message{Topic: topic, Kind: broker.Text, Body: []byte(body)}
}

func (p *peer) subscribe(f broker.Filter) {
	p.e.Helper()
	if err := p.Subscribe(p.e.Context(), f); err != nil {
		p.e.Fatalf("%s: Subscribe %s: %v", p.name, f, err)
	}
}

// unsubscribe takes a filter back. From then on the sink does not mind holes.
func (p *peer) unsubscribe(f broker.Filter) {
	p.mu.Lock()
	p.interrupted = true
	p.mu.Unlock()
	p.Unsubscribe(f)
}

// publish publishes a message that is kept.
func (p *peer) publish(topic, body string) broker.Position {
	p.e.Helper()
	return p.publishAs(text(topic, body), keep).Position
}

func (p *peer) publishAs(m *broker.Message, o broker.Publish) broker.Published {
	p.e.Helper()
	at, err := p.Publish(p.e.Context(), m, o)
	if err != nil {
		p.e.Fatalf("%s: Publish to %s: %v", p.name, m.Topic, err)
	}
	if at.Position.Epoch == "" || at.Position.Offset == 0 {
		p.e.Fatalf("%s: Publish to %s: the position is %q", p.name, m.Topic, at.Position)
	}
	return at
}

func (p *peer) history(topic string, q broker.Query) broker.Page {
	p.e.Helper()
	page, err := p.History(p.e.Context(), topic, q)
	if err != nil {
		p.e.Fatalf("%s: History of %s: %v", p.name, topic, err)
	}
	return page
}

func (p *peer) members(topic string) []broker.Member {
	p.e.Helper()
	list, err := p.Members(p.e.Context(), topic)
	if err != nil {
		p.e.Fatalf("%s: Members of %s: %v", p.name, topic, err)
	}
	return list
}

func (p *peer) enter(topic string, m broker.Member) {
	p.e.Helper()
	if err := p.Enter(p.e.Context(), topic, m); err != nil {
		p.e.Fatalf("%s: Enter %s: %v", p.name, topic, err)
	}
}

func (p *peer) leave(topic, ref string) {
	p.e.Helper()
	if err := p.Leave(p.e.Context(), topic, ref); err != nil {
		p.e.Fatalf("%s: Leave %s: %v", p.name, topic, err)
	}
}

func (p *peer) close() {
	p.e.Helper()
	if err := p.Close(); err != nil {
		p.e.Fatalf("%s: Close: %v", p.name, err)
	}
	p.ended()
}

// eventually waits for something that the sink must come to.
func (p *peer) eventually(what string, ok func() bool) {
	p.e.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !p.until(ctx.Done(), ok) {
		p.e.Fatalf("%s: %s has not happened within %v", p.name, what, patience)
	}
}

// wait returns the messages of a topic when there are n, and fails if there are not.
func (p *peer) wait(topic string, n int) []*broker.Message {
	p.e.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !p.until(ctx.Done(), func() bool { return len(p.messages[topic]) >= n }) {
		p.e.Fatalf("%s: %d messages of %s have come within %v, want %d: %s", p.name, len(p.of(topic)), topic, patience, n, bodies(p.of(topic)))
	}
	return p.of(topic)
}

// exactly waits until everything has come, and fails if the messages of a topic are not those.
func (p *peer) exactly(topic string, want ...string) {
	p.e.Helper()
	p.wait(topic, len(want))
	p.e.settle()
	p.e.same(p.name+": messages of "+topic, bodies(p.of(topic)), list(want))
}
