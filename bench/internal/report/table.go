package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The measures of a table, in columns of a terminal.
const (
	tableWidth = 140
	titleWidth = 24
	statWidth  = 9
)

// Table prints the report for a terminal of up to 140 columns. An error of w is its owner's to notice.
func (r *Report) Table(w io.Writer) {
	t := &table{Writer: bufio.NewWriter(w), r: r}
	defer t.Flush()
	date, machine := r.ran()
	fmt.Fprintf(t, "%s; %s\n%d rounds of %s for each server, in turn\n", date, machine, r.wholeRounds(), r.Round)
	for _, g := range r.groups() {
		t.group(g)
	}
	t.WriteByte('\n')
	t.explain()
	t.systemCalls()
	if met, missed, open := r.verdicts(); met+missed+open > 0 {
		fmt.Fprintf(t, "\ntargets: %s\n", r.score())
		for i := range r.Workloads {
			for _, o := range r.Workloads[i].Outcomes() {
				if !o.Met {
					fmt.Fprintf(t, "  %s: %s\n", r.Workloads[i].Name, o.line(r.Workloads[i].Unit))
				}
			}
		}
	}
}

// line is an outcome as one line.
func (o Outcome) line(unit string) string {
	return fmt.Sprintf("%s %s: %s, %s", o.Target.Subject, o.Wanted(unit), o.Figure(), o.Verdict())
}

// A table is a report that is being printed.
type table struct {
	*bufio.Writer
	r *Report
}

// A stat is one line of a workload: what it says of each subject.
type stat struct {
	name string
	of   func(subject string) string
}

// group prints the workloads of a family under common headings.
func (t *table) group(g group) {
	names := t.r.columns(g.workloads)
	unit := g.unit()
	cells := make([][][]string, len(g.workloads)) // by workload, line and column
	stats := make([][]stat, len(g.workloads))
	widths := make([]int, len(names))
	for i, name := range names {
		widths[i] = width(name)
	}
	for i, w := range g.workloads {
		stats[i] = w.stats()
		for _, s := range stats[i] {
			line := make([]string, len(names))
			for k, name := range names {
				line[k] = s.of(name)
				widths[k] = max(widths[k], width(line[k]))
			}
			cells[i] = append(cells[i], line)
		}
	}
	for n, part := range parts(widths, tableWidth-titleWidth-statWidth) {
		heading := g.name
		if n > 0 {
			heading += ", continued"
		}
		if unit != "" {
			heading += ": " + unit
		}
		fmt.Fprintf(t, "\n%s\n", heading)
		t.row("", "", names, widths, part)
		for i, w := range g.workloads {
			if i > 0 {
				t.WriteByte('\n')
			}
			title := w.Title
			if unit == "" {
				title += " [" + w.measure() + "]"
			}
			label := wrap(title, titleWidth-1)
			for k := range max(len(label), len(cells[i])) {
				text, name, line := "", "", make([]string, len(names))
				if k < len(label) {
					text = label[k]
				}
				if k < len(cells[i]) {
					name, line = stats[i][k].name, cells[i][k]
				}
				t.row(text, name, line, widths, part)
			}
			if n == 0 {
				t.notes(w)
			}
		}
	}
}

// row prints one line, of the columns in part only.
func (t *table) row(title, stat string, cells []string, widths []int, part [2]int) {
	line := left(title, titleWidth) + right(stat, statWidth)
	for i := part[0]; i < part[1]; i++ {
		line += "  " + right(cells[i], widths[i])
	}
	fmt.Fprintln(t, strings.TrimRight(line, " "))
}

// notes prints what is to be said of a workload beside its figures.
func (t *table) notes(w *Workload) {
	for _, o := range w.Outcomes() {
		t.note("target: " + o.line(w.Unit))
	}
	if text := w.loadNote(); text != "" {
		t.note(text)
	}
	for _, text := range w.failures() {
		t.note(text)
	}
}

func (t *table) note(text string) {
	for i, line := range wrap(text, tableWidth-4) {
		mark := "- "
		if i > 0 {
			mark = "  "
		}
		fmt.Fprintf(t, "  %s%s\n", mark, line)
	}
}

// stats are the lines of a workload.
func (w *Workload) stats() []stat {
	base := w.Base()
	list := []stat{{"median", func(name string) string {
		s := w.Of(name)
		switch v := w.Value(name); {
		case s == nil:
			return "·"
		case v.Rounds == 0:
			return "failed"
		case s.Failed != "":
			return number(v.Median) + "!"
		default:
			return number(v.Median)
		}
	}}}
	if w.Latency() {
		list = append(list, stat{"p99", func(name string) string {
			if v := w.percentile99(name); v.Rounds > 0 {
				return number(v.Median)
			}
			return ""
		}})
	}
	low := "from–to"
	if slices.ContainsFunc(w.Series, func(s Series) bool { return len(s.Rounds) >= quartilesFrom }) {
		low = "quartiles"
	}
	against := func(write func(Summary) string) func(string) string {
		return func(name string) string {
			if v := w.Ratio(name, base); v.Rounds > 0 && name != base {
				return write(v)
			}
			return ""
		}
	}
	if base != "" && len(w.Series) > 1 {
		list = append(list,
			stat{"÷ " + base, against(func(v Summary) string { return ratio(v.Median) })},
			stat{low, against(func(v Summary) string { return spread(v, ratio) })})
	}
	if w.Value("parley").Rounds > 0 && len(w.Series) > 1 {
		list = append(list, stat{"parley ÷", func(name string) string {
			v := w.Ratio("parley", name)
			switch {
			case v.Rounds == 0 || name == "parley":
				return ""
			case Tie(v.Median):
				return "~" + ratio(v.Median)
			}
			return ratio(v.Median)
		}})
	}
	return list
}

// explain says how to read the lines.
func (t *table) explain() {
	t.note("÷ raw, ÷ gws: the median of the ratios to that server in the same rounds, and under it how far they lie apart " +
		"(the quartiles if there are more than seven rounds)")
	t.note("parley ÷: Parley's ratio to the server of that column; ~ marks a gap under 20 %, which is a tie")
	t.note("· took no part; ! failed after some rounds")
}

// systemCalls prints the second table, if there is anything to say.
func (t *table) systemCalls() {
	names := t.r.columns(nil)
	for i := range t.r.Workloads {
		for _, s := range t.r.Workloads[i].Series {
			if s.callsText() != "" && !slices.Contains(names, s.Subject) {
				names = append(names, s.Subject)
			}
		}
	}
	if len(names) == 0 {
		return
	}
	wide := 0
	for _, name := range names {
		wide = max(wide, width(name))
	}
	fmt.Fprintf(t, "\nsystem calls for each message, and the two that are made most often\n")
	for i := range t.r.Workloads {
		w := &t.r.Workloads[i]
		var cells []string
		widest := 0
		for _, name := range t.r.columns([]*Workload{w}) {
			if text := w.Of(name).callsText(); text != "" {
				cells = append(cells, left(name, wide)+" "+text)
				widest = max(widest, width(cells[len(cells)-1]))
			}
		}
		if len(cells) == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\n", w.Title)
		across := max(1, tableWidth/(widest+2))
		for line := range slices.Chunk(cells, across) {
			text := ""
			for _, cell := range line {
				text += "  " + left(cell, widest)
			}
			fmt.Fprintln(t, strings.TrimRight(text, " "))
		}
	}
}

// parts divides columns into runs, each as the first and one past the last, that fit into so much space.
func parts(widths []int, space int) [][2]int {
	var list [][2]int
	from, used := 0, 0
	for i, wide := range widths {
		if i > from && used+wide+2 > space {
			list = append(list, [2]int{from, i})
			from, used = i, 0
		}
		used += wide + 2
	}
	return append(list, [2]int{from, len(widths)})
}

// wrap divides text into lines of at most so many columns, between words.
func wrap(text string, columns int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		last := len(lines) - 1
		if last >= 0 && width(lines[last])+1+width(word) <= columns {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}
