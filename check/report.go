package check

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// A Result is what came of one case.
type Result struct {
	ID       string        `json:"id"`             // of the case
	Verdict  Verdict       `json:"verdict"`        // the judgement
	Text     string        `json:"text,omitempty"` // why, where the verdict alone does not say it
	Duration time.Duration `json:"duration_ns"`    // how long the case took
	Wire     []Wire        `json:"wire,omitempty"` // what went over the wire
}

func newResult(c *Case, v Verdict, text string, log *wireLog) *Result {
	return &Result{ID: c.ID, Verdict: v, Text: text, Duration: time.Since(log.start), Wire: log.done()}
}

// result is the result of a session.
func (s *session) result(log *wireLog) *Result {
	v, text := s.verdict()
	if d := s.c.Open.Deflate; v == OK && d != nil && d.Judged && !s.deflated {
		v, text = Informational, "right, but it compressed nothing of what it sent, so its compression was not seen"
	}
	return newResult(s.c, v, text, log)
}

// A Report is what came of a run: the results in the order of [Cases].
type Report struct {
	Subject  string        `json:"subject"`       // its name
	Role     Role          `json:"role"`          // what it is
	URL      string        `json:"url,omitempty"` // of a server
	Start    time.Time     `json:"start"`         // when the run began
	Duration time.Duration `json:"duration_ns"`   // how long it took
	Results  []*Result     `json:"results"`       // one for each case that ran
}

// Count is how many cases had each verdict.
type Count map[Verdict]int

// Total is the number of cases.
func (c Count) Total() int {
	n := 0
	for _, v := range c {
		n += v
	}
	return n
}

// Count counts the verdicts of the run.
func (r *Report) Count() Count {
	c := Count{}
	for _, result := range r.Results {
		c[result.Verdict]++
	}
	return c
}

// GroupCount is how many cases of one group had each verdict.
type GroupCount struct {
	Group string // its name
	Count Count  // its verdicts
}

// Groups counts the verdicts by group, in the order of the cases.
func (r *Report) Groups() []GroupCount {
	var groups []GroupCount
	at := map[string]int{}
	for _, result := range r.Results {
		group := groupOf(result.ID)
		i, ok := at[group]
		if !ok {
			i = len(groups)
			at[group] = i
			groups = append(groups, GroupCount{group, Count{}})
		}
		groups[i].Count[result.Verdict]++
	}
	return groups
}

// Failed reports whether a case failed, or ended with the wrong close.
func (r *Report) Failed() bool {
	c := r.Count()
	return c[Fail]+c[WrongCode] > 0
}

// A reportFile is the form of reports in a file.
type reportFile struct {
	V       int       `json:"v"`
	Reports []*Report `json:"reports"`
}

// WriteJSON writes reports as one JSON document.
func WriteJSON(w io.Writer, reports ...*Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(reportFile{1, reports}); err != nil {
		return fmt.Errorf("check: writing the report: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(r io.Reader) ([]*Report, error) {
	var f reportFile
	if err := json.NewDecoder(r).Decode(&f); err != nil {
		return nil, fmt.Errorf("check: reading a report: %w", err)
	}
	if f.V != 1 {
		return nil, fmt.Errorf("check: reading a report: version %d of the form is not known, only 1", f.V)
	}
	return f.Reports, nil
}
