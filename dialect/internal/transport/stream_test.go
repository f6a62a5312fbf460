package transport_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
)

// What is put comes out in order, whether whoever takes was waiting, was too early, or comes later.
func TestStreamTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &transport.Stream{}
		begun := time.Now()
		if _, _, err := s.TakeWithin(t.Context(), time.Second); err != transport.ErrNothing || time.Since(begun) != time.Second {
			t.Errorf("nothing: %v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, _, err := s.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends: %v", err)
		}
		cancel()
		const count = 1000
		go func() {
			for i := range count {
				if i%7 == 0 {
					time.Sleep(time.Duration(i%3) * time.Second)
				}
				if err := s.TrySend(hub.Frame{Size: 1, Data: i}); err != nil {
					t.Error(err)
				}
			}
			s.Close(hub.Reason{Code: hub.GoingAway})
		}()
		next, nothing := 0, 0
		for {
			frames, reason, err := s.TakeWithin(t.Context(), 1500*time.Millisecond)
			switch err {
			case nil:
			case transport.ErrNothing:
				nothing++
			default:
				t.Fatal(err)
			}
			for _, f := range frames {
				if f.Data != next {
					t.Fatalf("frame %v came where %d was to be", f.Data, next)
				}
				next++
			}
			if reason != nil {
				break
			}
		}
		if next != count || nothing == 0 {
			t.Errorf("%d of %d came, and nothing in time %d times", next, count, nothing)
		}
	})
}

// A full stream takes no more until something was taken, and nothing once nobody takes any more.
func TestStreamFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &transport.Stream{}
		big := hub.Frame{Size: transport.QueueLimit}
		if err := s.TrySend(big); err != nil {
			t.Fatal(err)
		}
		if err := s.TrySend(hub.Frame{Size: 1}); err != hub.ErrFull {
			t.Errorf("what is too much: %v", err)
		}
		sent := make(chan error, 1)
		go func() { sent <- s.Send(t.Context(), []hub.Frame{big, big}) }()
		for range 3 {
			synctest.Wait()
			if frames, _, err := s.Take(t.Context()); len(frames) != 1 || err != nil {
				t.Errorf("%d frames, %v", len(frames), err)
			}
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		s.Leave()
		if err := s.TrySend(hub.Frame{}); err != transport.ErrGone {
			t.Errorf("after Leave: %v", err)
		}
	})
}

// A frame that is waited for costs no more than the list that it comes in.
func TestStreamAllocations(t *testing.T) {
	s := &transport.Stream{}
	ask, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for range ask {
			_ = s.TrySend(hub.Frame{Size: 1})
		}
	}()
	n := testing.AllocsPerRun(1000, func() {
		ask <- struct{}{}
		if _, _, err := s.TakeWithin(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	})
	close(ask)
	<-done
	if n > 1 {
		t.Errorf("%v allocations for a frame", n)
	}
}

// What ended a stream is told to the hub, with a sign that the client took nothing.
func TestStreamFails(t *testing.T) {
	for _, c := range []struct {
		err     error
		stalled bool
	}{{errors.New("reset by peer"), false}, {fmt.Errorf("write: %w", os.ErrDeadlineExceeded), true}} {
		s := &transport.Stream{}
		s.Fail(nil)
		s.Fail(c.err)
		s.Fail(errors.New("another"))
		s.Leave()
		for _, err := range []error{s.Err(), s.TrySend(hub.Frame{Size: 1})} {
			if !errors.Is(err, c.err) || errors.Is(err, hub.ErrStalled) != c.stalled {
				t.Errorf("%v became %v", c.err, err)
			}
		}
	}
}
