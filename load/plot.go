package load

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The measures of a plot, in pixels.
const (
	plotLeft   = 66.0
	plotRight  = 14.0
	plotTop    = 14.0
	plotBottom = 34.0
)

// canvas is how large a plot is drawn. Each is drawn twice, as text that shrinks with its picture cannot be read on a phone; the page
// shows the one that fits.
type canvas struct {
	class         string
	width, height float64
	lines         float64 // how many marks there may be on the horizontal axis
}

var canvases = []canvas{{"wide", 640, 260, 6}, {"narrow", 350, 230, 4}}

// plot is lines over an axis each. It is drawn as SVG, whose colours are those of the page's classes a, b and c.
type plot struct {
	title  string
	about  string   // what the axes are
	logY   bool     // the vertical axis is logarithmic
	marks  []place  // the horizontal axis; none: numbers
	xUnit  string   // after those numbers
	y      unit     // of the vertical axis
	series []series // at most three
}

// place is a place on the horizontal axis with its text.
type place struct {
	x    float64
	text string
}

// series is a line of a plot.
type series struct {
	name   string
	class  string // a, b or c
	points [][2]float64
}

// bounds returns the smallest and the largest of x and of y.
func (p *plot) bounds() (x0, x1, y0, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, s := range p.series {
		for _, at := range s.points {
			x0, x1 = min(x0, at[0]), max(x1, at[0])
			if !p.logY || at[1] > 0 {
				y0, y1 = min(y0, at[1]), max(y1, at[1])
			}
		}
	}
	if x0 > x1 || y0 > y1 {
		return 0, 1, 0, 1 // nothing to draw
	}
	if x1 == x0 {
		x1 = x0 + 1
	}
	for _, m := range p.marks {
		x0 = min(x0, m.x)
	}
	if p.xUnit != "" {
		x0 = 0 // the beginning of the load
	}
	if p.logY {
		y0, y1 = math.Pow(10, math.Floor(math.Log10(y0))), math.Pow(10, math.Ceil(math.Log10(y1)))
		if y0 == y1 {
			y1 *= 10
		}
		return x0, x1, y0, y1
	}
	step := niceStep(y1, 6)
	return x0, x1, 0, max(step, math.Ceil(y1/step-1e-9)*step)
}

// niceStep is a round distance between at most so many lines up to most.
func niceStep(most, lines float64) float64 {
	if most <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{.2, .25, .5, 1, 2, 2.5} {
		if most/(step*power) <= lines {
			return step * power
		}
	}
	return 5 * power
}

// svg draws the plot.
func (p *plot) svg(size canvas) string {
	plotWidth, plotHeight := size.width, size.height
	x0, x1, y0, y1 := p.bounds()
	x := func(v float64) float64 { return plotLeft + (v-x0)/(x1-x0)*(plotWidth-plotLeft-plotRight) }
	y := func(v float64) float64 {
		share := (v - y0) / (y1 - y0)
		if p.logY {
			share = (math.Log10(max(v, y0)) - math.Log10(y0)) / (math.Log10(y1) - math.Log10(y0))
		}
		return plotHeight - plotBottom - share*(plotHeight-plotTop-plotBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %g %g" role="img" aria-label="%s">`, size.class, plotWidth, plotHeight, html.EscapeString(p.title+": "+p.about))
	for _, v := range p.lines(y0, y1) {
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="tick" text-anchor="end" x="%g" y="%.1f">%s</text>`,
			plotLeft, plotWidth-plotRight, y(v), y(v), plotLeft-7, y(v)+4, html.EscapeString(p.y.format(v)))
	}
	marks := p.marks
	if marks == nil {
		step := niceStep(x1-x0, size.lines)
		for n := max(0, math.Ceil(x0/step-1e-9)); n*step <= x1+step/1e6; n++ {
			marks = append(marks, place{n * step, formatStep(n*step, step) + p.xUnit})
		}
	}
	taken := math.Inf(-1)
	for _, m := range marks {
		if m.x <= x1+1e-9 && x(m.x)-taken >= 34 { // else its text would lie over that of the one before
			taken = x(m.x)
			fmt.Fprintf(&b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text class="tick" text-anchor="middle" x="%.1f" y="%g">%s</text>`,
				x(m.x), x(m.x), plotHeight-plotBottom, plotHeight-plotBottom+4, min(x(m.x), plotWidth-plotRight-12), plotHeight-plotBottom+19, html.EscapeString(m.text))
		}
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%g" x2="%g" y1="%g" y2="%g"/>`, plotLeft, plotWidth-plotRight, plotHeight-plotBottom, plotHeight-plotBottom)
	for _, s := range slices.Backward(p.series) { // the first is what matters most: it lies over the others
		var path strings.Builder
		for i, at := range s.points {
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(at[0]), y(at[1]))
		}
		if len(s.points) == 1 {
			fmt.Fprintf(&b, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="3"/>`, s.class, x(s.points[0][0]), y(s.points[0][1]))
			continue
		}
		fmt.Fprintf(&b, `<path class="line %s" d="%s"/>`, s.class, path.String())
	}
	b.WriteString("</svg>")
	return b.String()
}

// formatStep writes a value on an axis whose marks are a step apart.
func formatStep(v, step float64) string {
	if step >= 1 {
		return formatNumber(math.Round(v*10) / 10)
	}
	digits := 0
	for scaled := step; digits < 9 && math.Abs(scaled-math.Round(scaled)) > 1e-6; scaled *= 10 {
		digits++
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// lines are the values at which there are horizontal lines.
func (p *plot) lines(y0, y1 float64) []float64 {
	var at []float64
	if p.logY {
		for v := y0; v <= y1*1.001; v *= 10 {
			at = append(at, v)
		}
		return at
	}
	for v, step := 0.0, niceStep(y1, 6); v <= y1+step/1e6; v += step {
		at = append(at, v)
	}
	return at
}

// plots are those of a report. Those for which there is nothing are left out.
func (r *Report) plots() []*plot {
	var all []*plot
	add := func(p *plot) {
		for _, s := range p.series {
			if len(s.points) > 0 {
				all = append(all, p)
				return
			}
		}
	}
	add(r.percentilePlot())
	over := func(title, about string, u unit, logY bool, lines ...series) *plot {
		p := &plot{title: title, about: about, y: u, logY: logY, xUnit: " s"}
		for _, s := range lines {
			if len(s.points) > 0 {
				p.series = append(p.series, s)
			}
		}
		return p
	}
	pick := func(name, class string, value func(Interval) float64, only func(Interval) bool) series {
		s := series{name: name, class: class}
		for _, i := range r.Series {
			if only(i) {
				s.points = append(s.points, [2]float64{i.At + i.Seconds/2, value(i)})
			}
		}
		return s
	}
	measured := func(i Interval) bool { return i.Count > 0 }
	always := func(Interval) bool { return true }
	p50 := pick("p50", "a", func(i Interval) float64 { return i.P50 }, measured)
	p99 := pick("p99", "b", func(i Interval) float64 { return i.P99 }, measured)
	most := pick("max", "c", func(i Interval) float64 { return i.Max }, measured)
	add(over("Latency as time went by", "time, seconds since the first message", unitTime, wide(p50.points, most.points), p50, p99, most))
	add(over("Messages a second", "seconds since the first message", unitNumber, false,
		pick("wanted", "c", func(i Interval) float64 { return i.Wanted }, func(i Interval) bool { return i.Wanted > 0 }),
		pick("sent", "b", func(i Interval) float64 { return i.Sent }, always),
		pick("received", "a", func(i Interval) float64 { return i.Received }, always)))
	open := pick("open", "a", func(i Interval) float64 { return float64(i.Open) }, always)
	if slices.ContainsFunc(r.Series, func(i Interval) bool { return i.Open != r.Series[0].Open || i.Open < r.Connections.Opened }) {
		add(over("Open connections", "seconds since the first message", unitNumber, false, open))
	}
	if slices.ContainsFunc(r.Series, func(i Interval) bool { return i.Faults > 0 }) {
		add(over("What went wrong, a second", "seconds since the first message", unitNumber, false,
			pick("errors", "c", func(i Interval) float64 { return float64(i.Faults) / max(i.Seconds, 1e-9) }, always)))
	}
	if r.Search != nil {
		add(r.searchPlot())
	}
	return all
}

// wide reports whether the values differ so much that only a logarithmic axis shows them all.
func wide(lines ...[][2]float64) bool {
	low, high := math.Inf(1), 0.0
	for _, points := range lines {
		for _, at := range points {
			if at[1] > 0 {
				low, high = min(low, at[1]), max(high, at[1])
			}
		}
	}
	return high > 30*low
}

// percentilePlot shows how long how many took.
func (r *Report) percentilePlot() *plot {
	p := &plot{title: "Latency by percentile", about: "time, percentile; each step to the right is ten times rarer", y: unitTime,
		marks: []place{{0, "0"}, {math.Log10(2), "50 %"}, {1, "90 %"}, {2, "99 %"}, {3, "99.9 %"}, {4, "99.99 %"}, {5, "99.999 %"}}}
	raw := "roundtrip_raw"
	if r.Fanout != nil {
		raw = "delivery_raw"
	}
	lines := []struct {
		name, class string
		l           *Latency
	}{{"from when it was due", "a", r.Main()}, {"from when it was sent", "b", r.Latency[raw]}}
	if !r.corrected() {
		lines = lines[:1]
		lines[0].name = "round trip"
	}
	for _, one := range lines {
		if one.l == nil || one.l.histogram == nil || one.l.Count == 0 {
			continue
		}
		s := series{name: one.name, class: one.class}
		end := math.Log10(max(float64(one.l.Count), 10))
		for i := range 81 {
			at := end * float64(i) / 80
			s.points = append(s.points, [2]float64{at, millis(one.l.histogram, 100*(1-math.Pow(10, -at)))})
		}
		p.series = append(p.series, s)
	}
	if len(p.series) > 0 {
		p.logY = wide(p.series[0].points, p.series[len(p.series)-1].points)
	}
	return p
}

// searchPlot shows the rates that were tried.
func (r *Report) searchPlot() *plot {
	p := &plot{title: "Rates that were tried", about: "p99, messages a second", y: unitTime}
	trials := series{name: "p99", class: "b"}
	for _, t := range r.Search.Trials {
		trials.points = append(trials.points, [2]float64{t.Rate, t.P99})
	}
	slices.SortFunc(trials.points, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	p.logY = wide(trials.points)
	p.series = []series{trials}
	return p
}
