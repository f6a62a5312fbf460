package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/ws"
)

// role is what a connection does.
type role byte

const (
	asker role = iota // sends and awaits replies
	publisher
	subscriber
)

// link is one connection of a run.
type link struct {
	run    *run
	number int
	index  int // among those that send
	role   role
	slow   bool
	conn   *ws.Conn
	shard  *shard
	ctx    context.Context // ends with the link
	quit   context.CancelFunc

	kick     chan struct{} // a message is due
	replied  chan struct{} // of a closed load: the reply is here
	pending  pending
	sent     atomic.Int64
	firstDue atomic.Int64 // when the first message was due, or the connection was open; 0 before
	got      bool         // the reader's: something was received

	// Of a publisher: how many measured messages were published and not refused.
	published atomic.Int64
	publisher int

	// Of a subscriber.
	delivered atomic.Int64 // measured messages that came, or of which the server said that they do not
	seen      map[int]*seen

	// Of one that reads slowly: what it has read, and how much the server said is missing.
	slowRead, slowMissing atomic.Int64

	mu       sync.Mutex
	ended    error // why the connection ended, if it did before its time
	survived bool  // of a slow one: it was open at the end
}

func (r *run) newLink(i int) *link {
	l := &link{run: r, number: i, shard: r.meter.of(i), kick: make(chan struct{}, 1), replied: make(chan struct{}, 1)}
	l.ctx, l.quit = context.WithCancel(context.Background())
	f := r.plan.Fanout
	switch {
	case f == nil:
		l.slow = i < r.plan.Slow
	case i < f.Subscribers: // they are there before anything is published
		l.role, l.seen = subscriber, map[int]*seen{}
		l.slow = i < r.plan.Slow
	default:
		l.role, l.publisher = publisher, i-f.Subscribers
	}
	return l
}

// open opens the connection and begins to read from it.
func (l *link) open(ctx context.Context, due time.Duration) error {
	c, err := l.run.dial(ctx, l.number, l.slow)
	if err != nil {
		l.quit()
		return err
	}
	l.conn = c
	l.shard.record(mConnect, l.run.now()-due)
	if err = l.greet(ctx); err != nil {
		c.CloseNow()
		l.quit()
		return err
	}
	l.firstDue.Store(int64(l.run.now()))
	l.run.open.Add(1)
	l.run.readers.Go(l.read)
	return nil
}

// greet says what has to be said before anything else.
func (l *link) greet(ctx context.Context) error {
	if f := l.run.plan.Fanout; f != nil && f.Topic != "" {
		ctx, cancel := context.WithTimeout(ctx, l.run.plan.Timeout)
		defer cancel()
		if err := l.greetNative(ctx, f.Topic); err != nil {
			return err
		}
	}
	for _, t := range l.run.plan.Hello {
		if err := l.conn.Write(ctx, ws.Text, t.append(nil, values{conn: l.number})); err != nil {
			return err
		}
	}
	return nil
}

// opening names what an error of open is about.
func (l *link) opening(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		return "subscribe " + refused.Code
	}
	return kindOf(err)
}

// gone reports whether the connection has ended.
func (l *link) gone() bool { return l.ctx.Err() != nil }

// read reads until the connection ends.
func (l *link) read() {
	var err error
	if l.slow {
		err = l.readSlowly()
	} else {
		err = l.conn.Run(l.ctx, ws.Events{Message: func(_ *ws.Conn, t ws.Type, p []byte) error {
			l.receive(t, p)
			return nil
		}})
	}
	l.run.open.Add(-1)
	defer l.quit()
	if l.run.ending.Load() {
		return
	}
	if err == nil || errors.Is(err, context.Canceled) {
		err = context.Cause(l.conn.Context())
	}
	kind := kindOf(err)
	if errors.Is(err, context.Canceled) && l.run.load.Err() != nil { // in the middle of a message that it did not take
		if l.run.parent.Err() != nil {
			return
		}
		kind, err = "blocked", errors.New("load: the connection did not take a message in time")
	}
	l.mu.Lock()
	l.ended = err
	l.mu.Unlock()
	if l.slow {
		return // it is told apart
	}
	l.run.faults.add(kind, 1, err.Error())
	l.unanswered()
}

// unanswered counts the messages that wait on a connection that has ended.
func (l *link) unanswered() {
	n := l.pending.drop()
	if !l.slow {
		l.run.faults.add("unanswered", int64(n), "")
	}
}

// readSlowly reads a message, waits, and so on.
func (l *link) readSlowly() error {
	pause := time.Duration(float64(time.Second) / l.run.plan.SlowRate)
	for {
		t, p, err := l.conn.Read(l.ctx)
		if err != nil {
			return err
		}
		l.receive(t, p)
		if !sleepUntil(l.ctx, time.Now().Add(pause)) {
			return l.ctx.Err()
		}
	}
}

// receive takes a message from the connection.
func (l *link) receive(t ws.Type, p []byte) {
	now := l.run.now()
	if !l.got {
		l.got = true
		if !l.slow {
			l.shard.record(mFirst, now-time.Duration(l.firstDue.Load()))
		}
	}
	if l.slow {
		l.slowRead.Add(1)
	}
	switch {
	case l.role == subscriber:
		l.deliver(p, now)
	case l.role == publisher:
		l.acknowledge(p, now)
	default:
		l.reply(t, p, now)
	}
}

// reply takes what may be a reply.
func (l *link) reply(t ws.Type, p []byte, now time.Duration) {
	m := l.run.plan.Match
	key, ok := m.receivedKey(p)
	if !ok || !l.run.begun.Load() { // before there are messages there are no replies
		l.shard.count(func(c *counts) { c.other++; c.bytesIn += int64(len(p)) })
		return
	}
	var w waiting
	result := mismatched
	if m.kind != matchEcho || t == l.run.plan.Type {
		l.giveUp(now - l.run.plan.Timeout)
		w, result = l.pending.take(key, m.kind == matchOrder)
	}
	if l.slow {
		return
	}
	switch result {
	case answered:
		l.answered(w, now, len(p))
	case late:
		l.run.faults.add("late", 1, "")
	case duplicate:
		l.run.faults.add("duplicate", 1, "received "+t.String()+" "+shorten(string(p)))
	case mismatched:
		l.run.faults.add("mismatched", 1, "received "+t.String()+" "+shorten(string(p)))
	}
}

// answered records the reply to a message.
func (l *link) answered(w waiting, now time.Duration, size int) {
	s := l.shard
	s.mu.Lock()
	s.received++
	s.bytesIn += int64(size)
	if w.due < l.run.warm {
		s.warmRecv++
	} else {
		s.recordLocked(mRoundTrip, now-w.due)
		s.recordLocked(mRoundRaw, now-w.sent)
	}
	s.mu.Unlock()
	if l.run.plan.Closed {
		select {
		case l.replied <- struct{}{}:
		default:
		}
	}
}

// giveUp takes the messages sent before a time, to which no reply came, for lost. They count with the whole timeout, for
// otherwise a server would look better for each message that it does not answer.
func (l *link) giveUp(before time.Duration) {
	n := l.pending.expire(before, func(w waiting) {
		if !l.slow && w.due >= l.run.warm {
			l.shard.record(mRoundTrip, w.sent-w.due+l.run.plan.Timeout)
		}
	})
	if !l.slow {
		l.run.faults.add("reply timeout", int64(n), "")
	}
}
