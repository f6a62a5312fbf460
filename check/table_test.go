package check

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	r := &Report{Subject: "a\x1b[31mserver", Role: RoleServer, Duration: 1234 * time.Millisecond, Results: []*Result{
		{ID: "framing.a", Verdict: OK},
		{ID: "framing.b", Verdict: Fail, Text: "expected a close with 1002; got \x07" + strings.Repeat(" many words", 20)},
		{ID: "utf8.a", Verdict: NonStrict, Text: "late"},
		{ID: "utf8.b", Verdict: Informational, Text: "not shown"},
	}}
	for _, colour := range []bool{false, true} {
		var b strings.Builder
		if err := WriteTable(&b, 80, colour, r, r); err != nil {
			t.Fatal(err)
		}
		s := b.String()
		for _, want := range []string{"4 cases in 1.23s", "framing", "utf8", "framing.b", "late", "--explain"} {
			if !strings.Contains(s, want) {
				t.Errorf("colour %v: no %q in\n%s", colour, want, s)
			}
		}
		if strings.Count(s, "--explain") != 1 || !strings.Contains(s, `a\x1b[31mserver`) {
			t.Errorf("colour %v:\n%s", colour, s)
		}
		if strings.Contains(s, "\x07") || strings.Contains(s, "\x1b[31mserver") || strings.Contains(s, "not shown") {
			t.Errorf("colour %v: something is shown that should not be:\n%q", colour, s)
		}
		if strings.Contains(s, "\x1b") != colour {
			t.Errorf("colour %v:\n%q", colour, s)
		}
		for line := range strings.Lines(s) {
			if !colour && len([]rune(line)) > 81 {
				t.Errorf("a line of %d: %s", len([]rune(line)), line)
			}
		}
	}
}

func TestEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 世 \"x\"":            "plain é 世 \"x\"",
		"a\x1b[2J\x07\x7f\u009b1m\r": `a\x1b[2J\x07\x7f\x9b1m\x0d`,
		"two\nlines":                 "two lines",
		"\u202egnp.exe\u200b\u2066":  `\u202egnp.exe\u200b\u2066`,
		"not UTF-8 \xff":             "not UTF-8 \ufffd",
	} {
		if got := escaped(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// A table without problems needs no hint, and one that cannot be written is an error.
func TestTableOfNothing(t *testing.T) {
	var b strings.Builder
	r := &Report{Subject: "good", Role: RoleClient, Results: []*Result{{ID: "framing.a", Verdict: OK}}}
	if err := WriteTable(&b, 80, false, r); err != nil || strings.Contains(b.String(), "--explain") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if disk := smallDisk(10); WriteTable(&disk, 80, false, r) == nil {
		t.Error("no error")
	}
}
