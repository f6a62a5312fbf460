package load

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// The page and what it looks like.
var (
	//go:embed report.html
	pageText string
	//go:embed report.css
	pageStyle string

	page = template.Must(template.New("report").Parse(pageText))
)

// pageData is what the page shows.
type pageData struct {
	Style  template.CSS
	Policy string
	Report *Report
	Start  string
	Mode   string
	Facts  [][2]string
	Limit  string
	// Generator says how it did.
	Generator string
	Plots     []pagePlot
	Times     [][]string
	Trials    [][]string
	// Found says what the trials have shown.
	Found []string
}

type pagePlot struct {
	Title, About string
	Keys         [][2]string // class and name
	SVG          template.HTML
}

// WriteHTML writes the report as one page that needs nothing else, and runs no script. What a server sent is text in it, never
// markup.
func (r *Report) WriteHTML(w io.Writer) error {
	sum := sha256.Sum256([]byte(pageStyle))
	d := pageData{Style: template.CSS(pageStyle), Report: r, Mode: r.mode(), Limit: sentence(r.Generator.Limit), Generator: r.Generator.text(),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; base-uri 'none'; form-action 'none'"}
	if !r.Start.IsZero() {
		d.Start = r.Start.UTC().Format(time.DateTime) + " UTC"
	}
	d.Facts = r.facts()
	for _, p := range r.plots() {
		one := pagePlot{Title: p.title, About: p.about}
		for _, size := range canvases {
			one.SVG += template.HTML(p.svg(size)) // it is made of numbers and of our own words
		}
		for _, s := range p.series {
			one.Keys = append(one.Keys, [2]string{s.class, s.name})
		}
		d.Plots = append(d.Plots, one)
	}
	for _, row := range rows {
		if l := r.Latency[row.key]; l != nil && l.Count > 0 && (row.key != "roundtrip_raw" || r.corrected()) {
			title := row.title
			if of, _, raw := strings.Cut(row.key, "_raw"); raw {
				title = map[string]string{"roundtrip": "round trip", "delivery": "delivery"}[of] + ", as sent"
			}
			cells := []string{title, formatNumber(float64(l.Count))}
			for _, v := range []float64{l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max, l.Mean} {
				cells = append(cells, formatMillis(v))
			}
			d.Times = append(d.Times, cells)
		}
	}
	if r.Search != nil {
		for _, t := range r.Search.Trials {
			d.Trials = append(d.Trials, []string{formatNumber(t.Rate) + "/s", formatNumber(t.Sent) + "/s", formatMillis(t.P50), formatMillis(t.P99), t.verdict()})
		}
		d.Found = r.Search.summary()
	}
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		return fmt.Errorf("load: making the page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("load: writing the page: %w", err)
	}
	return nil
}

// facts are the figures at the top of the page.
func (r *Report) facts() [][2]string {
	c, m := r.Connections, r.Messages
	number := func(n int64) string { return formatNumber(float64(n)) }
	facts := [][2]string{
		{"connections", fmt.Sprintf("%s of %s", number(int64(c.Opened)), number(int64(c.Wanted)))},
		{"sent", number(m.Sent)},
	}
	if m.WantedRate > 0 {
		facts = append(facts, [2]string{"rate wanted", formatNumber(m.WantedRate) + "/s"})
	}
	facts = append(facts, [2]string{"rate sent", formatNumber(m.SentRate) + "/s"})
	if d := r.Fanout; d != nil {
		facts = append(facts, [2]string{"delivered", number(m.Received)}, [2]string{"lost", number(d.Lost)}, [2]string{"said to be missing", number(d.Announced)})
	} else {
		facts = append(facts, [2]string{"answered", number(m.Received)})
	}
	if n, ok := r.value("errors"); ok && n > 0 {
		facts = append(facts, [2]string{"errors", formatNumber(n)})
	}
	if c.Lost > 0 {
		facts = append(facts, [2]string{"connections lost", number(int64(c.Lost))})
	}
	if l := r.Main(); l != nil {
		facts = append(facts, [2]string{"p50", formatMillis(l.P50)}, [2]string{"p99", formatMillis(l.P99)})
	}
	if s := r.Search; s != nil {
		least := ""
		if s.Limit != "" && s.Best > 0 {
			least = "≥ "
		}
		facts = append(facts, [2]string{"highest rate", least + formatNumber(s.Best) + "/s"})
	}
	return append(facts, [2]string{"in", seconds(r.Seconds).String()})
}
