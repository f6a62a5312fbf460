package screen

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	mark := func(k Token, s string) string { return []string{"k", "s", "n", "l"}[k] + "<" + s + ">" }
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{`{"a": 1, "b":[true,null,"x:y"],"c" :-1.5e+3}`, 80, `{k<"a">: n<1>, k<"b">:[l<true>,l<null>,s<"x:y">],k<"c"> :n<-1.5e+3>}`},
		{" [1,\t2]\n", 80, "[n<1>, n<2>]"}, // {"a\tb"} cannot be: JSON escapes it
		{"[\n1]", 80, "[\n  n<1>\n]"},
		{`{"a":[12345678901234567890]}`, 10, "{\n  k<\"a\">: [\n    n<12345678901234567890>\n  ]\n}"},
		{`["\u001b[31m` + "\u009b\u202e\x7f" + `\"]"]`, 80, `[s<"\u001b[31m\u009b\u202e\x7f\"]">]`},
		{`{}`, 80, `{}`},
	} {
		if got, ok := JSON([]byte(c.in), c.width, mark); !ok || got != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.in, ok, got, c.want)
		}
	}
	for _, in := range []string{"", "1", `"text"`, "{", "[1]x", "plain", strings.Repeat("[", 101) + strings.Repeat("]", 101), "[" + strings.Repeat(" ", largestJSON) + "]"} {
		if got, ok := JSON([]byte(in), 80, nil); ok || got != "" {
			t.Errorf("%.20q was laid out: %q", in, got)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,"b\"",null]}`, 5)
	f.Fuzz(func(t *testing.T, text string, width int) {
		got, ok := JSON([]byte(text), width, nil)
		if !ok {
			return
		}
		for _, r := range got {
			if risky(r) && r != '\n' {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if strings.ContainsFunc(text, risky) || !json.Valid([]byte(got)) && strings.Contains(got, `\x`) {
			return // Escape has changed it
		}
		var a, b bytes.Buffer
		if json.Compact(&a, []byte(text)) != nil || json.Compact(&b, []byte(got)) != nil || a.String() != b.String() {
			t.Errorf("%q became %q", text, got)
		}
	})
}
