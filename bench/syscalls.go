package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parley-ws/parley/bench/internal/load"
	"github.com/parley-ws/parley/bench/internal/subjects"
)

// countSyscalls runs one round more under strace, which makes everything slow, and counts the system calls for each
// message.
func (r *runner) countSyscalls(ctx context.Context, w *workload, s *subjects.Process) (map[string]float64, error) {
	file, err := os.CreateTemp("", "parley-bench-*.strace")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	t := r.target(w, s)
	t.Measure = max(t.Measure, 300*time.Millisecond)
	t.Around = func() (func() error, error) { return trace(ctx, s.Pid, file.Name()) }
	var m load.Measure
	if m, err = w.run(t); err != nil {
		return nil, err
	}
	return parseStrace(file, m.Messages)
}

// trace attaches strace to a process until the function that it returns is called.
func trace(ctx context.Context, pid int, file string) (done func() error, err error) {
	cmd := exec.CommandContext(ctx, "strace", "-f", "-c", "-p", strconv.Itoa(pid), "-o", file)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	attached := false
	for !attached && lines.Scan() {
		attached = strings.Contains(lines.Text(), "attached")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	done = func() error {
		_ = cmd.Process.Signal(syscall.SIGINT) // it has ended if that fails, which Wait tells
		<-drained
		_ = cmd.Wait() // strace ends with the signal's status
		return nil
	}
	if !attached {
		return nil, errors.Join(fmt.Errorf("strace cannot attach to process %d", pid), done())
	}
	return done, nil
}

// parseStrace reads the table that strace -c prints.
func parseStrace(file *os.File, messages int64) (map[string]float64, error) {
	calls := map[string]float64{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// % time, seconds, usecs/call, calls, errors (or nothing), syscall
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		name := fields[len(fields)-1]
		n, err := strconv.ParseFloat(fields[3], 64)
		if err != nil || name == "total" {
			continue
		}
		if per := n / float64(messages); per >= 0.001 {
			calls[name] = per
		}
	}
	if len(calls) == 0 && lines.Err() == nil {
		return nil, errors.New("strace counted nothing")
	}
	return calls, lines.Err()
}
