package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"time"

	"github.com/parley-ws/parley/bench/internal/load"
)

// workload is something to measure.
type workload struct {
	name, title string
	run         func(ctx context.Context, b *bench, r *results) error
}

// climbing is how the titles of climbs begin.
const climbing = "the highest rate for "

// What a fan-out is by default, and when it holds.
const (
	messageSize = 128
	usualRate   = 200
	stepTime    = 5 * time.Second
	holdsBelow  = 50 * time.Millisecond
)

// workloads are all there are, in the order of the report.
func (o *options) workloads() []workload {
	var list []workload
	for _, idle := range []struct {
		form  load.Form
		title string
	}{
		{load.Bare, "WebSockets on /echo, after one echo each"},
		{load.Raw, "raw: WebSockets on /t/TOPIC, a topic each"},
		{load.Native, "native: WebSockets on /ws, one subscription each, a topic each"},
	} {
		list = append(list, workload{"idle-" + idle.form.String(), fmt.Sprintf("%d idle %s", o.sessions, idle.title),
			func(ctx context.Context, b *bench, r *results) error {
				one, err := b.idle(ctx, idle.form, idle.title)
				r.Idle = append(r.Idle, one)
				return err
			}})
	}
	fan := func(name, title string, f fanout) {
		list = append(list, workload{name, title, func(ctx context.Context, b *bench, r *results) error {
			one, err := b.fanout(ctx, name, title, f)
			r.Fanouts = append(r.Fanouts, one)
			return err
		}})
	}
	climb := func(name, title string, f fanout) {
		list = append(list, workload{name, title, func(ctx context.Context, b *bench, r *results) error {
			one, err := b.climb(ctx, name, title, f)
			r.Climbs = append(r.Climbs, one)
			return err
		}})
	}
	many, few := o.subscribers, max(1, o.subscribers/10)
	fan("native", fmt.Sprintf("%d native subscribers", many), fanout{form: load.Native, conns: many})
	fan("stalled", fmt.Sprintf("%d native subscribers, and one that never reads", many), fanout{form: load.Native, conns: many, stalled: 1})
	fan("raw", fmt.Sprintf("%d raw WebSockets", many), fanout{form: load.Raw, conns: many})
	fan("sse", fmt.Sprintf("%d event streams", few), fanout{form: load.Events, conns: few})
	climb("native-rate", fmt.Sprintf(climbing+"%d native subscribers", many), fanout{form: load.Native, conns: many})
	climb("raw-rate", fmt.Sprintf(climbing+"%d raw WebSockets", many), fanout{form: load.Raw, conns: many})
	climb("sse-rate", fmt.Sprintf(climbing+"%d event streams", few), fanout{form: load.Events, conns: few})
	return list
}

// fanout is one topic with many subscribers.
type fanout struct {
	form           load.Form
	conns, stalled int
}

// load is the generator's part of it.
func (f fanout) load(rate int, topic string) load.Fanout {
	return load.Fanout{Form: f.form, Conns: f.conns, Stalled: f.stalled, Size: messageSize, Rate: rate, Topic: topic}
}

// Step is one measurement of a fan-out.
type Step struct {
	// Rate is how many messages a second were to be published, and Seconds for how long.
	Rate    int     `json:"rate"`
	Seconds float64 `json:"seconds"`
	// Published and Deliveries are how many were published and received, Lost how many were not, and Gaps how many notices told of that.
	Published  int64 `json:"published"`
	Deliveries int64 `json:"deliveries"`
	Lost       int64 `json:"lost"`
	Gaps       int64 `json:"gaps"`
	// P50, P99, P999 and Max are quantiles of the time from publishing to receiving, in milliseconds.
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`
	// Server is the CPU time of the server and Generator that of the generator, as shares of a core.
	Server    float64 `json:"server"`
	Generator float64 `json:"generator"`
	// Others is how many cores everything else on the machine used.
	Others float64 `json:"others"`
	// Failed says why there are no figures.
	Failed string `json:"failed,omitempty"`
}

// holds reports whether the rate can be kept up.
func (s *Step) holds() bool {
	return s.Failed == "" && s.Lost == 0 && s.P99 < ms(holdsBelow)
}

// perDelivery is the CPU time of the server for each delivery, in µs.
func (s *Step) perDelivery() float64 { return s.Server * s.Seconds / float64(s.Deliveries) * 1e6 }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func stepOf(m load.FanoutMeasure, rate int) *Step {
	return &Step{
		Rate: rate, Seconds: m.Wall.Seconds(), Published: m.Published, Deliveries: m.Messages, Lost: m.Lost, Gaps: m.Gaps,
		P50: ms(m.P50), P99: ms(m.P99), P999: ms(m.P999), Max: ms(m.Max),
		Server: m.ServerCPU.Seconds() / m.Wall.Seconds(), Generator: m.Busy.Seconds() / m.Wall.Seconds(),
	}
}

// fanoutResult is what a fan-out showed.
type fanoutResult struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Conns int    `json:"conns"`
	*Step
	// Dropped is how many messages the server dropped meanwhile for whoever did not read, and Waiting how many bytes waited for it at the end.
	Dropped float64 `json:"dropped,omitempty"`
	Waiting float64 `json:"waiting,omitempty"`
}

// fanout measures a fan-out at the usual rate.
func (b *bench) fanout(ctx context.Context, name, title string, f fanout) (one fanoutResult, err error) {
	one = fanoutResult{Name: name, Title: title, Conns: f.conns}
	var more []string
	if f.stalled > 0 {
		// It is to stay: by default it would be disconnected after five seconds.
		more = []string{"--limits-write-timeout", "10m", "--limits-ping-interval", "10m"}
	}
	s, err := b.start(ctx, more...)
	if err != nil {
		return one, err
	}
	defer s.stop()
	o := f.load(usualRate, "load")
	t := b.target(s)
	t.Warm, t.Measure = time.Second, b.duration
	t.Around = func() (func() error, error) {
		const dropped = `parley_dropped_messages_total{reason="slow"}`
		before, err := s.metrics(ctx)
		return func() error {
			after, err := s.metrics(ctx)
			one.Waiting, one.Dropped = after["parley_outbox_bytes"], after[dropped]-before[dropped]
			if err == nil && f.stalled > 0 && one.Waiting == 0 {
				err = errors.New("nothing waited for the one that never reads")
			}
			return err
		}, err
	}
	if b.profiles != "" {
		defer b.profileCPU(ctx, s, name, b.duration)()
	}
	one.Step, err = b.undisturbed(ctx, s, o, t)
	if err == nil && one.Failed != "" {
		err = errors.New(one.Failed)
	}
	return one, err
}

// quiet is how many cores others may use in a measurement that counts.
const quiet = .2

// undisturbed is step at a moment when others leave the machine alone, as long as there is time to wait for one. What was disturbed is measured
// again, and what was disturbed least is returned.
func (b *bench) undisturbed(ctx context.Context, s *server, o load.Fanout, t load.Target) (best *Step, err error) {
	topic := o.Topic
	for try := 0; ; try++ {
		begun := time.Now()
		for b.quiet > 0 {
			used, err := others(ctx, time.Second)
			if err != nil {
				return nil, err
			}
			if b.quiet -= time.Second; used < quiet {
				break
			}
		}
		waited := time.Since(begun)
		o.Topic = fmt.Sprintf("%s/%d", topic, try)
		one, err := b.step(o, t)
		if err == nil {
			err = s.alone(ctx)
		}
		if err != nil {
			return nil, err
		}
		if best == nil || one.Others < best.Others {
			best = one
		}
		if best.Others < quiet || b.quiet <= 0 {
			return best, nil
		}
		b.quiet -= time.Since(begun) - waited
	}
}

// step measures a fan-out, and what others on the machine do meanwhile. What went wrong with the fan-out itself is in what it returns.
func (b *bench) step(o load.Fanout, t load.Target) (one *Step, err error) {
	before, err := readUsage()
	if err != nil {
		return nil, err
	}
	server, err := load.ProcessCPU(t.Pid)
	if err != nil {
		return nil, err
	}
	m, err := o.Run(t)
	one = stepOf(m, o.Rate)
	if err != nil {
		one = &Step{Rate: o.Rate, Failed: err.Error()}
	}
	after, err := readUsage()
	if err != nil {
		return nil, err
	}
	used, err := load.ProcessCPU(t.Pid)
	if err != nil {
		return nil, err
	}
	after.ours += used - server // it has not been waited for
	one.Others = before.others(after)
	return one, nil
}

// profileCPU takes a CPU profile; wait waits for it.
func (b *bench) profileCPU(ctx context.Context, s *server, name string, d time.Duration) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := b.profile(ctx, s, name, fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", math.Ceil(d.Seconds()))); err != nil {
			log.Print(err)
		}
		if _, err := b.profile(ctx, s, name+"-allocs", "/debug/pprof/allocs"); err != nil {
			log.Print(err)
		}
	}()
	return func() { <-done }
}

// climbResult is the highest rate at which a fan-out holds.
type climbResult struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Conns int     `json:"conns"`
	Steps []*Step `json:"steps"`
}

// best returns the highest rate that held, and the lowest above it that did not; nil if there is none. Of two tries the second counts.
func (c *climbResult) best() (best, worse *Step) {
	for _, s := range c.Steps {
		if s.holds() && (best == nil || s.Rate > best.Rate) {
			best = s
		}
	}
	for _, s := range c.Steps {
		if !s.holds() && (best == nil || s.Rate > best.Rate) && (worse == nil || s.Rate <= worse.Rate) {
			worse = s
		}
	}
	return best, worse
}

// climb looks for the highest rate: it doubles it until it does not hold, then halves the distance.
func (b *bench) climb(ctx context.Context, name, title string, f fanout) (c climbResult, err error) {
	c = climbResult{Name: name, Title: title, Conns: f.conns}
	s, err := b.start(ctx)
	if err != nil {
		return c, err
	}
	defer s.stop()
	t := b.target(s)
	t.Warm, t.Measure = time.Second/2, min(stepTime, b.duration)
	rate, low, high, tries := usualRate, 0, 0, 0
	for high == 0 || high-low > low/8 {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		o := f.load(rate, fmt.Sprintf("load/%d", len(c.Steps)))
		o.GiveUp = 2 * time.Second
		one, err := b.undisturbed(ctx, s, o, t)
		if err != nil {
			return c, err
		}
		c.Steps = append(c.Steps, one)
		switch {
		case one.holds():
			low, tries = rate, 0
		case tries == 0: // something else may have been in the way
			tries++
			continue
		default:
			high, tries = rate, 0
		}
		switch {
		case high == 0:
			rate *= 2
		case high < usualRate/4:
			return c, nil // it is not worth the time to know more
		default:
			rate = (low + high) / 2
		}
	}
	return c, nil
}
