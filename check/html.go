package check

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

//go:embed report.html
var reportPage string

// dataMark is where the data of the reports goes in the page.
const dataMark = "{/*data*/}"

// The data of a page. The texts of a case are there once, whatever the number of subjects.
type (
	pageData struct {
		Verdicts []Verdict    `json:"verdicts"`
		Groups   []pageGroup  `json:"groups"`
		Cases    []pageCase   `json:"cases"`
		Reports  []pageReport `json:"reports"`
	}
	pageGroup struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		Why   string `json:"why"`
	}
	pageCase struct {
		ID       string   `json:"id"`
		RFC      string   `json:"rfc"`
		Expect   string   `json:"expect"`
		Why      string   `json:"why,omitempty"` // empty where the group's holds
		Tags     []string `json:"tags,omitempty"`
		Steps    []string `json:"steps"`
		Outcomes []string `json:"outcomes"`
	}
	pageReport struct {
		Subject string                `json:"subject"`
		Role    Role                  `json:"role"`
		URL     string                `json:"url,omitempty"`
		Start   time.Time             `json:"start"`
		Seconds float64               `json:"seconds"`
		Results map[string]pageResult `json:"results"`
	}
	pageResult struct {
		Verdict Verdict    `json:"v"`
		Text    string     `json:"t,omitempty"`
		Millis  float64    `json:"ms"`
		Wire    []pageWire `json:"w,omitempty"`
	}
	pageWire [4]any // milliseconds, direction, text, bytes
)

// WriteHTML writes reports as one page that needs nothing else, with a column for each. What subjects sent is data in it, never markup.
func WriteHTML(w io.Writer, reports ...*Report) error {
	data := pageData{Verdicts: Verdicts, Groups: []pageGroup{}, Cases: []pageCase{}, Reports: []pageReport{}}
	seen := map[string]bool{}
	for _, r := range reports {
		one := pageReport{Subject: r.Subject, Role: r.Role, URL: r.URL, Start: r.Start.UTC(), Seconds: r.Duration.Seconds(), Results: map[string]pageResult{}}
		for _, result := range r.Results {
			seen[result.ID] = true
			one.Results[result.ID] = result.page()
		}
		data.Reports = append(data.Reports, one)
	}
	used := map[string]bool{}
	for _, c := range Cases() {
		if seen[c.ID] {
			delete(seen, c.ID)
			used[c.Group()] = true
			data.Cases = append(data.Cases, pageCase{c.ID, c.RFC, c.Expect, c.Why, c.Tags, append(c.opening(), c.steps()...), c.outcomes()})
		}
	}
	for _, r := range reports { // of another version of the suite
		for _, result := range r.Results {
			if seen[result.ID] {
				delete(seen, result.ID)
				used[groupOf(result.ID)] = true
				data.Cases = append(data.Cases, pageCase{ID: result.ID, Expect: "This version of the suite does not have the case.", Steps: []string{}, Outcomes: []string{}})
			}
		}
	}
	for _, g := range groups {
		if used[g.Name] {
			data.Groups = append(data.Groups, pageGroup{g.Name, g.Title, g.Why})
		}
	}
	b, err := json.Marshal(data) // it escapes <, > and &, so that nothing ends the script
	if err != nil {
		return fmt.Errorf("check: writing the page: %w", err)
	}
	before, after, ok := strings.Cut(reportPage, dataMark)
	if !ok {
		return fmt.Errorf("check: writing the page: it has no place for the data")
	}
	for _, part := range []string{before, string(b), after} {
		if _, err := io.WriteString(w, part); err != nil {
			return fmt.Errorf("check: writing the page: %w", err)
		}
	}
	return nil
}

func (r *Result) page() pageResult {
	p := pageResult{Verdict: r.Verdict, Text: r.Text, Millis: millis(r.Duration)}
	for _, w := range r.Wire {
		p.Wire = append(p.Wire, pageWire{millis(w.At), w.Dir, w.Text, w.Hex})
	}
	return p
}

// millis are milliseconds with three digits behind the point.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
