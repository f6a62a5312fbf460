package check

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func pageOf(t *testing.T, reports ...*Report) string {
	t.Helper()
	var b strings.Builder
	if err := WriteHTML(&b, reports...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dataOf reads the data with this id out of a page.
func dataOf(t *testing.T, page, id string, into any) {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<script type="application/json" id="`+id+`">`)
	if !ok {
		t.Fatalf("the page has no data %s", id)
	}
	text, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// evil is what a subject may send to get into the page.
const evil = "</script><script>alert(1)</script><!--\u2028&lt;\"'"

func evilReport() *Report {
	return &Report{Subject: evil, Role: RoleServer, URL: "ws://" + evil, Start: time.Date(2026, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600)), Duration: time.Second, Results: []*Result{
		{ID: "framing.length.text-0", Verdict: Fail, Text: evil, Duration: time.Millisecond, Wire: []Wire{
			{At: 1500 * time.Microsecond, Dir: "in", Text: evil, Hex: "81 00"}, {Text: "remark"}, {Dir: "out", Text: "remark"},
		}},
		{ID: "gone.case", Verdict: OK},
		{ID: evil, Verdict: Verdict(evil)},
	}}
}

func TestHTMLData(t *testing.T) {
	other := &Report{Subject: "other", Role: RoleServer, Results: []*Result{{ID: "gone.case", Verdict: NonStrict}, {ID: "close.code.1000", Verdict: OK}}}
	s := pageOf(t, evilReport(), other)
	var data pageData
	dataOf(t, s, "data", &data)
	if n := len(data.Verdicts); n != len(Verdicts)+1 || data.Verdicts[n-1] != evil {
		t.Errorf("the verdicts are %q", data.Verdicts)
	}
	var ids []string
	for _, c := range data.Cases {
		ids = append(ids, c.ID)
	}
	if want := []string{"framing.length.text-0", "close.code.1000", "gone.case", evil}; fmt.Sprint(ids) != fmt.Sprint(want) {
		t.Fatalf("the cases are %q, want %q", ids, want)
	}
	if c := data.Cases[0]; c.RFC == "" || c.Expect == "" || len(c.Steps) == 0 || len(c.Outcomes) < 2 || c.Outcomes[0][0] != string(OK) || c.Outcomes[0][1] == "" {
		t.Errorf("the case is %+v", c)
	}
	if len(data.Groups) != 4 || data.Groups[0].Why == "" || data.Groups[2].Title != "gone" {
		t.Errorf("the groups are %+v", data.Groups)
	}
	r := data.Reports[0]
	if r.Subject != evil || r.Start != "2026-02-03T03:05:06Z" || r.Seconds != 1 || len(r.Results) != 4 || r.Results[1] != nil {
		t.Errorf("the report is %+v", r)
	}
	if got := *r.Results[0]; got != (pageResult{5.0, 1.0, evil}) {
		t.Errorf("the result is %v", got)
	}
	var wires pageWires
	dataOf(t, s, "wire-0", &wires)
	if got, want := fmt.Sprint(wires.Lines[0]), "[[1.5 2 1 2] [0 0 3 0] [0 1 3 0]]"; got != want || wires.Texts[1] != evil {
		t.Errorf("what went over the wire is %v in %q, want %s", got, wires.Texts, want)
	}
	dataOf(t, s, "wire-1", &wires)
}

func TestHTMLIsSafe(t *testing.T) {
	plain, s := pageOf(t, &Report{}), pageOf(t, evilReport())
	for _, markup := range []string{"<script", "</script", "<!--"} {
		if a, b := strings.Count(plain, markup), strings.Count(s, markup); a != b {
			t.Errorf("%s is there %d times, not %d: what a subject sent is markup in the page", markup, b, a)
		}
	}
	if strings.Contains(s, "alert(1)<") || strings.Contains(s, "\u2028") {
		t.Error("what a subject sent is in the page as it is")
	}
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "setAttribute('style", "on" + "click="} {
		if strings.Contains(reportScript+reportPage, way) {
			t.Errorf("the script uses %s", way)
		}
	}
	for _, element := range []string{"script", "style"} {
		text := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(s, -1)
		if len(text) != 1 {
			t.Fatalf("the page has %d elements %s", len(text), element)
		}
		if policy := element + "-src '" + hashed(text[0][1]) + "';"; !strings.Contains(s, policy) {
			t.Errorf("the policy does not allow the %s: there is no %s", element, policy)
		}
	}
}

func TestHTMLIsAlone(t *testing.T) {
	for _, outside := range []string{"http:", "https:", "//", "src=", "@import", "url(", "fetch(", "import("} {
		for line := range strings.Lines(pageOf(t)) {
			if strings.Contains(line, outside) && !strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("the page may need something from elsewhere: %s", line)
			}
		}
	}
}

func TestHTMLIsTheSame(t *testing.T) {
	if a, b := pageOf(t, evilReport(), evilReport()), pageOf(t, evilReport(), evilReport()); a != b {
		t.Error("the same reports make another page")
	}
	if s := pageOf(t); !strings.Contains(s, `"reports":[]`) || !strings.Contains(s, `"cases":[]`) {
		t.Error("a page without reports has no data")
	}
}

// smallDisk is a writer that fails after so many bytes.
type smallDisk int

func (f *smallDisk) Write(p []byte) (int, error) {
	if *f -= smallDisk(len(p)); *f < 0 {
		return 0, fmt.Errorf("no space left")
	}
	return len(p), nil
}

func TestHTMLNotWritten(t *testing.T) {
	for _, n := range []smallDisk{0, 10_000} {
		if err := WriteHTML(&n, evilReport()); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("the error is %v", err)
		}
	}
}
