package config

import (
	"fmt"
	"strings"
)

// didYouMean returns ": did you mean X?" with the name nearest to what was written, or "" if none is near.
func didYouMean(written string, names []string, before, after string) string {
	best, least := "", 0
	for _, name := range names {
		d := distance(strings.ToLower(written), strings.ToLower(name))
		if best == "" || d < least {
			best, least = name, d
		}
	}
	if best == "" || least > max(1, len(best)/3) {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s%s?", before, best, after)
}

// distance is how many bytes must be added, removed, replaced or swapped with their neighbour to make b of a (optimal string alignment).
// Names that differ much in length are far apart, whatever is in them: what a file holds may be long.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return max(d, -d)
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+1)
			if a[i-1] == b[j-1] {
				row[j] = min(row[j], last[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
