package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
	"golang.org/x/time/rate"
)

// ruleSet is what Reload can change.
type ruleSet struct {
	authoriser Authoriser
	limits     Limits
	topics     []Topic // the last is DefaultTopic
}

func newRules(o *Options) (*ruleSet, error) {
	r := &ruleSet{authoriser: o.Authoriser, limits: o.Limits.withDefaults()}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	if r.authoriser == nil {
		r.authoriser = AllowAll{}
	}
	for i, t := range append(o.Topics[:len(o.Topics):len(o.Topics)], DefaultTopic) {
		f, err := broker.Pattern(t.Pattern)
		switch {
		case err != nil:
		case t.Policy > Disconnect:
			err = fmt.Errorf("unknown policy %d", t.Policy)
		case max(t.MaySubscribe, t.MayPublish, t.MaySeePresence) > Nobody:
			err = errors.New("unknown value of who may")
		case t.Kind > broker.Bytes:
			err = fmt.Errorf("unknown kind %d", t.Kind)
		case t.History.Count < 0 || t.History.Bytes < 0 || t.History.Age < 0 || t.MaxSize < 0 || t.Rate < 0 || t.Burst < 0:
			err = errors.New("a number is negative")
		}
		if err != nil {
			return nil, fmt.Errorf("hub: Options.Topics[%d], pattern %q: %w", i, t.Pattern, err)
		}
		t.filter = f
		set(&t.Dedup, 2*time.Minute)
		t.Dedup = max(0, t.Dedup)
		set(&t.MaxSize, r.limits.MessageBytes)
		r.topics = append(r.topics, t)
	}
	return r, nil
}

// find returns the rule for a topic. It is not to be changed.
func (r *ruleSet) find(topic string) *Topic {
	for i := range r.topics {
		if r.topics[i].filter.Match(topic) {
			return &r.topics[i]
		}
	}
	return &r.topics[len(r.topics)-1]
}

// touching calls yield for the rules that hold for one topic at least that f matches.
func (r *ruleSet) touching(f broker.Filter, yield func(*Topic) bool) {
	if f.IsExact() {
		yield(r.find(f.Name))
		return
	}
	for i := range r.topics {
		t := &r.topics[i]
		if overlap(t.filter, f) && !yield(t) || covers(t.filter, f) {
			return
		}
	}
}

// overlap reports whether there may be a topic that both filters match.
func overlap(a, b broker.Filter) bool {
	if a.IsExact() {
		return b.Match(a.Name)
	}
	if b.IsExact() {
		return a.Match(b.Name)
	}
	// What a filter's topics begin with, and whether anything may follow.
	begin := func(f broker.Filter) string {
		if f.Type == broker.BytePrefix || f.Name == "" {
			return f.Name
		}
		return f.Name + "/"
	}
	if a.Type == broker.Level && b.Type == broker.Level {
		return a.Name == b.Name
	}
	p, q := begin(a), begin(b)
	short, long, level := p, q, a
	if len(p) > len(q) {
		short, long, level = q, p, b
	}
	if !strings.HasPrefix(long, short) {
		return false
	}
	// One level has no slash in what follows.
	return level.Type != broker.Level || !strings.Contains(long[len(short):], "/")
}

// errAsk says that a rule leaves it to the Authoriser.
var errAsk = errors.New("ask")

// allows returns what a topic's rule says about an access.
func (t *Topic) allows(a *Access) error {
	who, names := t.MaySubscribe, a.Identity.Subscribe
	switch a.Action {
	case ActPublish:
		who, names = t.MayPublish, a.Identity.Publish
	case ActPresence:
		if !t.Presence {
			return Errorf(Forbidden, "there is no presence in this topic")
		}
		who, names = t.MaySeePresence, a.Identity.Presence
	}
	switch who {
	case Ask:
		return errAsk
	case Anyone:
		return nil
	case Users:
		if a.Identity.User != "" {
			return nil
		}
		return Errorf(Forbidden, "only known users may do this: connect with a token")
	case Named:
		if Names(names, a.Topics) {
			return nil
		}
		return Errorf(Forbidden, "the token does not name this topic")
	}
	return Errorf(Forbidden, "clients may not do this here")
}

// may returns an error unless the session may do what a says.
func (s *Session) may(ctx context.Context, a *Access) error {
	s.mu.Lock()
	a.Identity = s.identity
	over := s.closed && !s.visit || s.failed
	s.mu.Unlock()
	if over {
		return Errorf(GoingAway, "the session has ended")
	}
	rules := s.hub.rules.Load()
	var err error
	ask := a.Action == ActCall
	if !ask {
		rules.touching(a.Topics, func(t *Topic) bool {
			if err = t.allows(a); err == errAsk {
				ask, err = true, nil
			}
			return err == nil
		})
	}
	if err == nil && ask {
		a.Session = s.Info()
		err = rules.authoriser.Allow(ctx, a)
	}
	s.hub.authorised(string(a.Action), err)
	return err
}

// rateTable bounds how often is published to topics whose rule has a rate.
type rateTable struct {
	mu     sync.Mutex
	topics map[string]*rate.Limiter
	swept  time.Time
}

const maxRates = 100_000

// take takes one from the topic's bucket.
func (t *rateTable) take(h *Hub, topic string, rule *Topic) error {
	if rule.Rate == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.topics[topic]
	if b == nil {
		if len(t.topics) >= maxRates && time.Since(t.swept) > time.Second {
			t.sweep()
			t.swept = time.Now()
		}
		if len(t.topics) >= maxRates {
			h.refused("topic_rate")
			return &Error{Code: RateLimited, Text: "too many topics were published to in a short time; wait, then try again", Retry: true, After: time.Second}
		}
		if t.topics == nil {
			t.topics = map[string]*rate.Limiter{}
		}
		b = rate.NewLimiter(rate.Limit(rule.Rate), max(1, rule.Burst))
		t.topics[topic] = b
	}
	adjust(b, rule.Rate, max(1, rule.Burst))
	return h.spend(b, "topic_rate")
}

// sweep forgets the buckets that are full, which are as good as new.
func (t *rateTable) sweep() {
	for topic, b := range t.topics {
		if b.Tokens() >= float64(b.Burst()) {
			delete(t.topics, topic)
		}
	}
}
