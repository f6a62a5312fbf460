// Package machine says where a bench runs, and takes what it needs there: cores and open files.
package machine

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/parley-ws/parley/bench/internal/report"
)

// Describe describes where the bench runs.
func Describe() report.Machine {
	m := report.Machine{CPU: "unknown", Cores: runtime.NumCPU(), Kernel: runtime.GOOS, Go: runtime.Version()}
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// Cores shares out the cores that this process may use: one for the servers, the next one for the load generator. They are
// nil if there is only one.
func Cores() (servers, load []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, nil, fmt.Errorf("which cores may be used: %w", err)
	}
	var may []int
	for n := range 1024 {
		if set.IsSet(n) {
			may = append(may, n)
		}
	}
	if len(may) < 2 {
		return nil, nil, nil
	}
	return may[:1], may[1:2], nil
}

// LimitFiles raises the limit of open files as far as it goes, for this process and those that it starts. If that is less than need, it returns an
// error.
func LimitFiles(need int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if l.Cur < uint64(need) {
		return fmt.Errorf("only %d files may be open, and %d have to be: raise the limit (ulimit -n), or measure fewer connections", l.Cur, need)
	}
	return nil
}
