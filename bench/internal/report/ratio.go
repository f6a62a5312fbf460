package report

import (
	"math"
	"slices"
	"strings"
)

// quartilesFrom is the number of rounds from which on the spread is given by quartiles: of fewer the ends say more.
const quartilesFrom = 8

// tieBelow is the gap between two libraries that is taken for one: a smaller one may be the machine's mood, or how the
// server around the library was written.
const tieBelow = 1.2

// A Summary describes some figures: the middle and how far they lie apart.
type Summary struct {
	// Rounds is how many figures there were.
	Rounds int
	// Median is the middle one, or the mean of the two in the middle.
	Median float64
	// Min and Max are the ends.
	Min, Max float64
	// Q1 and Q3 are the quartiles, interpolated between the figures beside them.
	Q1, Q3 float64
}

// Summarize describes figures in any order. What is not a finite number does not count.
func Summarize(figures []float64) Summary {
	sorted := make([]float64, 0, len(figures))
	for _, v := range figures {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sorted = append(sorted, v)
		}
	}
	if len(sorted) == 0 {
		return Summary{}
	}
	slices.Sort(sorted)
	return Summary{
		Rounds: len(sorted),
		Median: quantile(sorted, .5),
		Min:    sorted[0], Max: sorted[len(sorted)-1],
		Q1: quantile(sorted, .25), Q3: quantile(sorted, .75),
	}
}

// quantile returns what lies at a share of the way through sorted figures, of which there is at least one.
func quantile(sorted []float64, share float64) float64 {
	place := share * float64(len(sorted)-1)
	below := int(place)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	rest := place - float64(below)
	if rest == 0 {
		return sorted[below] // exact, and not the victim of an overflow
	}
	return sorted[below] + rest*(sorted[below+1]-sorted[below])
}

// Spread returns how far the figures lie apart: their ends, or their quartiles if there are more than seven.
func (s Summary) Spread() (low, high float64) {
	if s.Rounds >= quartilesFrom {
		return s.Q1, s.Q3
	}
	return s.Min, s.Max
}

// Of returns what a subject did, or nil if it took no part.
func (w *Workload) Of(subject string) *Series {
	for i := range w.Series {
		if w.Series[i].Subject == subject {
			return &w.Series[i]
		}
	}
	return nil
}

// summary describes something of each round of a subject. It has no rounds if the subject took no part.
func (w *Workload) summary(subject string, of func(Round) float64) Summary {
	s := w.Of(subject)
	if s == nil {
		return Summary{}
	}
	figures := make([]float64, len(s.Rounds))
	for i, r := range s.Rounds {
		figures[i] = of(r)
	}
	return Summarize(figures)
}

// Value describes the figures of a subject. It has no rounds if the subject took no part, or failed in its first one.
func (w *Workload) Value(subject string) Summary {
	return w.summary(subject, Round.figure)
}

// figure is the round's value, or NaN if it has none.
func (r Round) figure() float64 {
	if r.Value > 0 {
		return r.Value
	}
	return math.NaN()
}

// Ratio describes a subject's figures divided by those that base had in the same rounds. Rounds that only one of them
// has do not count: ratios are formed before the median, so that a minute in which the machine was slow for all drops
// out. There are no rounds if the two have none in common.
func (w *Workload) Ratio(subject, base string) Summary {
	s, b := w.Of(subject), w.Of(base)
	if s == nil || b == nil {
		return Summary{}
	}
	var ratios []float64
	for i := range min(len(s.Rounds), len(b.Rounds)) {
		ratios = append(ratios, s.Rounds[i].figure()/b.Rounds[i].figure())
	}
	return Summarize(ratios)
}

// Base returns the subject that the others are compared with: raw, or gws where raw took no part. It is empty if there
// is neither.
func (w *Workload) Base() string {
	for _, name := range []string{"raw", "gws"} {
		if w.Value(name).Rounds > 0 {
			return name
		}
	}
	return ""
}

// Load describes the share of the time in which the load generator was at work while a subject was measured.
func (w *Workload) Load(subject string) Summary {
	return w.summary(subject, func(r Round) float64 { return r.LoadCPU })
}

// Latency reports whether the workload measures latencies, so that its rounds have percentiles.
func (w *Workload) Latency() bool {
	for _, s := range w.Series {
		for _, r := range s.Rounds {
			if r.P99 > 0 {
				return true
			}
		}
	}
	return false
}

// Ours reports whether the name of a subject is one of Parley's: parley, or parley with a suffix such as parley-own.
func Ours(subject string) bool {
	return subject == "parley" || strings.HasPrefix(subject, "parley-")
}

// Tie reports whether a ratio between two libraries is too near to 1 to mean anything: a gap under 20 %.
func Tie(ratio float64) bool {
	return ratio > 0 && max(ratio, 1/ratio) < tieBelow
}
