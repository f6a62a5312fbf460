package check

import (
	"strings"
	"testing"
)

// What is seen is followed through the patterns of an outcome.
func TestFollower(t *testing.T) {
	a, b := echoed(OpText, lit("a")), echoed(OpText, lit("b"))
	seen := func(names string) []Event {
		var list []Event
		for _, n := range strings.Fields(names) {
			e := Event{Kind: SawMessage, Op: OpText, Data: []byte(n), Size: len(n)}
			switch n {
			case "pong":
				e = Event{Kind: SawPong, Data: []byte("p")}
			case "1000":
				e = Event{Kind: SawClose, Code: 1000}
			case "1002":
				e = Event{Kind: SawClose, Code: 1002}
			case "end":
				e = Event{Kind: SawEnd}
			}
			list = append(list, e)
		}
		return list
	}
	for _, tc := range []struct {
		name         string
		outcome      []Pattern
		seen         string
		alive, whole bool
	}{
		{"nothing yet", []Pattern{a}, "", true, false},
		{"one of two", []Pattern{a, b}, "a", true, false},
		{"all", []Pattern{a, b}, "a b", true, true},
		{"another order", []Pattern{a, b}, "b", false, false},
		{"too much", []Pattern{a}, "a b", false, false},
		{"another type", []Pattern{echoed(OpBinary, lit("a"))}, "a", false, false},
		{"any data", []Pattern{{Kind: SawMessage, Op: OpText}}, "b", true, true},
		{"optional and there", []Pattern{a.optional(), b}, "a b", true, true},
		{"optional and not there", []Pattern{a.optional(), b}, "b", true, true},
		{"all optional", []Pattern{a.optional(), b.optional()}, "", true, true},
		{"repeated", []Pattern{a.repeated(), b}, "a a a b", true, true},
		{"repeated has to come once", []Pattern{a.repeated(), b}, "b", false, false},
		{"repeated or not", []Pattern{a.optional().repeated(), b}, "b", true, true},
		{"optional, then the same", []Pattern{a.optional(), a}, "a", true, true},
		{"code", []Pattern{closed(1000, 1005)}, "1000", true, true},
		{"other code", []Pattern{closed(1002)}, "1000", false, false},
		{"any code", []Pattern{closed()}, "1002", true, true},
		{"end instead of close", []Pattern{closed()}, "end", false, false},
		{"pong", []Pattern{ponged(lit("p")), dropped()}, "pong end", true, true},
		{"wrong pong", []Pattern{ponged(lit("q"))}, "pong", false, false},
	} {
		f := follow(&Outcome{Seen: tc.outcome})
		for _, e := range seen(tc.seen) {
			f.next(&e)
		}
		if f.alive() != tc.alive || f.whole() != tc.whole {
			t.Errorf("%s: alive %v, whole %v, want %v, %v", tc.name, f.alive(), f.whole(), tc.alive, tc.whole)
		}
	}
}

func joined(s string) string { return strings.Join(strings.Fields(s), " ") }

// Every case says what it has to say, and can go well.
func TestCases(t *testing.T) {
	for _, g := range Groups() {
		if g.Title == "" || len(g.Why) < 100 {
			t.Errorf("the group %s has no title, or does not say why", g.Name)
		}
		n := 0
		for _, c := range Cases() {
			if c.Group() == g.Name {
				n++
			}
		}
		if n == 0 {
			t.Errorf("the group %s has no case", g.Name)
		}
	}
	for _, c := range Cases() {
		switch {
		case c.ID != strings.ToLower(c.ID) || strings.ContainsAny(c.ID, " _/*?["):
			t.Errorf("%s: an ID is of small letters, digits, dots and dashes", c.ID)
		case !strings.HasPrefix(c.RFC, "RFC "):
			t.Errorf("%s: the section is %q", c.ID, c.RFC)
		case !strings.HasSuffix(c.Expect, ".") || strings.Count(c.Expect, "\n") > 0:
			t.Errorf("%s: the expectation is not a sentence: %q", c.ID, c.Expect)
		case len(c.Outcomes) == 0:
			t.Errorf("%s: it has no outcome", c.ID)
		}
		good := false
		for _, o := range c.Outcomes {
			good = good || o.Verdict == OK
			if o.Verdict != OK && o.Say == "" {
				t.Errorf("%s: the outcome %s does not say what was seen", c.ID, o.Verdict)
			}
			if len(o.Seen) == 0 {
				t.Errorf("%s: an outcome fits everything", c.ID)
			}
		}
		if !good {
			t.Errorf("%s: no outcome is ok", c.ID)
		}
		if text, err := Explain(c.ID); err != nil || !strings.Contains(joined(text), joined(c.Expect)) {
			t.Errorf("%s: %v: %s", c.ID, err, text)
		}
	}
	if n := len(Cases()); n < 700 {
		t.Errorf("%d cases, want at least 700", n)
	}
	if _, err := Explain("no.such.case"); err == nil {
		t.Error("a case that does not exist is explained")
	}
}
