package main

import (
	"bytes"
	_ "embed" // for the document
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"github.com/parley-ws/parley/bench/internal/report"
)

// results are what was measured.
type results struct {
	Date        time.Time      `json:"date"`
	Machine     report.Machine `json:"machine"`
	Version     string         `json:"version"`
	Sessions    int            `json:"sessions"`
	Subscribers int            `json:"subscribers"`
	Duration    float64        `json:"duration_s"`
	Took        float64        `json:"took_s"`
	// Others is how many cores everything else on the machine used meanwhile.
	Others  float64        `json:"others"`
	Idle    []idleResult   `json:"idle"`
	Fanouts []fanoutResult `json:"fanouts"`
	Climbs  []climbResult  `json:"climbs"`
}

// goal is how much more than a bare WebSocket a session may take, in bytes.
const goal = 8 << 10

// readResults reads what -json wrote.
func readResults(name string) (*results, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("serve: reading measurements: %w", err)
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("serve: %s is not what -json writes: %w", name, err)
	}
	return &r, nil
}

// Above is what a session takes more than the bare one, in resident bytes; ok is false where there is nothing to compare.
func (r *results) Above(one *idleResult) (above float64, ok bool) {
	for i := range r.Idle {
		if bare := &r.Idle[i]; bare.Name == "bare" && one.Name != "bare" {
			return one.Session.Resident - bare.Session.Resident, true
		}
	}
	return 0, false
}

// print writes a table.
func (r *results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Idle) > 0 {
		fmt.Fprint(w, "idle\tbytes/session\tabove bare\theap\tstacks\tgoroutines\topened in\t\n")
		for i := range r.Idle {
			one := &r.Idle[i]
			above := "–"
			if v, ok := r.Above(one); ok {
				above = whole(v)
			}
			m := one.Session
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.2f\t%.1f s\t\n", one.Name, whole(m.Resident), above, whole(m.Heap), whole(m.Stacks), m.Goroutines, one.Seconds)
		}
		fmt.Fprintln(w)
	}
	head := "rate\tdeliveries/s\tlost\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\tserver\tµs/delivery\tgenerator\tothers\t\n"
	line := func(name string, s *Step) {
		if s.Failed != "" {
			fmt.Fprintf(w, "%s\t%d\t%s\t\n", name, s.Rate, s.Failed)
			return
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f %%\t%.2f\t%.0f %%\t%.2f\t\n", name, s.Rate, whole(float64(s.Deliveries)/s.Seconds), s.Lost,
			s.P50, s.P99, s.P999, s.Max, 100*s.Server, s.perDelivery(), 100*s.Generator, s.Others)
	}
	if len(r.Fanouts) > 0 {
		fmt.Fprint(w, "fan-out\t", head)
		for i := range r.Fanouts {
			line(r.Fanouts[i].Name, r.Fanouts[i].Step)
		}
		fmt.Fprintln(w)
	}
	for i := range r.Climbs {
		fmt.Fprintf(w, "%s\t%s", r.Climbs[i].Name, head)
		for _, s := range r.Climbs[i].Steps {
			verdict := "does not hold"
			if s.holds() {
				verdict = "holds"
			}
			line(verdict, s)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	for i := range r.Idle {
		if one := &r.Idle[i]; r.misses(one) {
			fmt.Fprintf(out, "idle-%s misses the goal; its heap:\n%s\n", one.Name, one.Top)
		}
	}
	fmt.Fprintf(out, "other programs used %.2f of %d cores\n", r.Others, r.Machine.Cores)
}

// misses reports whether a session takes more than the goal.
func (r *results) misses(one *idleResult) bool {
	above, ok := r.Above(one)
	return ok && above > goal
}

// whole writes a number with every digit, three at a time.
func whole(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

//go:embed load.md.tmpl
var page string

var pageTemplate = template.Must(template.New("load.md").Funcs(template.FuncMap{
	"whole":   whole,
	"percent": func(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) },
	"time":    milliseconds,
	"rate":    func(s *Step) string { return whole(float64(s.Deliveries) / s.Seconds) },
	"each":    func(s *Step) string { return fmt.Sprintf("%.2f", s.perDelivery()) },
	"trim":    strings.TrimSpace,
	"f2":      func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"mul":     func(a, b int) float64 { return float64(a) * float64(b) },
}).Parse(page))

// milliseconds writes a time with three digits that count.
func milliseconds(v float64) string {
	switch {
	case v < 1:
		return fmt.Sprintf("%.3f ms", v)
	case v < 10:
		return fmt.Sprintf("%.2f ms", v)
	case v < 100:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}

// idleRow is a row of the document.
type idleRow struct {
	*idleResult
	Above  string
	Missed bool
}

// climbRow is a row of the document.
type climbRow struct {
	*climbResult
	Best, Worse *Step
}

// document is docs/load.md.
func (r *results) document() ([]byte, error) {
	data := struct {
		*results
		Day, Minutes string
		IdleRows     []idleRow
		FanRows      []*fanoutResult
		ClimbRows    []climbRow
		Stalled      *fanoutResult
		Bottleneck   bool // the generator was, somewhere
		Goal         float64
		Size         int
		Bound        string
	}{
		results: r, Day: r.Date.Format("2 January 2006"), Minutes: fmt.Sprintf("%.1f", r.Took/60), Goal: goal, Size: messageSize,
		Bound: milliseconds(ms(holdsBelow)),
	}
	for i := range r.Idle {
		row := idleRow{idleResult: &r.Idle[i], Above: "–"}
		if above, ok := r.Above(row.idleResult); ok {
			row.Above, row.Missed = whole(above), r.misses(row.idleResult)
		}
		data.IdleRows = append(data.IdleRows, row)
	}
	for i := range r.Fanouts {
		f := &r.Fanouts[i]
		data.FanRows = append(data.FanRows, f)
		if f.Dropped > 0 {
			data.Stalled = f
		}
		data.Bottleneck = data.Bottleneck || f.Saturated()
	}
	for i := range r.Climbs {
		row := climbRow{climbResult: &r.Climbs[i]}
		row.Best, row.Worse = row.best()
		data.ClimbRows = append(data.ClimbRows, row)
		data.Bottleneck = data.Bottleneck || row.Worse != nil && row.Worse.Saturated()
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, data)
	return b.Bytes(), err
}

// Why says in a few words what a step did not reach.
func (s *Step) Why() string {
	why := "p99 " + milliseconds(s.P99)
	switch {
	case s.Failed != "":
		why = strings.TrimPrefix(s.Failed, "load: ")
	case s.Lost > 0:
		why = fmt.Sprintf("%s lost, %s", whole(float64(s.Lost)), why)
	}
	if s.Disturbed() {
		why += fmt.Sprintf(", but other programs used %.2f cores", s.Others)
	}
	return why
}

// Subscribers names them.
func (c *climbResult) Subscribers() string { return strings.TrimPrefix(c.Title, climbing) }

// Disturbed reports whether others used too much of the machine for a figure to be trusted.
func (s *Step) Disturbed() bool { return s.Others >= quiet }

// Saturated reports whether the generator was at work nearly all of the time: the server may have waited for it.
func (s *Step) Saturated() bool { return s.Generator > .9 }
