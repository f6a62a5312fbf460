package check

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestHTML(t *testing.T) {
	const evil = "</script><script>alert(1)</script><!--\u2028"
	r := &Report{Subject: evil, Role: RoleServer, Duration: time.Second, Results: []*Result{
		{ID: "framing.length.text-0", Verdict: Fail, Text: evil, Duration: time.Millisecond, Wire: []Wire{{Dir: "in", Text: evil, Hex: "81 00"}, {Text: "remark"}}},
		{ID: "gone.case", Verdict: OK},
	}}
	page := func(reports ...*Report) string {
		var b strings.Builder
		if err := WriteHTML(&b, reports...); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	s := page(r, r)
	if strings.Count(s, "<script") != 2 || strings.Count(s, "</script>") != 2 || strings.Contains(s, "alert(1)<") {
		t.Error("what a subject sent is markup in the page")
	}
	for _, outside := range []string{"http://", "https://", "src=", "@import"} {
		if strings.Contains(strings.ReplaceAll(s, `"url":"http`, ""), outside) {
			t.Errorf("the page needs something from outside: %s", outside)
		}
	}
	if s != page(r, r) {
		t.Error("the same reports make another page")
	}
	_, rest, _ := strings.Cut(s, `id="data">`)
	text, _, _ := strings.Cut(rest, "</script>")
	var data pageData
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Reports) != 2 || data.Reports[0].Subject != evil || len(data.Cases) != 2 || data.Cases[0].Expect == "" || data.Cases[1].ID != "gone.case" ||
		data.Reports[1].Results["framing.length.text-0"].Text != evil {
		t.Errorf("the data is %+v", data)
	}
	if s := page(); !strings.Contains(s, `"reports":[]`) {
		t.Error("a page without reports has no data")
	}
}
