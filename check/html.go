package check

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// The page: its frame, what it looks like and what it does.
var (
	//go:embed report.html
	reportPage string
	//go:embed report.css
	reportStyle string
	//go:embed report.js
	reportScript string
)

// page is the whole page in two parts; the data goes between them. The policy lets the browser run the script and use
// the style that are meant, by their hashes, and nothing else.
var page = sync.OnceValue(func() [2]string {
	policy := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", hashed(reportStyle), hashed(reportScript))
	whole := strings.NewReplacer("{{policy}}", policy, "{{style}}", reportStyle, "{{script}}", reportScript).Replace(reportPage)
	before, after, ok := strings.Cut(whole, "{{data}}")
	if !ok {
		panic("check: report.html has no place for the data")
	}
	return [2]string{before, after}
})

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// The data of a page. The texts of a case are there once, whatever the number of subjects, and what went over the wire
// is apart, for each subject, as only a little of it is ever looked at.
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
		ID       string      `json:"id"`
		RFC      string      `json:"rfc"`
		Expect   string      `json:"expect"`
		Why      string      `json:"why,omitempty"` // empty where the group's holds
		Tags     []string    `json:"tags,omitempty"`
		Steps    []string    `json:"steps"`
		Outcomes [][2]string `json:"outcomes"` // verdict and what is seen
	}
	pageReport struct {
		Subject string        `json:"subject"`
		Role    Role          `json:"role"`
		URL     string        `json:"url,omitempty"`
		Start   string        `json:"start,omitempty"` // RFC 3339 in UTC
		Seconds float64       `json:"seconds"`
		Results []*pageResult `json:"results"` // one for each of Cases, null if it did not run
	}
	pageResult [3]any // number of the verdict, milliseconds, text

	pageWires struct {
		Texts []string     `json:"texts"` // each once; the first is empty
		Lines [][]pageWire `json:"lines"` // for each of Cases
	}
	pageWire [4]float64 // milliseconds; 1 out, 2 in, 0 a remark; the numbers of the text and of the bytes in Texts
)

// WriteHTML writes reports as one page that needs nothing else, with a column for each. What subjects sent is data in
// it, never markup.
func WriteHTML(w io.Writer, reports ...*Report) error {
	data, order := newPageData(reports)
	b := bufio.NewWriter(w)
	b.WriteString(page()[0])
	err := writeData(b, "data", data)
	for i, r := range reports {
		if err == nil {
			err = writeData(b, fmt.Sprintf("wire-%d", i), newPageWires(r, order, len(data.Cases)))
		}
	}
	b.WriteString(page()[1])
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("check: writing the page: %w", err)
	}
	return nil
}

// writeData writes data that the script finds by its id.
func writeData(w io.Writer, id string, data any) error {
	text, err := json.Marshal(data) // it escapes <, > and &, so that nothing ends the element
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "<script type=\"application/json\" id=\"%s\">%s</script>\n", id, text)
	return err
}

// newPageData returns all but what went over the wire, and the places of the cases by their IDs.
func newPageData(reports []*Report) (*pageData, map[string]int) {
	data := &pageData{Verdicts: slices.Clone(Verdicts), Groups: []pageGroup{}, Cases: []pageCase{}, Reports: []pageReport{}}
	order := data.addCases(reports)
	for _, r := range reports {
		one := pageReport{Subject: r.Subject, Role: r.Role, URL: r.URL, Seconds: r.Duration.Seconds(), Results: make([]*pageResult, len(data.Cases))}
		if !r.Start.IsZero() {
			one.Start = r.Start.UTC().Format(time.RFC3339)
		}
		for _, result := range r.Results {
			v := slices.Index(data.Verdicts, result.Verdict)
			if v < 0 { // of another version of the suite
				v = len(data.Verdicts)
				data.Verdicts = append(data.Verdicts, result.Verdict)
			}
			one.Results[order[result.ID]] = &pageResult{v, millis(result.Duration), result.Text}
		}
		data.Reports = append(data.Reports, one)
	}
	return data, order
}

// addCases adds the cases that ran, in the order of the suite, and their groups.
func (p *pageData) addCases(reports []*Report) map[string]int {
	ran := map[string]bool{}
	for _, r := range reports {
		for _, result := range r.Results {
			ran[result.ID] = true
		}
	}
	order, used := map[string]int{}, map[string]bool{}
	add := func(c pageCase) {
		order[c.ID] = len(p.Cases)
		used[groupOf(c.ID)] = true
		p.Cases = append(p.Cases, c)
	}
	for _, c := range Cases() {
		if ran[c.ID] {
			add(newPageCase(c))
		}
	}
	for _, g := range groups {
		if used[g.Name] {
			p.Groups = append(p.Groups, pageGroup{g.Name, g.Title, g.Why})
			delete(used, g.Name)
		}
	}
	for _, r := range reports {
		for _, result := range r.Results {
			if _, ok := order[result.ID]; ok {
				continue
			}
			// Another version of the suite has more cases.
			add(pageCase{ID: result.ID, Expect: "This version of the suite does not have the case.", Steps: []string{}, Outcomes: [][2]string{}})
			if name := groupOf(result.ID); !slices.ContainsFunc(p.Groups, func(g pageGroup) bool { return g.Name == name }) {
				p.Groups = append(p.Groups, pageGroup{Name: name, Title: name})
			}
		}
	}
	return order
}

func newPageCase(c *Case) pageCase {
	p := pageCase{ID: c.ID, RFC: c.RFC, Expect: c.Expect, Why: c.Why, Tags: c.Tags, Steps: append(c.opening(), c.steps()...)}
	for _, line := range c.outcomes() {
		verdict, seen, _ := strings.Cut(line, " ")
		p.Outcomes = append(p.Outcomes, [2]string{verdict, strings.TrimSpace(seen)})
	}
	return p
}

func newPageWires(r *Report, order map[string]int, n int) *pageWires {
	p := &pageWires{Texts: []string{""}, Lines: make([][]pageWire, n)}
	at := map[string]int{"": 0}
	number := func(text string) float64 {
		i, ok := at[text]
		if !ok {
			i = len(p.Texts)
			at[text] = i
			p.Texts = append(p.Texts, text)
		}
		return float64(i)
	}
	for _, result := range r.Results {
		var lines []pageWire
		for _, w := range result.Wire {
			dir := float64(slices.Index([]string{"", "out", "in"}, w.Dir))
			lines = append(lines, pageWire{millis(w.At), max(dir, 0), number(w.Text), number(w.Hex)})
		}
		p.Lines[order[result.ID]] = lines
	}
	return p
}

// millis are milliseconds with three digits behind the point.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
