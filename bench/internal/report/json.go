package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
)

// WriteJSON writes a report to a file. Figures that are no finite numbers, such as the CPU time for each of no messages,
// are written as 0, which counts as none: that is better than to lose a run.
func WriteJSON(name string, r *Report) error {
	text, err := json.MarshalIndent(r.finite(), "", "\t")
	if err != nil {
		return fmt.Errorf("report: writing %s: %w", name, err)
	}
	if err := os.WriteFile(name, append(text, '\n'), 0o666); err != nil {
		return fmt.Errorf("report: writing the measurements: %w", err)
	}
	return nil
}

// finite returns a copy that JSON can hold.
func (r *Report) finite() *Report {
	c := *r
	c.Workloads = slices.Clone(r.Workloads)
	for i := range c.Workloads {
		w := &c.Workloads[i]
		w.Series = slices.Clone(w.Series)
		for k := range w.Series {
			s := &w.Series[k]
			s.Rounds = slices.Clone(s.Rounds)
			for n := range s.Rounds {
				one := &s.Rounds[n]
				for _, v := range []*float64{&one.Value, &one.Seconds, &one.ServerCPU, &one.LoadCPU, &one.P50, &one.P99} {
					if math.IsNaN(*v) || math.IsInf(*v, 0) {
						*v = 0
					}
				}
			}
		}
	}
	return &c
}

// ReadJSON reads what WriteJSON wrote.
func ReadJSON(name string) (*Report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("report: reading measurements: %w", err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("report: %s is not what bench -json writes: %w", name, err)
	}
	return &r, nil
}
