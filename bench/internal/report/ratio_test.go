package report

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSummarize(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		name      string
		figures   []float64
		want      Summary
		low, high float64 // the spread
	}{
		{"none", nil, Summary{}, 0, 0},
		{"one", []float64{3}, Summary{1, 3, 3, 3, 3, 3}, 3, 3},
		{"two", []float64{4, 2}, Summary{2, 3, 2, 4, 2.5, 3.5}, 2, 4},
		{"an outlier moves no median", []float64{1, 2, 3, 4, 500}, Summary{5, 3, 1, 500, 2, 4}, 1, 500},
		{"seven have their ends as spread", []float64{7, 6, 5, 4, 3, 2, 1}, Summary{7, 4, 1, 7, 2.5, 5.5}, 1, 7},
		{"nine have their quartiles", []float64{9, 1, 8, 2, 7, 3, 6, 4, 5}, Summary{9, 5, 1, 9, 3, 7}, 3, 7},
		{"what is no number does not count", []float64{nan, 1, inf, 3, -inf}, Summary{2, 2, 1, 3, 1.5, 2.5}, 1, 3},
		{"only what is no number", []float64{nan, inf}, Summary{}, 0, 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := Summarize(tc.figures)
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if low, high := got.Spread(); low != tc.low || high != tc.high {
				t.Errorf("spread %v–%v, want %v–%v", low, high, tc.low, tc.high)
			}
		})
	}
}

// A summary keeps its order whatever comes in, and does not change what it describes.
func TestSummarizeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		figures := make([]float64, 1+r.IntN(20))
		for i := range figures {
			figures[i] = r.ExpFloat64()
		}
		first := figures[0]
		s := Summarize(figures)
		if !(s.Min <= s.Q1 && s.Q1 <= s.Median && s.Median <= s.Q3 && s.Q3 <= s.Max) {
			t.Fatalf("%v: out of order: %+v", figures, s)
		}
		if figures[0] != first {
			t.Fatal("the figures were sorted in place")
		}
	}
}

// series makes one of values.
func series(subject string, values ...float64) Series {
	s := Series{Subject: subject}
	for _, v := range values {
		s.Rounds = append(s.Rounds, Round{Value: v})
	}
	return s
}

func TestRatio(t *testing.T) {
	w := &Workload{Series: []Series{
		series("raw", 10, 20, 40),
		series("parley", 11, 24, 40),
		series("gws", 30, 50),
		series("gone"),
		series("odd", 5, 0, math.NaN(), 7),
	}}
	tests := []struct {
		subject, base string
		rounds        int
		median        float64
	}{
		{"parley", "raw", 3, 1.1}, // of 1.1, 1.2 and 1: the machine slowed down and the ratio did not
		{"raw", "parley", 3, 10.0 / 11},
		{"gws", "raw", 2, 2.75}, // the third round is one's own
		{"raw", "gws", 2, (1.0/3 + .4) / 2},
		{"gone", "raw", 0, 0},
		{"raw", "gone", 0, 0},
		{"raw", "absent", 0, 0},
		{"absent", "raw", 0, 0},
		{"raw", "odd", 1, 2}, // rounds without a figure do not count, on either side
		{"odd", "raw", 1, .5},
	}
	for _, tc := range tests {
		got := w.Ratio(tc.subject, tc.base)
		if got.Rounds != tc.rounds || math.Abs(got.Median-tc.median) > 1e-12 {
			t.Errorf("%s to %s: %d rounds, median %v; want %d, %v", tc.subject, tc.base, got.Rounds, got.Median, tc.rounds, tc.median)
		}
	}
}

// The ratio of a subject to itself is 1, that of two is the inverse the other way around, and a factor that slows a
// round down for all changes nothing.
func TestRatioProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 1 + 2*r.IntN(8) // odd, so that the median of inverses is the inverse of the median
		a, b := series("a"), series("b")
		slowA, slowB := series("a"), series("b")
		for range n {
			x, y, mood := .01+r.ExpFloat64()*1000, .01+r.ExpFloat64(), .5+r.Float64()*3
			a.Rounds, b.Rounds = append(a.Rounds, Round{Value: x}), append(b.Rounds, Round{Value: y})
			slowA.Rounds, slowB.Rounds = append(slowA.Rounds, Round{Value: x * mood}), append(slowB.Rounds, Round{Value: y * mood})
		}
		w := &Workload{Series: []Series{a, b}}
		if got := w.Ratio("a", "a"); got != (Summary{n, 1, 1, 1, 1, 1}) {
			t.Fatalf("%v to itself: %+v", a, got)
		}
		there, back := w.Ratio("a", "b").Median, w.Ratio("b", "a").Median
		if math.Abs(there*back-1) > 1e-9 {
			t.Fatalf("%v there and %v back", there, back)
		}
		slow := &Workload{Series: []Series{slowA, slowB}}
		if got := slow.Ratio("a", "b").Median; math.Abs(got/there-1) > 1e-9 {
			t.Fatalf("%v with another mood, %v before", got, there)
		}
	}
}

func TestBase(t *testing.T) {
	tests := []struct {
		want   string
		series []Series
	}{
		{"raw", []Series{series("gws", 1), series("raw", 1)}},
		{"gws", []Series{series("gws", 1), series("parley", 1)}},
		{"gws", []Series{series("gws", 1), series("raw")}}, // raw failed
		{"", []Series{series("parley", 1)}},
		{"", nil},
	}
	for _, tc := range tests {
		if got := (&Workload{Series: tc.series}).Base(); got != tc.want {
			t.Errorf("%v: base %q, want %q", tc.series, got, tc.want)
		}
	}
}

func TestTie(t *testing.T) {
	for v, want := range map[float64]bool{1: true, 1.19: true, .84: true, 1.2: false, .83: false, 5: false, .1: false, 0: false} {
		if Tie(v) != want {
			t.Errorf("Tie(%v) = %v", v, !want)
		}
	}
}

func TestOurs(t *testing.T) {
	for name, want := range map[string]bool{"parley": true, "parley-own": true, "parleys": false, "gws": false, "": false} {
		if Ours(name) != want {
			t.Errorf("Ours(%q) = %v", name, !want)
		}
	}
}
