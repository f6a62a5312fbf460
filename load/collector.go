package load

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The phases of a run, as Progress has them.
const (
	PhaseConnect = "connecting"
	PhaseLoad    = "running"
	PhaseDrain   = "waiting for the last"
	PhaseClose   = "closing"
)

// Progress says how far a run is.
type Progress struct {
	// Phase is one of the constants.
	Phase string
	// Elapsed is the time since the first message, and Total how long messages are sent; Total is zero if that is not known.
	Elapsed, Total time.Duration
	// Open is how many connections are open, Tried how many were opened or failed, and Connections how many there shall be.
	Open, Tried, Connections int
	// Wanted, Sent and Received are messages a second in the last second.
	Wanted, Sent, Received float64
	// P50, P99 and Max are of what arrived in the last second: round trips, or deliveries. P99 is zero if nothing did.
	P50, P99, Max time.Duration
	// Faults is how much went wrong so far.
	Faults int64
}

// tick is how often what was recorded is collected.
const tick = 250 * time.Millisecond

// perSecond is how many ticks the last second has.
const perSecond = int(time.Second / tick)

// Interval is what happened in a part of the time.
type Interval struct {
	// At is when it began, in seconds since the first message.
	At float64 `json:"at"`
	// Seconds is how long it was.
	Seconds float64 `json:"seconds"`
	// Wanted, Sent and Received are messages a second.
	Wanted   float64 `json:"wanted,omitempty"`
	Sent     float64 `json:"sent"`
	Received float64 `json:"received"`
	// Open is how many connections were open at its end, and Faults how much went wrong in it.
	Open   int   `json:"open"`
	Faults int64 `json:"faults"`
	// Count, P50, P90, P99, P999 and Max are of the round trips, or the deliveries, that ended in it, in milliseconds.
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`

	histogram *hdrhistogram.PackedHistogram
}

// collector collects what was recorded while a run goes on.
type collector struct {
	run    *run
	main   metric // which times are shown
	ticker *time.Ticker
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	mu       sync.Mutex // a tick, or what begins or finishes the load
	loading  bool
	step     time.Duration // of the series
	series   []Interval
	current  *hdrhistogram.Histogram // of the interval that is under way
	from     mark                    // where it began
	recent   []recent
	first    usage
	last     usage
	finished time.Duration
}

// mark is a moment with the counts that there were.
type mark struct {
	at     time.Duration
	counts counts
	faults int64
}

// recent is a tick of the last second.
type recent struct {
	mark
	histogram *hdrhistogram.Histogram
}

// usage is how much of the processors was used up to a moment.
type usage struct {
	at        time.Duration
	own       time.Duration
	busy, all float64
	known     bool
}

func (r *run) usage() usage {
	u := usage{at: r.now(), own: ownCPU()}
	u.busy, u.all, u.known = machineCPU()
	return u
}

func newCollector(r *run) *collector {
	c := &collector{run: r, main: mRoundTrip, ticker: time.NewTicker(tick), stop: make(chan struct{}), done: make(chan struct{})}
	if r.plan.Fanout != nil {
		c.main = mDelivery
	}
	go c.loop()
	return c
}

func (c *collector) loop() {
	defer close(c.done)
	defer c.ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-c.ticker.C:
			p := c.tick()
			if c.run.plan.Progress != nil {
				c.run.plan.Progress(p)
			}
		}
	}
}

// end ends the collecting.
func (c *collector) end() {
	c.once.Do(func() {
		close(c.stop)
		<-c.done
		c.tick()
	})
}

// begin begins the series, at the first message.
func (c *collector) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collect()
	c.loading = true
	length := c.length()
	switch {
	case length == 0 || length > 20*time.Second:
		c.step = time.Second
	default:
		c.step = tick
	}
	for length/c.step > 2000 {
		c.step += time.Second
	}
	c.ticker.Reset(tick)
	c.from = c.mark()
	c.current = newHistogram()
	c.recent = nil
	c.first = c.run.usage()
}

// length is how long the load shall be, or 0 if that is not known.
func (c *collector) length() time.Duration {
	if s := c.run.schedule; s != nil {
		length := s.end()
		if s.count > 0 {
			if last, ok := s.at(s.total() - 1); ok {
				length = min(length, last)
			}
		}
		return length
	}
	return c.run.plan.Duration
}

// finish ends the series, after the last message.
func (c *collector) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collect()
	c.last = c.run.usage()
	c.finished = c.run.now()
	if c.from.at < c.finished-tick/2 || len(c.series) == 0 {
		c.cut()
	}
	c.loading = false
}

func (c *collector) mark() mark {
	return mark{at: c.run.now(), counts: c.run.meter.peek(), faults: c.run.faults.total()}
}

// collect adds what was recorded to the interval that is under way. c.mu is held.
func (c *collector) collect() {
	part := c.run.meter.collect()
	h := part[c.main]
	if c.loading && h != nil {
		c.current.Merge(h)
	}
	c.recent = append(c.recent, recent{mark: c.mark(), histogram: h})
	if len(c.recent) > perSecond+1 {
		c.recent = c.recent[1:]
	}
}

// cut ends an interval and begins the next. c.mu is held.
func (c *collector) cut() {
	now := c.mark()
	seconds := max((now.at - c.from.at).Seconds(), 1e-9)
	h := c.current
	i := Interval{At: (c.from.at - c.run.base).Seconds(), Seconds: seconds, Open: int(c.run.open.Load()), Faults: now.faults - c.from.faults,
		Sent:     float64(now.counts.sent-c.from.counts.sent) / seconds,
		Received: float64(now.counts.received-c.from.counts.received) / seconds,
		Count:    h.TotalCount(), P50: millis(h, 50), P90: millis(h, 90), P99: millis(h, 99), P999: millis(h, 99.9), Max: millis(h, 100)}
	if s := c.run.schedule; s != nil {
		i.Wanted = s.rate((c.from.at+now.at)/2 - c.run.base)
	}
	i.histogram = hdrhistogram.NewPacked(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
	i.histogram.MergeFrom(h)
	i.histogram.Compact()
	c.series = append(c.series, i)
	c.current.Reset()
	c.from = now
}

// tick collects, and returns how far the run is.
func (c *collector) tick() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.collect()
	r := c.run
	now := c.recent[len(c.recent)-1]
	if c.loading && now.at >= c.from.at+c.step-tick/2 {
		c.cut()
	}
	p := Progress{Phase: r.phase.Load().(string), Open: int(r.open.Load()), Tried: int(r.attempts.Load()), Connections: r.plan.Connections,
		Faults: now.faults}
	if !r.begun.Load() {
		return p
	}
	p.Elapsed, p.Total = now.at-r.base, c.length()
	if r.schedule != nil {
		p.Wanted = r.schedule.rate(p.Elapsed)
	}
	since := c.recent[0]
	if seconds := (now.at - since.at).Seconds(); seconds > 0 {
		p.Sent = float64(now.counts.sent-since.counts.sent) / seconds
		p.Received = float64(now.counts.received-since.counts.received) / seconds
	}
	var window *hdrhistogram.Histogram
	for _, part := range c.recent[1:] {
		if part.histogram == nil {
			continue
		}
		if window == nil {
			window = newHistogram()
		}
		window.Merge(part.histogram)
	}
	if window != nil {
		p.P50, p.P99, p.Max = time.Duration(window.ValueAtPercentile(50)), time.Duration(window.ValueAtPercentile(99)), time.Duration(window.Max())
	}
	return p
}

// Generator says how the generator itself did while it sent.
type Generator struct {
	// CPU is its share of the processors that it may use, from 0 to 1.
	CPU float64 `json:"cpu"`
	// Processors is how many it may use.
	Processors int `json:"processors"`
	// Machine is how busy all processors of the machine were, from 0 to 1; -1 if that is not known.
	Machine float64 `json:"machine"`
	// DelayP50, DelayP99 and DelayMax say how late it was, in milliseconds, where the connection was free to send.
	DelayP50 float64 `json:"delay_p50_ms"`
	DelayP99 float64 `json:"delay_p99_ms"`
	DelayMax float64 `json:"delay_max_ms"`
	// Limit says that the generator, or its machine, was the limit, and why. Empty if it was the server, as far as can be told.
	Limit string `json:"limit,omitempty"`
}

// generator judges the generator.
func (c *collector) generator(delays *hdrhistogram.Histogram) Generator {
	g := Generator{Processors: runtime.GOMAXPROCS(0), Machine: -1}
	if wall := (c.last.at - c.first.at).Seconds(); wall > 0 {
		g.CPU = (c.last.own - c.first.own).Seconds() / wall / float64(g.Processors)
	}
	if all := c.last.all - c.first.all; c.first.known && c.last.known && all > 0 {
		g.Machine = (c.last.busy - c.first.busy) / all
	}
	if delays != nil {
		g.DelayP50, g.DelayP99, g.DelayMax = millis(delays, 50), millis(delays, 99), millis(delays, 100)
	}
	return g
}
