package native

import (
	"context"
	"crypto/sha256"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// peer is one client on whichever transport: it carries out commands, one after the other, on the goroutine that brings them.
type peer struct {
	h         *Handler
	codec     codec
	transport string
	sink      sink
	request   func() *http.Request // the one that the client came with
	digest    [sha256.Size]byte    // of the secret, where there is one
	secret    string               // until it has been told

	mu      sync.Mutex   // held while commands are carried out
	session *hub.Session // set once, by connect
	timer   *time.Timer  // for the connect, until it came

	over atomic.Bool                 // no more commands are taken
	live atomic.Pointer[hub.Session] // session, for those who cannot wait for mu

	// What a poll goes by.
	wait    time.Duration
	prompt  bool       // something was asked that is to be answered at once
	refused *hub.Error // why there is no session; set before the frame that says so is sent

	callMu sync.Mutex
	calls  map[uint64]*call // that are under way
}

// sink is a transport that knows how it has ended.
type sink interface {
	hub.Sink
	Err() error
}

// call is one call under way. Peer.callMu guards it.
type call struct{ cancel func() }

// job is what it takes to carry out the commands of a body. It refers to that while it is at work.
type job struct {
	r reader
	c command
}

var jobs = sync.Pool{New: func() any { return new(job) }}

// run carries out the commands of a body, which is lent.
func (p *peer) run(body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := jobs.Get().(*job)
	defer func() {
		*j = job{}
		jobs.Put(j)
	}()
	j.r = reader{scanner: scanner{p: body, depth: p.h.limits.Depth}, most: p.h.limits.Commands}
	for !p.ended() {
		ok, err := j.r.next(&j.c)
		if err != nil {
			p.end(0, err)
		}
		if err != nil || !ok {
			return
		}
		p.do(&j.c)
	}
}

// runApart is run for goroutines on which nobody else recovers from a panic of the application.
func (p *peer) runApart(body []byte) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		p.h.log.Error("native: a command panicked", "panic", v, "stack", string(debug.Stack()))
		p.mu.Lock()
		defer p.mu.Unlock()
		p.end(0, hub.Errorf(hub.Internal, "the server failed; its log says why"))
	}()
	p.run(body)
}

// ended reports whether commands are of no use any more.
func (p *peer) ended() bool {
	return p.over.Load() || p.session != nil && p.session.Context().Err() != nil
}

// send sends a frame in order with everything else.
func (p *peer) send(f hub.Frame) {
	if p.session != nil {
		p.session.Send(f)
		return
	}
	_ = p.sink.TrySend(f) // there is room for the first, unless nobody is there
}

// end answers with an error after which nothing is taken any more.
func (p *peer) end(id uint64, e *hub.Error) {
	p.over.Store(true)
	if p.session == nil {
		p.refused = e
	}
	p.send(p.codec.wrap(errorFrame(id, e)))
	if p.session != nil {
		p.session.Close(reasonOf(e))
		return
	}
	p.stopTimer()
	p.sink.Close(reasonOf(e))
}

func (p *peer) stopTimer() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}

// late ends a client that has not connected in time.
func (p *peer) late() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil && !p.over.Load() {
		p.h.hub.Refused("connect_time")
		p.end(0, &hub.Error{Code: hub.Timeout, Text: "no connect came in time", Retry: true})
	}
}

// gone is called when the transport is. Deferred, it passes a panic on, having told the client that the server failed.
func (p *peer) gone() {
	why, failed := hub.Lost(p.sink.Err()), recover()
	if failed != nil {
		why = hub.Reason{Code: hub.Internal, Text: "the server failed; its log says why", Reconnect: true}
	}
	p.over.Store(true)
	if s := p.live.Load(); s != nil {
		s.Close(why) // which ends whatever command still waits
	}
	if failed != nil {
		panic(failed)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopTimer()
}

// do carries out one command.
func (p *peer) do(c *command) {
	if p.session == nil {
		p.connect(c)
		return
	}
	if c.name != "ping" {
		if err := p.session.Command(); err != nil {
			p.fail(c, err)
			return
		}
	}
	if c.err != nil {
		p.fail(c, c.err)
		return
	}
	op, ok := operations[c.name]
	if !ok {
		p.fail(c, hub.Errorf(hub.BadRequest, "unknown type %.40q", c.name))
		return
	}
	if c.name != "subscribe" && c.name != "enter" {
		p.prompt = true
	}
	if err := op(p, p.session.Context(), c); err != nil {
		p.fail(c, err)
	}
}

// fail answers that a command failed.
func (p *peer) fail(c *command, err error) {
	p.prompt = true
	p.send(p.codec.wrap(errorFrame(c.id, hub.AsError(err))))
}

// reply answers a command with a frame of this type, to which add appends members.
func (p *peer) reply(c *command, kind string, add func(b []byte) []byte) {
	p.send(p.codec.frame(func(b []byte) []byte { return append(add(begin(b, kind, c.id)), '}') }))
}

// operations are the commands that follow a connect. They answer, or return an error for the answer.
var operations map[string]func(p *peer, ctx context.Context, c *command) error

func init() {
	operations = map[string]func(p *peer, ctx context.Context, c *command) error{
		"connect": func(*peer, context.Context, *command) error {
			return hub.Errorf(hub.BadRequest, "the session is connected already")
		},
		"subscribe":   (*peer).subscribe,
		"unsubscribe": (*peer).unsubscribe,
		"publish":     (*peer).publish,
		"history":     (*peer).history,
		"members":     (*peer).members,
		"enter":       (*peer).enter,
		"leave":       (*peer).leave,
		"call":        (*peer).call,
		"cancel":      (*peer).cancel,
		"refresh":     (*peer).refresh,
		"ping":        (*peer).ping,
	}
}

func (p *peer) subscribe(ctx context.Context, c *command) error {
	o := hub.Subscribe{
		Filter:    c.filter(),
		Since:     c.since(),
		Positions: c.positions(),
		History:   c.number(fHistory, 0, 0),
		Presence:  c.flag(fPresence, false),
	}
	switch {
	case c.err != nil:
	case o.Filter.IsExact() && o.Positions != nil:
		c.fail(`a topic is resumed with "since", not "positions"`)
	case !o.Filter.IsExact() && !o.Since.IsZero():
		c.fail(`a pattern or prefix is resumed with "positions", not "since"`)
	case !o.Filter.IsExact() && o.History > 0:
		c.fail(`"history" is for one topic`)
	}
	if c.err != nil {
		return c.err
	}
	id := c.id
	o.Reply = func(r hub.Subscribed) hub.Frame {
		return p.codec.frame(func(b []byte) []byte {
			return appendSubscribed(b, id, &r, o.Presence && r.Filter.IsExact())
		})
	}
	r, err := p.session.Subscribe(ctx, o)
	if r.Resumed && !r.Recovered {
		p.prompt = true // who has missed something should know at once
	}
	return err
}

func (p *peer) unsubscribe(_ context.Context, c *command) error {
	f := c.filter()
	if c.err != nil {
		return c.err
	}
	if err := p.session.Unsubscribe(f); err != nil {
		return err
	}
	p.reply(c, "unsubscribed", func(b []byte) []byte { return appendFilter(b, f) })
	return nil
}

func (p *peer) publish(ctx context.Context, c *command) error {
	m := c.message()
	if c.err != nil {
		return c.err
	}
	at, err := p.session.Publish(ctx, m)
	if err != nil || c.id == 0 {
		return err
	}
	p.reply(c, "published", func(b []byte) []byte {
		b = appendAt(b, "position", at.Position)
		if at.Duplicate {
			b = append(b, `,"duplicate":true`...)
		}
		return b
	})
	return nil
}

func (p *peer) history(ctx context.Context, c *command) error {
	topic, since := c.topic(), c.since()
	q := broker.Query{Since: since, Limit: c.number(fLimit, 0, 100), Last: since.IsZero()}
	if c.err != nil {
		return c.err
	}
	page, err := p.session.History(ctx, topic, q)
	if err != nil {
		return err
	}
	p.reply(c, "history", func(b []byte) []byte {
		b = appendString(name(b, "topic"), topic)
		b = append(name(b, "messages"), '[')
		for i, m := range page.Messages {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendMessage(b, m, nil)
		}
		b = append(b, ']')
		b = appendAt(b, "position", page.Tail)
		if !since.IsZero() {
			b = appendBool(b, "complete", page.Complete)
		}
		return appendBool(b, "more", page.More)
	})
	return nil
}

func (p *peer) members(ctx context.Context, c *command) error {
	topic := c.topic()
	if c.err != nil {
		return c.err
	}
	list, err := p.session.Members(ctx, topic)
	if err != nil {
		return err
	}
	p.reply(c, "members", func(b []byte) []byte {
		return appendMembers(appendString(name(b, "topic"), topic), "members", list)
	})
	return nil
}

func (p *peer) enter(ctx context.Context, c *command) error {
	topic, meta := c.topic(), c.json(fMeta)
	if c.err != nil {
		return c.err
	}
	m, err := p.session.Enter(ctx, topic, meta)
	if err != nil {
		return err
	}
	p.reply(c, "entered", func(b []byte) []byte {
		b = appendString(name(b, "topic"), topic)
		return appendMember(name(b, "member"), &m)
	})
	return nil
}

func (p *peer) leave(ctx context.Context, c *command) error {
	topic := c.topic()
	if c.err != nil {
		return c.err
	}
	if err := p.session.Leave(ctx, topic); err != nil {
		return err
	}
	p.reply(c, "left", func(b []byte) []byte { return appendString(name(b, "topic"), topic) })
	return nil
}

func (p *peer) refresh(ctx context.Context, c *command) error {
	token := c.need(fToken)
	if c.err != nil {
		return c.err
	}
	id, err := p.session.Refresh(ctx, hub.Credentials{Token: token, Header: p.request().Header})
	if err != nil {
		return err
	}
	p.reply(c, "refreshed", func(b []byte) []byte { return appendExpiry(b, id) })
	return nil
}

// appendExpiry appends when a token expires, counted from now: clocks differ.
func appendExpiry(b []byte, id *hub.Identity) []byte {
	if id.Expires.IsZero() {
		return b
	}
	return appendInt(b, "expires_ms", milliseconds(time.Until(id.Expires)))
}

func (p *peer) ping(_ context.Context, c *command) error {
	p.reply(c, "pong", func(b []byte) []byte { return b })
	return nil
}
