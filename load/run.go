package load

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/ws"
)

// run is one run of a plan.
type run struct {
	plan  Plan
	pause func(time.Duration)
	start time.Time // all times of a run are since then

	meter  *meter
	faults faults
	id     []byte // begins the stamps

	links    []*link // that could be opened
	senders  []*link // those that send
	open     atomic.Int64
	attempts atomic.Int64 // connections that were opened or failed
	failed   atomic.Int64 // those that failed
	ending   atomic.Bool  // what ends now was ended by us

	schedule *schedule
	base     time.Duration   // when the first message is due
	warm     time.Duration   // when measuring begins
	parent   context.Context // the caller's
	load     context.Context // ends with the sending
	stop     context.CancelFunc
	begun    atomic.Bool
	next     atomic.Int64 // of a closed load: the number of the next message
	readers  sync.WaitGroup

	phase     atomic.Value // string
	collector *collector
}

// now is the time since the start.
func (r *run) now() time.Duration { return time.Since(r.start) }

// Run carries out a plan. If the context ends it, replies that are on their way are waited for (five seconds at most), the report
// says what came of it so far, and the error is the cause. The report is nil if the plan is wrong or no connection could be opened;
// the error of the latter is, or wraps, that of the first that failed.
func Run(ctx context.Context, plan Plan) (*Report, error) {
	return runWith(ctx, plan, pause)
}

func runWith(ctx context.Context, plan Plan, pause func(time.Duration)) (*Report, error) {
	plan, err := plan.complete()
	if err != nil {
		return nil, err
	}
	id := make([]byte, 6)
	rand.Read(id)
	r := &run{plan: plan, pause: pause, start: time.Now(), meter: newMeter(2 * runtime.GOMAXPROCS(0)),
		id: []byte("bench-" + hex.EncodeToString(id))}
	r.phase.Store(PhaseConnect)
	r.parent = ctx
	r.load, r.stop = context.WithCancel(ctx)
	defer r.stop()
	r.collector = newCollector(r)
	defer r.collector.end()

	err = r.connect(ctx)
	if err == nil {
		r.drive()
		r.phase.Store(PhaseDrain)
		r.drain(ctx)
	}
	r.ending.Store(true)
	r.settleSlow()
	r.phase.Store(PhaseClose)
	r.close()
	r.collector.end()
	if err != nil && (ctx.Err() == nil || r.attempts.Load() == 0) {
		return nil, err
	}
	report := r.report()
	if ctx.Err() != nil {
		report.Interrupted = true
		return report, context.Cause(ctx)
	}
	return report, nil
}

// connect opens the connections and returns when each is open or failed.
func (r *run) connect(ctx context.Context) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	links := make([]*link, r.plan.Connections)
	for i := range links {
		due := time.Duration(0)
		if r.plan.ConnectRate > 0 {
			due = time.Duration(float64(i) / r.plan.ConnectRate * float64(time.Second))
		}
		if !sleepUntil(ctx, r.start.Add(due)) {
			break
		}
		l := r.newLink(i)
		wg.Go(func() {
			err := l.open(ctx, due)
			r.attempts.Add(1)
			if err == nil {
				links[i] = l
				return
			}
			if ctx.Err() != nil {
				return
			}
			r.failed.Add(1)
			r.faults.add(l.opening(err), 1, err.Error())
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	measured := 0
	for _, l := range links {
		if l == nil {
			continue
		}
		r.links = append(r.links, l)
		if l.role != subscriber {
			l.index = len(r.senders)
			r.senders = append(r.senders, l)
		} else if !l.slow {
			measured++
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(r.links) == 0:
		return fmt.Errorf("%w: %w", ErrNoConnection, first)
	case len(r.senders) == 0:
		return fmt.Errorf("load: no publisher could connect: %w", first)
	case r.plan.Fanout != nil && measured == 0:
		return fmt.Errorf("load: no subscriber could connect: %w", first)
	}
	return nil
}

// sleepUntil reports whether it slept until a time, rather than to the end of the context.
func sleepUntil(ctx context.Context, at time.Time) bool {
	left := time.Until(at)
	if left <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drive sends all messages.
func (r *run) drive() {
	p := r.plan
	if p.paced() {
		r.schedule = p.schedule(len(r.senders))
	}
	var wg, ready sync.WaitGroup
	begin := func(send func(*link)) {
		for _, l := range r.senders {
			wg.Go(func() {
				ready.Done()
				send(l)
				if r.open.Load() == 0 { // nobody can go on
					r.stop()
				}
			})
		}
	}
	ready.Add(len(r.senders))
	if r.schedule != nil { // they wait to be told: that they have to begin costs no time of the load
		begin((*link).sendPaced)
		ready.Wait()
	}
	runtime.GC() // what opening the connections left behind would be cleared away while latencies are measured
	r.base = r.now()
	r.warm = r.base + p.Warmup
	r.phase.Store(PhaseLoad) // who sees it may look at the schedule
	r.collector.begin()
	r.begun.Store(true)

	unsent := int64(0)
	if r.schedule == nil {
		begin((*link).sendClosed)
		if p.Duration > 0 {
			timer := time.AfterFunc(p.Duration, r.stop)
			defer timer.Stop()
		}
		wg.Wait()
	} else {
		// What cannot be sent soon after its time is not sent at all: else a server that is too slow would decide how long a run takes.
		end := r.schedule.end()
		if !p.Closed {
			end += p.Timeout
		}
		timer := time.AfterFunc(end+time.Millisecond, r.stop)
		defer timer.Stop()
		paced := make(chan int64)
		go func() { paced <- r.pace() }()
		due := <-paced
		wg.Wait()
		if r.parent.Err() == nil { // it has come to its end
			due = r.schedule.total()
		}
		// The last message is due before the end: the rates are those of the whole time.
		if r.load.Err() == nil && p.Count == 0 {
			sleepUntil(r.load, r.start.Add(r.base+r.schedule.end()))
		}
		unsent = due - r.sentTotal()
	}
	r.stop()
	r.collector.finish()
	if unsent > 0 { // not in the series, where it would all be at the end
		r.meter.of(0).count(func(c *counts) { c.unsent = unsent })
		r.faults.add("unsent", unsent, "")
	}
}

// sentTotal is how many messages were sent so far.
func (r *run) sentTotal() int64 {
	n := int64(0)
	for _, l := range r.senders {
		n += l.sent.Load()
	}
	return n
}

// maxDrain is how long an interrupted run waits for what is still to come.
const maxDrain = 5 * time.Second

// drain waits for what is still to come.
func (r *run) drain(ctx context.Context) {
	end := r.now() + r.plan.Timeout
	for r.missing() {
		now := r.now()
		if ctx.Err() != nil {
			end = min(end, now+maxDrain)
			ctx = context.Background() // so much is waited for
		}
		if now >= end {
			break
		}
		sleepUntil(ctx, r.start.Add(now+5*time.Millisecond))
	}
	for _, l := range r.senders {
		if l.gone() {
			l.unanswered() // what was written to a connection that had just ended
		} else if r.parent.Err() == nil {
			l.giveUp(r.now() + 1)
		}
	}
}

// missing reports whether a reply or a delivery is still to come.
func (r *run) missing() bool {
	for _, l := range r.senders {
		if !l.slow && !l.gone() && l.pending.waits() > 0 {
			return true
		}
	}
	if r.plan.Fanout == nil {
		return false
	}
	published := int64(0)
	for _, l := range r.senders {
		published += l.published.Load()
	}
	for _, l := range r.links {
		if l.role == subscriber && !l.slow && !l.gone() && l.delivered.Load() < published {
			return true
		}
	}
	return false
}

// close ends all connections, some hundred at a time.
func (r *run) close() {
	turn := make(chan struct{}, 256)
	code := ws.CodeNormal
	if r.parent.Err() != nil {
		code = ws.CodeGoingAway
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, l := range r.links {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			if l.slow || l.gone() {
				l.conn.CloseNow()
			} else {
				l.conn.Close(ctx, code, "")
			}
			l.quit()
		})
	}
	wg.Wait()
	r.readers.Wait()
}
