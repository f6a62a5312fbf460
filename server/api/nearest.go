package api

import (
	"fmt"
	"slices"
	"strings"
)

// unknown says that a name is none of those there are, and which was probably meant.
func unknown(what, name string, names []string) string {
	slices.Sort(names)
	best, least := "", 0
	for _, n := range names {
		if d := distance(strings.ToLower(name), n); best == "" || d < least {
			best, least = n, d
		}
	}
	if best != "" && least <= max(1, len(best)/2) {
		return fmt.Sprintf("unknown %s %.40q: did you mean %q?", what, name, best)
	}
	if len(names) == 0 {
		return fmt.Sprintf("unknown %s %.40q: there is none here", what, name)
	}
	return fmt.Sprintf("unknown %s %.40q: there are %s", what, name, strings.Join(names, ", "))
}

// distance is how many bytes must be added, removed or replaced to make b of a. What differs much in length is far apart, whatever
// is in it, so that long names cost nothing.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return max(d, -d)
	}
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(last[j+1], row[j]) + 1
			if a[i] == b[j] {
				row[j+1] = min(row[j+1], last[j])
			} else {
				row[j+1] = min(row[j+1], last[j]+1)
			}
		}
		last = row
	}
	return last[len(b)]
}
