package metrics

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/parley-ws/parley/hub"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// page is the document that is generated.
const page = "../../docs/metrics.md"

const intro = `# Metrics

<!-- Generated from the registry: go test ./server/metrics -run TestPage -update -->

Parley counts what it does for [Prometheus](https://prometheus.io/docs/concepts/metric_types/), under ` + "`/metrics`" + `. Every name of its own
begins with ` + "`parley_`" + `; those of the Go runtime (` + "`go_…`" + `) and of the process (` + "`process_…`" + `) are
[the usual ones](https://pkg.go.dev/github.com/prometheus/client_golang/prometheus/collectors).

No label takes a value that a client could choose, so that the number of series is bounded. Whatever has no name of its own is counted as
` + "`other`" + `.

`

// TestPage holds docs/metrics.md to what the registry has.
func TestPage(t *testing.T) {
	m := New(Options{Version: "v1", Node: "a"})
	m.connected(hub.SessionInfo{Dialect: "native", Transport: "websocket"})
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m.Watch(Watched{Hub: h, Connections: func() int { return 0 }, WebSockets: func() int { return 0 }})

	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families = slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "parley_") })
	if got, want := len(families), described(m); got != want {
		t.Errorf("%d metrics are described and %d have a series: touch the others above", want, got)
	}
	text := intro + table(families) + values(families)

	if *update {
		if err := os.WriteFile(page, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(there) != text {
		t.Errorf("docs/metrics.md is stale: run go test ./server/metrics -run TestPage -update")
	}
}

// described is how many metrics of our own the registry knows.
func described(m *Metrics) int {
	descs := make(chan *prometheus.Desc)
	go func() {
		m.registry.Describe(descs)
		close(descs)
	}()
	n := 0
	for d := range descs {
		if strings.Contains(d.String(), `fqName: "parley_`) {
			n++
		}
	}
	return n
}

func table(families []*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("| name | type | labels | what it is |\n|---|---|---|---|\n")
	for _, f := range families {
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "),
			f.GetHelp())
	}
	b.WriteString("\nBuckets, in seconds:\n\n")
	for _, f := range families {
		if h := f.Metric[0].Histogram; h != nil {
			var bounds []string
			for _, bucket := range h.Bucket {
				bounds = append(bounds, fmt.Sprint(bucket.GetUpperBound()))
			}
			fmt.Fprintf(&b, "- `%s`: %s\n", f.GetName(), strings.Join(bounds, ", "))
		}
	}
	return b.String()
}

// values lists the values of the labels that have a fixed set of them.
func values(families []*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("\n## Values of labels\n\n`dialect` and `transport` are those that the server speaks.\n\n")
	for _, f := range families {
		sets := map[string]map[string]bool{}
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if sets[l.GetName()] == nil {
					sets[l.GetName()] = map[string]bool{}
				}
				sets[l.GetName()]["`"+l.GetValue()+"`"] = true
			}
		}
		for _, label := range slices.Sorted(maps.Keys(sets)) {
			if set := sets[label]; len(set) > 1 {
				fmt.Fprintf(&b, "- `%s` of `%s`: %s\n", label, f.GetName(), strings.Join(slices.Sorted(maps.Keys(set)), ", "))
			}
		}
	}
	return b.String()
}

// Names follow https://prometheus.io/docs/practices/naming/.
func TestNames(t *testing.T) {
	m := New(Options{})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "parley_") {
			continue
		}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			if !strings.HasSuffix(name, "_total") {
				t.Errorf("%s: a counter ends in _total", name)
			}
		case dto.MetricType_HISTOGRAM:
			if !strings.HasSuffix(name, "_seconds") {
				t.Errorf("%s: a time is in seconds", name)
			}
		}
		if !snake.MatchString(name) {
			t.Errorf("%s is not in snake case", name)
		}
		if help := f.GetHelp(); !strings.HasSuffix(help, ".") || len(help) < 20 {
			t.Errorf("%s: the help %q is no sentence", name, help)
		}
		if n := len(f.Metric); n > 100 {
			t.Errorf("%s has %d series", name, n)
		}
	}
}
