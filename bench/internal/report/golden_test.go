package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is made of testdata/invented.json to testdata anew")

// invented reads the report that the tests share. Nothing in it was measured.
func invented(t *testing.T) *Report {
	t.Helper()
	r, err := ReadJSON(filepath.Join("testdata", "invented.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// golden compares text with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(gotLines), len(wantLines)) {
			if gotLines[i] != wantLines[i] {
				t.Fatalf("line %d of %s is\n%s\nwant\n%s\n(go test ./internal/report -update writes it anew: then look at the difference)",
					i+1, name, gotLines[i], wantLines[i])
			}
		}
		t.Fatalf("%s has %d lines, got %d (-update writes it anew)", name, len(wantLines), len(gotLines))
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	invented(t).Table(&b)
	golden(t, "table.txt", b.Bytes())
	for line := range strings.SplitSeq(b.String(), "\n") {
		if n := width(line); n > tableWidth || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns wide, or spaces at its end: %q", n, line)
		}
	}
}

// More columns than fit go into a second block, and no line gets wider than the table.
func TestTableOfMany(t *testing.T) {
	r := &Report{Workloads: []Workload{{Name: "w", Group: "g", Title: "w", Unit: "µs"}}}
	for _, name := range strings.Fields("raw parley one-of-many-peers two-of-many-peers three-of-many-peers four-of-many-peers five-of-many-peers six-of-many-peers") {
		r.Subjects = append(r.Subjects, Subject{Name: name})
		r.Workloads[0].Series = append(r.Workloads[0].Series, series(name, 1, 2, 3))
	}
	var b bytes.Buffer
	r.Table(&b)
	for line := range strings.SplitSeq(b.String(), "\n") {
		if n := width(line); n > tableWidth {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	for _, want := range []string{"g, continued", "six-of-many-peers"} {
		if n := strings.Count(b.String(), want); n != 1 {
			t.Errorf("%q %d times in\n%s", want, n, b.String())
		}
	}
}

func TestDocument(t *testing.T) {
	r := invented(t)
	dir := t.TempDir()
	stale, foreign := filepath.Join(dir, "performance", "stale.svg"), filepath.Join(dir, "performance", "logo.svg")
	if err := os.Mkdir(filepath.Dir(stale), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{stale: "<svg>" + plotMark + "</svg>", foreign: "<svg/>"} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Document(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plot of an earlier run is still there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a picture that is none of ours is gone: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The words on the design change with the code: they are not part of the comparison.
	before, ok := strings.CutSuffix(string(text), strings.TrimSpace(design)+"\n")
	if !ok {
		t.Error("it does not end with design.md")
	}
	golden(t, "performance.md", []byte(before))
	for _, w := range r.Workloads {
		name := w.Name + ".svg"
		plot, err := os.ReadFile(filepath.Join(dir, "performance", name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("performance", name), plot)
		if !strings.Contains(string(text), "(performance/"+name+")") {
			t.Errorf("the document does not show %s", name)
		}
	}
}

func TestDocumentRefusesNames(t *testing.T) {
	for _, names := range [][]string{{"../up"}, {""}, {"a/b"}, {"a b"}, {"same", "same"}} {
		r := &Report{}
		for _, name := range names {
			r.Workloads = append(r.Workloads, Workload{Name: name})
		}
		dir := t.TempDir()
		if err := r.Document(dir); err == nil {
			t.Errorf("%q: no error", names)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("%q: wrote %v (%v)", names, files, err)
		}
	}
}

// Plots are well-formed, whatever the names are, and say in words what they show.
func TestPlot(t *testing.T) {
	failed := series("<&\">")
	failed.Failed = "a \"<reason>\" & more,\nof two lines"
	w := &Workload{Name: "w", Title: `a <title> & "more"`, Unit: "µs", Series: []Series{failed, series("raw", 3), series("left out", 1)},
		Targets: []Target{{"raw", "absent", 2}, {"absent", "", 2}}}
	subjects := []Subject{{Name: "<&\">"}, {Name: "raw"}, {Name: "took no part"}}
	for _, tc := range []*Workload{w, {}, {Series: []Series{series("raw", 0, 0)}}} {
		svg := Plot(tc, subjects)
		d := xml.NewDecoder(bytes.NewReader(svg))
		text := ""
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
			if data, ok := token.(xml.CharData); ok {
				text += string(data)
			}
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("figures that are none:\n%s", svg)
		}
		if tc == w {
			for _, want := range []string{w.Title, `failed: a "<reason>" & more, of two lines`, "raw: 3.00 (3.00–3.00)", "one round"} {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %s:\n%s", want, svg)
				}
			}
			for _, no := range []string{"left out", "took no part", "target:"} {
				if strings.Contains(text, no) {
					t.Errorf("it says %s:\n%s", no, svg)
				}
			}
		}
	}
}

func TestGridStep(t *testing.T) {
	for most := 0.00013; most < 1e8; most *= 1.07 {
		step := gridStep(most)
		if n := most / step; n < 2 || n > 6 {
			t.Errorf("%v has %v steps of %v", most, n, step)
		}
	}
}

func TestJSON(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.json")
	r := invented(t)
	if err := WriteJSON(name, r); err != nil {
		t.Fatal(err)
	}
	again, err := ReadJSON(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, again) {
		t.Errorf("wrote %+v, read %+v", r, again)
	}

	// A round without a figure does not lose the run.
	value := &r.Workloads[0].Series[0].Rounds[0].Value
	*value = math.NaN()
	before := r.Workloads[0].Value("raw").Rounds
	if err := WriteJSON(name, r); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(*value) {
		t.Error("writing changed the report")
	}
	if again, err = ReadJSON(name); err != nil {
		t.Fatal(err)
	}
	if got := again.Workloads[0].Value("raw").Rounds; got != before {
		t.Errorf("%d rounds count when read again, %d before", got, before)
	}

	if err := os.WriteFile(name, []byte("goos: linux"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{name, name + "-absent"} {
		if _, err := ReadJSON(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
