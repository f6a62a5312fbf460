package check

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Group is what the cases whose IDs begin with its name have in common.
type Group struct {
	Name  string // what the IDs of its cases begin with
	Title string // in a few words
	Why   string // what the RFC demands of it and why
	cases func() []Case
}

// Groups lists the groups in the order of the cases.
func Groups() []Group { return groups }

// Cases returns all cases, group by group. They are shared: nobody may change them.
func Cases() []*Case { return allCases() }

var allCases = sync.OnceValue(func() []*Case {
	var all []*Case
	seen := map[string]bool{}
	for _, g := range groups {
		for _, c := range g.cases() {
			if seen[c.ID] || !strings.HasPrefix(c.ID, g.Name+".") {
				panic("check: the case " + c.ID + " is there twice, or in the wrong group")
			}
			seen[c.ID] = true
			all = append(all, &c)
		}
	}
	return all
})

func groupOf(id string) string {
	group, _, _ := strings.Cut(id, ".")
	return group
}

// Explain returns what the RFC demands in a case and why, or an error if there is no case with this ID.
func Explain(id string) (string, error) {
	for _, c := range Cases() {
		if c.ID == id {
			return c.explain(), nil
		}
	}
	return "", fmt.Errorf("check: there is no case %s: --list shows all", id)
}

func (c *Case) explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n%s", c.ID, c.RFC, wrap(c.Expect, 100))
	why := c.Why
	for _, g := range groups {
		if why == "" && g.Name == c.Group() {
			why = g.Why
		}
	}
	fmt.Fprintf(&b, "\n%s", wrap(why, 100))
	b.WriteString("\nSteps:\n")
	for _, line := range c.opening() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, line := range c.steps() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\nOutcomes:\n")
	for _, line := range c.outcomes() {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// steps describes the steps, a line each.
func (c *Case) steps() []string {
	steps := make([]string, len(c.Steps))
	for i := range c.Steps {
		steps[i] = c.Steps[i].String()
	}
	return together(steps)
}

// outcomes describes the outcomes, a line each.
func (c *Case) outcomes() []string {
	var lines []string
	for _, o := range c.Outcomes {
		line := fmt.Sprintf("%-13s %s", o.Verdict, sequence(o.Seen))
		if o.Say != "" {
			line += " (" + o.Say + ")"
		}
		lines = append(lines, line)
	}
	return append(lines, fmt.Sprintf("%-13s anything else", Fail))
}

// sequence describes patterns one after the other.
func sequence(seen []Pattern) string {
	lines := make([]string, len(seen))
	for i := range seen {
		lines[i] = seen[i].String()
	}
	return strings.Join(together(lines), ", then ")
}

// together puts equal neighbours together and leaves out what is in the middle of a long row.
func together(lines []string) []string {
	var parts []string
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		text := lines[i]
		if i += n; n > 1 {
			text += fmt.Sprintf(" (%d times)", n)
		}
		parts = append(parts, text)
	}
	const most = 16
	if n := len(parts); n > most {
		parts = append(append(parts[:most-4:most-4], fmt.Sprintf("… %d more", n-most+1)), parts[n-3:]...)
	}
	return parts
}

// wrap breaks text into lines.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
	return b.String()
}

// opening says how the connection is opened, where it is not the plain handshake.
func (c *Case) opening() []string {
	o := &c.Open
	var lines []string
	switch {
	case o.Head.Nothing:
		lines = append(lines, "connect, and send nothing")
	case o.Head.Raw != "":
		lines = append(lines, "open with "+quote([]byte(o.Head.Raw)))
	case o.Head.Line != "":
		lines = append(lines, "open with the line "+quote([]byte(o.Head.Line)))
	}
	for _, name := range o.Head.Without {
		lines = append(lines, "without "+name)
	}
	for i, line := range o.Head.With {
		if i == 8 {
			lines = append(lines, fmt.Sprintf("and %d lines more", len(o.Head.With)-i))
			break
		}
		lines = append(lines, "with "+shownHead(line))
	}
	for _, e := range o.Extensions {
		lines = append(lines, "with Sec-WebSocket-Extensions: "+e)
	}
	if o.Deflate != nil {
		lines = append(lines, "agree on "+o.Deflate.offer())
	}
	if o.Head.Chop > 0 {
		lines = append(lines, fmt.Sprintf("%d bytes in a write, %v apart", o.Head.Chop, o.Head.Delay))
	}
	if o.Head.Wait > 0 {
		lines = append(lines, fmt.Sprintf("wait for the answer for %v more than usual", o.Head.Wait))
	}
	for i := range o.Pipelined {
		lines = append(lines, "in the same write "+o.Pipelined[i].String())
	}
	return lines
}

// Outcomes that many cases have.

// echoes are the outcomes of a case that expects what is seen, then the answer to a close with 1000.
func echoes(seen ...Pattern) []Outcome {
	return []Outcome{
		{OK, "", append(clone(seen), closed(1000, 1005))},
		{WrongCode, "everything came, but then a close with another code", append(clone(seen), closed())},
		{NonStrict, "everything came, but then no close frame", append(clone(seen), dropped())},
	}
}

// fails are the outcomes of a case in which the subject has to fail the connection with the code, after what is seen.
func fails(code int, seen ...Pattern) []Outcome {
	list := []Outcome{{OK, "", append(clone(seen), closed(code))}}
	if len(seen) > 0 {
		list = append(list, Outcome{NonStrict, "it failed the connection, but what came before is lost", append(optional(seen), closed(code))})
	}
	return append(list,
		Outcome{WrongCode, "it failed the connection, but with another code", append(optional(seen), closed())},
		Outcome{NonStrict, "it ended the connection without a close frame: RFC 6455 §7.1.7 says that one should be sent", append(optional(seen), dropped())},
	)
}

// optional are the patterns, none of which needs to come.
func optional(list []Pattern) []Pattern {
	list = clone(list)
	for i := range list {
		list[i].Optional = true
	}
	return list
}

func clone(list []Pattern) []Pattern { return append([]Pattern(nil), list...) }
