package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/internal/need"
)

// A report of the conformance suite, as a page in a browser.
func TestReport(t *testing.T) {
	t.Parallel()
	node := need.NodeModule(t, ".", "playwright-core")
	browser := need.Chromium(t)
	cases := check.Cases()
	report := func(subject string, failing int) *check.Report {
		r := &check.Report{Subject: subject, Role: check.RoleServer, Start: time.Now(), Duration: time.Second}
		for i, c := range cases {
			result := &check.Result{ID: c.ID, Verdict: check.OK, Wire: []check.Wire{{Dir: "out", Text: "a request", Hex: "81 00"}}}
			if i < failing {
				result.Verdict, result.Text = check.Fail, "<b>it failed</b>"
			}
			r.Results = append(r.Results, result)
		}
		return r
	}
	name := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := check.WriteHTML(f, report("one", 3), report("two", 5)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, script("report.js"), name)
	cmd.Env = append(os.Environ(), "CHROMIUM="+browser)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var seen struct {
		Console, Requests []string
		All               string
		Failed            struct {
			Count string
			Rows  int
		}
		Detail, Address string
		Wide            bool
		Again           struct {
			Count string
			Open  int
		}
		Differing, None string
		Theme           bool
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for what, ok := range map[string]bool{
		"nothing on the console":             len(seen.Console) == 0,
		"only the file is loaded":            !strings.Contains(strings.ReplaceAll(strings.Join(seen.Requests, ""), "file:", ""), ":"),
		"every case":                         strings.HasSuffix(seen.All, " cases") && !strings.HasPrefix(seen.All, "0"),
		"those that failed":                  strings.HasPrefix(seen.Failed.Count, "5 of ") && seen.Failed.Rows == 5,
		"the text of a subject, as text":     strings.Contains(seen.Detail, "<b>it failed</b>"),
		"the wire":                           strings.Contains(seen.Detail, "a request") && strings.Contains(seen.Detail, "81 00"),
		"the filter and case in the address": strings.Contains(seen.Address, "verdict=fail") && strings.Contains(seen.Address, "case="),
		"the same after a reload":            seen.Again.Count == seen.Failed.Count && seen.Again.Open == 1,
		"where the subjects differ":          strings.HasPrefix(seen.Differing, "2 of "),
		"a word where nothing is left":       strings.Contains(seen.None, "filter"),
		"light and dark":                     seen.Theme,
		"no wider than the screen":           !seen.Wide,
	} {
		if !ok {
			t.Errorf("not there: %s: %s", what, out)
		}
	}
}
