package hub

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/parley-ws/parley/broker"
)

// Subscribe is what a session asks for when it subscribes.
type Subscribe struct {
	// Filter says to which topics.
	Filter broker.Filter

	// Since is the position from which to resume, for the one topic of an exact filter. Zero begins with what is published from now on.
	Since broker.Position

	// Positions are the positions from which to resume, topic by topic, for other filters. If it is not nil, what else matches is
	// answered as not recovered.
	Positions map[string]broker.Position

	// History asks for so many of the last messages first, for an exact filter without Since.
	History int

	// Presence asks to be told who comes and goes.
	Presence bool

	// Reply encodes the answer, which goes out before any message. If it is nil, there is none. It must not call the Session.
	Reply func(Subscribed) Frame
}

// Subscribed is the answer to a Subscribe.
type Subscribed struct {
	// Filter is what was subscribed to.
	Filter broker.Filter

	// Position is where the topic of an exact filter is: what is replayed begins after Since, and the first message that was not yet
	// published comes after Position.
	Position broker.Position

	// Resumed says that a position was given, and Recovered that exactly what was missed follows.
	Resumed   bool
	Recovered bool

	// Replayed is how many messages follow.
	Replayed int

	// Topics are the topics that a pattern matches now, as far as they are listed, each with its own answer.
	Topics map[string]Subscribed

	// Members are who is present, if that was asked for.
	Members []broker.Member
}

// subscription is a session's hold on a filter.
type subscription struct {
	session  *Session
	group    *group
	filter   broker.Filter
	alone    []broker.Filter // what to name for a message that this alone brings: the filter, if it is not exact
	server   bool            // made by the server
	presence bool            // tells who comes and goes
	replays  bool            // begins in the past
	at       int             // where it is in group.subs, -1 when it is not any more; guarded by group.mu

	// Guarded by Session.mu.
	pending []entry                    // what comes while the past is looked up; nil otherwise
	size    int                        // of pending, in bytes
	waiting bool                       // pending is in use
	others  map[string]broker.Position // what other subscriptions brought meanwhile, by topic, if it is not in pending
	past    map[string]broker.Position // what was replayed, by topic: live messages up to there are left out
	ended   bool
}

// group is all subscriptions of this node to one filter.
type group struct {
	filter broker.Filter
	refs   int           // guarded by Hub.mu
	link   chan struct{} // has one token; whoever holds it may change linked
	linked bool          // the node is subscribed at the broker

	mu   sync.RWMutex
	subs []*subscription // in no order; a list is gone through faster than a map
}

// acquire returns the group of a filter, subscribed at the broker.
func (h *Hub) acquire(ctx context.Context, f broker.Filter) (*group, error) {
	h.mu.Lock()
	g, ok := h.groups.Get(f)
	if !ok {
		g = &group{filter: f, link: make(chan struct{}, 1)}
		h.groups.Set(f, g)
	}
	g.refs++
	h.mu.Unlock()
	var err error
	select {
	case g.link <- struct{}{}:
		if !g.linked {
			if err = h.node.Subscribe(ctx, f); err != nil {
				h.node.Unsubscribe(f) // it may have happened all the same
			}
			g.linked = err == nil
		}
		<-g.link
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		h.release(g)
		return nil, err
	}
	return g, nil
}

// release lets go of a group. With the last hold it is unsubscribed at the broker.
func (h *Hub) release(g *group) {
	h.mu.Lock()
	g.refs--
	last := g.refs == 0
	h.mu.Unlock()
	if !last {
		return
	}
	g.link <- struct{}{}
	defer func() { <-g.link }()
	h.mu.RLock()
	last = g.refs == 0
	h.mu.RUnlock()
	if !last {
		return // somebody came meanwhile
	}
	if g.linked {
		h.node.Unsubscribe(g.filter)
		g.linked = false
	}
	h.mu.Lock()
	if now, _ := h.groups.Get(g.filter); g.refs == 0 && now == g {
		h.groups.Delete(g.filter)
	}
	h.mu.Unlock()
}

func (g *group) add(sub *subscription) {
	g.mu.Lock()
	sub.at = len(g.subs)
	g.subs = append(g.subs, sub)
	g.mu.Unlock()
}

func (g *group) remove(sub *subscription) {
	g.mu.Lock()
	if last := len(g.subs) - 1; sub.at >= 0 {
		g.subs[sub.at] = g.subs[last]
		g.subs[sub.at].at = sub.at
		g.subs[last], sub.at = nil, -1
		g.subs = g.subs[:last]
		if cap(g.subs) > 4*last+16 {
			g.subs = slices.Clone(g.subs)
		}
	}
	g.mu.Unlock()
}

// Subscribe subscribes the session, and returns what it was told, too. What was missed follows the answer, and then what is published.
// It waits while the session's outbox is half full or too many others resume. A message that several subscriptions match is delivered once;
// but one with a position replays from there, whatever others have brought already.
func (s *Session) Subscribe(ctx context.Context, o Subscribe) (Subscribed, error) {
	if err := o.Filter.Check(); err != nil {
		return Subscribed{}, badRequest(err)
	}
	for {
		a := &Access{Action: ActSubscribe, Topics: o.Filter}
		err := s.may(ctx, a)
		if err == nil && o.Presence {
			err = s.may(ctx, &Access{Action: ActPresence, Topics: o.Filter})
		}
		if err == nil && o.replays() {
			err = s.may(ctx, &Access{Action: ActHistory, Topics: o.Filter})
		}
		if err != nil {
			return Subscribed{}, s.hub.told("subscribe", err)
		}
		if r, err := s.subscribe(ctx, o, a.Identity); err != errJudgeAgain {
			return r, err
		}
	}
}

// replays reports whether the past is asked for.
func (o *Subscribe) replays() bool {
	return !o.Since.IsZero() || len(o.Positions) > 0 || o.History > 0
}

// errJudgeAgain says that the session has another identity than the one that was judged.
var errJudgeAgain = errors.New("hub: the identity has changed")

// subscribe does so on behalf of an identity that may, or of the server if that is nil.
func (s *Session) subscribe(ctx context.Context, o Subscribe, judged *Identity) (Subscribed, error) {
	h := s.hub
	server := judged == nil
	rules := h.rules.Load()
	if kind := rules.find(o.Filter.Name).Kind; o.Filter.IsExact() && kind == broker.Bytes && !s.caps.Binary {
		return Subscribed{}, Errorf(WrongKind, "the topic carries bytes, which this client cannot be sent: connect in another way")
	}
	// What takes long comes first, while nothing is kept for this subscription and others are not held up.
	if o.replays() {
		if err := s.halfEmpty(ctx); err != nil {
			return Subscribed{}, h.told("subscribe", err)
		}
		select {
		case h.resumes <- struct{}{}:
			defer func() { <-h.resumes }()
		case <-ctx.Done():
			return Subscribed{}, AsError(context.Cause(ctx))
		case <-s.ctx.Done():
			return Subscribed{}, AsError(context.Cause(s.ctx))
		}
	}
	// One after the other: so at most one waits for its past, and what overlaps with it cannot be reordered.
	select {
	case s.subscribing <- struct{}{}:
		defer func() { <-s.subscribing }()
	case <-ctx.Done():
		return Subscribed{}, AsError(context.Cause(ctx))
	case <-s.ctx.Done():
		return Subscribed{}, AsError(context.Cause(s.ctx))
	}
	sub := &subscription{session: s, filter: o.Filter, server: server, presence: o.Presence, replays: o.replays(), waiting: true}
	if !o.Filter.IsExact() {
		sub.alone = []broker.Filter{o.Filter}
	}
	s.mu.Lock()
	_, have := s.subs[o.Filter]
	switch {
	case s.closed:
		s.mu.Unlock()
		return Subscribed{}, Errorf(GoingAway, "the session has ended")
	case !server && s.identity != judged:
		s.mu.Unlock()
		return Subscribed{}, errJudgeAgain
	case have && server:
		s.mu.Unlock()
		return Subscribed{}, nil
	case have:
		s.mu.Unlock()
		return Subscribed{}, Errorf(BadRequest, "the session is subscribed to this already: unsubscribe first")
	case !server && len(s.subs) >= rules.limits.Subscriptions:
		s.mu.Unlock()
		h.refused("subscriptions")
		return Subscribed{}, Errorf(LimitReached, "a session may have %d subscriptions: give one up, or use a pattern", rules.limits.Subscriptions)
	}
	if s.subs == nil {
		s.subs = map[broker.Filter]*subscription{}
	}
	s.subs[o.Filter] = sub
	s.mu.Unlock()

	g, err := h.acquire(ctx, o.Filter)
	if err != nil {
		s.forget(sub)
		return Subscribed{}, h.told("subscribe", err)
	}
	g.add(sub)
	s.mu.Lock()
	gone := sub.ended || s.closed
	if !gone {
		sub.group = g // from here on whoever ends it lets go of the group
	}
	s.mu.Unlock()
	if gone {
		g.remove(sub)
		h.release(g)
		return Subscribed{}, errEnded
	}

	reply, past, err := h.lookUp(ctx, &o)
	if err != nil {
		s.drop(sub)
		return Subscribed{}, h.told("subscribe", err)
	}
	if !s.begin(sub, &o, &reply, past) {
		return Subscribed{}, errEnded
	}
	return reply, nil
}

// errEnded is what a client is told whose subscription was ended before it had begun.
var errEnded = Errorf(GoingAway, "the session or the subscription has ended")

// forget takes a subscription out of the session before it has a group.
func (s *Session) forget(sub *subscription) {
	s.mu.Lock()
	sub.ended = true
	if s.subs[sub.filter] == sub {
		delete(s.subs, sub.filter)
	}
	s.mu.Unlock()
}

// drop ends a subscription, and reports whether it was there. If so, it sends what says.
func (s *Session) drop(sub *subscription, says ...Frame) bool {
	s.mu.Lock()
	ok := s.subs[sub.filter] == sub && !s.closed
	if ok {
		delete(s.subs, sub.filter)
	}
	sub.ended = true
	sub.pending, sub.others = nil, nil
	if ok {
		for _, f := range says {
			s.push(entry{frame: f})
		}
	}
	g := sub.group
	s.mu.Unlock()
	if ok && g != nil {
		g.remove(sub)
		s.hub.release(g)
	}
	return ok
}

// begin answers a subscription, and delivers the past and then what came meanwhile. It reports whether the subscription had not been ended
// by then.
func (s *Session) begin(sub *subscription, o *Subscribe, reply *Subscribed, past []*broker.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.ended {
		return false
	}
	reply.advance(sub.others)
	if o.Reply != nil {
		s.push(entry{frame: o.Reply(*reply), begins: true})
	} else if sub.server {
		if f, ok := s.codec.Subscribed(*reply); ok {
			s.push(entry{frame: f, begins: true})
		}
	}
	sub.past = map[string]broker.Position{}
	if sub.filter.IsExact() {
		sub.past[sub.filter.Name] = reply.Position
	}
	for topic, r := range reply.Topics {
		sub.past[topic] = r.Position
	}
	rules := s.hub.rules.Load()
	for _, m := range past {
		s.push(s.encode(m, rules.find(m.Topic), sub.alone, nil))
	}
	for _, e := range sub.pending {
		switch {
		case e.msg != nil && sub.seen(e.msg.Topic, e.msg.Position):
		case e.gap != nil && sub.seen(e.gap.Topic, e.gap.Tail):
		default:
			s.push(e)
		}
	}
	sub.pending, sub.others, sub.waiting = nil, nil, false
	return true
}

// advance moves the answer up to what the session has got by other subscriptions already: what is published from now on comes after that.
func (r *Subscribed) advance(others map[string]broker.Position) {
	later := func(p *broker.Position, than broker.Position) {
		if p.Epoch == than.Epoch && p.Offset < than.Offset {
			*p = than
		}
	}
	for topic, at := range others {
		if r.Filter.IsExact() {
			later(&r.Position, at)
		} else if one, ok := r.Topics[topic]; ok {
			later(&one.Position, at)
			r.Topics[topic] = one
		}
	}
}

// seen reports whether a message was part of what was replayed or told about at the beginning. Session.mu is held.
func (sub *subscription) seen(topic string, at broker.Position) bool {
	p, ok := sub.past[topic]
	if !ok {
		return false
	}
	if p.Epoch == at.Epoch && at.Offset <= p.Offset {
		return true
	}
	delete(sub.past, topic) // all that follows is later
	if len(sub.past) == 0 {
		sub.past = nil
	}
	return false
}

// lookUp finds out where the topics are, and what is to be replayed, oldest first.
func (h *Hub) lookUp(ctx context.Context, o *Subscribe) (Subscribed, []*broker.Message, error) {
	reply := Subscribed{Filter: o.Filter}
	var past []*broker.Message
	var err error
	if o.Filter.IsExact() {
		limits := &h.rules.Load().limits
		q := broker.Query{Since: o.Since, Bytes: limits.ReplayBytes}
		switch {
		case !o.Since.IsZero():
			q.Limit = limits.ReplayCount
		case o.History > 0:
			q.Last, q.Limit = true, min(o.History, limits.ReplayCount)
		}
		if reply, past, err = h.resume(ctx, o.Filter.Name, q); err != nil {
			return reply, nil, err
		}
		reply.Filter = o.Filter
		if o.Presence {
			if reply.Members, err = h.node.Members(ctx, o.Filter.Name); err != nil {
				return reply, nil, err
			}
		}
		return reply, past, nil
	}
	past, err = h.resumeAll(ctx, o, &reply)
	return reply, past, err
}

// resumeAll is lookUp for a filter that may match several topics.
func (h *Hub) resumeAll(ctx context.Context, o *Subscribe, reply *Subscribed) ([]*broker.Message, error) {
	limits := &h.rules.Load().limits
	if len(o.Positions) > limits.PatternTopics {
		return nil, Errorf(LimitReached, "positions of at most %d topics may be given: subscribe to fewer at once", limits.PatternTopics)
	}
	topics, err := h.node.Topics(ctx, o.Filter, limits.PatternTopics+1)
	if err != nil {
		return nil, err
	}
	listed := len(topics) <= limits.PatternTopics
	if !listed {
		topics = topics[:limits.PatternTopics]
	}
	var past []*broker.Message
	reply.Topics = map[string]Subscribed{}
	reply.Resumed = o.Positions != nil
	reply.Recovered = reply.Resumed && listed // of what is not listed, something may be missing
	budget := limits.ReplayBytes
	resume := func(topic string, since broker.Position, known bool) error {
		q := broker.Query{Since: since}
		if !since.IsZero() && budget > 0 {
			q.Limit, q.Bytes = limits.ReplayCount-len(past), budget
		}
		r, list, err := h.resume(ctx, topic, q)
		if err != nil {
			return err
		}
		size := 0
		for _, m := range list {
			size += len(m.Body)
		}
		if size > budget { // of one message that is larger than what is left
			r.Recovered, r.Replayed, list, size = false, 0, nil, 0
		}
		r.Resumed = reply.Resumed
		r.Recovered = r.Recovered && known
		budget -= size
		reply.Recovered = reply.Recovered && r.Recovered
		reply.Replayed += r.Replayed
		reply.Topics[topic] = r
		past = append(past, list...)
		return nil
	}
	for topic, since := range o.Positions {
		if broker.CheckTopic(topic) != nil || !o.Filter.Match(topic) {
			return nil, Errorf(BadRequest, "a position is given for a topic that the pattern does not match")
		}
		if err := resume(topic, since, true); err != nil {
			return nil, err
		}
	}
	for _, t := range topics {
		if _, done := reply.Topics[t.Name]; done || t.Tail.Offset == 0 {
			continue
		}
		if o.Positions == nil {
			reply.Topics[t.Name] = Subscribed{Filter: broker.Exact(t.Name), Position: t.Tail}
			continue
		}
		if err := resume(t.Name, broker.Position{}, false); err != nil {
			return nil, err
		}
	}
	return past, nil
}

// resume looks up one topic.
func (h *Hub) resume(ctx context.Context, topic string, q broker.Query) (Subscribed, []*broker.Message, error) {
	page, err := h.node.History(ctx, topic, q)
	if err != nil {
		return Subscribed{}, nil, err
	}
	r := Subscribed{Filter: broker.Exact(topic), Position: page.Tail, Resumed: !q.Since.IsZero()}
	if r.Resumed {
		r.Recovered = page.Complete && !page.More
		if !r.Recovered {
			page.Messages = nil
		}
		if f := h.trace.Resumed; f != nil {
			f(r.Recovered, len(page.Messages))
		}
	}
	r.Replayed = len(page.Messages)
	return r, page.Messages, nil
}

// halfEmpty waits until the session's outbox is at most half full.
func (s *Session) halfEmpty(ctx context.Context) error {
	for {
		s.mu.Lock()
		room := s.out.roomFor(s.hub.rules.Load().limits.OutboxBytes / 2)
		s.mu.Unlock()
		if room == nil {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// Unsubscribe ends a subscription. When it has returned, nothing of it is delivered any more: what waited has been handed over before.
func (s *Session) Unsubscribe(f broker.Filter) error {
	s.mu.Lock()
	sub := s.subs[f]
	s.mu.Unlock()
	if sub == nil || !s.drop(sub) {
		return Errorf(NotFound, "the session is not subscribed to this")
	}
	return nil
}

// unsubscribed ends a subscription from the server's side, and tells the client.
func (s *Session) unsubscribed(sub *subscription, why *Error) {
	if f, ok := s.codec.Unsubscribed(sub.filter, why); ok {
		s.drop(sub, f) // at once, for the client may subscribe to it again in the next moment
	} else if s.drop(sub) {
		s.Close(Reason{Code: why.Code, Text: why.Text, Reconnect: true})
	}
}

// serverSubscribe subscribes the session without asking anybody; being subscribed already is fine.
func (s *Session) serverSubscribe(ctx context.Context, f broker.Filter) error {
	_, err := s.subscribe(ctx, Subscribe{Filter: f}, nil)
	return err
}
