package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/framing"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
)

// client is one run of connect or send.
type client struct {
	name      string // of the command
	std       stdio
	flags     *clientFlags
	target    string
	options   *ws.DialOptions
	form      form
	wanted    *expectations
	farewell  talk.Farewell
	idle      time.Duration
	given     []ws.Message // those of the command line
	readInput bool         // then comes standard input
	person    *person      // who may be typing; nil for send
	reconnect bool         // when the connection is lost

	prompt    prompt
	out       *output
	writer    *messageWriter
	events    *eventLog // nil without --json
	received  int
	items     chan talk.Item
	gone      chan struct{} // closed when nobody takes items any more
	inputOver chan struct{} // closed when there are no more items
	enough    chan struct{} // closed when all expectations are met
	again     chan struct{} // has something in it when somebody wants to connect again

	pings sync.WaitGroup

	mu   sync.Mutex
	conn *ws.Conn // nil while there is none
}

// errMaxTime is the cause of a context that --max-time ended, errAgain of one that ended because somebody wants to connect again,
// errNotMet the failure of --expect.
var (
	errMaxTime = errors.New("the time of --max-time is over")
	errAgain   = errors.New("connecting again was asked for")
	errNotMet  = errors.New("no message met what was expected")
)

// run connects, talks and says how it ended.
func (c *client) run(parent context.Context) (err error) {
	c.prompt.std = c.std
	signals := withSignals(parent, c.prompt.close)
	defer signals.release()
	signals.endInTime()
	ctx, cancel := withMaxTime(signals, c.flags.maxTime)
	defer cancel()

	if c.readInput && (len(c.given) == 0 || c.name == "send") {
		if err := noInputLeft(c.name); err != nil {
			return err
		}
	}
	if c.out, err = openOutput(c.std, c.flags.output); err != nil {
		return err
	}
	if !c.out.own && screen.SameTerminal(c.std.out, c.std.err) {
		c.out.prompt = &c.prompt
	}
	defer func() {
		if cerr := c.out.close(); err == nil {
			err = cerr
		}
	}()
	if c.flags.json {
		c.events = newEventLog(c.out)
		c.options.Trace = c.events.trace()
		defer func() { err = c.events.finish(err) }()
	}
	c.writer = &messageWriter{w: c.out, form: c.form, terminal: c.out.terminal, file: c.out.file, colour: coloured(c.flags.color, c.out.file), warn: c.say}
	if c.person != nil {
		c.writer.stamps = &c.person.stamps
		c.writer.asIs = &c.person.asIs
	}
	c.items, c.gone, c.inputOver = make(chan talk.Item), make(chan struct{}), make(chan struct{})
	c.enough, c.again = make(chan struct{}), make(chan struct{}, 1)
	defer close(c.gone)
	defer onUsr1(c.statistics)()
	defer onHangup(c.connectAgain)()
	defer c.prompt.close()

	var pause pause
	for begun := false; ; {
		opened := time.Now()
		conn, err := c.dial(ctx)
		var end *ws.CloseError
		if err == nil {
			if begun {
				c.say("connected again")
			} else {
				begun = true
				if err := c.begin(conn, signals.interrupt); err != nil {
					conn.CloseNow()
					return err
				}
			}
			end, err = c.converse(ctx, conn)
		}
		switch {
		case errors.Is(err, errAgain) && ctx.Err() == nil:
			c.say("%s: connecting again", closing(end))
			pause = 0
		case ctx.Err() == nil && c.lost(end, err):
			if time.Since(opened) > lastingConnection {
				pause = 0
			}
			wait := pause.next()
			why := "not connected"
			if end != nil {
				why = closing(end)
			} else {
				c.events.failed(err)
				why += ": " + oneLine(explain(err).err.Error())
			}
			c.say("%s: connecting again in %v", why, wait.Round(time.Millisecond))
			if !c.pause(ctx, wait) {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				return c.ended(end, err)
			}
		default:
			return c.ended(end, err)
		}
	}
}

// withMaxTime bounds ctx by --max-time, if there is one.
func withMaxTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errMaxTime)
}

// lastingConnection is how long a connection has to last to be a success, after which the pauses are short again.
const lastingConnection = 10 * time.Second

// pause is the time before the next attempt to connect: half a second, then twice as long each time, up to 30 seconds.
type pause time.Duration

// next returns a time between one and one and a half of what is due, so that not all clients of a server come at once.
func (p *pause) next() time.Duration {
	*p = min(max(2*(*p), pause(500*time.Millisecond)), pause(30*time.Second))
	return time.Duration(*p) + rand.N(time.Duration(*p)/2)
}

// pause waits, but not when somebody wants to connect at once. It returns false if the run is over.
func (c *client) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var over <-chan struct{}
	if c.prompt.active() {
		over = c.inputOver // the person has gone
	}
	select {
	case <-ctx.Done():
		return false
	case <-over:
		return false
	case <-c.again:
	case <-timer.C:
	}
	return true
}

// connectAgain ends the connection, if there is one, and makes another.
func (c *client) connectAgain() {
	select {
	case c.again <- struct{}{}:
	default: // it is asked for already
	}
}

// lost reports whether a connection ended, or failed, so that another one may do better and is wanted.
func (c *client) lost(end *ws.CloseError, err error) bool {
	var he *ws.HandshakeError
	var limit *ws.LimitError
	switch {
	case !c.reconnect:
		return false
	case end == nil && errors.As(err, &he) && he.Status != 0:
		return he.Status >= 500 || he.Status == http.StatusTooManyRequests
	case end == nil:
		code := explain(err).code
		return code == exitNetwork || code == exitTimeout
	case err != nil, !end.Remote && end.Err == nil: // this side ended it
		return false
	}
	return !c.accepts(end) && exitCode(end) != exitProtocol && !errors.As(end, &limit)
}

// accepts reports whether --ok-close names the code.
func (c *client) accepts(end *ws.CloseError) bool {
	return slices.Contains(c.flags.okClose, int(end.Code))
}

// dial makes a connection.
func (c *client) dial(ctx context.Context) (*ws.Conn, error) {
	start := time.Now()
	conn, err := ws.Dial(ctx, c.target, c.options)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	if c.flags.verbose {
		describe(&c.prompt, conn, time.Since(start))
	}
	return conn, nil
}

// begin is called once there is a connection for the first time: only now is anything emptied, shown or read.
func (c *client) begin(conn *ws.Conn, interrupt func()) error {
	if err := c.out.begin(); err != nil {
		return err
	}
	if c.person != nil {
		if err := c.welcome(conn, interrupt); err != nil {
			return err
		}
	}
	go c.produce()
	return nil
}

// converse sends everything, prints what comes, and ends the connection.
func (c *client) converse(parent context.Context, conn *ws.Conn) (*ws.CloseError, error) {
	c.setConn(conn)
	defer c.setConn(nil)
	c.events.open(c.target, conn)
	ctx, cancel := context.WithCancelCause(parent)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.again:
			cancel(errAgain)
		case <-ctx.Done():
		}
	}()
	v := &talk.Conversation{
		Conn: conn, Send: c.items, Sending: c.sending, Unsent: c.unsent, Receive: c.receive,
		Idle: c.idle, Enough: c.enough, Farewell: c.farewell,
	}
	if c.events != nil {
		v.Ping, v.Pong = c.events.control("ping"), c.events.control("pong")
	} else if c.flags.verbose {
		v.Ping = func(p []byte) { fmt.Fprintf(&c.prompt, "< ping, %s\n", some(int64(len(p)), "byte")) }
		v.Pong = func(p []byte) { fmt.Fprintf(&c.prompt, "< pong, %s\n", some(int64(len(p)), "byte")) }
	}
	end, err := v.Run(ctx)
	cancel(nil)
	<-watched
	c.pings.Wait() // the connection is over, and so are they
	c.events.close(end)
	return end, err
}

func (c *client) setConn(conn *ws.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

// current returns the connection, nil if there is none.
func (c *client) current() *ws.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

func (c *client) sending(m ws.Message) {
	if c.events != nil {
		c.events.sending(m)
	}
	if c.person != nil {
		c.person.stamps.event(time.Now())
	}
}

func (c *client) unsent(m ws.Message) {
	c.say("the connection ended while %s was sent: it may be lost", some(int64(len(m.Data)), "byte"))
}

// produce gives the messages to send, and closes items at their end. Standard input is not touched before. It returns when
// nobody takes them any more; a read that waits then can only be left behind, until the process ends.
func (c *client) produce() {
	defer close(c.items)
	defer close(c.inputOver)
	for _, m := range c.given {
		if !c.give(talk.Item{Message: m}) {
			return
		}
	}
	if e := c.prompt.get(); e != nil {
		c.fromPerson(e)
		c.prompt.close() // so that Ctrl-C is a signal again while replies are awaited
		return
	}
	if !c.readInput {
		return
	}
	if screen.IsTerminal(c.std.in) && screen.IsTerminal(c.std.err) && c.person == nil {
		c.say("connected: what you type is sent, Ctrl-D ends")
	}
	r := framing.NewReader(c.std.in, c.form.frame)
	r.KeepCR = c.form.encoding == asBytes
	for number := 1; ; number++ {
		unit, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			hint := "check what it is, and --frame; </dev/null is empty"
			if errors.Is(err, framing.ErrTooLarge) {
				hint = "cut it into messages: see --frame"
			}
			c.give(talk.Item{Err: &failure{exitIO, fmt.Errorf("read standard input: %w", err), hint}})
			return
		}
		m, err := c.form.decode(unit)
		if err != nil {
			code := exitIO
			if c.form.encoding == asText {
				code = exitProtocol
			}
			c.give(talk.Item{Err: &failure{code, fmt.Errorf("message %d of standard input: %w", number, err), "choose how it is written: --text, --binary, --hex, --base64"}})
			return
		}
		if !c.give(talk.Item{Message: m}) {
			return
		}
	}
}

// give hands over an item, and reports whether there may be another one.
func (c *client) give(item talk.Item) bool {
	select {
	case c.items <- item:
		return item.Err == nil
	case <-c.gone:
		return false
	}
}

// receive takes a message.
func (c *client) receive(t ws.Type, p []byte) error {
	c.received++
	var err error
	if c.events != nil {
		err = c.events.received(t, p)
	} else {
		err = c.writer.print(t, p)
	}
	if err != nil {
		return err
	}
	if c.wanted.see(p) && c.flags.count == 0 {
		close(c.enough)
	}
	if c.flags.count > 0 && c.received >= c.flags.count {
		return talk.ErrEnough
	}
	return nil
}

// statistics says on standard error what has passed on this connection so far.
func (c *client) statistics() {
	conn := c.current()
	if conn == nil {
		notice(&c.prompt, "not connected")
		return
	}
	st := conn.Stats()
	c.events.stat(st)
	notice(&c.prompt, "%s (%s) sent, %s (%s) received", some(st.MessagesOut, "message"), some(st.BytesOut, "byte"), some(st.MessagesIn, "message"), some(st.BytesIn, "byte"))
}

// say tells whoever watches what goes on.
func (c *client) say(format string, args ...any) {
	if !c.flags.silent {
		notice(&c.prompt, format, args...)
	}
}

// ended says how it ended and chooses the exit code. Without an end there was no connection at last.
func (c *client) ended(end *ws.CloseError, err error) error {
	c.prompt.close()
	var st *stopped
	cut := errors.Is(err, errMaxTime) || errors.As(err, &st)
	if end != nil && (err == nil || cut) && (c.person != nil || c.flags.verbose) {
		if code := exitCode(end); cut || code == exitDone || c.accepts(end) {
			c.say("%s", closing(end))
		}
	}
	switch {
	case cut:
		return stoppedWith(err)
	case err != nil:
		return err
	}
	if code := exitCode(end); code != exitDone && !c.accepts(end) {
		hint := fmt.Sprintf("--ok-close %d takes that for success", end.Code)
		switch {
		case end.Remote && end.Code == ws.CodeMessageTooBig:
			hint = "send smaller messages, or let the server take more; " + hint
		case end.Remote && end.Code == ws.CodeAbnormal:
			hint = "see parley probe for what the server does; " + hint
		}
		return &failure{code, errors.New(closing(end)), hint}
	}
	if missing := c.wanted.missing(); missing != "" {
		return &failure{exitExpect, fmt.Errorf("%w: %s; %d came", errNotMet, missing, c.received), "wait longer with --idle, or look at them with --json"}
	}
	return nil
}
