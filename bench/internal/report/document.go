package report

import (
	"bytes"
	_ "embed" // for the words
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed document.md.tmpl
var documentText string

// design is written by hand: why the figures are what they are.
//
//go:embed design.md
var design string

var document = template.Must(template.New("performance.md").Funcs(template.FuncMap{
	"cell": cell, "version": Subject.version,
}).Parse(documentText))

// fileName is what a workload may be called.
var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)

// A page is what the template is filled with.
type page struct {
	Date, Machine, Rounds string
	Fewer                 bool // some subject had fewer rounds somewhere
	Subjects              []Subject
	Score                 string
	Targets               []pageTarget
	Groups                []pageGroup
	Design                string
}

type pageTarget struct{ Title, Server, Wanted, Figure, Verdict string }

type pageGroup struct {
	Name, Unit, How       string
	Figures, Peers, Calls string // tables
	Notes                 []string
	Shown, Folded         []*Workload // whose plots are seen at once, and on demand
	More                  string
}

// Document writes performance.md into a folder, and a plot of each workload into the folder performance beside it. Plots
// that an earlier run left there and this one does not have are removed. The same report makes the same files.
func (r *Report) Document(dir string) error {
	plots := filepath.Join(dir, "performance")
	known := map[string]bool{}
	for i := range r.Workloads {
		name := r.Workloads[i].Name
		if !fileName.MatchString(name) || known[name+".svg"] {
			return fmt.Errorf("report: workload %q: its name must be unique and fit a file: small letters, digits, dots and hyphens", name)
		}
		known[name+".svg"] = true
	}
	text, err := r.markdown()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(plots, 0o777); err != nil {
		return fmt.Errorf("report: making the folder of plots: %w", err)
	}
	if err := removePlots(plots, known); err != nil {
		return err
	}
	for i := range r.Workloads {
		w := &r.Workloads[i]
		if err := os.WriteFile(filepath.Join(plots, w.Name+".svg"), Plot(w, r.Subjects), 0o666); err != nil {
			return fmt.Errorf("report: writing a plot: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "performance.md"), text, 0o666); err != nil {
		return fmt.Errorf("report: writing the document: %w", err)
	}
	return nil
}

// removePlots removes those of ours that are not to be kept.
func removePlots(dir string, keep map[string]bool) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return fmt.Errorf("report: looking for old plots: %w", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil && !keep[filepath.Base(name)] && bytes.Contains(text, []byte(plotMark)) {
			err = os.Remove(name)
		}
		if err != nil {
			return fmt.Errorf("report: removing an old plot: %w", err)
		}
	}
	return nil
}

// markdown is the text of the document.
func (r *Report) markdown() ([]byte, error) {
	rounds := r.wholeRounds()
	p := page{Subjects: r.Subjects, Score: r.score(), Design: strings.TrimSpace(design)}
	p.Date, p.Machine = r.ran()
	p.Rounds = fmt.Sprintf("%d rounds of %s", rounds, duration(r.Round))
	if rounds == 1 {
		p.Rounds = "one round of " + duration(r.Round)
	}
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for _, s := range w.Series {
			p.Fewer = p.Fewer || len(s.Rounds) < rounds
		}
		for _, o := range w.Outcomes() {
			p.Targets = append(p.Targets, pageTarget{w.Title, o.Target.Subject, o.Wanted(w.Unit), o.Figure(), o.Verdict()})
		}
	}
	for _, g := range r.groups() {
		p.Groups = append(p.Groups, r.pageGroup(g, rounds))
	}
	var b bytes.Buffer
	if err := document.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("report: filling the document: %w", err)
	}
	return b.Bytes(), nil
}

func (r *Report) pageGroup(g group, rounds int) pageGroup {
	names := r.columns(g.workloads)
	d := pageGroup{
		Name: capital(g.name), Unit: g.unit(), How: g.how(),
		Figures: g.figures(names), Peers: g.peers(names), Calls: g.calls(names),
	}
	for _, w := range g.workloads {
		about := "" // which of them
		if len(g.workloads) > 1 {
			about = w.Title + ": "
		}
		if text := w.fewer(rounds); text != "" {
			d.Notes = append(d.Notes, about+text)
		}
		if text := w.loadNote(); text != "" {
			d.Notes = append(d.Notes, about+text)
		}
		for _, text := range w.failures() {
			d.Notes = append(d.Notes, about+text)
		}
		if len(w.Targets) > 0 || len(g.workloads) <= 4 {
			d.Shown = append(d.Shown, w)
		} else {
			d.Folded = append(d.Folded, w)
		}
	}
	if len(d.Notes) > 0 {
		d.Figures += "\n"
	}
	d.More = fmt.Sprintf("%d more plots", len(d.Folded))
	if len(d.Folded) == 1 {
		d.More = "One more plot"
	}
	return d
}

// how says what stands in the cells of the group's table.
func (g group) how() string {
	var bases []string
	for _, w := range g.workloads {
		if base := w.Base(); base != "" && (len(bases) == 0 || bases[len(bases)-1] != base) {
			bases = append(bases, base)
		}
	}
	switch len(bases) {
	case 0:
		return "Each cell is the median, with the spread."
	case 1:
		return "Each cell is the ratio to " + bases[0] + ", with the spread, and under it the median figure."
	}
	return "Each cell is the ratio to the one that has 1, with the spread, and under it the median figure."
}

// fewer says which rounds are missing for all, as when they are long.
func (w *Workload) fewer(rounds int) string {
	most := 0
	for _, s := range w.Series {
		most = max(most, len(s.Rounds))
	}
	switch most {
	case rounds, 0:
		return ""
	case 1:
		return "one round only"
	}
	return fmt.Sprintf("%d rounds only", most)
}

// table writes one in Markdown: rows of the workloads, a column for each name.
func (g group) table(names []string, of func(w *Workload, name string) string) string {
	var b strings.Builder
	b.WriteString("| workload |")
	for _, name := range names {
		b.WriteString(" " + cell(name) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(names)) + "\n")
	rows := 0
	for _, w := range g.workloads {
		line, any := "", false
		for _, name := range names {
			text := of(w, name)
			any = any || text != ""
			if text == "" {
				text = "·"
			}
			line += " " + text + " |"
		}
		if any {
			title := cell(w.Title)
			if g.unit() == "" {
				title += "<br>" + cell(w.measure())
			}
			b.WriteString("| " + title + " |" + line + "\n")
			rows++
		}
	}
	if rows == 0 {
		return ""
	}
	return b.String()
}

// figures is the table of ratios and medians.
func (g group) figures(names []string) string {
	return g.table(names, func(w *Workload, name string) string {
		s, v := w.Of(name), w.Value(name)
		if s == nil {
			return ""
		}
		if v.Rounds == 0 {
			return "failed"
		}
		mark := ""
		if s.Failed != "" {
			mark = " failed"
		}
		if w.Latency() {
			mark = ", p99 " + number(w.percentile99(name).Median) + mark
		}
		base := w.Base()
		if name == base {
			return "**1**<br>" + number(v.Median) + mark
		}
		q := w.Ratio(name, base)
		if q.Rounds == 0 {
			return number(v.Median) + " (" + spread(v, number) + ")" + mark
		}
		return "**" + ratio(q.Median) + "** (" + spread(q, ratio) + ")<br>" + number(v.Median) + mark
	})
}

// peers is the table of Parley's ratios to other libraries.
func (g group) peers(names []string) string {
	var others []string
	for _, name := range names {
		if !Ours(name) && name != "raw" {
			others = append(others, name)
		}
	}
	return g.table(others, func(w *Workload, name string) string {
		q := w.Ratio("parley", name)
		if q.Rounds == 0 {
			return ""
		}
		mark := ""
		if Tie(q.Median) {
			mark = "~"
		}
		return mark + ratio(q.Median) + " (" + spread(q, ratio) + ")"
	})
}

// calls is the table of system calls.
func (g group) calls(names []string) string {
	return g.table(names, func(w *Workload, name string) string {
		s := w.Of(name)
		if s == nil {
			return ""
		}
		total, most := s.calls()
		if len(most) == 0 {
			return ""
		}
		text := "**" + number(total) + "**"
		for _, c := range most {
			text += "<br>" + cell(c.name) + " " + number(c.count)
		}
		return text
	})
}

// version is the version as a reader wants it: Parley's is that of the checkout, which has none.
func (s Subject) version() string {
	if Ours(s.Name) && (strings.HasPrefix(s.Version, "0.0.0-") || strings.Trim(s.Version, "()") == "devel") {
		return "this checkout"
	}
	return s.Version
}

// cell makes text fit for a cell of a table in Markdown.
func cell(text string) string {
	return strings.ReplaceAll(html.EscapeString(oneLine(text)), "|", `\|`)
}

// capital writes the first letter large.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// duration writes how long a round was.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
