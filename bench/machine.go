package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/parley-ws/parley/bench/internal/report"
)

// machine describes where the bench runs.
func machine() report.Machine {
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

// cores shares out the cores that this process may use: one for the servers, the next one for the load generator. They are
// nil if there is only one.
func cores() (servers, load []int, err error) {
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

// limitFiles raises the limit of open files as far as it goes, for this process and the servers.
func limitFiles() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if l.Cur < 10200 {
		return fmt.Errorf("only %d files may be open: idle connections need 10,200 (ulimit -n)", l.Cur)
	}
	return nil
}
