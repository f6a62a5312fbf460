package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Options are how a Broker is made. The zero value works.
type Options struct {
	// Linger is for how long the counter of a topic is kept that nobody uses: nothing of it is kept, no producer's id is remembered, nobody
	// is present, and no node has subscribed to it by its name. What is published after that begins a new epoch. Default: 1 minute.
	Linger time.Duration

	// MaxTopics is how many topics there may be. To publish to one more, or to enter it, fails with broker.ErrFull. Default: 1,000,000.
	MaxTopics int

	// MaxIDs is how many ids of messages are remembered to find duplicates, of all topics together. Beyond it a topic forgets its oldest one
	// for each new one, though it always remembers its last. Default: 1,000,000.
	MaxIDs int

	// MaxBytes is how much the messages that are kept may take up, of all topics together: what their publishers have written and 256 bytes for
	// each. Beyond it the oldest ones go, in whatever topic they are, as if their time were over. Default: 256 MiB.
	MaxBytes int64

	// MaxPending is how many messages of a topic may be waiting for delivery before Publish waits too. It never waits where
	// it is called by a Receiver. Default: 4,096.
	MaxPending int
}

// The defaults of Options.
const (
	defaultLinger     = time.Minute
	defaultMaxTopics  = 1_000_000
	defaultMaxIDs     = 1_000_000
	defaultMaxBytes   = 256 << 20
	defaultMaxPending = 4096
)

// Broker is a broker.Broker for one process. New makes it.
type Broker struct {
	o      Options
	start  time.Time // times are kept as nanoseconds since then
	seed   maphash.Seed
	shards [64]shard
	names  catalogue
	secret [32]byte     // from which epochs are made
	topics atomic.Int64 // how many there are
	ids    atomic.Int64 // how many are remembered
	store  store
	subs   subscriptions
	clock  clock
	work   *gate // the goroutines of the broker

	mu    sync.RWMutex
	nodes map[string]*node
}

// shard is a part of the topics, by the hash of their names.
type shard struct {
	mu     sync.RWMutex
	topics map[string]*topic
	most   int      // of topics since the map was made
	lives  []uint32 // how often an epoch has ended, by the hash of the topic's name; nil is never
}

// New returns a Broker. Close ends it.
func New(o Options) *Broker {
	if o.Linger <= 0 {
		o.Linger = defaultLinger
	}
	if o.MaxTopics <= 0 {
		o.MaxTopics = defaultMaxTopics
	}
	if o.MaxIDs <= 0 {
		o.MaxIDs = defaultMaxIDs
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxPending <= 0 {
		o.MaxPending = defaultMaxPending
	}
	// An hour back, so that no time is 0, which is never.
	b := &Broker{o: o, start: time.Now().Add(-time.Hour), seed: maphash.MakeSeed(), names: newCatalogue(), work: newGate(), nodes: map[string]*node{}}
	rand.Read(b.secret[:])
	b.subs.version.Store(1)
	b.store.max = o.MaxBytes
	b.store.oldest.slot = func(t *topic) *slot { return &t.oldest }
	b.clock.topics.slot = func(t *topic) *slot { return &t.look }
	for i := range b.shards {
		b.shards[i].topics = map[string]*topic{}
	}
	return b
}

// Attach makes a node known, as broker.Broker says.
func (b *Broker) Attach(ctx context.Context, name string, r broker.Receiver) (broker.Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.work.closed() {
		return nil, fmt.Errorf("memory: attach %.80q: the broker is closed: %w", name, broker.ErrUnavailable)
	}
	if b.nodes[name] != nil {
		return nil, fmt.Errorf("memory: attach %.80q: %w", name, broker.ErrNameTaken)
	}
	n := newNode(b, name, r)
	b.nodes[name] = n
	return n, nil
}

// Close closes all nodes, and ends what the broker runs. Called by a Receiver it does not wait for what else is being delivered.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.work.shut()
	nodes := make([]*node, 0, len(b.nodes))
	for _, n := range b.nodes {
		nodes = append(nodes, n)
	}
	b.mu.Unlock()
	for _, n := range nodes {
		n.Close()
	}
	b.clock.stop()
	if !delivering() {
		<-b.work.empty
	}
	return nil
}

// since returns the time as the broker keeps it.
func (b *Broker) since(t time.Time) int64 { return int64(t.Sub(b.start)) }

func (b *Broker) shard(name string) *shard {
	return &b.shards[maphash.String(b.seed, name)%uint64(len(b.shards))]
}

// find returns a topic, locked, or nil if there is none.
func (b *Broker) find(name string) *topic {
	s := b.shard(name)
	for {
		s.mu.RLock()
		t := s.topics[name]
		s.mu.RUnlock()
		if t == nil {
			return nil
		}
		t.mu.Lock()
		if !t.gone {
			return t
		}
		t.mu.Unlock()
	}
}

// open returns a topic, locked. It makes it if there is none.
func (b *Broker) open(name string) (*topic, error) {
	for {
		if t := b.find(name); t != nil {
			return t, nil
		}
		if err := broker.CheckTopic(name); err != nil {
			return nil, err
		}
		if b.topics.Add(1) > int64(b.o.MaxTopics) {
			b.topics.Add(-1)
			return nil, fmt.Errorf("memory: topic %.80q: there are %d topics already: use fewer, or raise Options.MaxTopics: %w", name, b.o.MaxTopics, broker.ErrFull)
		}
		s := b.shard(name)
		s.mu.Lock()
		if s.topics[name] == nil {
			s.topics[name] = &topic{store: &b.store, name: name, epoch: b.epoch(s, name)}
			s.most = max(s.most, len(s.topics))
			b.names.add(name)
		} else {
			b.topics.Add(-1) // somebody else was faster
		}
		s.mu.Unlock()
	}
}

// forget takes out a topic, which is locked.
func (b *Broker) forget(t *topic) {
	t.gone = true
	s := b.shard(t.name)
	s.mu.Lock()
	delete(s.topics, t.name)
	b.names.remove(t.name)
	if t.offset > 0 {
		b.end(s, t.name)
	}
	if s.most > 64 && s.most > 4*len(s.topics) { // a map does not give memory back
		s.topics = maps.Collect(maps.All(s.topics))
		s.most = len(s.topics)
	}
	s.mu.Unlock()
	b.topics.Add(-1)
}
