package check

import (
	"context"
	"fmt"
	"time"
)

// A session is one case against one connection of the subject.
type session struct {
	c       *Case
	l       *link
	timeout time.Duration // without a byte of the subject
	grace   time.Duration

	followers []*follower
	answers   int // messages and pongs so far
	messages  int // of them, the messages
	awaited   int // of them, how many steps have waited for
	deflated  bool

	wrong       string // a violation
	unfit       string // why no outcome is left
	closed      bool   // its close frame has come
	closedTwice bool   // a second one, too
	ended       bool   // the TCP connection has ended
	sentClose   bool
	cut         bool // the suite has ended the TCP connection
	refused     bool // the handshake has not led to a connection
	silent      bool // nothing more has come in the time there is
}

func newSession(c *Case, l *link, timeout, grace time.Duration) *session {
	s := &session{c: c, l: l, timeout: timeout, grace: grace}
	for i := range c.Outcomes {
		s.followers = append(s.followers, follow(&c.Outcomes[i]))
	}
	return s
}

// judges reports whether an outcome says something of what is seen by that kind.
func (c *Case) judges(kind Kind) bool {
	for _, o := range c.Outcomes {
		for _, p := range o.Seen {
			if p.Kind == kind {
				return true
			}
		}
	}
	return false
}

func (s *session) over() bool {
	return s.closed || s.ended || s.refused || s.silent || s.cut || s.wrong != "" || s.unfit != ""
}

// observe takes an event.
func (s *session) observe(e Event) {
	switch {
	case e.Kind == SawViolation:
		s.l.log.remark("this breaks a rule: %s", e.Text)
		if s.wrong == "" {
			s.wrong = e.Text
		}
		return
	case e.Kind == SawEnd:
		s.l.log.add("in", "TCP: "+e.Text, nil)
		if s.ended = true; s.closed {
			return
		}
	case e.Kind == SawPing:
		if !s.closed && !s.sentClose {
			s.l.reply(pong(string(e.Data)))
		}
		return
	case s.closed: // a control frame after the close frame changes nothing
		if e.Kind == SawClose {
			s.closedTwice = true
			s.l.log.remark("a second close frame")
		}
		return
	case e.Kind == SawClose:
		s.closed = true
	case e.Kind == SawMessage, e.Kind == SawPong:
		s.answers++
		if e.Kind == SawMessage {
			s.messages++
		}
		s.deflated = s.deflated || e.deflated
	case e.Kind == SawHandshake:
		s.refused = e.Status != 101
	case e.Kind == SawLate:
		s.l.log.remark("it has not failed the connection at once")
	case e.Kind == SawSilence:
		s.silent = true
		s.l.log.remark("nothing more came in %v", s.timeout)
	}
	s.follow(&e)
}

// follow gives the event to every outcome that is still possible.
func (s *session) follow(e *Event) {
	want := ""
	for _, f := range s.followers {
		if want == "" && f.alive() {
			want = f.want()
		}
	}
	left := false
	for _, f := range s.followers {
		f.next(e)
		left = left || f.alive()
	}
	if e.Data = e.Data[:min(len(e.Data), 4096)]; !left && s.unfit == "" {
		s.unfit = fmt.Sprintf("expected %s; got %s", want, e)
		s.l.log.remark("%s", s.unfit)
	}
}

// poll takes what has come, and reports whether the case is over.
func (s *session) poll() bool {
	for _, e := range s.l.take() {
		s.observe(e)
	}
	return s.over()
}

// wait takes events until done, or the case is over, or nothing has come for so long. It reports whether done.
func (s *session) wait(ctx context.Context, quiet time.Duration, done func() bool) bool {
	start := time.Now()
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		over := s.poll()
		if done() {
			return true
		}
		if over || ctx.Err() != nil {
			return false
		}
		last := s.l.quietSince()
		if last.Before(start) {
			last = start
		}
		left := quiet - time.Since(last)
		if left <= 0 {
			return false
		}
		timer.Reset(left)
		select {
		case <-s.l.notify:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// perform does the steps, then waits for the end.
func (s *session) perform(ctx context.Context) {
	for i := range s.c.Steps {
		if s.poll() || ctx.Err() != nil {
			break
		}
		s.step(ctx, &s.c.Steps[i])
	}
	if s.cut {
		return
	}
	s.wait(ctx, s.timeout, func() bool { return false })
	if !s.over() && ctx.Err() == nil {
		s.observe(Event{Kind: SawSilence})
	}
	s.finish(ctx)
}

// finish ends the connection in an orderly way, as far as the subject lets it.
func (s *session) finish(ctx context.Context) {
	if s.closed && !s.sentClose && !s.ended {
		s.l.reply(frame(OpClose, ""))
	}
	if !s.ended {
		if c, ok := s.l.conn.(interface{ CloseWrite() error }); ok && !s.l.client {
			c.CloseWrite()
		}
		if s.closed {
			s.waitEnd(ctx, min(s.timeout, time.Second))
		}
	}
	if s.closed && ctx.Err() == nil && s.c.judges(SawGone) {
		if !s.ended {
			s.follow(&Event{Kind: SawLate})
			s.waitEnd(ctx, s.timeout)
		}
		e := Event{Kind: SawGone}
		if !s.ended {
			e.Kind = SawSilence
		}
		s.follow(&e)
	}
	s.l.conn.Close()
}

// waitEnd waits for the end of the TCP connection.
func (s *session) waitEnd(ctx context.Context, patience time.Duration) {
	start := time.Now()
	for !s.ended && time.Since(start) < patience && ctx.Err() == nil {
		timer := time.NewTimer(patience - time.Since(start))
		select {
		case <-s.l.notify:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		s.poll()
	}
	if !s.ended {
		s.l.log.remark("it has not ended the TCP connection in %v", patience)
	}
}

// step does one step.
func (s *session) step(ctx context.Context, step *Step) {
	switch {
	case step.Await > 0:
		s.awaited += step.Await
		s.awaitAnswers(ctx, func() bool { return s.answers >= s.awaited })
	case step.Messages > 0:
		s.awaitAnswers(ctx, func() bool { return s.messages >= step.Messages })
	case step.Grace:
		s.wait(ctx, s.grace, func() bool { return false })
		if !s.over() && ctx.Err() == nil {
			s.observe(Event{Kind: SawLate})
		}
	case step.Pause > 0:
		s.wait(ctx, step.Pause, func() bool { return false })
	case step.Cut:
		s.l.log.remark("the suite ends the TCP connection")
		s.cut = true
		s.l.conn.Close()
	case step.End:
		s.l.log.remark("the suite ends its side of the TCP connection")
		if c, ok := s.l.conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite() // an error shows when reading
		}
	case step.Deaf:
		s.sendDeaf(ctx, step)
	default:
		s.send(step, s.poll)
	}
}

// awaitAnswers waits until enough has come. What does not come is a silence.
func (s *session) awaitAnswers(ctx context.Context, enough func() bool) {
	if !s.wait(ctx, s.timeout, enough) && !s.over() && ctx.Err() == nil {
		s.observe(Event{Kind: SawSilence})
	}
}

// sendDeaf sends without reading, until all is written or nothing more is accepted; then it reads.
func (s *session) sendDeaf(ctx context.Context, step *Step) {
	listen := s.l.deafen()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		s.send(step, func() bool { return false })
	}()
	before := s.l.written.Load()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for deaf := true; deaf; {
		select {
		case <-sent:
			deaf = false
		case <-ctx.Done():
			deaf = false
		case <-tick.C:
			now := s.l.written.Load()
			deaf, before = now > before, now
		}
	}
	listen()
	<-sent
}

// send writes what a step sends.
func (s *session) send(step *Step, stop func() bool) {
	var payload []byte
	var m Message
	shown := *step
	if step.Message != nil {
		m, shown.Message = *step.Message, &m
		m.Compress = m.Compress && s.l.out != nil // where it was declined, the message goes as it is
		if payload = m.Payload.Bytes(); m.Compress {
			payload = s.l.out.Message(payload)
		}
	}
	const block = 64 << 10
	var buf []byte
	logged, failed := false, false
	flush := func(all bool) {
		if !logged {
			s.l.log.add("out", shown.String(), buf)
			logged = true
		}
		n := len(buf)
		if !all && step.Chop > 0 {
			n -= n % step.Chop
		}
		if err := s.l.write(buf[:n], step.Chop, step.Delay, stop); err != nil {
			failed = true
			s.l.log.remark("writing failed: %v", err)
		}
		buf = append(buf[:0], buf[n:]...)
	}
	add := func(f *Frame, part []byte) {
		if f.Op == OpClose && !f.More {
			s.sentClose = true
		}
		if buf = f.append(buf, part, s.l.client); len(buf) >= block && !failed && !stop() {
			flush(false)
		}
	}
	for range max(1, step.Times) {
		switch {
		case failed || stop():
			return
		case step.Message != nil:
			m.frames(payload, add)
		case len(step.Frames) > 0:
			for i := range step.Frames {
				add(&step.Frames[i], step.Frames[i].Payload.Bytes())
			}
		default:
			buf = append(buf, step.Raw.Bytes()...)
		}
	}
	if len(buf) > 0 && !failed {
		flush(true)
	}
}

// verdict judges what was seen.
func (s *session) verdict() (Verdict, string) {
	if s.wrong != "" {
		return Fail, s.wrong
	}
	for _, f := range s.followers {
		if f.alive() && f.whole() {
			if s.closedTwice && (f.outcome.Verdict == OK || f.outcome.Verdict == Informational) {
				return NonStrict, "it sent a second close frame, when the connection was closed already"
			}
			return f.outcome.Verdict, f.outcome.Say
		}
	}
	if s.unfit != "" {
		return Fail, s.unfit
	}
	want := ""
	for _, f := range s.followers {
		if want == "" && f.alive() {
			want = f.want()
		}
	}
	return Fail, fmt.Sprintf("expected %s, which did not come", want)
}
