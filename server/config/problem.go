package config

import (
	"cmp"
	"slices"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	// Where is the place: "parley.toml:7", "PARLEY_DRAIN" or "--drain".
	Where string
	// Text says what is wrong there and what to do about it.
	Text string

	layer int // that it was found in, the files first
	line  int
}

// Error is all that is wrong with a configuration: files first, by line, then variables, then flags.
type Error []Problem

// Error returns a line for each problem, "WHERE: TEXT".
func (e Error) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Where + ": " + p.Text
	}
	return strings.Join(lines, "\n")
}

// sorted returns the error of all problems, or nil if there is none.
func sorted(list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.line, b.line))
	})
	return Error(slices.CompactFunc(list, func(a, b Problem) bool { return a.Where == b.Where && a.Text == b.Text }))
}
