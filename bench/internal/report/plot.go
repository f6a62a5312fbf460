package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The measures of a plot, in pixels.
const (
	plotWidth  = 720
	plotEdge   = 20
	plotZero   = 144 // where bars begin; names are left of it
	plotEnd    = 560 // where the largest figure lies; its text is right of it
	plotTop    = 74  // where the first row begins
	plotRow    = 28
	plotBar    = 16
	plotRowTwo = 38 // of a row of two bars
	plotBarTwo = 14
)

// plotStyle holds the colours, light and dark. A plot has a ground of its own, so that it can be read on a page whose
// colours are not those that the system asks for.
const plotStyle = `
  svg { color-scheme: light dark; font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12.5px }
  .ground { fill: #ffffff; stroke: #d1d9e0 }
  text { fill: #1f2328 }
  .head { font-size: 15px; font-weight: 600 }
  .quiet { fill: #59636e }
  .small { font-size: 11.5px }
  .figure { font-weight: 600 }
  .over { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
  .grid { stroke: #d1d9e0 }
  .axis { stroke: #818b98 }
  .peer { fill: #a8b3bf }
  .base { fill: #6e7781 }
  .ours { fill: #0969da }
  .peer.late { fill: #d8dee4 } .base.late { fill: #b6bdc5 } .ours.late { fill: #9ccbff }
  .whisker { stroke: #1f2328; stroke-width: 1.25 }
  .target { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 5 3 }
  .aim { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .over { stroke: #0d1117 }
    .grid { stroke: #2a313c }
    .axis { stroke: #656c76 }
    .peer { fill: #57606a }
    .base { fill: #8c959f }
    .ours { fill: #4493f8 }
    .peer.late { fill: #343b44 } .base.late { fill: #4b535d } .ours.late { fill: #1f4a85 }
    .whisker { stroke: #f0f6fc }
    .target { stroke: #f0883e }
    .aim { fill: #f0883e }
  }
`

// Plot draws what the subjects did under a workload: the median of each as a bar, all rounds as a whisker, the targets as
// lines. A workload of latencies has two bars for each subject. The picture is an SVG that needs nothing outside of it.
// Subjects that took no part are left out.
func Plot(w *Workload, subjects []Subject) []byte {
	p := &plot{w: w, base: w.Base(), row: plotRow}
	if w.Latency() {
		p.row = plotRowTwo
	}
	for _, s := range subjects {
		if w.Of(s.Name) != nil {
			p.subjects = append(p.subjects, s.Name)
		}
	}
	p.measure()
	return p.draw()
}

// A plot is one that is being drawn.
type plot struct {
	bytes.Buffer
	over     bytes.Buffer // what is written over bars and lines
	w        *Workload
	base     string
	subjects []string
	row      int
	targets  []aim
	scale    float64 // pixels for a unit
	step     float64 // between the lines of the grid
	most     float64 // the largest figure
}

// An aim is a target as a figure of the workload.
type aim struct {
	subject string
	value   float64
	text    string
}

// measure finds out how large everything is.
func (p *plot) measure() {
	most := 0.0
	for _, name := range p.subjects {
		most = max(most, p.w.Value(name).Max)
		if p.w.Latency() {
			most = max(most, p.w.percentile99(name).Max)
		}
	}
	for _, t := range p.w.Targets {
		value := t.Value
		if t.Base != "" {
			value *= p.w.Value(t.Base).Median // no rounds, no line
		}
		if value > 0 && p.w.Of(t.Subject) != nil {
			o := Outcome{Target: t, More: p.w.More}
			p.targets = append(p.targets, aim{t.Subject, value, t.Subject + " " + o.Wanted(p.w.Unit)})
			most = max(most, value)
		}
	}
	if most <= 0 {
		most = 1
	}
	p.most, p.step = most, gridStep(most)
	p.scale = (plotEnd - plotZero) / most
}

// percentile99 describes the rounds' 99th percentiles.
func (w *Workload) percentile99(subject string) Summary {
	return w.summary(subject, func(r Round) float64 { return r.P99 })
}

// gridStep returns a round distance between lines such that there are three to six of them.
func gridStep(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{.2, .25, .5, 1, 2, 2.5} {
		if most/(step*power) <= 6 {
			return step * power
		}
	}
	return 5 * power
}

// tick writes the figure at a line of a grid that goes up to most.
func tick(v, most float64) string {
	switch {
	case v == 0:
		return "0"
	case most >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 6, 64) + " M"
	case v >= 1000:
		return thousands(v)
	default:
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
}

// escape makes text fit for XML.
func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a Buffer takes everything
	return b.String()
}

func (p *plot) text(class, anchor string, x, y float64, text string) {
	fmt.Fprintf(&p.over, "<text class=%q text-anchor=%q x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, anchor, x, y, escape(text))
}

func (p *plot) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(p, "<line class=%q x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2)
}

func (p *plot) rect(class string, x, y, wide, high float64) {
	fmt.Fprintf(p, "<rect class=%q x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"/>\n", class, x, y, wide, high)
}

func (p *plot) draw() []byte {
	bottom := float64(plotTop + p.row*len(p.subjects))
	legend := bottom + 40
	height := legend - 8
	if p.w.Latency() || len(p.targets) > 0 {
		height = legend + 18*float64(max(1, len(p.targets)))
	}
	fmt.Fprintf(p, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"title desc\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(p, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n<style>%s</style>\n",
		escape(p.w.Title), escape(p.describe()), plotStyle)
	fmt.Fprintf(p, "<rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%.0f\" rx=\"6\"/>\n", plotWidth-1, height-1)
	p.text("head", "start", plotEdge, 30, shorten(p.w.Title, 76)) // all of it is in <title>
	p.text("quiet", "start", plotEdge, 51, p.note())

	for i := 0; ; i++ {
		v := float64(i) * p.step
		x := plotZero + v*p.scale
		if x > plotEnd+0.5 {
			break
		}
		class := "grid"
		if i == 0 {
			class = "axis"
		}
		p.line(class, x, plotTop, x, bottom)
		p.text("quiet small", "middle", x, bottom+17, tick(v, p.most))
	}
	for i, name := range p.subjects {
		p.bars(name, float64(plotTop+i*p.row))
	}
	for _, t := range p.targets {
		x, from, to := plotZero+t.value*p.scale, float64(plotTop-4), bottom+4
		if len(p.targets) > 1 { // each is for its own row
			for i, name := range p.subjects {
				if name == t.subject {
					from, to = float64(plotTop+i*p.row+1), float64(plotTop+(i+1)*p.row-1)
				}
			}
		}
		p.line("target", x, from, x, to)
	}
	p.legend(legend)
	p.Write(p.over.Bytes())
	p.WriteString("</svg>\n")
	return p.Bytes()
}

// note says what the bars are.
func (p *plot) note() string {
	better := "less is better"
	if p.w.More {
		better = "more is better"
	}
	rounds := 0
	for _, name := range p.subjects {
		rounds = max(rounds, p.w.Value(name).Rounds)
	}
	unit := p.w.Unit
	if p.w.Latency() {
		unit = "µs"
	}
	switch rounds {
	case 0:
		return unit + ", " + better
	case 1:
		return unit + ", " + better + "; one round"
	}
	return fmt.Sprintf("%s, %s; median, smallest and largest of %d rounds", unit, better, rounds)
}

// bars draws the row of a subject.
func (p *plot) bars(name string, y float64) {
	middle := y + float64(p.row)/2
	class := "peer"
	switch {
	case Ours(name):
		class = "ours"
	case name == p.base:
		class = "base"
	}
	label := "quiet"
	if Ours(name) {
		label = "figure"
	}
	p.text(label, "end", plotZero-10, middle+4.5, name)
	s, v := p.w.Of(name), p.w.Value(name)
	if v.Rounds == 0 {
		p.text("quiet over", "start", plotZero+8, middle+4.5, "failed: "+shorten(oneLine(s.Failed), 70))
		return
	}
	if p.w.Latency() {
		end := p.bar(class, v, middle-plotBarTwo-.5, plotBarTwo)
		p.figure(end, middle-plotBarTwo/2+3, number(v.Median), p.against(name))
		late := p.w.percentile99(name)
		end = p.bar(class+" late", late, middle+.5, plotBarTwo)
		p.figure(end, middle+plotBarTwo/2+5.5, number(late.Median), "")
		return
	}
	note := p.against(name)
	if s.Failed != "" {
		note = "failed after this"
	}
	p.figure(p.bar(class, v, middle-plotBar/2, plotBar), middle+4.5, number(v.Median), note)
}

// against is a subject's ratio to the base as the plot shows it.
func (p *plot) against(name string) string {
	if name == p.base || p.base == "" {
		return ""
	}
	if r := p.w.Ratio(name, p.base); r.Rounds > 0 {
		return ratio(r.Median) + " × " + p.base
	}
	return ""
}

// bar draws one bar with its whisker and returns where it ends.
func (p *plot) bar(class string, v Summary, y, high float64) float64 {
	p.rect(class, plotZero, y, max(1, v.Median*p.scale), high)
	end, middle := plotZero+v.Median*p.scale, y+high/2
	if from, to := plotZero+v.Min*p.scale, plotZero+v.Max*p.scale; to-from >= 1 {
		p.line("whisker", from, middle, to, middle)
		p.line("whisker", from, middle-3.5, from, middle+3.5)
		p.line("whisker", to, middle-3.5, to, middle+3.5)
		end = to
	}
	return end
}

// figure writes a figure and a note behind a bar that ends at x.
func (p *plot) figure(x, y float64, figure, note string) {
	fmt.Fprintf(&p.over, "<text class=\"over\" x=\"%.1f\" y=\"%.1f\"><tspan class=\"figure\">%s</tspan>", x+8, y, escape(figure))
	if note != "" {
		fmt.Fprintf(&p.over, "<tspan class=\"quiet small\" dx=\"7\">%s</tspan>", escape(note))
	}
	p.over.WriteString("</text>\n")
}

// legend explains colours and lines.
func (p *plot) legend(y float64) {
	x := float64(plotZero)
	for i, t := range p.targets {
		at := y + 18*float64(i)
		p.line("target", x, at-4, x+22, at-4)
		p.text("aim small", "start", x+30, at, "target: "+t.text)
	}
	if p.w.Latency() {
		x = plotEnd - 60
		p.rect("peer", x, y-10, 12, 12)
		p.text("quiet small", "start", x+18, y, "p50")
		p.rect("peer late", x+58, y-10, 12, 12)
		p.text("quiet small", "start", x+76, y, "p99")
	}
}

// describe says in words what the plot shows.
func (p *plot) describe() string {
	var b strings.Builder
	b.WriteString(p.note() + ".")
	for _, name := range p.subjects {
		v := p.w.Value(name)
		if v.Rounds == 0 {
			fmt.Fprintf(&b, " %s: failed.", name)
			continue
		}
		fmt.Fprintf(&b, " %s: %s (%s–%s)", name, number(v.Median), number(v.Min), number(v.Max))
		if p.w.Latency() {
			fmt.Fprintf(&b, ", p99 %s", number(p.w.percentile99(name).Median))
		}
		b.WriteByte('.')
	}
	for _, t := range p.targets {
		fmt.Fprintf(&b, " Target: %s.", t.text)
	}
	return b.String()
}

// shorten cuts text that is longer than so many letters.
func shorten(text string, letters int) string {
	if r := []rune(text); len(r) > letters {
		return strings.TrimSpace(string(r[:letters-1])) + "…"
	}
	return text
}

// oneLine joins the lines of a message.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
