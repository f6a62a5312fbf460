package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Run judges the target by the cases that it chooses. It returns what it has when ctx ends, with an error. The report
// is nil if there was nothing to judge: options that are wrong, or a *HandshakeError of a server with which not even
// the plain handshake succeeds.
func Run(ctx context.Context, t Target) (*Report, error) {
	r, err := start(ctx, &t)
	if err != nil {
		return nil, err
	}
	defer r.close()
	done := make([]*Result, len(r.cases))
	r.all(ctx, r.numbers(), func(i int, result *Result) { done[i] = result })
	report := r.report()
	for _, result := range done {
		if result != nil {
			report.Results = append(report.Results, result)
		}
	}
	if ctx.Err() != nil {
		return report, fmt.Errorf("check: %d of %d cases ran: %w", len(report.Results), len(r.cases), context.Cause(ctx))
	}
	return report, nil
}

// Test judges the target as subtests of t, one for each case, named after it. A subtest fails on [Fail], [WrongCode] and
// [NonStrict] and is skipped on [Unimplemented]. Done is called too.
func Test(t *testing.T, target Target) *Report {
	t.Helper()
	r, err := start(t.Context(), &target)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	results := make([]chan *Result, len(r.cases))
	done := make([]*Result, len(r.cases))
	var wanted []int // what -run chooses
	var wait sync.WaitGroup
	parent := t
	t.Run("cases", func(t *testing.T) {
		for i, c := range r.cases {
			t.Run(c.ID, func(t *testing.T) {
				wanted, results[i] = append(wanted, i), make(chan *Result, 1)
				t.Parallel() // goes on when all cases are known; it is Parallel of the target that says how many run at a time
				if result := <-results[i]; result != nil {
					c.tell(t, result)
				}
			})
		}
		ctx := parent.Context()
		wait.Go(func() {
			r.all(ctx, wanted, func(i int, result *Result) {
				done[i] = result
				results[i] <- result
			})
			for _, i := range wanted {
				close(results[i])
			}
		})
	})
	wait.Wait()
	report := r.report()
	for _, i := range wanted {
		if result := done[i]; result != nil {
			report.Results = append(report.Results, result)
		}
	}
	return report
}

// tell makes a result that of a test.
func (c *Case) tell(t *testing.T, r *Result) {
	switch r.Verdict {
	case Unimplemented:
		t.Skip(r.Text)
	case Informational:
		t.Logf("%s: %s", r.Verdict, r.Text)
	case NonStrict, WrongCode, Fail:
		t.Errorf("%s (%s): %s\n%s", r.Verdict, c.RFC, r.Text, wireText(r.Wire))
	}
}

// A run is a target with what judges it.
type run struct {
	t     *Target
	begin time.Time
	cases []*Case
	judge func(ctx context.Context, c *Case) *Result
	close func()
}

func start(ctx context.Context, t *Target) (*run, error) {
	if (t.URL == "") == (t.Client == nil) {
		return nil, errors.New("check: a Target needs either URL, to judge a server, or Client, to judge a client")
	}
	r := &run{t: t, begin: time.Now(), close: func() {}}
	var err error
	if r.cases, err = Choose(t.role(), t.Cases, t.Skip, t.Tags); err != nil {
		return nil, err
	}
	if t.role() == RoleServer {
		s, err := newServer(t)
		if err != nil {
			return nil, err
		}
		if err := s.probe(ctx); err != nil {
			return nil, err
		}
		r.judge = s.run
		return r, nil
	}
	return r, r.serve()
}

// serve starts a Server that judges the client of the target.
func (r *run) serve() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("check: listening for the client: %w", err)
	}
	s := &Server{Timeout: r.t.timeout(), cases: r.cases}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l) // ends with Close
	}()
	r.close = func() {
		s.Close()
		<-served
	}
	number := map[*Case]int{}
	for i, c := range r.cases {
		number[c] = i + 1
	}
	r.judge = func(ctx context.Context, c *Case) *Result {
		agent := url.QueryEscape(r.t.Name)
		target := fmt.Sprintf("ws://%s/runCase?case=%d&agent=%s", l.Addr(), number[c], agent)
		limit, cancel := context.WithTimeout(ctx, 12*r.t.timeout())
		defer cancel()
		ran := s.expect(r.t.Name, number[c])
		r.t.Client(limit, target) // its error counts for nothing
		return ran(ctx)
	}
	return nil
}

// run judges by one case, and watches the memory if the case wants it.
func (r *run) run(ctx context.Context, c *Case) *Result {
	if c.Memory == 0 || r.t.Memory == nil {
		return r.judge(ctx, c)
	}
	before, err := r.t.Memory()
	if err != nil {
		return newResult(c, Fail, "measuring the memory of the subject: "+err.Error(), &wireLog{start: time.Now()})
	}
	watched := make(chan int64)
	stop := make(chan struct{})
	go func() {
		most := before
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, err := r.t.Memory(); err == nil {
				most = max(most, now)
			}
			select {
			case <-tick.C:
			case <-stop:
				watched <- most
				return
			}
		}
	}()
	result := r.judge(ctx, c)
	close(stop)
	grown := max(0, <-watched-before)
	result.Wire = append(result.Wire, Wire{At: result.Duration,
		Text: fmt.Sprintf("the memory of the subject grew by %d KiB; at most %d KiB are right", grown>>10, c.Memory>>10)})
	if grown > c.Memory && (result.Verdict == OK || result.Verdict == Informational || result.Verdict == NonStrict) {
		result.Verdict, result.Text = Fail, fmt.Sprintf("its memory grew by %d KiB, more than %d KiB", grown>>10, c.Memory>>10)
	}
	return result
}

// numbers are those of all cases.
func (r *run) numbers() []int {
	list := make([]int, len(r.cases))
	for i := range list {
		list[i] = i
	}
	return list
}

// all runs cases, so many at a time, those whose memory is watched alone and last. done is called with each result, by
// one goroutine at a time. Once ctx has ended no case begins, and what was running has no result.
func (r *run) all(ctx context.Context, numbers []int, done func(i int, result *Result)) {
	var mu sync.Mutex
	one := func(i int) {
		result := r.run(ctx, r.cases[i])
		if ctx.Err() != nil {
			return // it may have failed for that
		}
		mu.Lock()
		defer mu.Unlock()
		done(i, result)
		if r.t.Done != nil {
			r.t.Done(result)
		}
	}
	alone := func(i int) bool { return r.cases[i].Memory > 0 && r.t.Memory != nil }
	var wait sync.WaitGroup
	work := make(chan int)
	for range r.t.parallel() {
		wait.Go(func() {
			for i := range work {
				one(i)
			}
		})
	}
	for _, i := range numbers {
		if !alone(i) && ctx.Err() == nil {
			work <- i
		}
	}
	close(work)
	wait.Wait()
	for _, i := range numbers {
		if alone(i) && ctx.Err() == nil {
			one(i)
		}
	}
}

func (r *run) report() *Report {
	name := r.t.Name
	if name == "" {
		name = r.t.URL
	}
	if name == "" {
		name = "client"
	}
	shown := r.t.URL
	if u, err := url.Parse(shown); err == nil {
		shown = u.Redacted()
	}
	return &Report{Subject: name, Role: r.t.role(), URL: shown, Start: r.begin, Duration: time.Since(r.begin)}
}
