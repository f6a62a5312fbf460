package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/broker/memory"
)

// Options configure a Hub. The zero value works: everything in memory, everybody is let in and may do everything that the topics
// allow.
type Options struct {
	// Broker is what the node shares with others; nil is one in memory for this hub alone.
	Broker broker.Broker

	// Node is the name of this node, which no other has; the default is at random.
	Node string

	// Authoriser is who decides; nil is AllowAll.
	Authoriser Authoriser

	// Topics are the rules: the first whose pattern matches a topic holds. DefaultTopic stands behind them.
	Topics []Topic

	// Limits bound what sessions may take.
	Limits Limits

	// Admit is asked before a session is let in, and before the Authoriser: an error says why not now. It must be quick. Nil lets
	// everybody in.
	Admit func() *Error

	// Trace has functions that are called when something happens; nil is none.
	Trace *Trace

	// Logger gets what went wrong inside; nil is silence.
	Logger *slog.Logger
}

// Hub holds the sessions of one node. New makes one. Its methods may be called from any goroutine.
type Hub struct {
	node   broker.Node
	name   string
	log    *slog.Logger
	trace  *Trace
	limits Limits // of the beginning; what can change is in rules
	admit  func() *Error
	rules  atomic.Pointer[ruleSet]
	own    *memory.Broker // nil if the broker is somebody else's

	resumes chan struct{}
	waiting atomic.Int64 // bytes in all outboxes
	stalled atomic.Int64 // sessions whose outbox is in use

	mu       sync.RWMutex
	sessions map[string]*Session
	users    map[string]map[*Session]struct{}
	groups   broker.Index[*group]
	draining *Reason // what new sessions are told, nil while there is no drain

	calls     callTable
	presence  presenceTable
	rates     rateTable
	taps      taps
	ctx       context.Context // ends with the hub
	stop      context.CancelFunc
	working   sync.WaitGroup // goroutines of the hub
	closeOnce sync.Once
}

// New makes a hub and attaches it to the broker. Its errors name the option that is wrong.
func New(o Options) (*Hub, error) {
	rules, err := newRules(&o)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		name:     o.Node,
		log:      o.Logger,
		trace:    o.Trace,
		limits:   rules.limits,
		admit:    o.Admit,
		sessions: map[string]*Session{},
		users:    map[string]map[*Session]struct{}{},
		resumes:  make(chan struct{}, rules.limits.Resumes),
	}
	if h.name == "" {
		h.name = "node-" + rand.Text()[:8]
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.trace == nil {
		h.trace = &Trace{}
	}
	h.rules.Store(rules)
	h.ctx, h.stop = context.WithCancel(context.Background())
	b := o.Broker
	if b == nil {
		h.own = memory.New(memory.Options{})
		b = h.own
	}
	if h.node, err = b.Attach(h.ctx, h.name, (*receiver)(h)); err != nil {
		h.stop()
		return nil, fmt.Errorf("hub: attach to the broker as %q: %w", h.name, err)
	}
	return h, nil
}

// Node returns the name of this node.
func (h *Hub) Node() string { return h.name }

// Reload puts the rules of topics, the limits and the authoriser of o in the place of those the hub has. Sessions stay; their
// subscriptions and presence are judged anew, one session after the other, and what is not allowed any more ends. Limits.Resumes, Admit, Broker, Node, Trace and Logger stay as they were. If it returns an
// error, nothing has changed.
func (h *Hub) Reload(o Options) error {
	rules, err := newRules(&o)
	if err != nil {
		return err
	}
	h.rules.Store(rules)
	h.mu.RLock()
	list := h.list()
	h.mu.RUnlock()
	h.spawn(func() {
		for _, s := range list {
			if h.ctx.Err() != nil {
				return
			}
			s.rejudge()
		}
	})
	return nil
}

// Drain tells every session to come back, spread evenly over a window, and ends each when its time has come. From now on nobody is
// let in. It returns when no session is left and what waited for them has been sent, or with the error of ctx, when the rest has been ended at once.
func (h *Hub) Drain(ctx context.Context, window time.Duration) error {
	h.mu.Lock()
	h.draining = &Reason{Code: GoingAway, Text: "the server is about to stop; come back in a moment", Reconnect: true, After: time.Second}
	list := h.list()
	h.mu.Unlock()
	var leaving sync.WaitGroup
	for i, s := range list {
		after := time.Duration(0)
		if len(list) > 1 {
			after = window * time.Duration(i) / time.Duration(len(list)-1)
		}
		leaving.Add(1)
		s.leave(ctx, after, leaving.Done)
	}
	leaving.Wait()
	return ctx.Err()
}

// list returns all sessions, in no order. Hub.mu is held.
func (h *Hub) list() []*Session {
	list := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		list = append(list, s)
	}
	return list
}

// Close ends all sessions at once, and takes the node from the broker. It returns when nothing of the hub runs any more.
func (h *Hub) Close() error {
	var err error
	h.closeOnce.Do(func() {
		h.mu.Lock()
		if h.draining == nil {
			h.draining = &Reason{Code: GoingAway, Text: "the server has stopped; come back in a moment", Reconnect: true, After: time.Second}
		}
		why, list := *h.draining, h.list()
		h.mu.Unlock()
		for _, s := range list {
			s.Close(why)
		}
		h.stop()
		h.presence.close()
		err = h.node.Close()
		h.working.Wait()
		if h.own != nil {
			h.own.Close()
		}
	})
	return err
}
