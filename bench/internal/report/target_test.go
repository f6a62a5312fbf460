package report

import (
	"math"
	"testing"
)

func TestOutcomes(t *testing.T) {
	broken := series("broken", 10, 10)
	broken.Failed = "it fell over"
	all := []Series{series("raw", 10, 10, 10), series("parley", 10, 11, 12), series("none"), broken}
	tests := []struct {
		name                    string
		more                    bool
		target                  Target
		met                     bool
		gap                     float64
		wanted, figure, verdict string
	}{
		{"met", false, Target{"parley", "raw", 1.2}, true, 0, "≤ 1.2 × raw", "1.10 (1.00–1.20)", "met"},
		{"exactly met", false, Target{"parley", "raw", 1.1}, true, 0, "≤ 1.1 × raw", "1.10 (1.00–1.20)", "met"},
		{"missed", false, Target{"parley", "raw", 1}, false, .1, "≤ 1 × raw", "1.10 (1.00–1.20)", "missed by 10 %"},
		{"a figure met", false, Target{"parley", "", 11}, true, 0, "≤ 11.0 µs", "11.0 (10.0–12.0)", "met"},
		{"a figure missed", false, Target{"parley", "", 10.9}, false, .1 / 10.9, "≤ 10.9 µs", "11.0 (10.0–12.0)", "missed by 0.9 %"},
		{"more met", true, Target{"parley", "raw", 1.05}, true, 0, "≥ 1.05 × raw", "1.10 (1.00–1.20)", "met"},
		{"more exactly met", true, Target{"parley", "raw", 1.1}, true, 0, "≥ 1.1 × raw", "1.10 (1.00–1.20)", "met"},
		{"more missed", true, Target{"parley", "raw", 2.2}, false, .5, "≥ 2.2 × raw", "1.10 (1.00–1.20)", "missed by 50 %"},
		{"no part", false, Target{"absent", "raw", 2}, false, 0, "≤ 2 × raw", "–", "not judged: absent took no part"},
		{"base without part", false, Target{"parley", "gws", 2}, false, 0, "≤ 2 × gws", "–", "not judged: gws took no part"},
		{"no rounds", false, Target{"none", "", 2}, false, 0, "≤ 2.00 µs", "–", "not judged: no rounds"},
		{"failed", false, Target{"broken", "raw", 2}, false, 0, "≤ 2 × raw", "1.00 (1.00–1.00)", "not judged: broken failed"},
		{"no target", false, Target{"parley", "raw", 0}, false, 0, "≤ 0 × raw", "1.10 (1.00–1.20)", "not judged: the target is no positive number"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := &Workload{Unit: "µs", More: tc.more, Series: all, Targets: []Target{tc.target}}
			o := w.Outcomes()[0]
			if o.Met != tc.met || math.Abs(o.Gap-tc.gap) > 1e-9 {
				t.Errorf("met %v, gap %v; want %v, %v", o.Met, o.Gap, tc.met, tc.gap)
			}
			if got := [3]string{o.Wanted("µs"), o.Figure(), o.Verdict()}; got != [3]string{tc.wanted, tc.figure, tc.verdict} {
				t.Errorf("%q; want %q, %q, %q", got, tc.wanted, tc.figure, tc.verdict)
			}
		})
	}
}
