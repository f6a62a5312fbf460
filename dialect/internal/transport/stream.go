package transport

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/parley-ws/parley/hub"
)

// ErrGone is returned to the hub when the handler of a Stream has ended.
var ErrGone = errors.New("transport: the client has gone")

// ErrNothing is the error of Stream.TakeWithin when nothing came in time.
var ErrNothing = errors.New("transport: nothing came in time")

// Stream is a hub.Sink whose frames an HTTP handler takes and sends. The zero value holds up to QueueLimit bytes.
type Stream struct {
	mu      sync.Mutex
	frames  []hub.Frame
	bytes   int
	wake    chan struct{} // gets a token when there is something to take and somebody waits; nil before the first wait
	waiting bool          // somebody waits for wake
	room    chan struct{} // closed when something was taken; nil if nobody waits
	reason  *hub.Reason
	gone    bool
	err     error // of the connection, as far as the handler has met one

	timer *time.Timer // of whoever takes
}

// TrySend queues a frame.
func (s *Stream) TrySend(f hub.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(f)
}

func (s *Stream) put(f hub.Frame) error {
	switch {
	case s.gone:
		return cmp.Or(s.err, ErrGone)
	case s.bytes > 0 && s.bytes+f.Size > QueueLimit:
		return hub.ErrFull
	}
	s.frames = append(s.frames, f)
	s.bytes += f.Size
	s.awake()
	return nil
}

func (s *Stream) awake() {
	if s.waiting {
		s.waiting = false
		select {
		case s.wake <- struct{}{}:
		default: // there is one already, of which nobody knows
		}
	}
}

// Send queues frames, waiting until there is room for the last.
func (s *Stream) Send(ctx context.Context, frames []hub.Frame) error {
	for _, f := range frames {
		for {
			s.mu.Lock()
			err := s.put(f)
			if err == hub.ErrFull && s.room == nil {
				s.room = make(chan struct{})
			}
			room := s.room
			s.mu.Unlock()
			if err == nil {
				break
			}
			if err != hub.ErrFull {
				return err
			}
			select {
			case <-room:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// Close makes Take return the reason once everything was taken.
func (s *Stream) Close(r hub.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		s.reason = &r
		s.awake()
	}
}

// Take returns what is queued, waiting until there is something. When nothing is left and the session has ended, it returns why. Its
// error is that of ctx. Only one goroutine at a time may take.
func (s *Stream) Take(ctx context.Context) ([]hub.Frame, *hub.Reason, error) {
	return s.take(ctx, 0)
}

// TakeWithin is Take for a while: then its error is ErrNothing. It needs no context for each call, which is dear where many streams take
// frame by frame.
func (s *Stream) TakeWithin(ctx context.Context, d time.Duration) ([]hub.Frame, *hub.Reason, error) {
	return s.take(ctx, max(d, 1))
}

// take is Take, for d if that is not 0.
func (s *Stream) take(ctx context.Context, d time.Duration) ([]hub.Frame, *hub.Reason, error) {
	var late <-chan time.Time
	for {
		s.mu.Lock()
		frames, reason := s.frames, s.reason
		if len(frames) > 0 || reason != nil {
			s.frames, s.bytes = nil, 0
			if s.room != nil {
				close(s.room)
				s.room = nil
			}
			s.mu.Unlock()
			if len(frames) > 0 {
				reason = nil
			}
			return frames, reason, nil
		}
		if s.wake == nil {
			s.wake = make(chan struct{}, 1)
		}
		s.waiting = true
		s.mu.Unlock()
		if d > 0 && late == nil {
			late = s.alarm(d)
		}
		select {
		case <-s.wake:
		case <-late:
			return nil, nil, ErrNothing
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// alarm returns a channel that gets the time after d. The next call takes it back.
func (s *Stream) alarm(d time.Duration) <-chan time.Time {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
	} else {
		s.timer.Reset(d)
	}
	return s.timer.C
}

// Fail notes what the handler met when it sent, before it leaves. Nil is nothing.
func (s *Stream) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = stalled(err, os.ErrDeadlineExceeded)
	}
}

// Err returns what Fail has noted, for hub.Lost.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Leave tells that nobody takes anything any more: the handler has ended.
func (s *Stream) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.frames, s.bytes = nil, 0
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}
