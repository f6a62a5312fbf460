package report

import "strconv"

// An Outcome is what became of a target.
type Outcome struct {
	// Target is what was meant to be reached.
	Target Target
	// More says that the figure is to be at least the target's, and not at most.
	More bool
	// Reached describes the ratio to the target's base, or the figure. It has no rounds if there was nothing to judge by.
	Reached Summary
	// Met reports whether the median is on the right side of the target.
	Met bool
	// Gap is how far the median is on the wrong side, as a share of the target: 0.05 is 5 %. It is 0 if Met.
	Gap float64
	// Why says why there is no figure, or that it is of fewer rounds because the subject failed; such a target is never met.
	Why string
}

// Outcomes judges the targets of a workload by medians, in their order.
func (w *Workload) Outcomes() []Outcome {
	var list []Outcome
	for _, t := range w.Targets {
		list = append(list, w.judge(t))
	}
	return list
}

func (w *Workload) judge(t Target) Outcome {
	o := Outcome{Target: t, More: w.More}
	if t.Base == "" {
		o.Reached = w.Value(t.Subject)
	} else {
		o.Reached = w.Ratio(t.Subject, t.Base)
	}
	for _, name := range []string{t.Subject, t.Base} {
		if s := w.Of(name); name != "" && s == nil {
			o.Why = name + " took no part"
		} else if s != nil && s.Failed != "" {
			o.Why = name + " failed"
		}
		if o.Why != "" {
			return o
		}
	}
	switch {
	case o.Reached.Rounds == 0:
		o.Why = "no rounds"
	case t.Value <= 0:
		o.Why = "the target is no positive number"
	case w.More && o.Reached.Median < t.Value:
		o.Gap = 1 - o.Reached.Median/t.Value
	case !w.More && o.Reached.Median > t.Value:
		o.Gap = o.Reached.Median/t.Value - 1
	default:
		o.Met = true
	}
	return o
}

// Wanted says what the target demands, such as "≤ 1.05 × raw".
func (o Outcome) Wanted(unit string) string {
	sign := "≤ "
	if o.More {
		sign = "≥ "
	}
	if o.Target.Base == "" {
		return sign + number(o.Target.Value) + " " + unit
	}
	return sign + strconv.FormatFloat(o.Target.Value, 'g', 3, 64) + " × " + o.Target.Base
}

// Figure says what was reached, with the spread, such as "1.03 (1.01–1.12)".
func (o Outcome) Figure() string {
	if o.Reached.Rounds == 0 {
		return "–"
	}
	if o.Target.Base == "" {
		return number(o.Reached.Median) + " (" + spread(o.Reached, number) + ")"
	}
	return ratio(o.Reached.Median) + " (" + spread(o.Reached, ratio) + ")"
}

// Verdict says whether the target was met, or how far it was missed.
func (o Outcome) Verdict() string {
	switch {
	case o.Why != "":
		return "not judged: " + o.Why
	case o.Met:
		return "met"
	default:
		return "missed by " + percent(o.Gap)
	}
}
