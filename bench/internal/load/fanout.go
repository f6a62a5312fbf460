package load

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Fanout publishes to a topic of parley serve at a fixed rate, whether or not earlier messages have arrived, and checks what its subscribers get:
// every message, in order, byte for byte the same for all.
type Fanout struct {
	// Form is how the subscribers speak. Whoever publishes is Native.
	Form Form
	// Conns is the number of subscribers.
	Conns int
	// Stalled is how many more there are that never read. What they do not read is published before anything is measured.
	Stalled int
	// Size is that of a message in bytes, at least 32.
	Size int
	// Rate is the number of messages in a second.
	Rate int
	// Topic is the topic, one for each run.
	Topic string
	// GiveUp is the latency at which a run ends without being measured: ErrBehind. Zero is never.
	GiveUp time.Duration
}

// A FanoutMeasure is what a run showed.
type FanoutMeasure struct {
	// Measure is of the time measured; Messages are deliveries, and P50 and P99 times from when a message was to be published until a
	// subscriber had it.
	Measure
	// Published counts messages that were published while it was measured.
	Published int64
	// P999 and Max are latencies, as P50 and P99.
	P999, Max time.Duration
	// Lost counts deliveries that did not come: subscribers were told of a gap, or they had not come some time after the end.
	Lost int64
	// Gaps counts the notices of them.
	Gaps int64
}

// ErrBehind is the error of a run that was given up.
var ErrBehind = errors.New("load: messages take too long to arrive")

// sub is a subscriber, or whoever publishes.
type sub struct {
	next int // the message that it is to get next; -1 before the first
	gap  bool
}

// fanout is a run.
type fanout struct {
	Fanout
	loop
	pub    *conn
	epoch  time.Time
	begin  time.Duration // when message number zero was due
	zero   int           // the message from which on the rate holds
	bodies [][]byte
	sent   int
	queue  []byte // what is to be published once the socket has taken what is before it

	units   [][]byte // what each message looks like, once the first subscriber has got it
	offset  uint64   // of the message number 0
	started int      // subscribers that have got a message
	from    int      // the first message whose latency counts, once it is known
	times   histogram
	lost    int64
	gaps    int64
}

// Run measures a round.
func (o Fanout) Run(t Target) (m FanoutMeasure, err error) {
	err = onThread(t, func() error {
		f := &fanout{Fanout: o, epoch: time.Now()}
		f.bodies = o.variants()
		var stalled []*conn
		defer func() { hangUp(append(stalled, f.conns...)) }()
		if f.conns, stalled, err = o.open(t); err != nil {
			return err
		}
		f.pub = f.conns[0]
		f.handle = f.take
		if err = f.watch(); err != nil {
			return err
		}
		defer unix.Close(f.ep)
		if err = f.gather(); err != nil {
			return err
		}
		m, err = f.measure(t)
		return err
	})
	return m, err
}

// variants returns bodies of messages, into which body writes a number.
func (o Fanout) variants() [][]byte {
	r := rand.New(rand.NewPCG(3, uint64(o.Size)))
	list := make([][]byte, 64)
	for i := range list {
		b := append([]byte(numbered), `00000000","text":"`...)
		list[i] = append(append(b, plain(r, max(0, o.Size-len(b)-2))...), `"}`...)
	}
	return list
}

// numbered is how each message begins; its number follows.
const numbered = `{"n":"`

// body appends the body of a message.
func (f *fanout) body(b []byte, n int) []byte {
	at := len(b) + len(numbered)
	b = append(b, f.bodies[n%len(f.bodies)]...)
	for i := 7; i >= 0; i-- {
		b[at+i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// open opens the connections: first whoever publishes, then the subscribers.
func (o Fanout) open(t Target) (conns, stalled []*conn, err error) {
	for len(conns) < o.Conns+1 {
		form, n := o.Form, min(batch, o.Conns+1-len(conns))
		if len(conns) == 0 {
			form, n = Native, 1
		}
		topic := o.Topic
		if len(conns) == 0 {
			topic = o.Topic + "/nothing"
		}
		more, err := t.clients(form, n, func(int) string { return topic })
		for _, c := range more {
			c.sub = &sub{next: -1}
		}
		conns = append(conns, more...)
		if err != nil {
			return conns, nil, err
		}
	}
	to, err := t.address()
	for range o.Stalled {
		if err != nil {
			break
		}
		var c *conn
		if c, err = open(to); err == nil {
			stalled = append(stalled, c)
			_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) // otherwise it only takes longer
			err = c.send(Native.request(t, ""))
		}
		if err == nil {
			_, err = Native.join(c, o.Topic, o.Topic+"/ballast")
		}
	}
	return conns, stalled, err
}

func (f *fanout) now() time.Duration { return time.Since(f.epoch) }

// publish publishes a message with this body.
func (f *fanout) publish(topic string, body []byte) error {
	p := append(fmt.Appendf(nil, `{"type":"publish","topic":%q,"data":`, topic), body...)
	f.queue = appendFrame(f.queue, text, append(p, '}'), true)
	return f.flush()
}

// flush sends what is to be published, if all that was before has been taken.
func (f *fanout) flush() error {
	if len(f.pub.out) > 0 || len(f.queue) == 0 {
		return nil
	}
	p := f.queue
	f.queue = nil
	return f.pub.send(p)
}

func (f *fanout) one() error {
	f.sent++
	return f.publish(f.Topic, f.body(nil, f.sent-1))
}

// gather publishes until every subscriber gets something, and those that are stalled take nothing any more. A connection is there before its
// subscription may be.
func (f *fanout) gather() error {
	if f.Stalled > 0 {
		ballast := []byte(strconv.Quote(string(bytes.Repeat([]byte("x"), 128<<10))))
		for range 64 {
			if err := f.publish(f.Topic+"/ballast", ballast); err != nil {
				return err
			}
		}
	}
	for end := time.Now().Add(silence); f.started < f.Conns; {
		if time.Now().After(end) {
			return fmt.Errorf("load: %d of %d subscribers got nothing", f.Conns-f.started, f.Conns)
		}
		if err := f.one(); err != nil {
			return err
		}
		if err := f.until(time.Now().Add(50 * time.Millisecond)); err != nil {
			return err
		}
	}
	_, err := f.settle()
	return err
}

// settle waits until everybody has everything, though not for ever, and returns how many deliveries are missing.
func (f *fanout) settle() (missing int64, err error) {
	for end := time.Now().Add(10 * time.Second); ; {
		if err := f.until(time.Now().Add(5 * time.Millisecond)); err != nil {
			return 0, err
		}
		if err := f.flush(); err != nil {
			return 0, err
		}
		missing = 0
		for _, c := range f.conns[1:] {
			missing += int64(f.sent - c.sub.next)
		}
		if missing == 0 || time.Now().After(end) {
			return missing, nil
		}
	}
}

// measure publishes at the rate.
func (f *fanout) measure(t Target) (m FanoutMeasure, err error) {
	f.begin, f.zero, f.from = f.now(), f.sent, math.MaxInt
	f.before = func(time.Time) error {
		for f.due(f.sent) <= f.now() {
			if err := f.one(); err != nil {
				return err
			}
		}
		return f.flush()
	}
	if err := f.until(time.Now().Add(t.Warm)); err != nil {
		return m, err
	}
	var done func() error
	if t.Around != nil {
		if done, err = t.Around(); err != nil {
			return m, err
		}
		// What was due meanwhile is late, and not by the server's fault.
		if err := f.until(time.Now().Add(100 * time.Millisecond)); err != nil {
			return m, err
		}
	}
	lost, gaps := f.lost, f.gaps
	f.from = f.sent
	count, busy := f.messages, f.busy
	before, err := t.clocks()
	if err != nil {
		return m, err
	}
	if err := f.until(before.wall.Add(t.Measure)); err != nil {
		return m, err
	}
	after, err := t.clocks()
	if err != nil {
		return m, err
	}
	after.busy = f.busy - busy
	m.since(before, after)
	m.Messages, m.Published = f.messages-count, int64(f.sent-f.from)
	f.before = func(time.Time) error { return f.flush() }
	if done != nil {
		if err := done(); err != nil {
			return m, err
		}
	}
	missing, err := f.settle()
	m.Lost, m.Gaps = f.lost-lost+missing, f.gaps-gaps
	m.P50, m.P99, m.P999, m.Max = f.times.quantile(.5), f.times.quantile(.99), f.times.quantile(.999), f.times.most
	return m, err
}

// due is when a message is to be published.
func (f *fanout) due(n int) time.Duration {
	return f.begin + time.Duration(n-f.zero)*time.Second/time.Duration(f.Rate)
}

// take takes what a connection has received.
func (f *fanout) take(c *conn, p []byte) error {
	now := f.now()
	whole := len(c.rest) == 0
	if !whole {
		c.rest = append(c.rest, p...)
		p = c.rest
	}
	var err error
	if f.Form == Events && c != f.pub {
		var rest []byte
		c.text, rest, err = dechunk(c.text, p)
		c.rest = append(c.rest[:0], rest...)
		if err != nil {
			return err
		}
		rest, err = f.scan(c, c.text, now)
		c.text = append(c.text[:0], rest...)
		return err
	}
	p, err = f.scan(c, p, now)
	if len(p) > 0 || !whole {
		c.rest = append(c.rest[:0], p...)
	}
	return err
}
