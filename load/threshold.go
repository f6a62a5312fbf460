package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Threshold is a condition on a figure of a report, such as p99>50ms.
type Threshold struct {
	name  string
	op    string
	value float64
	unit  unit
	text  string
}

// operators, the longer ones first.
var operators = []string{">=", "<=", "==", "!=", ">", "<"}

// ParseThreshold reads a condition: a figure, one of > >= < <= == !=, and a value.
//
// Figures of time are min, mean, p50, p75, p90, p95, p99, p99.9, p99.99 and max, of the round trip or, in a fan-out, of the
// delivery; raw.p99 counts from the moment of sending, connect.p99, first.p99, roundtrip.p99 and delivery.p99 are those of their name.
// Their values are times such as 50ms. The other figures are numbers: errors, loss, sent, received, rate (received a second), failed and lost
// (connections), mismatched, timeouts; and percentages: errors% and loss%.
func ParseThreshold(text string) (Threshold, error) {
	t := Threshold{text: strings.Join(strings.Fields(text), "")}
	at := strings.IndexAny(t.text, "<>=!")
	if at < 0 {
		return t, fmt.Errorf("load: threshold: %q has no comparison: write such as p99>50ms", shorten(text))
	}
	rest := t.text[at:]
	i := slices.IndexFunc(operators, func(op string) bool { return strings.HasPrefix(rest, op) })
	if i < 0 {
		return t, fmt.Errorf("load: threshold: %q has no comparison: write one of > >= < <= == !=", shorten(text))
	}
	t.name, t.op = t.text[:at], operators[i]
	value := rest[len(t.op):]
	var ok bool
	if t.unit, ok = unitOf(t.name); !ok {
		return t, fmt.Errorf("load: threshold: there is no figure %q: known are p50 to p99.99, min, mean, max, with connect., first., raw., roundtrip. or delivery. before, and errors, errors%%, loss, loss%%, sent, received, rate, failed, lost, mismatched, timeouts", shorten(t.name))
	}
	var err error
	switch t.unit {
	case unitTime:
		var d time.Duration
		d, err = time.ParseDuration(value)
		t.value = float64(d) / 1e6
	case unitPercent:
		t.value, err = strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	default:
		t.value, err = strconv.ParseFloat(strings.TrimSuffix(value, "/s"), 64)
	}
	if err != nil || math.IsNaN(t.value) || math.IsInf(t.value, 0) || t.value < 0 {
		want := "a number"
		if t.unit == unitTime {
			want = "a time such as 50ms"
		}
		return t, fmt.Errorf("load: threshold: %q is compared with %q, which is not %s", shorten(t.name), shorten(value), want)
	}
	return t, nil
}

// Measures says why a run of this plan would not measure the figure of a condition, or nothing if it may.
func (p *Plan) Measures(t Threshold) error {
	of, _, two := strings.Cut(t.name, ".")
	if !two || slices.Contains(percentileNames, t.name) {
		of = ""
	}
	answers := p.Fanout == nil && p.Match.kind != matchNone || p.Fanout != nil && p.Fanout.Topic != ""
	switch {
	case p.Fanout == nil && (of == "delivery" || t.name == "loss" || t.name == "loss%"):
		return fmt.Errorf("load: threshold: %q is of a fan-out, and this load is none", t.name)
	case of == "roundtrip" && !answers,
		p.Fanout == nil && p.Match.kind == matchNone && (of == "raw" || of == "" && t.unit == unitTime):
		return fmt.Errorf("load: threshold: %q is of replies, and this load awaits none", t.name)
	}
	return nil
}

// String returns the condition.
func (t Threshold) String() string { return t.text }

// holds reports whether the condition holds of a value.
func (t Threshold) holds(v float64) bool {
	switch t.op {
	case ">":
		return v > t.value
	case ">=":
		return v >= t.value
	case "<":
		return v < t.value
	case "<=":
		return v <= t.value
	case "==":
		return v == t.value
	}
	return v != t.value
}

// A Verdict says whether a run has failed by a threshold.
type Verdict struct {
	// Threshold is the condition on which the run fails.
	Threshold string `json:"threshold"`
	// Failed reports that it holds, or that the figure does not exist because nothing was measured.
	Failed bool `json:"failed"`
	// Value is the figure, in milliseconds if it is a time.
	Value float64 `json:"value"`
	// Text says how far the figure is from the limit.
	Text string `json:"text"`
}

// Judge judges the report by conditions on which it fails, and keeps the verdicts in it. It reports whether none holds.
func (r *Report) Judge(fail []Threshold) bool {
	good := true
	for _, t := range fail {
		v := t.judge(r)
		r.Verdicts = append(r.Verdicts, v)
		good = good && !v.Failed
	}
	return good
}

func (t Threshold) judge(r *Report) Verdict {
	value, ok := r.value(t.name)
	if !ok {
		return Verdict{t.text, true, 0, t.name + " was not measured"}
	}
	v := Verdict{t.text, t.holds(value), value, fmt.Sprintf("%s is %s", t.name, t.unit.format(value))}
	if by := value - t.value; by != 0 {
		word := "above"
		if by < 0 {
			word = "below"
		}
		v.Text += fmt.Sprintf(", %s %s %s", t.unit.format(math.Abs(by)), word, t.unit.format(t.value))
		if t.value != 0 {
			v.Text += fmt.Sprintf(" (%+.0f %%)", 100*by/t.value)
		}
	}
	return v
}
