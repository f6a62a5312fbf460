package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Search is how the highest rate that meets a condition was found.
type Search struct {
	// Conditions are what had to hold.
	Conditions []string `json:"conditions"`
	// Best is the highest rate at which they held, in messages a second; 0 if there was none.
	Best float64 `json:"best"`
	// Limit says why it may not be the server's limit. Empty if there is no doubt.
	Limit string `json:"limit,omitempty"`
	// Trials are the rates that were tried, in this order.
	Trials []Trial `json:"trials"`
}

// A Trial is one rate of a Search.
type Trial struct {
	// Rate is what was tried, in messages a second, and Sent what was sent.
	Rate float64 `json:"rate"`
	Sent float64 `json:"sent"`
	// Holds reports that all conditions held, and Why is the first that did not.
	Holds bool   `json:"holds"`
	Why   string `json:"why,omitempty"`
	// P50 and P99 are in milliseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	// Generator says why the generator was the limit. Empty if it was not.
	Generator string `json:"generator,omitempty"`
}

// String says in one line how the trial went.
func (t Trial) String() string {
	text := fmt.Sprintf("%s/s: p50 %s, p99 %s: ", formatNumber(t.Rate), formatMillis(t.P50), formatMillis(t.P99))
	if t.Holds {
		return text + "holds"
	}
	return text + t.Why
}

// verdict says whether the rate holds, or why not.
func (t Trial) verdict() string {
	switch {
	case t.Holds:
		return "holds"
	case t.Generator != "":
		return t.Why + ", not the server's limit alone"
	}
	return t.Why
}

// precision is how close a search comes: the lowest rate that was too much is at most so much above the best.
const precision = 1.05

// maxTrials bounds a search.
const maxTrials = 60

// FindMax finds the highest rate that meets all conditions: it doubles Plan.Rate until they do not hold, or halves it until they
// do, and then halves the distance until it is below 5 %. A rate at which they do not hold is tried once more before that counts. Each trial is a run of the plan with connections of its own. A rate also
// has to be sent: 95 % of it at least. The report is that of the best trial, with the search in it. tried is called after each trial; it
// may be nil.
func FindMax(ctx context.Context, plan Plan, hold []Threshold, tried func(Trial)) (*Report, error) {
	switch {
	case plan.Closed:
		return nil, errPlan("a closed load has no rate: the highest cannot be looked for")
	case len(plan.Stages) > 0:
		return nil, errPlan("the search chooses the rates: leave stages out")
	case plan.Count > 0:
		return nil, errPlan("every trial of a search takes the same time: give a duration, no count")
	case len(hold) == 0:
		return nil, errPlan("a search needs a condition that has to hold")
	}
	return findMax(ctx, plan, hold, tried, Run)
}

func findMax(ctx context.Context, plan Plan, hold []Threshold, tried func(Trial), run func(context.Context, Plan) (*Report, error)) (*Report, error) {
	s := &Search{Trials: []Trial{}}
	for _, t := range hold {
		s.Conditions = append(s.Conditions, t.String())
	}
	if plan.Rate == 0 {
		plan.Rate = 100
	}
	var best, last *Report
	finish := func(err error) (*Report, error) {
		if best == nil {
			best = last
		}
		if best == nil {
			return nil, err
		}
		if err != nil {
			s.Limit = "the search did not come to its end"
		}
		best.Search = s
		return best, err
	}
	low, high := 0.0, 0.0 // the best that holds, the least that does not; 0 if there is none yet
	again := false        // this rate did not hold once
	for rate := plan.Rate; len(s.Trials) < maxTrials; {
		p := plan
		p.Rate = rate
		report, err := run(ctx, p)
		if err != nil {
			if last == nil {
				last = report
			}
			return finish(err)
		}
		trial := tryOut(report, rate, hold)
		s.Trials = append(s.Trials, trial)
		if tried != nil {
			tried(trial)
		}
		last = report
		if !trial.Holds && !again {
			again = true // what has nothing to do with the rate may have come between
			continue
		}
		again = false
		if trial.Holds {
			low, best, s.Best = rate, report, rate
		} else {
			high, s.Limit = rate, trial.Generator
		}
		switch {
		case low > 0 && high > 0 && high/low <= precision:
			return finish(nil)
		case high == 0 && rate >= 1e6:
			s.Limit = "no higher rate was tried"
			return finish(nil)
		case high == 0:
			rate *= 2
		case low == 0 && rate < .5:
			return finish(nil)
		case low == 0:
			rate /= 2
		default:
			rate = (low + high) / 2
		}
	}
	return finish(errors.New("load: the search came to no end: the server is too unsteady; make each trial longer"))
}

// tryOut judges one trial.
func tryOut(r *Report, rate float64, hold []Threshold) Trial {
	t := Trial{Rate: rate, Sent: r.Messages.SentRate, Holds: true, Generator: r.Generator.Limit}
	if l := r.Main(); l != nil {
		t.P50, t.P99 = l.P50, l.P99
	}
	if r.Messages.Sent < r.Messages.Due*95/100 {
		t.Holds, t.Why = false, fmt.Sprintf("%s of %s messages could be sent", formatNumber(float64(r.Messages.Sent)), formatNumber(float64(r.Messages.Due)))
	}
	for _, one := range hold {
		if v := one.judge(r); t.Holds && !(v.Failed && v.Text != one.name+" was not measured") {
			t.Holds, t.Why = false, v.Text
		}
	}
	return t
}

// writeSearch adds the search to a text.
func (r *Report) writeSearch(line func(string, ...any), width int) {
	s := r.Search
	if s == nil {
		return
	}
	line("")
	line("%12s%12s%10s%10s", "tried", "sent", "p50", "p99")
	for _, t := range s.Trials {
		for i, part := range wrap(printable(t.verdict()), max(width-46, 20)) {
			if i == 0 {
				line("%12s%12s%10s%10s  %s", formatNumber(t.Rate)+"/s", formatNumber(t.Sent)+"/s", formatMillis(t.P50), formatMillis(t.P99), part)
			} else {
				line("%46s%s", "", part)
			}
		}
	}
	for _, text := range s.summary() {
		for _, part := range wrap(text, width) {
			line("%s", part)
		}
	}
}

// summary says in sentences what was found.
func (s *Search) summary() []string {
	conditions := strings.Join(s.Conditions, " and ")
	switch {
	case len(s.Trials) == 0:
		return []string{"No rate was tried to its end."}
	case s.Best == 0:
		return []string{"None of these rates meets " + conditions + "."}
	case s.Limit != "":
		return []string{fmt.Sprintf("At least %s/s meet %s. The server may be able to do more:", formatNumber(s.Best), conditions), sentence(s.Limit)}
	}
	return []string{fmt.Sprintf("%s/s is the highest rate that meets %s, to 5 %%.", formatNumber(s.Best), conditions)}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
