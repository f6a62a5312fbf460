//go:build !unix

package load

// maxFiles is how many files this process may have open, where that can be known.
func maxFiles() (uint64, bool) { return 0, false }
