package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// bottleneck is the share of the time above which the load generator, and not the server, sets the pace.
const bottleneck = 0.9

// wholeRounds returns how many rounds the subject with the most of them had, over all workloads.
func (r *Report) wholeRounds() int {
	n := 0
	for i := range r.Workloads {
		for _, s := range r.Workloads[i].Series {
			n = max(n, len(s.Rounds))
		}
	}
	return n
}

// columns returns the names of the subjects that took part in any of some workloads, in the report's order, followed by
// any that the report does not list.
func (r *Report) columns(workloads []*Workload) []string {
	var names []string
	for _, s := range r.Subjects {
		if slices.ContainsFunc(workloads, func(w *Workload) bool { return w.Of(s.Name) != nil }) {
			names = append(names, s.Name)
		}
	}
	for _, w := range workloads {
		for _, s := range w.Series {
			if !slices.Contains(names, s.Subject) {
				names = append(names, s.Subject)
			}
		}
	}
	return names
}

// A group is workloads of one family.
type group struct {
	name      string
	workloads []*Workload
}

// groups returns the workloads by family, in the order in which a family first appears.
func (r *Report) groups() []group {
	var list []group
	for i := range r.Workloads {
		w := &r.Workloads[i]
		at := slices.IndexFunc(list, func(g group) bool { return g.name == w.Group })
		if at < 0 {
			at, list = len(list), append(list, group{name: w.Group})
		}
		list[at].workloads = append(list[at].workloads, w)
	}
	return list
}

// unit returns what all figures of a group are in, or "" if they differ.
func (g group) unit() string {
	unit := g.workloads[0].measure()
	for _, w := range g.workloads {
		if w.measure() != unit {
			return ""
		}
	}
	return unit
}

// measure says in what the figures are, and which of them are better.
func (w *Workload) measure() string {
	if w.More {
		return w.Unit + ", more is better"
	}
	return w.Unit + ", less is better"
}

// loadNote names the subjects for which the load generator was at its limit, or is empty.
func (w *Workload) loadNote() string {
	var names []string
	for _, s := range w.Series {
		if share := w.Load(s.Subject).Median; share > bottleneck {
			names = append(names, s.Subject+" ("+percentOfTime(share)+" of the time)")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "the load generator was the bottleneck: " + strings.Join(names, ", ")
}

// failures says what failed, and why, a line each.
func (w *Workload) failures() []string {
	var lines []string
	for _, s := range w.Series {
		if s.Failed == "" {
			continue
		}
		after := ""
		switch n := len(s.Rounds); n {
		case 0:
		case 1:
			after = " after one round"
		default:
			after = fmt.Sprintf(" after %d rounds", n)
		}
		lines = append(lines, s.Subject+" failed"+after+": "+oneLine(s.Failed))
	}
	return lines
}

// A call is one system call, and how often it is made for each message.
type call struct {
	name  string
	count float64
}

// calls returns how many system calls a message takes, and the two that are made most often.
func (s *Series) calls() (total float64, most []call) {
	for name, count := range s.Syscalls {
		most = append(most, call{name, count})
	}
	slices.SortFunc(most, func(a, b call) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	for _, c := range most { // in that order, so that the sum is the same each time
		total += c.count
	}
	return total, most[:min(2, len(most))]
}

// callsText is calls as text, such as "2.02 (read 1.01, write 1.01)", or empty if they were not counted.
func (s *Series) callsText() string {
	total, most := s.calls()
	if len(most) == 0 {
		return ""
	}
	parts := make([]string, len(most))
	for i, c := range most {
		parts[i] = c.name + " " + number(c.count)
	}
	return number(total) + " (" + strings.Join(parts, ", ") + ")"
}

// verdicts counts the targets.
func (r *Report) verdicts() (met, missed, open int) {
	for i := range r.Workloads {
		for _, o := range r.Workloads[i].Outcomes() {
			switch {
			case o.Why != "":
				open++
			case o.Met:
				met++
			default:
				missed++
			}
		}
	}
	return met, missed, open
}

// score says how many targets were met.
func (r *Report) score() string {
	met, missed, open := r.verdicts()
	text := fmt.Sprintf("%d met, %d missed", met, missed)
	if open > 0 {
		text += fmt.Sprintf(", %d not judged", open)
	}
	return text
}

// ran says when and on what the report was made.
func (r *Report) ran() (date, machine string) {
	m := r.Machine
	return r.Date.UTC().Format("2 January 2006"), fmt.Sprintf("%s, %d cores, %s, %s", m.CPU, m.Cores, m.Kernel, m.Go)
}
