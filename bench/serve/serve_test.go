package main

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// Every workload runs, if small, and the document says what was measured.
func TestSmall(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the load generator works on Linux only")
	}
	o := options{pattern: "^(idle-.*|native|stalled|raw|sse)$", duration: time.Second, sessions: 20, subscribers: 10}
	t.Chdir("..")
	r, err := o.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Fanouts {
		if f.Lost != 0 || f.Deliveries == 0 || f.P50 <= 0 || f.Max < f.P50 {
			t.Errorf("%s: %+v", f.Name, *f.Step)
		}
	}
	text, err := r.document()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| raw: WebSockets on /t/TOPIC, a topic each | ", "| 10 native subscribers, and one that never reads | 200 | ", "| 1 event streams | "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the document does not have %q:\n%s", want, text)
		}
	}
}

func TestBest(t *testing.T) {
	c := climbResult{Steps: []*Step{
		{Rate: 200, P99: 60}, {Rate: 200, P99: 1}, {Rate: 400, P99: 70}, {Rate: 400, Failed: "behind"}, {Rate: 300, P99: 2}, {Rate: 350, Lost: 3}, {Rate: 350, P99: 90},
	}}
	if best, worse := c.best(); best != c.Steps[4] || worse != c.Steps[6] {
		t.Errorf("the best is %+v, the next %+v", best, worse)
	}
}
