package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unit is what a figure of a report is measured in.
type unit byte

const (
	unitTime    unit = iota // milliseconds
	unitNumber              // how many
	unitPercent             // from 0 to 100
	unitRate                // a second
)

// format writes a value for people.
func (u unit) format(v float64) string {
	switch u {
	case unitTime:
		return formatMillis(v)
	case unitPercent:
		return strconv.FormatFloat(v, 'g', 4, 64) + "%"
	case unitRate:
		return formatNumber(v) + "/s"
	}
	return formatNumber(v)
}

// formatMillis writes a time given in milliseconds.
func formatMillis(ms float64) string {
	d := time.Duration(math.Round(ms * 1e6))
	for _, step := range []struct{ from, to time.Duration }{{100 * time.Second, time.Second}, {time.Second, 10 * time.Millisecond},
		{100 * time.Millisecond, 100 * time.Microsecond}, {time.Millisecond, 10 * time.Microsecond}, {0, time.Microsecond}} {
		if d.Abs() >= step.from {
			return d.Round(step.to).String()
		}
	}
	return d.String()
}

// formatNumber writes a number in thousands: 12,345.6.
func formatNumber(v float64) string {
	digits := 0
	if v != math.Trunc(v) && math.Abs(v) < 1000 {
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return sign + whole + rest
}

// latencyNames are the short names of latencies in expressions.
var latencyNames = []string{"connect", "first", "roundtrip", "raw", "delivery"}

// percentileNames are the figures of a latency.
var percentileNames = []string{"min", "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"}

// plainNames are the other figures, and what they are measured in.
var plainNames = map[string]unit{"errors": unitNumber, "errors%": unitPercent, "loss": unitNumber, "loss%": unitPercent,
	"sent": unitNumber, "received": unitNumber, "rate": unitRate, "lost": unitNumber, "failed": unitNumber, "mismatched": unitNumber, "timeouts": unitNumber}

// unitOf says what the figure of a name is measured in, or that there is none.
func unitOf(name string) (unit, bool) {
	if u, ok := plainNames[name]; ok {
		return u, true
	}
	of, which, two := strings.Cut(name, ".")
	if slices.Contains(percentileNames, name) {
		return unitTime, true
	}
	if two && slices.Contains(latencyNames, of) && slices.Contains(percentileNames, which) {
		return unitTime, true
	}
	return 0, false
}

// value returns a figure of the report by its name, or false if the report does not have it.
func (r *Report) value(name string) (float64, bool) {
	percent := func(of, all int64) float64 {
		if all == 0 {
			return 0
		}
		return 100 * float64(of) / float64(all)
	}
	fault := func(kind string) float64 {
		n := int64(0)
		for _, f := range r.Faults {
			if f.Kind == kind {
				n = f.Count
			}
		}
		return float64(n)
	}
	faults := int64(0)
	for _, f := range r.Faults {
		faults += f.Count
	}
	switch name {
	case "errors":
		return float64(faults), true
	case "errors%":
		return percent(faults, r.Messages.Due+int64(r.Connections.Wanted)), true
	case "loss", "loss%":
		if r.Fanout == nil {
			return 0, false
		}
		if missing := r.Fanout.Lost + r.Fanout.Announced; name == "loss" {
			return float64(missing), true
		} else {
			return percent(missing, r.Fanout.Expected), true
		}
	case "sent":
		return float64(r.Messages.Sent), true
	case "received":
		return float64(r.Messages.Received), true
	case "rate":
		return r.Messages.ReceivedRate, true
	case "lost":
		return float64(r.Connections.Lost), true
	case "failed":
		return float64(r.Connections.Failed), true
	case "mismatched":
		return fault("mismatched"), true
	case "timeouts":
		return fault("reply timeout"), true
	}
	l, which := r.Main(), name
	if !slices.Contains(percentileNames, name) {
		var of string
		of, which, _ = strings.Cut(name, ".")
		if l = r.Latency[of]; of == "raw" {
			if l = r.Latency["roundtrip_raw"]; r.Fanout != nil {
				l = r.Latency["delivery_raw"]
			}
		}
	}
	if l == nil || l.Count == 0 {
		return 0, false
	}
	return l.figure(which), true
}

// figure returns one of percentileNames.
func (l *Latency) figure(name string) float64 {
	switch name {
	case "min":
		return l.Min
	case "mean":
		return l.Mean
	case "p50":
		return l.P50
	case "p75":
		return l.P75
	case "p90":
		return l.P90
	case "p95":
		return l.P95
	case "p99":
		return l.P99
	case "p99.9":
		return l.P999
	case "p99.99":
		return l.P9999
	case "max":
		return l.Max
	}
	panic("load: no figure " + fmt.Sprintf("%q", name))
}
