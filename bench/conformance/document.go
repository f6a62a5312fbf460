package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/parley-ws/parley/check"
)

const intro = `# Conformance of WebSocket libraries

This page is made by %[1]s: the suite behind %[2]s, described in [check.md](check.md), run against
echo servers and echo clients on each library. %[3]s, %[4]s, %[5]s.

Each library is used as its documentation, or its own program for Autobahn|Testsuite, shows it, and of the ways shown there in the one
that keeps most of the RFC: %[6]s and %[7]s hold the programs. Messages of up to 32 MiB
are let through. What a library leaves to the application, and its documentation does not say how to do, is not added. "compression" is how
permessage-deflate was configured: off, on (each message for itself) or takeover.

A row is no ranking. Most of what fails is what no application does to another, and some libraries say in their documentation what they leave out on
purpose. %[8]s says what a case demands and why. The cases on the top bit of the 64-bit length are left out for every peer.

`

// document writes the page.
func document(all []*judged) string {
	var b strings.Builder
	code := func(s string) string { return "`" + s + "`" }
	fmt.Fprintf(&b, intro, code("make conformance"), code("parley check"), time.Now().UTC().Format("2 January 2006"), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH,
		code("bench/peers"), code("interop/peers"), code("parley check --explain ID"))
	for _, role := range []check.Role{check.RoleServer, check.RoleClient} {
		var some []*judged
		for _, j := range all {
			if j.role == role {
				some = append(some, j)
			}
		}
		if len(some) == 0 {
			continue
		}
		fmt.Fprintf(&b, "## %ss\n\n", strings.ToUpper(string(role[:1]))+string(role[1:]))
		totals(&b, some)
		byGroup(&b, some)
		wrong(&b, some)
	}
	return b.String()
}

// row writes a line of a table.
func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func totals(b *strings.Builder, all []*judged) {
	head, line := []string{"library", "version", "compression", "cases"}, []string{"---", "---", "---", "--:"}
	for _, v := range check.Verdicts {
		head, line = append(head, string(v)), append(line, "--:")
	}
	row(b, head...)
	row(b, line...)
	for _, j := range all {
		cells := []string{j.name, j.version, j.compress, fmt.Sprint(len(j.report.Results))}
		count := j.report.Count()
		for _, v := range check.Verdicts {
			cells = append(cells, fmt.Sprint(count[v]))
		}
		row(b, cells...)
	}
	b.WriteByte('\n')
}

// byGroup says for each group how many cases failed, ended with the wrong code or were not strict.
func byGroup(b *strings.Builder, all []*judged) {
	b.WriteString("Fail + wrong-code + non-strict, by group; · is none, – is a group of which nothing is implemented:\n\n")
	head, line := []string{"group"}, []string{"---"}
	for _, j := range all {
		head, line = append(head, j.name+" ("+j.compress+")"), append(line, "--:")
	}
	row(b, head...)
	row(b, line...)
	for _, g := range check.Groups() {
		cells := []string{g.Title}
		ran := false
		for _, j := range all {
			i := slices.IndexFunc(j.report.Groups(), func(c check.GroupCount) bool { return c.Group == g.Name })
			if i < 0 {
				cells = append(cells, "")
				continue
			}
			ran = true
			c := j.report.Groups()[i].Count
			switch bad := c[check.Fail] + c[check.WrongCode] + c[check.NonStrict]; {
			case c[check.Unimplemented] == c.Total():
				cells = append(cells, "–")
			case bad == 0:
				cells = append(cells, "·")
			default:
				cells = append(cells, fmt.Sprintf("%d + %d + %d", c[check.Fail], c[check.WrongCode], c[check.NonStrict]))
			}
		}
		if ran {
			row(b, cells...)
		}
	}
	b.WriteByte('\n')
}

// wrong lists what each peer did wrong, by topic.
func wrong(b *strings.Builder, all []*judged) {
	for _, j := range all {
		type topic struct {
			verdict check.Verdict
			name    string
		}
		count := map[topic]int{}
		first := map[topic]*check.Result{}
		var order []topic
		for _, v := range []check.Verdict{check.Fail, check.WrongCode, check.NonStrict} {
			for _, r := range j.report.Results {
				if r.Verdict != v {
					continue
				}
				t := topic{v, strings.Join(strings.SplitN(r.ID, ".", 3)[:2], ".")}
				if count[t]++; count[t] == 1 {
					order = append(order, t)
					first[t] = r
				}
			}
		}
		if len(order) == 0 {
			continue
		}
		fmt.Fprintf(b, "<details><summary>%s %s, compression %s</summary>\n\n", j.name, j.version, j.compress)
		row(b, "verdict", "cases", "number", "the first of them")
		row(b, "---", "---", "--:", "---")
		for _, t := range order {
			r := first[t]
			row(b, string(t.verdict), "`"+t.name+".*`", fmt.Sprint(count[t]), "`"+r.ID+"`: "+cell(r.Text))
		}
		b.WriteString("\n</details>\n\n")
	}
}

// cell makes text fit for a cell of a table.
func cell(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ", "`", "'", "*", "\\*", "_", "\\_").Replace(s)
}
