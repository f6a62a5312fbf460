package check

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The colours of verdicts on a terminal, as numbers of ANSI.
var verdictColour = map[Verdict]int{OK: 32, NonStrict: 33, WrongCode: 35, Fail: 31}

// WriteTable writes reports for a terminal of so many columns: a row for each group, then what went wrong. colour allows
// ANSI's colours. Whatever may come from a subject has its control characters escaped.
func WriteTable(w io.Writer, width int, colour bool, reports ...*Report) error {
	t := &table{width: max(width, 60), colour: colour}
	problems := 0
	for i, r := range reports {
		if i > 0 {
			t.b.WriteByte('\n')
		}
		problems += t.report(r)
	}
	if problems > 0 {
		t.b.WriteString("\nwhat it demands: parley check --explain ID; what went over the wire: --html FILE\n")
	}
	if _, err := io.WriteString(w, t.b.String()); err != nil {
		return fmt.Errorf("check: writing the table: %w", err)
	}
	return nil
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

// report writes one report and returns how many problems it lists.
func (t *table) report(r *Report) int {
	fmt.Fprintf(&t.b, "%s, a %s: %d cases in %v\n\n", escaped(r.Subject), escaped(string(r.Role)), len(r.Results), r.Duration.Round(10*time.Millisecond))
	t.row("", nil)
	for _, g := range r.Groups() {
		t.row(escaped(g.Group), g.Count)
	}
	t.row("all", r.Count())
	return t.problems(r)
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
			t.b.WriteString("  " + t.paint(v, fmt.Sprintf("%-10s", v)) + "  " + escaped(result.ID) + "\n")
			for line := range strings.Lines(wrap(escaped(result.Text), t.width-14)) {
				t.b.WriteString("              " + line)
			}
		}
	}
	return n
}

// escaped makes text safe for a terminal: what would move the cursor, change colours or the direction of the text is
// shown by its number.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
