package load

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// A Comparison sets two reports side by side.
type Comparison struct {
	// About says what was measured in A and in B, and when.
	About []string
	// Rows are the figures that at least one of them has.
	Rows []Row
	// Remarks say in what the two runs were not alike.
	Remarks []string
}

// A Row is one figure of a Comparison.
type Row struct {
	// Name is the figure, such as "p99".
	Name string
	// A and B are its values, and Unit writes one for people.
	A, B float64
	// SpreadA and SpreadB are from where to where the figure went in each run: where its median lies, were the run repeated.
	SpreadA, SpreadB [2]float64
	// Verdict is what B is: Better, Worse, Tie if the spreads overlap, or Unknown if one of the two does not have the figure, or too
	// few times for it.
	Verdict string

	unit unit
}

// What B can be in a Row.
const (
	Better  = "better"
	Worse   = "worse"
	Tie     = "tie"
	Unknown = "-"
)

// parts is into how many a run is divided to see how steady it was. The median of ten independent values lies between their
// second and their ninth with a probability of 98 %.
const parts = 10

// Compare compares two reports.
func Compare(a, b *Report) *Comparison {
	c := &Comparison{}
	differ := func(what string, x, y any) {
		if x != y {
			c.Remarks = append(c.Remarks, fmt.Sprintf("the runs are not alike: %s: %v and %v", what, x, y))
		}
	}
	differ("mode", a.Mode, b.Mode)
	if a.Setup != nil && b.Setup != nil {
		a.Setup.differences(b.Setup, differ)
	} else {
		differ("connections", a.Connections.Wanted, b.Connections.Wanted)
		differ("rate wanted", formatNumber(a.Messages.WantedRate), formatNumber(b.Messages.WantedRate))
	}
	differ("processors of the generator", a.Generator.Processors, b.Generator.Processors)
	for name, r := range map[string]*Report{"A": a, "B": b} {
		c.About = append(c.About, r.about(name))
		if r.Interrupted {
			c.Remarks = append(c.Remarks, name+" was interrupted")
		}
		if n := r.Connections.Failed + r.Connections.Lost; n > 0 {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s: of %d connections %d failed or were lost", name, r.Connections.Wanted, n))
		}
		if r.Generator.Limit != "" {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s: %s", name, r.Generator.Limit))
		}
		if n := len(measured(r)); n < 6 {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s has only %d intervals: longer runs say more", name, n))
		}
	}
	slices.Sort(c.Remarks)
	slices.Sort(c.About)
	for _, f := range []struct {
		name string
		up   bool // more is better
		unit unit
	}{{"rate", true, unitRate}, {"errors", false, unitNumber}, {"loss", false, unitNumber},
		{"p50", false, unitTime}, {"p90", false, unitTime}, {"p99", false, unitTime}, {"p99.9", false, unitTime}, {"max", false, unitTime},
		{"raw.p50", false, unitTime}, {"raw.p99", false, unitTime}, {"connect.p50", false, unitTime}, {"connect.p99", false, unitTime}} {
		x, okA := a.value(f.name)
		y, okB := b.value(f.name)
		if !okA && !okB {
			continue
		}
		r := Row{Name: f.name, A: x, B: y, Verdict: Unknown, unit: f.unit}
		if okA && okB && a.tells(f.name) && b.tells(f.name) {
			r.SpreadA, r.SpreadB = a.spread(f.name, x), b.spread(f.name, y)
			switch less := r.SpreadB[1] < r.SpreadA[0]; {
			case !less && r.SpreadA[1] >= r.SpreadB[0]:
				r.Verdict = Tie
			case less == f.up:
				r.Verdict = Worse
			default:
				r.Verdict = Better
			}
		}
		if !okA {
			r.A = math.NaN()
		}
		if !okB {
			r.B = math.NaN()
		}
		c.Rows = append(c.Rows, r)
	}
	return c
}

// tells reports whether there are enough times for a percentile of which there is no series: p99 of ten times is just the longest.
func (r *Report) tells(name string) bool {
	of, which, _ := strings.Cut(name, ".")
	l := r.Latency[of]
	return which != "p99" || l == nil || l.Count == 0 || l.Count >= 100
}

// about says in a line what a report is of.
func (r *Report) about(name string) string {
	text := name + " " + printable(r.URL)
	if !r.Start.IsZero() {
		text += ", " + r.Start.Local().Format(time.DateTime)
	}
	if r.Setup != nil {
		return text + ", " + printable(r.Setup.String())
	}
	return text
}

// measured are the intervals in which something was measured.
func measured(r *Report) []Interval {
	return slices.DeleteFunc(slices.Clone(r.Series), func(i Interval) bool { return i.Count == 0 })
}

// spread says from where to where a figure goes.
func (r *Report) spread(name string, value float64) [2]float64 {
	var pick func(Interval) float64
	switch name {
	case "errors", "loss": // as rare events are spread
		if value == 0 {
			return [2]float64{0, 3}
		}
		return [2]float64{max(0, value-2*math.Sqrt(value)), value + 2*math.Sqrt(value)}
	case "rate":
		pick = func(i Interval) float64 { return i.Received }
	case "p50":
		pick = func(i Interval) float64 { return i.P50 }
	case "p90":
		pick = func(i Interval) float64 { return i.P90 }
	case "p99":
		pick = func(i Interval) float64 { return i.P99 }
	case "p99.9":
		pick = func(i Interval) float64 { return i.P999 }
	case "max":
		pick = func(i Interval) float64 { return i.Max }
	default:
		return r.rankSpread(name, value)
	}
	var all []float64
	for _, i := range measured(r) {
		all = append(all, pick(i))
	}
	if len(all) == 0 {
		return [2]float64{value, value}
	}
	var medians []float64
	for n := range min(parts, len(all)) {
		part := slices.Clone(all[n*len(all)/min(parts, len(all)) : (n+1)*len(all)/min(parts, len(all))])
		slices.Sort(part)
		medians = append(medians, part[len(part)/2])
	}
	slices.Sort(medians)
	if len(medians) == parts {
		return [2]float64{medians[1], medians[parts-2]}
	}
	return [2]float64{medians[0], medians[len(medians)-1]}
}

// rankSpread is the spread of a percentile of which there is no series: from its neighbours in the distribution.
func (r *Report) rankSpread(name string, value float64) [2]float64 {
	of, which, _ := strings.Cut(name, ".")
	l := r.Latency[of]
	if of == "raw" {
		if l = r.Latency["roundtrip_raw"]; r.Fanout != nil {
			l = r.Latency["delivery_raw"]
		}
	}
	share := map[string]float64{"p50": .5, "p99": .99}[which]
	if l == nil || l.histogram == nil || share == 0 {
		return [2]float64{value, value}
	}
	by := 2 * math.Sqrt(share*(1-share)/float64(l.Count))
	return [2]float64{millis(l.histogram, 100*max(0, share-by)), millis(l.histogram, 100*min(1, share+by))}
}

// Worse reports whether B is worse than A in anything.
func (c *Comparison) Worse() bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Verdict == Worse })
}

// WriteText writes the comparison as a table for people.
func (c *Comparison) WriteText(w io.Writer, width int) error {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(clip(strings.TrimRight(fmt.Sprintf(format, args...), " "), width) + "\n")
	}
	for _, text := range c.About {
		for i, part := range wrap(text, max(width-2, 20)) {
			line("%s%s", map[bool]string{false: "  "}[i == 0], part)
		}
	}
	line("")
	line("%-12s%12s%12s%10s  %-8s%-22s%s", "", "A", "B", "change", "B is", "A went from - to", "B went from - to")
	for _, r := range c.Rows {
		figure := func(v float64) string {
			if math.IsNaN(v) {
				return "-"
			}
			return r.unit.format(v)
		}
		change := ""
		if r.A > 0 && !math.IsNaN(r.B) {
			change = fmt.Sprintf("%+.1f %%", 100*(r.B-r.A)/r.A)
		}
		spread := func(s [2]float64) string {
			if r.Verdict == Unknown {
				return ""
			}
			return figure(s[0]) + " - " + figure(s[1])
		}
		line("%-12s%12s%12s%10s  %-8s%-22s%s", r.Name, figure(r.A), figure(r.B), change, r.Verdict, spread(r.SpreadA), spread(r.SpreadB))
	}
	if len(c.Remarks) > 0 {
		line("")
	}
	for _, remark := range c.Remarks {
		for _, part := range wrap(printable(remark), width) {
			line("%s", part)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
