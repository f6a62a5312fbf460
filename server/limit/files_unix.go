//go:build unix

package limit

import "syscall"

// maxFiles is how many files the process may open. Package os has raised that as far as it goes.
func maxFiles() int {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return defaultFiles
	}
	return int(min(uint64(r.Cur), 1<<24))
}
