package load

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/net/html"
)

// evil is what a server, or a URL, may hold to get into the page.
const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "\x1b[2J"

// full is a report with everything in it.
func full() *Report {
	r := sample()
	h := newHistogram()
	for i := range 10_000 {
		h.RecordValue(int64(time.Millisecond) + int64(i*i))
	}
	r.Start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	r.URL = "ws://x/" + evil
	r.Latency["roundtrip"], r.Latency["roundtrip_raw"] = newLatency(h), newLatency(h)
	r.Faults = append(r.Faults, Fault{Kind: "close 1011", Count: 2, Example: evil, Remedy: "none"})
	r.Slow = &Slow{Connections: 3, Open: 1, Ended: map[string]int{"close 1013": 2}}
	r.Generator = Generator{CPU: .9, Processors: 2, Machine: .97, DelayMax: 3, Limit: "the generator, not the server, was the limit: it was busy"}
	r.Search = &Search{Conditions: []string{"p99<50ms"}, Best: 200, Trials: []Trial{{Rate: 100, Sent: 100, Holds: true, P50: 1, P99: 2}, {Rate: 400, Sent: 300, Why: evil, P50: 9, P99: 99}}}
	for i := range 10 {
		one := Interval{At: float64(i), Seconds: 1, Wanted: 100, Sent: 90, Received: 80, Open: 8}
		if i == 7 {
			one.Open, one.Faults = 7, 2
		}
		if i != 5 {
			one.Count, one.P50, one.P99, one.Max = 80, 1, 2, 300
			one.histogram = hdrhistogram.NewPacked(1000, int64(time.Hour), 3)
			one.histogram.RecordValue(int64(time.Millisecond))
		}
		r.Series = append(r.Series, one)
	}
	r.Judge([]Threshold{{name: "p99", op: ">", value: 1, text: "p99>1ms"}})
	return r
}

// The page runs nothing and fetches nothing; what comes from elsewhere is text.
func TestHTML(t *testing.T) {
	for name, r := range map[string]*Report{"full": full(), "empty": {Version: 1, Mode: "closed"}, "fan-out": {Version: 1, Mode: "fan-out", Fanout: &Deliveries{}, Series: []Interval{{}}}} {
		var b strings.Builder
		if err := r.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, ">-0") {
			t.Errorf("%s: a plot has figures that are none", name)
		}
		doc, err := html.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		plots := 0
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch n.Data {
			case "script", "img", "iframe", "a":
				t.Errorf("%s: the page has an element %s", name, n.Data)
			case "svg":
				plots++
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" && a.Val != "data:," {
					t.Errorf("%s: <%s %s=%q>", name, n.Data, a.Key, a.Val)
				}
			}
		}
		if want := map[string]int{"full": 12, "empty": 0, "fan-out": 2}[name]; plots != want {
			t.Errorf("%s: %d plots, want %d", name, plots, want)
		}
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := full().WriteText(&b, 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, word := range []string{"2 failed", "1 lost", "88 sent of 90 due", "generator    90 % of 2 processors", "The generator, not the server", "FAILED p99>1ms", "slow readers 3, 1 still open, 2 ended: close 1013", "200/s is the highest"} {
		if !strings.Contains(b.String(), word) {
			t.Errorf("no %q in\n%s", word, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("an escape sequence of the server's reaches the terminal")
	}
}

func TestJSON(t *testing.T) {
	r := full()
	var b strings.Builder
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	again, err := ReadJSON(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := json.Marshal(r)
	second, _ := json.Marshal(again)
	if string(first) != string(second) {
		t.Errorf("%s\nbecame\n%s", first, second)
	}
	if l := again.Latency["roundtrip"]; l.histogram == nil || math.Abs(millis(l.histogram, 99)-l.P99) > 1e-9 {
		t.Errorf("the distribution is lost: %+v", l)
	}
	for text, why := range map[string]string{"": "is empty", " \n": "is empty", "{}": "no report of a load test", "[]": "no report", "hello": "no report", `{"v":2,"mode":{}}`: "of version 2", `{"v":1}`: "no report of a load test",
		`{"v":1,"mode":"open","latency_ms":[]}`: "damaged", b.String()[:500]: "no report", b.String() + "{}": "no report"} {
		if _, err := ReadJSON(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.50s is taken for a report, or %v", text, err)
		}
	}
	if _, err := ReadJSON(strings.NewReader(`{"v":1,"mode":"open","latency_ms":{"roundtrip":null,"first":{"hdr":"x"}}}`)); err != nil {
		t.Error(err)
	}
}

func TestSeries(t *testing.T) {
	var b strings.Builder
	if err := full().WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(b.String()), "\n"); len(lines) != 11 || !strings.HasPrefix(lines[0], "at_s,seconds,wanted_per_s") || lines[2] != "1.000,1.000,100.000,90.000,80.000,8,0,80,1,0,2,0,300" {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := full().WriteHDR(&b); err != nil {
		t.Fatal(err)
	}
	read, n := hdrhistogram.NewHistogramLogReader(strings.NewReader(b.String())), 0
	for {
		h, err := read.NextIntervalHistogram()
		if err != nil {
			t.Fatal(err)
		}
		if h == nil {
			break
		}
		n++
		if h.TotalCount() != 1 || h.EndTimeMs()-h.StartTimeMs() != 1000 {
			t.Errorf("%d values, from %d to %d", h.TotalCount(), h.StartTimeMs(), h.EndTimeMs())
		}
	}
	if n != 9 {
		t.Errorf("%d intervals", n)
	}
}

func TestFormat(t *testing.T) {
	for ms, want := range map[float64]string{0: "0s", .0005: "1µs", .1234: "123µs", 1.2345: "1.23ms", 123.456: "123.5ms", 12345.6: "12.35s", 123456: "2m3s", -2: "-2ms"} {
		if got := formatMillis(ms); got != want {
			t.Errorf("%v ms: %s, want %s", ms, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", 12: "12", 12.34: "12.3", 1234.5: "1,234", 1234567: "1,234,567", -1234567: "-1,234,567", 999: "999"} {
		if got := formatNumber(v); got != want && !(v == 1234.5 && got == "1,235") {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestNiceStep(t *testing.T) {
	for _, most := range []float64{1e-3, .7, 1, 3, 9.99, 12, 100, 7e6} {
		if n := most / niceStep(most, 6); n < 2 || n > 6 {
			t.Errorf("%v lines up to %v", n, most)
		}
	}
	for _, tc := range []struct {
		v, step float64
		want    string
	}{{.05, .05, "0.05"}, {.5, .25, "0.50"}, {0, .5, "0.0"}, {.1, .1, "0.1"}, {2, 1, "2"}, {7.5, 2.5, "7.5"}, {1200, 200, "1,200"}, {.001, .0005, "0.0010"}} {
		if got := formatStep(tc.v, tc.step); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.v, got, tc.want)
		}
	}
	p := &plot{series: []series{{class: "a", points: [][2]float64{{1, 5}}}}}
	if svg := p.svg(canvases[0]); !strings.Contains(svg, "<circle") || regexp.MustCompile(`NaN|Inf`).MatchString(svg) {
		t.Error(fmt.Sprint(svg))
	}
}

func TestWithoutUser(t *testing.T) {
	for text, want := range map[string]string{"ws://me:secret@host/a@b": "ws://host/a@b", "wss://host?x=@": "wss://host?x=@", "ws://a@b@host": "ws://host", "ws+unix:/x": "ws+unix:/x", "ws://h/{conn}": "ws://h/{conn}"} {
		if got := withoutUser(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
