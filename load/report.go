package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Report says what came of a run. It is what WriteJSON writes and ReadJSON reads.
type Report struct {
	// Version is that of this form: 1.
	Version int `json:"v"`
	// URL is the server's, without name and password, and Start when the run began.
	URL   string    `json:"url"`
	Start time.Time `json:"start"`
	// Mode is "open", "closed" or "fan-out".
	Mode string `json:"mode"`
	// Setup is what the run was asked to do. It is nil in reports of older versions.
	Setup *Setup `json:"setup,omitempty"`
	// Seconds is the measured time in which messages were sent, without the warm-up.
	Seconds float64 `json:"seconds"`
	// Connections says what became of the connections.
	Connections Connections `json:"connections"`
	// Messages counts messages, without the warm-up.
	Messages Messages `json:"messages"`
	// Fanout says what was delivered. It is nil in other modes.
	Fanout *Deliveries `json:"fanout,omitempty"`
	// Slow says what became of those that read slowly. It is nil if there were none.
	Slow *Slow `json:"slow,omitempty"`
	// Latency has the times in milliseconds: "connect", "first", "roundtrip" and "roundtrip_raw", "delivery" and
	// "delivery_raw". Those named raw count from the moment of sending, the others from when the message was due.
	Latency map[string]*Latency `json:"latency_ms"`
	// Faults is what went wrong, the most frequent first.
	Faults []Fault `json:"faults"`
	// Generator says how the generator did.
	Generator Generator `json:"generator"`
	// Interrupted reports that the run did not come to its end.
	Interrupted bool `json:"interrupted,omitempty"`
	// Verdicts are those of Judge.
	Verdicts []Verdict `json:"thresholds,omitempty"`
	// Search is how the highest rate was found. It is nil if none was looked for.
	Search *Search `json:"search,omitempty"`
	// Series has what happened as time went by.
	Series []Interval `json:"series"`

	first time.Duration // when the series begins, since Start
}

// Connections says what became of the connections.
type Connections struct {
	// Wanted is how many there should be, Opened how many could be opened, Failed how many could not.
	Wanted int `json:"wanted"`
	Opened int `json:"opened"`
	Failed int `json:"failed"`
	// Lost is how many ended before their time.
	Lost int `json:"lost"`
}

// Messages counts messages.
type Messages struct {
	// Due is how many should be sent; with Closed, how many were.
	Due int64 `json:"due"`
	// Sent is how many were sent, Received how many replies or deliveries came, Other how much came that is neither.
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
	Other    int64 `json:"other"`
	// WantedRate is how many a second should be sent; 0 with Closed.
	WantedRate float64 `json:"wanted_rate"`
	// SentRate and ReceivedRate are messages a second.
	SentRate     float64 `json:"sent_rate"`
	ReceivedRate float64 `json:"received_rate"`
	// BytesOut and BytesIn are those of the messages, the warm-up's too.
	BytesOut int64 `json:"bytes_out"`
	BytesIn  int64 `json:"bytes_in"`
}

// Deliveries says what subscribers received.
type Deliveries struct {
	// Publishers and Subscribers are how many took part. Subscribers that read slowly are not among them.
	Publishers  int `json:"publishers"`
	Subscribers int `json:"subscribers"`
	// Published is how many messages were published and not refused, Expected how many deliveries these make.
	Published int64 `json:"published"`
	Expected  int64 `json:"expected"`
	// Announced is how many of them the server said are missing, and Lost how many are missing without a word.
	Announced int64 `json:"announced"`
	Lost      int64 `json:"lost"`
	// Duplicates came more than once, Disorder after a later one of the same publisher.
	Duplicates int64 `json:"duplicates"`
	Disorder   int64 `json:"disorder"`
}

// Slow says what became of connections that read slowly.
type Slow struct {
	// Connections is how many there were, and Open how many were open at the end.
	Connections int `json:"connections"`
	Open        int `json:"open"`
	// Received is how many messages they read, and Announced how many the server told them are missing.
	Received  int64 `json:"received"`
	Announced int64 `json:"announced"`
	// Ended is how many ended, by how: "close 1013".
	Ended map[string]int `json:"ended,omitempty"`
}

// Latency is a distribution of times, in milliseconds.
type Latency struct {
	// Count is how many times there are.
	Count int64 `json:"count"`
	// Min is the shortest.
	Min float64 `json:"min"`
	// Mean is the arithmetic mean.
	Mean float64 `json:"mean"`
	// StdDev is the standard deviation.
	StdDev float64 `json:"stddev"`
	// P50 is the median: half of the times are no longer.
	P50 float64 `json:"p50"`
	// P75 is what 75 % of the times do not exceed.
	P75 float64 `json:"p75"`
	// P90 is what 90 % do not exceed.
	P90 float64 `json:"p90"`
	// P95 is what 95 % do not exceed.
	P95 float64 `json:"p95"`
	// P99 is what 99 % do not exceed.
	P99 float64 `json:"p99"`
	// P999 is what 99.9 % do not exceed.
	P999 float64 `json:"p99.9"`
	// P9999 is what 99.99 % do not exceed.
	P9999 float64 `json:"p99.99"`
	// Max is the longest.
	Max float64 `json:"max"`
	// HDR is the whole distribution in nanoseconds: a compressed HdrHistogram (V2), in base64.
	HDR string `json:"hdr"`

	histogram *hdrhistogram.Histogram
}

// millis is a percentile in milliseconds.
func millis(h *hdrhistogram.Histogram, percentile float64) float64 {
	if h.TotalCount() == 0 {
		return 0
	}
	return float64(h.ValueAtPercentile(percentile)) / 1e6
}

func newLatency(h *hdrhistogram.Histogram) *Latency {
	l := &Latency{Count: h.TotalCount(), Min: float64(h.Min()) / 1e6, Mean: h.Mean() / 1e6, StdDev: h.StdDev() / 1e6, Max: float64(h.Max()) / 1e6,
		P50: millis(h, 50), P75: millis(h, 75), P90: millis(h, 90), P95: millis(h, 95), P99: millis(h, 99), P999: millis(h, 99.9), P9999: millis(h, 99.99),
		histogram: h}
	if text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		l.HDR = string(text)
	}
	return l
}

// settleSlow notes which slow connections are still open, before they are closed.
func (r *run) settleSlow() {
	for _, l := range r.links {
		if l.slow && !l.gone() {
			l.survived = true
		}
	}
}

// report makes the report, when all is over.
func (r *run) report() *Report {
	c := r.collector
	sum := r.meter.peek()
	rep := &Report{Version: 1, URL: withoutUser(r.plan.URL), Start: r.start.Round(0), Mode: "open", Latency: map[string]*Latency{}, Faults: r.faults.list(),
		Generator: c.generator(r.meter.totals[mDelay]), Series: slices.Clip(append([]Interval{}, c.series...)), Setup: r.plan.setup(), first: r.base}
	for i, h := range r.meter.totals {
		if h != nil && metric(i) != mDelay {
			rep.Latency[metricNames[i]] = newLatency(h)
		}
	}
	rep.Connections = Connections{Wanted: r.plan.Connections, Opened: len(r.links), Failed: int(r.failed.Load())}
	for _, l := range r.links {
		if l.endedBefore() && !l.slow {
			rep.Connections.Lost++
		}
	}
	rep.Seconds = max((c.finished - r.warm).Seconds(), 0)
	m := &rep.Messages
	m.Sent, m.Received, m.Other = sum.sent-sum.warmSent, sum.received-sum.warmRecv, sum.other
	m.Due, m.BytesOut, m.BytesIn = m.Sent+sum.unsent, sum.bytesOut, sum.bytesIn
	if rep.Seconds > 0 {
		m.SentRate = float64(m.Sent) / rep.Seconds
		m.ReceivedRate = float64(m.Received) / rep.Seconds
		if r.schedule != nil {
			m.WantedRate = float64(m.Due) / rep.Seconds
			if s := r.schedule; len(r.plan.Stages) == 0 {
				m.WantedRate = s.rate(0)
			}
		}
	}
	if r.plan.Closed {
		rep.Mode = "closed"
	}
	if r.plan.Fanout != nil {
		rep.Mode = "fan-out"
		rep.Fanout = r.deliveries(sum)
	}
	if r.plan.Slow > 0 {
		rep.Slow = &Slow{Ended: map[string]int{}}
		for _, l := range r.links {
			switch {
			case !l.slow:
				continue
			case l.survived:
				rep.Slow.Open++
			case l.endedBefore():
				rep.Slow.Ended[kindOf(l.ended)]++
			}
			rep.Slow.Connections++
			rep.Slow.Received += l.slowRead.Load()
			rep.Slow.Announced += l.slowMissing.Load()
		}
	}
	rep.Generator.Limit = rep.generatorLimit()
	return rep
}

// withoutUser removes name and password from a URL.
func withoutUser(text string) string {
	before, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return before + "://" + rest
}

// endedBefore reports whether the connection ended before its time.
func (l *link) endedBefore() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended != nil
}

// deliveries adds up what was delivered.
func (r *run) deliveries(sum counts) *Deliveries {
	d := &Deliveries{Publishers: len(r.senders), Announced: sum.announced, Duplicates: sum.duplicates, Disorder: sum.disorder}
	for _, l := range r.links {
		if l.role == subscriber && !l.slow {
			d.Subscribers++
		}
		d.Published += l.published.Load()
	}
	d.Expected = d.Published * int64(d.Subscribers)
	d.Lost = max(0, d.Expected-(sum.received-sum.warmRecv)-d.Announced)
	return d
}

// Main is the latency that a run is about: that of deliveries in a fan-out, else of round trips. It is nil if there was none.
func (r *Report) Main() *Latency {
	if r.Fanout != nil {
		return r.Latency["delivery"]
	}
	return r.Latency["roundtrip"]
}

// generatorLimit says why the generator was the limit, or nothing.
func (r *Report) generatorLimit() string {
	g := r.Generator
	switch l := r.Main(); {
	case g.CPU >= .85:
		return fmt.Sprintf("the generator, not the server, was the limit: it used %.0f %% of its %d processors: give it more, or spread the load over several machines", g.CPU*100, g.Processors)
	case g.DelayP50 >= 1 && r.Messages.SentRate < .95*r.Messages.WantedRate && r.Connections.Lost == 0:
		return fmt.Sprintf("the generator, not the server, was the limit: it sent %s/s of %s/s, and was late by %s where the connection was free: give it a faster machine, or spread the load over several",
			formatNumber(r.Messages.SentRate), formatNumber(r.Messages.WantedRate), formatMillis(g.DelayP50))
	case l != nil && g.DelayP99 >= 1 && g.DelayP99 >= l.P99/4:
		return fmt.Sprintf("the generator, not the server alone, made these latencies: it was %s late itself at p99, of %s that were measured: run it on a machine that is less busy", formatMillis(g.DelayP99), formatMillis(l.P99))
	case g.Machine >= .95:
		return fmt.Sprintf("not the server alone was the limit: all processors of the generator's machine were %.0f %% busy, with it and with what else runs there: run it on another machine than the server", g.Machine*100)
	}
	return ""
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("load: writing the report: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(from io.Reader) (*Report, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("load: reading the report: %w", err)
	}
	r := &Report{}
	var head struct {
		Version int    `json:"v"`
		Mode    string `json:"mode"`
	}
	switch err := json.Unmarshal(text, &head); {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("load: this is no report: it is empty")
	case err != nil && head.Version == 0:
		return nil, fmt.Errorf("load: this is no report: %w", err)
	case head.Version > 1:
		return nil, fmt.Errorf("load: this is a report of version %d, of which this program knows 1: read it with the one that wrote it", head.Version)
	case head.Version != 1 || head.Mode == "":
		return nil, errors.New("load: this is no report of a load test")
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("load: this report is damaged: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Latency)) {
		l := r.Latency[name]
		if l == nil {
			delete(r.Latency, name)
			continue
		}
		if h, err := hdrhistogram.Decode([]byte(l.HDR)); err == nil {
			l.histogram = h // without it there is no curve
		}
	}
	return r, nil
}
