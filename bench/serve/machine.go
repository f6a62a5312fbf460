package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

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

// cores shares out the cores that this process may use: one for the server, the next one for the load generator. They are nil if there is
// only one.
func cores() (server, load []int, err error) {
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

// limitFiles raises the limit of open files as far as it goes, for this process and the server.
func limitFiles(need int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if l.Cur < uint64(need) {
		return fmt.Errorf("only %d files may be open, and %d have to be (ulimit -n): ask for fewer with -sessions", l.Cur, need)
	}
	return nil
}

// usage is CPU time that was used up to a moment.
type usage struct {
	at        time.Time
	all, ours time.Duration
}

// readUsage reads the CPU time of the whole machine, and of this process and those that it has waited for.
func readUsage() (u usage, err error) {
	u.at = time.Now()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat: %q: %w", line, err)
		}
		// User, nice, system, idle, waiting for I/O, interrupts, softirqs, stolen; then some that are counted already.
		if i < 8 && i != 3 && i != 4 {
			u.all += time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
		}
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			return u, err
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// others is how many cores all others used between two moments.
func (u usage) others(later usage) float64 {
	return max(0, float64(later.all-u.all-(later.ours-u.ours))/float64(later.at.Sub(u.at)))
}

// others is how many cores all others use for a while.
func others(ctx context.Context, d time.Duration) (float64, error) {
	before, err := readUsage()
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := readUsage()
	return before.others(after), err
}
