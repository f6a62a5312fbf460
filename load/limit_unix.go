//go:build unix

package load

import "syscall"

// maxFiles is how many files this process may have open; the runtime has raised that as far as it may.
func maxFiles() (uint64, bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0, false
	}
	return uint64(limit.Cur), true
}
