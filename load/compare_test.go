package load

import (
	"strings"
	"testing"
)

// steady is a report whose p50 and p99 go up and down by noise around values.
func steady(p50, p99, noise, rate float64) *Report {
	r := sample()
	r.Latency["roundtrip"].P50, r.Latency["roundtrip"].P99 = p50, p99
	r.Messages.ReceivedRate = rate
	for i := range 40 {
		by := 1 + noise*float64(i%5-2)/2
		r.Series = append(r.Series, Interval{At: float64(i), Seconds: 1, Received: rate, Count: 10, P50: p50 * by, P90: p99 * by, P99: p99 * by, P999: p99 * by, Max: p99 * by})
	}
	return r
}

func TestCompare(t *testing.T) {
	verdicts := func(a, b *Report) map[string]string {
		m := map[string]string{}
		for _, r := range Compare(a, b).Rows {
			m[r.Name] = r.Verdict
		}
		return m
	}
	base := steady(1, 10, .2, 1000)
	if v := verdicts(base, base); v["p50"] != Tie || v["p99"] != Tie || v["rate"] != Tie || v["errors"] != Tie || v["loss"] != "" {
		t.Errorf("itself: %v", v)
	}
	if v := verdicts(base, steady(1.03, 9.8, .2, 1000)); v["p50"] != Tie || v["p99"] != Tie {
		t.Errorf("noise: %v", v)
	}
	if v := verdicts(base, steady(2, 5, .2, 900)); v["p50"] != Worse || v["p99"] != Better || v["rate"] != Worse {
		t.Errorf("a change: %v", v)
	}
	if v := verdicts(steady(1, 10, 0, 1000), steady(1.03, 9.8, 0, 1001)); v["p50"] != Worse || v["p99"] != Better || v["rate"] != Better {
		t.Errorf("a small change without noise: %v", v)
	}
	broken := steady(1, 10, .2, 1000)
	broken.Faults = []Fault{{Kind: "refused", Count: 500}}
	if v := verdicts(base, broken); v["errors"] != Worse {
		t.Errorf("errors: %v", v)
	}

	other := steady(1, 10, .2, 1000)
	other.Connections.Wanted = 7
	other.Generator.Limit = "the generator was busy"
	other.Series = other.Series[:3]
	delete(other.Latency, "connect")
	c := Compare(base, other)
	var b strings.Builder
	if err := c.WriteText(&b, 80); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"connections: 10 and 7", "B: the generator was busy", "B has only 3 intervals", "connect.p99"} {
		if !strings.Contains(b.String(), word) {
			t.Errorf("no %q in\n%s", word, b.String())
		}
	}
	if c.Worse() || !Compare(base, steady(9, 10, .2, 1000)).Worse() {
		t.Error("what is worse")
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 81 || strings.Contains(line, "NaN") {
			t.Error(line)
		}
	}
}

// Runs that were asked for something else are said to be so, thing by thing.
func TestCompareSetups(t *testing.T) {
	plan := Plan{URL: "ws://x", Rate: 100, Messages: []*Template{Fill(64, 64)}}
	other := Plan{URL: "ws://y", Rate: 200, Messages: []*Template{Fill(64, 128)}, Match: Match{kind: matchOrder, text: "order"}, Stages: []Stage{{1, 5}}, Closed: true}
	a, b := steady(1, 10, .2, 100), steady(1, 10, .2, 200)
	a.URL, b.URL = plan.URL, other.URL
	a.Setup, b.Setup = plan.setup(), other.setup()
	a.Connections.Failed, a.Connections.Lost = 0, 0
	b.Interrupted = true
	var text strings.Builder
	if err := Compare(a, b).WriteText(&text, 200); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"A ws://x, ", "B ws://y, ", "connect.p99          7ms         7ms    +0.0 %  -\n", "rate: 100 and 200\n", "messages: 64 bytes and 64 to 128 bytes\n", "match: echo and order\n", "stages: none and 1ns:5\n", "closed: false and true\n", "B was interrupted\n", "B: of 10 connections 3 failed or were lost\n"} {
		if !strings.Contains(text.String(), word) {
			t.Errorf("no %q in\n%s", word, text.String())
		}
	}
	if n := strings.Count(text.String(), "A ws://x"); n != 1 {
		t.Errorf("it says %d times what A is:\n%s", n, text.String())
	}
	if c := Compare(a, a); len(c.Remarks) != 0 {
		t.Errorf("%q", c.Remarks)
	}
}

// The spread of a figure without a series comes from its distribution.
func TestCompareRanks(t *testing.T) {
	slow, fast := newHistogram(), newHistogram()
	for i := range 1000 {
		fast.RecordValue(int64(1e6 + i*1000))
		slow.RecordValue(int64(3e6 + i*1000))
	}
	a, b := steady(1, 10, 0, 1), steady(1, 10, 0, 1)
	a.Latency["connect"], b.Latency["connect"] = newLatency(fast), newLatency(slow)
	for _, r := range Compare(a, b).Rows {
		if r.Name == "connect.p50" && (r.Verdict != Worse || r.SpreadA[0] >= r.A || r.SpreadA[1] <= r.A) {
			t.Errorf("%+v", r)
		}
	}
}
