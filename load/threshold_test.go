package load

import (
	"strings"
	"testing"
)

func sample() *Report {
	return &Report{Version: 1, Mode: "open", URL: "ws://x/",
		Latency: map[string]*Latency{
			"roundtrip":     {Count: 100, Min: 1, Mean: 4, P50: 2, P75: 3, P90: 5, P95: 6, P99: 60, P999: 70, P9999: 80, Max: 90},
			"roundtrip_raw": {Count: 100, P99: 20}, "connect": {Count: 10, P99: 7}},
		Messages:    Messages{Due: 90, Sent: 88, Received: 80, ReceivedRate: 40},
		Connections: Connections{Wanted: 10, Opened: 8, Failed: 2, Lost: 1},
		Faults:      []Fault{{Kind: "mismatched", Count: 4}, {Kind: "reply timeout", Count: 1}}}
}

func TestThreshold(t *testing.T) {
	for text, want := range map[string]struct {
		fails bool
		text  string
	}{
		"p99>50ms":         {true, "p99 is 60ms, 10ms above 50ms (+20 %)"},
		"p99 > 60ms":       {false, "p99 is 60ms"},
		"p99>=60ms":        {true, "p99 is 60ms"},
		"p50<3ms":          {true, "p50 is 2ms, 1ms below 3ms (-33 %)"},
		"raw.p99>50ms":     {false, "raw.p99 is 20ms"},
		"connect.p99<=7ms": {true, "connect.p99 is 7ms"},
		"p99.99>1s":        {false, "p99.99 is 80ms"},
		"max!=90ms":        {false, "max is 90ms"},
		"errors>0":         {true, "errors is 5, 5 above 0"},
		"errors%>=5%":      {true, "errors% is 5%"},
		"rate<50/s":        {true, "rate is 40/s, 10/s below 50/s"},
		"failed==2":        {true, "failed is 2"},
		"lost>1":           {false, "lost is 1"},
		"mismatched>3":     {true, "mismatched is 4"},
		"timeouts>1":       {false, "timeouts is 1"},
		"loss>0":           {true, "loss was not measured"},
		"delivery.p50>1s":  {true, "delivery.p50 was not measured"},
	} {
		threshold, err := ParseThreshold(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r := sample()
		good := r.Judge([]Threshold{threshold})
		if v := r.Verdicts[0]; good == want.fails || v.Failed != want.fails || !strings.HasPrefix(v.Text, want.text) {
			t.Errorf("%s: %+v", text, v)
		}
	}
	for text, word := range map[string]string{
		"": "no comparison", "p99": "no comparison", "p99=5ms": "no comparison", "p98>5ms": `"p98"`, "p99>5": "time", "p99>ms": "time", "errors>1ms": "number", "errors>": "number",
		"raw.errors>1": `"raw.errors"`, ".p99>1ms": `".p99"`, "rate>NaN": "number", "rate<Inf": "number", "p99>-1ms": "time", "p50.p99>1ms": "p50.p99", "x.p99>1ms": "x.p99",
	} {
		if _, err := ParseThreshold(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// An expression is refused, or judges any report without a panic, and reads the same again.
func FuzzThreshold(f *testing.F) {
	for _, text := range []string{"p99>50ms", "errors%>=1%", "rate<5000/s", "connect.p99.9 <= 1s", "loss==0", "p99!=1h", "<>", "=", "p50"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		threshold, err := ParseThreshold(text)
		if err != nil {
			return
		}
		again, err := ParseThreshold(threshold.String())
		if err != nil || again != threshold {
			t.Errorf("%q: %+v became %+v, %v", text, threshold, again, err)
		}
		sample().Judge([]Threshold{threshold})
		(&Report{}).Judge([]Threshold{threshold})
	})
}
