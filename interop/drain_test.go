package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ledger is what was published, as far as anybody knows: the body at each position.
type ledger struct {
	mu     sync.Mutex
	bodies map[string]string
}

// note returns an error if something else stands at the position.
func (l *ledger) note(position, body string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, known := l.bodies[position]
	if known && was != body {
		return fmt.Errorf("at %s stands %q for one and %q for another", position, was, body)
	}
	l.bodies[position] = body
	return nil
}

// steps is how many have come how far.
type steps struct {
	mu      sync.Mutex
	reached map[string]int
	changed chan struct{}
}

func newSteps() *steps { return &steps{reached: map[string]int{}, changed: make(chan struct{})} }

func (s *steps) reach(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached[step]++
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until n have reached the step.
func (s *steps) await(ctx context.Context, step string, n int) error {
	for {
		s.mu.Lock()
		at, changed := s.reached[step], s.changed
		s.mu.Unlock()
		if at >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d have reached %q: %w", at, n, step, context.Cause(ctx))
		}
	}
}

// publishing publishes a number each time, 200 a second, until stop is closed. What fails is tried again: it may have been stored.
func publishing(ctx context.Context, w *world, topic string, known *ledger, stop <-chan struct{}) error {
	tick := time.NewTicker(time.Second / 200)
	defer tick.Stop()
	for i := 1; ; i++ {
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			body := strconv.Itoa(i)
			position, err := w.post(ctx, w.topic(w.url, topic, ""), "text/plain", body, "Idempotency-Key", body)
			if err == nil {
				if err := known.note(position, body); err != nil {
					return err
				}
				break
			}
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// counted checks a client that gets bodies alone, which are numbers here: between what it was told of, each follows from the one before.
func counted(list []heard) error {
	last := 0
	for _, h := range list {
		switch h.what {
		case endOfThis:
			last = 0
		case message:
			n, err := strconv.Atoi(h.body)
			if err != nil {
				return err
			}
			if last != 0 && n != last+1 {
				return fmt.Errorf("after %d came %d", last, n)
			}
			last = n
		}
	}
	return nil
}

// returning are clients that come back as their dialect asks of them.
func returning(w *world) (list []*follower) {
	add := func(n int, way way, pause func(int) time.Duration) {
		for range n {
			list = append(list, &follower{way: way, retries: true, pause: pause})
		}
	}
	soon := func(failures int) time.Duration { return rand.N(2 * time.Second) } // "after a random time up to some seconds"
	add(50, way{name: "native", open: w.goNative}, jitter)
	add(10, way{name: "envelopes", open: w.goEnvelopes}, soon)
	add(10, way{name: "bodies", silent: true, open: w.goBodies}, soon)
	add(10, way{name: "event stream", open: w.goEvents}, soon)
	return list
}

// port waits until nobody listens at the address any more.
func port(ctx context.Context, address string) error {
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l.Close()
		}
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		runtime.Gosched()
	}
}

// A SIGTERM while messages are published and many listen: the process ends in good order, everybody comes back to the next one, and is told
// that what was missed is not there any more. Before, between and after that nobody misses anything.
func TestDrain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	t.Parallel()
	program := build(t)
	args := []string{"--limits-command-rate", "0", "--drain", "3s", "--topic", "** history=1000"}
	first := serve(t, program, append(args, "--addr", "127.0.0.1:0")...)
	at, err := url.Parse(first.url)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, first.url)
	const topic, some, marker = "drained", 20, "0"
	ctx := bounded(t)
	since := w.place(t, topic)
	epoch, _, err := offset(since)
	if err != nil {
		t.Fatal(err)
	}

	known := &ledger{bodies: map[string]string{}}
	steps := newSteps()
	list := returning(w)
	ends := make([][]heard, len(list)) // how each connection ended
	var following sync.WaitGroup
	for i, f := range list {
		f.topic, f.since = topic, since
		before, after, back := 0, 0, false
		f.hears = func(h heard) {
			switch {
			case h.what == message && !back:
				if before++; before == some {
					steps.reach("before")
				}
			case h.what == message:
				if after++; after == some {
					steps.reach("after")
				}
			case h.what == endOfThis, h.what == notice:
				ends[i] = append(ends[i], h)
			}
			back = back || h.lost
		}
		following.Go(func() {
			if err := f.until(ctx, func(h heard) bool { return h.what == message && h.body == marker }); err != nil {
				t.Error(err)
			}
		})
	}
	enough := make(chan struct{})
	published := make(chan error, 1)
	go func() { published <- publishing(ctx, w, topic, known, enough) }()

	if err := steps.await(ctx, "before", len(list)); err != nil {
		t.Error(err)
	}
	type ending struct {
		status int
		said   string
		took   time.Duration
	}
	ended := make(chan ending, 1)
	go func() {
		began := time.Now()
		status, said := first.end(t, syscall.SIGTERM)
		ended <- ending{status, said, time.Since(began)}
	}()
	if err := port(ctx, at.Host); err != nil {
		t.Fatal(err)
	}
	serve(t, program, append(args, "--addr", at.Host)...)
	if e := <-ended; e.status != 0 || e.took > 3*time.Second+5*time.Second {
		t.Errorf("the first process ended with status %d after %v: %s", e.status, e.took, e.said)
	} else {
		t.Logf("the first process ended after %v", e.took)
	}
	if err := steps.await(ctx, "after", len(list)); err != nil {
		t.Error(err)
	}
	close(enough)
	if err := <-published; err != nil {
		t.Error(err)
	}
	last, err := w.post(ctx, w.topic(w.url, topic, ""), "text/plain", marker)
	if err != nil {
		t.Fatal(err)
	}
	following.Wait()

	for i, f := range list {
		checkReturned(t, f, ends[i], epoch, since, known)
		if got := messages(f.got); len(got) == 0 || !f.way.silent && got[len(got)-1].position != last {
			t.Errorf("%d, %s: the last of what it got is not at %s", i, f.way.name, last)
		}
	}
}

// checkReturned checks what one client has heard.
func checkReturned(t *testing.T, f *follower, ends []heard, epoch, since string, known *ledger) {
	t.Helper()
	check := func() error {
		if f.way.silent {
			list := f.got[:len(f.got)-1] // without the marker
			if err := counted(list); err != nil {
				return err
			}
		} else if err := joined(f.got, since); err != nil {
			return err
		}
		lost := 0
		for _, h := range f.got {
			if h.lost {
				lost++
				if now, _, err := offset(h.position); err != nil || now == epoch {
					return fmt.Errorf("it was told to go on from %s, which is of the process that has ended (%w)", h.position, err)
				}
			}
			if h.what == message && !f.way.silent {
				if err := known.note(h.position, h.body); err != nil {
					return err
				}
			}
		}
		if lost != 1 {
			return fmt.Errorf("it was told %d times that messages are missing, want once", lost)
		}
		// The end of the first process.
		status := map[string]int{"native": 1012, "envelopes": 1012, "bodies": 1012, "event stream": http.StatusOK}[f.way.name]
		told := ends
		if !f.way.silent {
			if len(ends) == 0 || ends[0].what != notice || ends[0].code != "going_away" {
				return fmt.Errorf("no notice came before the end, but %v", ends)
			}
			told = ends[1:]
		}
		for len(told) > 0 && told[0].what == notice { // the last words of an event stream
			told = told[1:]
		}
		if len(told) == 0 || told[0].status != status || status == 1012 && told[0].code != "going_away" {
			return fmt.Errorf("the connection ended with %v, want %d", told, status)
		}
		return nil
	}
	if err := check(); err != nil {
		t.Errorf("%s: %v", f.way.name, err)
	}
}
