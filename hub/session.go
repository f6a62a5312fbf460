package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
	"golang.org/x/time/rate"
)

// Connect is what a dialect knows of a client that wants in.
type Connect struct {
	// Credentials are what the Authoriser is shown.
	Credentials Credentials

	// Codec and Sink encode and send what is delivered.
	Codec Codec
	Sink  Sink

	// Capabilities are what the client can do.
	Capabilities Capabilities

	// Greet, if not nil, encodes the first frame that the client gets, before anything else can be sent to the session. It may ask the
	// session for its ID, Identity and Context alone.
	Greet func(*Session) Frame

	// Visit says that the session is for a single request and gets nothing: it cannot subscribe or be present, is not counted
	// or listed, and Close may be left out. Codec and Sink may be nil.
	Visit bool
}

// Session is one client. Its methods may be called from any goroutine; those of one client's commands are called in their order by the goroutine
// that reads them. A session ends by Close, by the hub, or when its Sink fails; the dialect calls Close when
// its transport is gone.
type Session struct {
	hub       *Hub
	id        string
	dialect   string
	transport string
	name      string
	remote    string
	since     time.Time
	caps      Capabilities
	codec     Codec
	sink      Sink

	ctx context.Context // ends with the session
	end context.CancelCauseFunc

	subscribing chan struct{} // has one token, for whoever subscribes
	forwarded   atomic.Pointer[func([]byte)]
	commands    queue // subscribe and unsubscribe
	forwards    queue // what Forwarded gets

	mu       sync.Mutex
	identity *Identity
	subs     map[broker.Filter]*subscription
	out      outbox
	bucket   *rate.Limiter        // nil until the first command
	present  map[string]*presence // by topic
	calls    int
	expiry   *time.Timer
	left     *time.Timer
	sunk     bool     // the Sink has been closed
	onSunk   []func() // called then
	failed   bool     // it is about to be closed
	closed   bool
	visit    bool // of Connect: it is closed from the beginning
}

// Connect lets a client in, or returns an *Error that says why not. The session's first frames are the dialect's: nothing is delivered before
// it subscribes, but for what the Authoriser has subscribed it to, which comes with Start.
func (h *Hub) Connect(ctx context.Context, c Connect) (*Session, error) {
	if err := h.admits(); err != nil {
		return nil, err
	}
	rules := h.rules.Load()
	id, err := rules.authoriser.Connect(ctx, &c.Credentials)
	if err == nil && id == nil {
		id = &Identity{}
	}
	if err == nil && !id.Expires.IsZero() && time.Until(id.Expires) <= 0 {
		err = Errorf(Expired, "the token has expired: connect with a new one")
	}
	h.authorised("connect", err)
	if err != nil {
		return nil, h.told("connect", err)
	}
	s := &Session{
		hub:       h,
		id:        rand.Text(),
		dialect:   c.Credentials.Dialect,
		transport: c.Credentials.Transport,
		name:      c.Credentials.Name,
		remote:    c.Credentials.Remote,
		since:     time.Now(),
		caps:      c.Capabilities,
		codec:     c.Codec,
		sink:      c.Sink,
		identity:  id,

		subscribing: make(chan struct{}, 1),
	}
	if c.Visit {
		s.visit, s.closed, s.ctx, s.end = true, true, h.ctx, func(error) {}
		return s, nil
	}
	s.ctx, s.end = context.WithCancelCause(h.ctx)
	h.mu.Lock()
	if r := h.refusal(); r != nil {
		h.mu.Unlock()
		return nil, r
	}
	if c.Greet != nil { // as long as nobody else knows the session
		s.Send(c.Greet(s))
	}
	h.sessions[s.id] = s
	h.addUser(s, id.User)
	h.mu.Unlock()
	s.mu.Lock()
	s.expireAt(s.identity.Expires) // which the application may have changed already
	s.mu.Unlock()
	if f := h.trace.Connected; f != nil {
		f(s.Info())
	}
	return s, nil
}

// admits returns an *Error if nobody is let in now.
func (h *Hub) admits() error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if r := h.refusal(); r != nil {
		return r
	}
	if h.admit != nil {
		if e := h.admit(); e != nil {
			return e
		}
	}
	return nil
}

// refusal is admits for whoever holds Hub.mu.
func (h *Hub) refusal() *Error {
	if r := h.draining; r != nil {
		return &Error{Code: r.Code, Text: r.Text, Retry: true, After: r.After}
	}
	if most := h.rules.Load().limits.Sessions; most > 0 && len(h.sessions) >= most {
		h.refused("sessions")
		return &Error{Code: Unavailable, Text: "the server is full; try again in a while", Retry: true, After: 5 * time.Second}
	}
	return nil
}

// addUser enters a session under its user. Hub.mu is held.
func (h *Hub) addUser(s *Session, user string) {
	if user == "" {
		return
	}
	if h.users[user] == nil {
		h.users[user] = map[*Session]struct{}{}
	}
	h.users[user][s] = struct{}{}
}

func (h *Hub) removeUser(s *Session, user string) {
	delete(h.users[user], s)
	if len(h.users[user]) == 0 {
		delete(h.users, user)
	}
}

// authorised and refused call the trace.
func (h *Hub) authorised(what string, err error) {
	if f := h.trace.Authorised; f != nil {
		f(what, err)
	}
}

func (h *Hub) refused(limit string) {
	if f := h.trace.Refused; f != nil {
		f(limit)
	}
}

// told is AsError, and logs what the client is not told.
func (h *Hub) told(doing string, err error) *Error {
	e := AsError(err)
	if e != nil && (e.Code == Internal || e.Err != nil) && !errors.Is(err, context.Canceled) { // a client that has gone is no news
		h.log.Warn("hub: "+doing+" failed", "code", e.Code, "err", err)
	}
	return e
}

// ID returns the public id of the session, which may be shown to anybody. It gives no right to anything.
func (s *Session) ID() string { return s.id }

// Context ends with the session; its cause is a *Error made of the Reason.
func (s *Session) Context() context.Context { return s.ctx }

// Identity returns who the session belongs to.
func (s *Session) Identity() *Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity
}

// Hub returns the hub that the session is in.
func (s *Session) Hub() *Hub { return s.hub }

// Start subscribes the session to what its Identity says, once the dialect has greeted the client.
func (s *Session) Start(ctx context.Context) error {
	for _, f := range s.Identity().Subscriptions {
		if err := s.serverSubscribe(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// Send hands over a frame in order with what is delivered: a reply. It is never dropped; if the outbox is full, the session ends.
func (s *Session) Send(f Frame) {
	s.mu.Lock()
	s.push(entry{frame: f})
	s.mu.Unlock()
}

// Command takes one command from the session's allowance, or returns an *Error that says when the next is allowed. Dialects call it
// for every command but pings.
func (s *Session) Command() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.hub.rules.Load().limits
	per, burst := l.Rate, l.Burst
	if s.identity.Rate != 0 {
		per, burst = s.identity.Rate, max(1, s.identity.Burst)
	}
	if per < 0 {
		return nil
	}
	if s.bucket == nil {
		s.bucket = rate.NewLimiter(rate.Limit(per), burst)
	}
	adjust(s.bucket, per, burst)
	return s.hub.spend(s.bucket, "commands")
}

// adjust gives a bucket other bounds if they have changed.
func adjust(b *rate.Limiter, per float64, burst int) {
	if b.Limit() != rate.Limit(per) {
		b.SetLimit(rate.Limit(per))
	}
	if b.Burst() != burst {
		b.SetBurst(burst)
	}
}

// spend takes one from a bucket, or says when there will be one.
func (h *Hub) spend(b *rate.Limiter, limit string) error {
	now := time.Now()
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	h.refused(limit)
	return &Error{Code: RateLimited, Text: "too many of these in a short time; wait, then try again", Retry: true, After: wait}
}

// Refresh lets the session live on with a new token. If it is refused, the session goes on with the old one to its end.
func (s *Session) Refresh(ctx context.Context, c Credentials) (*Identity, error) {
	old := s.Identity()
	c.Refresh, c.Old = true, old
	c.Dialect, c.Transport, c.Remote = s.dialect, s.transport, s.remote
	id, err := s.hub.rules.Load().authoriser.Connect(ctx, &c)
	switch {
	case err != nil:
	case id == nil:
		id = &Identity{}
	}
	if err == nil && id.User != old.User {
		err = Errorf(Forbidden, "the new token belongs to another user: connect anew")
	}
	if err == nil && !id.Expires.IsZero() && time.Until(id.Expires) <= 0 {
		err = Errorf(Expired, "the new token has expired, too")
	}
	s.hub.authorised("refresh", err)
	if err != nil {
		return nil, s.hub.told("refresh", err)
	}
	s.adopt(id)()
	return id, nil
}

// adopt gives the session a new identity of the same user, and returns what then ends that this one does not allow any more: it may
// have to ask.
func (s *Session) adopt(id *Identity) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = id
	s.expireAt(id.Expires)
	return s.judged(func(*Error) bool { return true })
}

// rejudge ends what the session may not do any more by the rules as they are now. Who cannot be asked at the moment forbids nothing.
func (s *Session) rejudge() {
	s.mu.Lock()
	id := *s.identity
	s.identity = &id // so that what was judged for the one before is judged again
	end := s.judged(func(e *Error) bool { return !e.Retry })
	s.mu.Unlock()
	end()
}

// judged returns what ends the subscriptions and the presence that are refused in a way that counts. Session.mu is held.
func (s *Session) judged(counts func(*Error) bool) (end func()) {
	var subs []*subscription
	for _, sub := range s.subs {
		if !sub.server {
			subs = append(subs, sub)
		}
	}
	topics := slices.Collect(maps.Keys(s.present))
	return func() {
		for _, sub := range subs {
			err := s.may(s.ctx, &Access{Action: ActSubscribe, Topics: sub.filter})
			if err == nil && sub.presence {
				err = s.may(s.ctx, &Access{Action: ActPresence, Topics: sub.filter})
			}
			if err != nil && counts(AsError(err)) {
				s.unsubscribed(sub, s.hub.told("subscribe", err))
			}
		}
		for _, topic := range topics {
			if err := s.may(s.ctx, &Access{Action: ActPresence, Topics: broker.Exact(topic)}); err != nil && counts(AsError(err)) {
				s.Leave(s.ctx, topic)
			}
		}
	}
}

// expireAt arms the timer for the end of the token. Session.mu is held.
func (s *Session) expireAt(at time.Time) {
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if at.IsZero() || s.closed {
		return
	}
	grace := s.hub.rules.Load().limits.ExpiryGrace
	s.expireIn(time.Until(at), func() {
		if grace == 0 {
			s.expired()
			return
		}
		s.expireIn(grace, s.expired)
		if f, ok := s.codec.Notice(Notice{Code: Expired, Text: "the token has expired: refresh it", After: grace}); ok {
			s.push(entry{frame: f})
		}
	})
}

// expireIn calls f, with Session.mu held, unless the timer has been replaced when its time comes: a timer that is stopped may
// be on its way already. Session.mu is held.
func (s *Session) expireIn(d time.Duration, f func()) {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.expiry == t && !s.closed {
			f()
		}
	})
	s.expiry = t
}

// expired ends the session. Session.mu is held.
func (s *Session) expired() {
	s.fail(Reason{Code: Expired, Text: "the token has expired: connect with a new one", Reconnect: true})
}

// leave tells the session to come back, and ends it after that time or when ctx ends. done is called when it has ended.
func (s *Session) leave(ctx context.Context, after time.Duration, done func()) {
	r := Reason{Code: GoingAway, Text: "the server is about to stop; come back", Reconnect: true, After: time.Second}
	if f, ok := s.codec.Notice(Notice{Code: GoingAway, Text: r.Text, After: after}); ok {
		s.Send(f)
	}
	// Whichever comes first ends it. Then what waits is sent, unless ctx ends before that.
	stop := context.AfterFunc(ctx, func() { s.Close(r) })
	context.AfterFunc(s.ctx, func() {
		stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sunk {
			done()
			return
		}
		once := sync.OnceFunc(done)
		stop := context.AfterFunc(ctx, once)
		s.onSunk = append(s.onSunk, func() {
			stop()
			once()
		})
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left != nil {
		s.left.Stop()
	}
	if !s.closed {
		s.left = time.AfterFunc(after, func() { s.Close(r) })
	}
}

// closeSink closes the Sink, once nothing will be sent any more.
func (s *Session) closeSink(r Reason) {
	s.sink.Close(r)
	s.mu.Lock()
	s.sunk = true
	list := s.onSunk
	s.onSunk = nil
	s.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// Close ends the session: its subscriptions, its presence and its calls end, and its Sink is closed for this reason. Only the first
// reason counts. Dialects call it when the transport is gone, too.
func (s *Session) Close(r Reason) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.hub.working.Add(1) // before Hub.Close has come past this session
	defer s.hub.working.Done()
	if s.expiry != nil {
		s.expiry.Stop()
	}
	if s.left != nil {
		s.left.Stop()
	}
	if r.Code != GoingAway {
		s.discard()
	}
	var subs []*subscription
	for _, sub := range s.subs {
		sub.ended = true
		if sub.group != nil { // otherwise whoever is subscribing sees that it has ended
			subs = append(subs, sub)
		}
	}
	present := s.present
	s.subs, s.present = nil, nil
	flushing := s.out.finish(r)
	user := s.identity.User
	s.mu.Unlock()

	h := s.hub
	h.mu.Lock()
	delete(h.sessions, s.id)
	h.removeUser(s, user)
	h.mu.Unlock()
	for _, sub := range subs {
		sub.group.remove(sub)
	}
	if !flushing {
		s.closeSink(r)
	}
	s.end(&Error{Code: r.Code, Text: r.Text, Retry: r.Reconnect, After: r.After})
	for _, sub := range subs { // the broker may take its time
		h.release(sub.group)
	}
	for _, p := range present {
		h.presence.gone(h, p)
	}
	if f := h.trace.Disconnected; f != nil {
		f(s.Info(), r)
	}
}
