package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

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
