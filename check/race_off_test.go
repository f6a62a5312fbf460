//go:build !race

package check_test

// heavy is empty: without the race detector every case runs.
var heavy []string
