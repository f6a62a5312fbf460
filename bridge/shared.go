package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// shared is an endpoint whose connections have one process.
type shared struct {
	h     *Handler
	o     *Options
	input chan input    // to the process, from connections
	over  chan struct{} // closed when there will be no process any more
	left  *input        // what a process could not take before it ended; of feed alone

	replace sync.Once // of bytes that are not UTF-8

	mu      sync.Mutex
	last    int64 // number of a connection
	conns   map[int64]*listener
	history history
	gone    bool  // the command has ended: who comes from now on is sent away
	err     error // how the command ended, when over is closed
}

// input is something for the process to read.
type input struct {
	from *listener
	line []byte
	last bool // the connection has ended
}

// listener is a connection of a shared process.
type listener struct {
	s       *shared
	c       *ws.Conn
	number  int64
	dropped int64 // messages, guarded by s.mu
	leaving bool  // it was too slow; guarded by s.mu
	closing sync.WaitGroup
}

// startShared starts the process and what looks after it, until ctx ends.
func startShared(ctx context.Context, h *Handler) *shared {
	s := &shared{h: h, o: &h.o, input: make(chan input), over: make(chan struct{}), conns: map[int64]*listener{}}
	s.history = history{most: h.o.History, bytes: h.o.Queue / 2}
	h.active.Go(func() { s.run(ctx) })
	return s
}

// run runs the command, and closes all connections when it has ended for good.
func (s *shared) run(ctx context.Context) {
	defer close(s.over)
	c := &supervised{o: s.o, start: s.h.start, feed: s.feed, publish: s.publish}
	if code, status, ended := c.run(ctx); ended {
		s.finish(code, status)
		return
	}
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

// finish closes all connections because the command has ended, and waits for that.
func (s *shared) finish(code ws.Code, reason string) {
	s.mu.Lock()
	s.gone = true
	if code != ws.CodeNormal {
		s.err = &CommandError{reason}
	}
	leaving := make([]*listener, 0, len(s.conns))
	for _, l := range s.conns {
		l.leave(code, reason)
		leaving = append(leaving, l)
	}
	s.mu.Unlock()
	for _, l := range leaving {
		l.closing.Wait()
	}
}

// feed writes to the process what connections send, until it ends.
func (s *shared) feed(p *process) {
	told := map[int64]bool{} // connections that this process knows of
	deaf := false
	write := func(b []byte) (ok bool) {
		if deaf || p.write(b, nil) == nil {
			return true
		}
		select { // it ends, or goes on and has closed its standard input: then what it does not want to read is lost
		case <-p.exited:
		case <-p.stop:
		case <-time.After(deafAfter):
			deaf = true
		}
		return deaf
	}
	tell := func(l *listener) {
		if s.o.Framing == Events && !told[l.number] {
			told[l.number] = true
			write(s.o.openEvent(l.number, l.c).line())
		}
	}
	s.mu.Lock()
	present := make([]*listener, 0, len(s.conns))
	for _, l := range s.conns {
		present = append(present, l)
	}
	s.mu.Unlock()
	for _, l := range present {
		tell(l)
	}
	pass := func(in input) {
		switch {
		case !in.last:
			tell(in.from)
		case !told[in.from.number]:
			return // it came and went while the process was another
		default:
			delete(told, in.from.number)
		}
		if !write(in.line) && !in.last {
			s.left = &in
		}
	}
	if in := s.left; in != nil {
		s.left = nil
		if s.o.Framing != Events || slices.Contains(present, in.from) { // else nobody would tell that it has gone
			pass(*in)
		}
	}
	for {
		select {
		case <-p.exited:
			return
		case <-p.stop:
			return
		case in := <-s.input:
			pass(in)
		}
	}
}

// publish sends what the process writes to all connections.
func (s *shared) publish(p *process, r io.Reader, stream string) {
	s.o.messages(p, r, func(m []byte) {
		switch {
		case s.o.Framing == Events:
			s.event(p, m)
		case !s.o.text():
			s.toAll(ws.Binary, m)
		default:
			m = validText(m, &s.replace, p.log)
			if s.o.Stderr == JSONStderr {
				m = streamLine(stream, m)
			}
			s.toAll(ws.Text, m)
		}
	})
}

// event does what a line of JSON says.
func (s *shared) event(p *process, line []byte) {
	e, err := parseEvent(line)
	var t ws.Type
	var data []byte
	var ok bool
	if err == nil {
		t, data, ok, err = e.message()
	}
	if err != nil {
		p.log.Warn("a line of the command is left out", "err", err)
		return
	}
	if e.Conn == nil {
		if ok {
			s.toAll(t, data)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.conns[*e.Conn]
	switch {
	case l == nil: // it has gone
	case ok:
		l.send(ws.Prepare(t, data))
	case e.Ev == "close":
		code, reason := e.closing()
		l.leave(code, reason)
	}
}

// toAll sends a message to all that are there and keeps it for those who come.
func (s *shared) toAll(t ws.Type, data []byte) {
	m := ws.Prepare(t, data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.add(m, len(data))
	for _, l := range s.conns {
		l.send(m)
	}
}

// send queues a message, or does what is done with slow connections. s.mu is held.
func (l *listener) send(m *ws.Prepared) {
	if l.leaving || !errors.Is(l.c.TryWritePrepared(m), ws.ErrSlowConsumer) {
		return // it was sent, or the connection is over, which serve finds out
	}
	l.dropped++
	if l.s.o.Slow == DropSlow {
		if l.dropped == 1 {
			l.s.o.Logger.Warn("a slow connection: messages are left out", "remote", l.c.RemoteAddr(), "limit", l.s.o.Queue)
		}
		return
	}
	l.s.o.Logger.Warn("a slow connection is closed", "remote", l.c.RemoteAddr(), "limit", l.s.o.Queue)
	l.leave(ws.CodeTryAgainLater, fmt.Sprintf("slow consumer: %d bytes wait", l.s.o.Queue))
}

// leave begins to close the connection. s.mu is held.
func (l *listener) leave(code ws.Code, reason string) {
	if l.leaving {
		return
	}
	l.leaving = true
	l.closing.Go(func() { l.c.Close(context.Background(), code, reason) })
}

func (s *shared) open(*http.Request) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, &ws.RejectError{Status: http.StatusServiceUnavailable, Body: "503 service unavailable: the command has ended\n"}
	}
	return &listener{s: s}, nil
}

func (l *listener) abandon() {}

// serve joins, and passes on what comes until the connection ends.
func (l *listener) serve(c *ws.Conn) {
	s := l.s
	l.c = c
	s.mu.Lock()
	s.last++
	l.number = s.last
	for _, k := range s.history.all {
		l.send(k.m)
	}
	s.conns[l.number] = l
	over := s.gone // since open
	s.mu.Unlock()

	if s.o.Framing == Events {
		s.push(input{from: l}) // nothing to write but that it is there
	}
	if over {
		c.Close(context.Background(), ws.CodeTryAgainLater, "the command has ended")
	}
	err := c.Run(c.Context(), ws.Events{Message: func(_ *ws.Conn, typ ws.Type, data []byte) error {
		b, err := frameMessage(s.o, l.number, typ, data)
		if err != nil {
			return err
		}
		s.push(input{from: l, line: b})
		return nil
	}})
	var refused *refusedError
	if errors.As(err, &refused) {
		c.Close(context.Background(), refused.code, refused.reason)
	}
	c.CloseNow()

	s.mu.Lock()
	delete(s.conns, l.number)
	dropped := l.dropped
	s.mu.Unlock()
	l.closing.Wait()
	if dropped > 0 {
		s.o.Logger.Warn("a slow connection has ended", "remote", c.RemoteAddr(), "dropped", dropped)
	}
	if s.o.Framing == Events {
		select {
		case s.input <- input{from: l, line: closeEvent(l.number, endOf(c)).line(), last: true}:
		case <-s.over:
		case <-time.After(s.o.WriteTimeout): // a process that does not read will not miss it
		}
	}
}

// push gives something to the process, and waits as long as it does not read: then the peer is looked at now and then, as
// nobody reads from it.
func (s *shared) push(in input) {
	tick := time.NewTicker(stallCheck)
	defer tick.Stop()
	for {
		select {
		case s.input <- in:
			return
		case <-s.over:
			return
		case <-in.from.c.Context().Done():
			return
		case <-tick.C:
			alive(in.from.c)
		}
	}
}

// history is the last messages to all.
type history struct {
	most  int // messages
	bytes int // that they may have together
	size  int
	all   []kept
}

// kept is a message with what it counts.
type kept struct {
	m    *ws.Prepared
	size int
}

// keptExtra is what a message counts beside its content: millions of empty lines are not nothing, here and in the queues of those who come.
const keptExtra = 64

func (h *history) add(m *ws.Prepared, size int) {
	if h.most <= 0 {
		return
	}
	size += keptExtra
	h.all = append(h.all, kept{m, size})
	h.size += size
	for len(h.all) > h.most || h.size > h.bytes && len(h.all) > 1 {
		h.size -= h.all[0].size
		h.all[0] = kept{}
		h.all = h.all[1:]
	}
}
