//go:build !unix

package limit

// maxFiles is how many files the process may open, which nobody says here.
func maxFiles() int { return defaultFiles }
