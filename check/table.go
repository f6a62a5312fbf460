package check

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The colours of verdicts on a terminal, as numbers of ANSI.
var verdictColour = map[Verdict]int{OK: 32, NonStrict: 33, WrongCode: 35, Fail: 31}

// WriteTable writes reports for a terminal of so many columns: a row for each group, then what went wrong. colour allows
// ANSI's colours. Whatever may come from a subject has its control characters escaped.
func WriteTable(w io.Writer, width int, colour bool, reports ...*Report) error {
	t := &table{width: max(width, 60), colour: colour}
	for i, r := range reports {
		if i > 0 {
			t.b.WriteByte('\n')
		}
		t.report(r)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type table struct {
	b      strings.Builder
	width  int
	colour bool
}

// paint colours text, if it may.
func (t *table) paint(v Verdict, text string) string {
	if c := verdictColour[v]; t.colour && c != 0 {
		return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, text)
	}
	return text
}

func (t *table) report(r *Report) {
	fmt.Fprintf(&t.b, "%s, a %s: %d cases in %v\n\n", escaped(r.Subject), r.Role, len(r.Results), r.Duration.Round(10*time.Millisecond))
	t.row("", nil)
	for _, g := range r.Groups() {
		t.row(g.Group, g.Count)
	}
	t.row("all", r.Count())
	if n := t.problems(r); n > 0 {
		hint := "what it demands: parley check --explain ID; what went over the wire: --html FILE"
		fmt.Fprintf(&t.b, "\n%s\n", hint)
	}
}

// headings are the verdicts as columns.
var headings = map[Verdict]string{OK: "ok", Informational: "info", Unimplemented: "unimpl.", NonStrict: "non-strict", WrongCode: "wrong-code", Fail: "fail"}

// row writes a row: a name, then a column for each verdict; the headings if there is no name.
func (t *table) row(name string, count Count) {
	fmt.Fprintf(&t.b, "  %-12s", name)
	for _, v := range Verdicts {
		width, text := max(len(headings[v]), 5), "·"
		switch {
		case name == "":
			text = headings[v]
		case count[v] > 0:
			text = fmt.Sprint(count[v])
		}
		text = strings.Repeat(" ", width-utf8.RuneCountInString(text)) + text
		if count[v] > 0 {
			text = t.paint(v, text)
		}
		t.b.WriteString("  " + text)
	}
	t.b.WriteByte('\n')
}

// problems lists what is neither right nor left open, the worst first, and returns how many there are.
func (t *table) problems(r *Report) int {
	n := 0
	for _, v := range []Verdict{Fail, WrongCode, NonStrict} {
		for _, result := range r.Results {
			if result.Verdict != v {
				continue
			}
			if n++; n == 1 {
				t.b.WriteByte('\n')
			}
			t.b.WriteString("  " + t.paint(v, fmt.Sprintf("%-10s", v)) + "  " + result.ID + "\n")
			for line := range strings.Lines(wrap(escaped(result.Text), t.width-14)) {
				t.b.WriteString("              " + line)
			}
		}
	}
	return n
}

// escaped makes text safe for a terminal.
func escaped(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}
