package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parley-ws/parley/bench/internal/load"
	"github.com/parley-ws/parley/bench/internal/report"
	"github.com/parley-ws/parley/bench/internal/subjects"
)

// runner measures workloads.
type runner struct {
	rounds    int
	time      time.Duration
	subjects  []*subject
	loadCores []int
	syscalls  bool
	log       io.Writer // what goes on
}

// running is a subject that takes part in a workload.
type running struct {
	*subject
	server *subjects.Process
	series report.Series
}

// measure runs a workload: the subjects in turn, round after round.
func (r *runner) measure(ctx context.Context, w *workload) (report.Workload, error) {
	result := w.Workload
	if w.idle > 0 {
		return r.measureIdle(ctx, w)
	}
	var field []*running
	defer func() {
		for _, s := range field {
			if s.server != nil {
				r.stop(s.Name, s.server)
			}
		}
	}()
	for _, s := range r.subjects {
		if !w.has(s) {
			continue
		}
		one := &running{subject: s, series: report.Series{Subject: s.Name}}
		field = append(field, one)
		var err error
		if one.server, err = s.start(ctx, w); err != nil {
			r.fail(w, one, err)
		}
	}
	for round := range r.rounds {
		for i := range field {
			s := field[(i+round)%len(field)] // nobody is always the first
			if s.series.Failed != "" {
				continue
			}
			if err := ctx.Err(); err != nil {
				return result, err
			}
			m, err := w.run(r.target(w, s.server))
			if err != nil {
				r.fail(w, s, err)
				continue
			}
			s.series.Rounds = append(s.series.Rounds, report.Round{
				Value: w.value(m), Messages: m.Messages, Seconds: m.Wall.Seconds(), ServerCPU: m.ServerCPU.Seconds(),
				LoadCPU: m.Busy.Seconds() / m.Wall.Seconds(),
				P50:     p50(m), P99: float64(m.P99) / float64(time.Microsecond),
			})
		}
	}
	for _, s := range field {
		if r.syscalls && s.series.Failed == "" && w.Group != "handshake" && w.Group != "latency" {
			calls, err := r.countSyscalls(ctx, w, s.server)
			if err != nil {
				fmt.Fprintf(r.log, "bench: %s: system calls of %s: %v\n", w.Name, s.Name, err)
			}
			s.series.Syscalls = calls
		}
		result.Series = append(result.Series, s.series)
	}
	return result, nil
}

func (r *runner) fail(w *workload, s *running, err error) {
	s.series.Failed = err.Error()
	fmt.Fprintf(r.log, "bench: %s: %s: %v\n", w.Name, s.Name, err)
}

func (r *runner) stop(name string, p *subjects.Process) {
	if err := p.Stop(); err != nil {
		fmt.Fprintf(r.log, "bench: %s: %v\n", name, err)
	}
}

func (r *runner) target(w *workload, s *subjects.Process) load.Target {
	u, _ := url.Parse(s.URL) // printed by a program of ours
	return load.Target{
		Addr: u.Host, Path: w.path, Raw: u.Scheme == "tcp", Pid: s.Pid,
		Cores: r.loadCores, Warm: r.time / 4, Measure: r.time,
	}
}

// measureIdle measures the memory of servers with idle connections, each started for the purpose.
func (r *runner) measureIdle(ctx context.Context, w *workload) (report.Workload, error) {
	result := w.Workload
	var field []*running
	for _, s := range r.subjects {
		if w.has(s) {
			field = append(field, &running{subject: s, series: report.Series{Subject: s.Name}})
		}
	}
	for range min(r.rounds, 2) {
		for _, s := range field {
			if s.series.Failed != "" {
				continue
			}
			if err := ctx.Err(); err != nil {
				return result, err
			}
			round, err := r.idle(ctx, w, s.subject)
			if err != nil {
				r.fail(w, s, err)
				continue
			}
			s.series.Rounds = append(s.series.Rounds, round)
		}
	}
	for _, s := range field {
		result.Series = append(result.Series, s.series)
	}
	return result, nil
}

func (r *runner) idle(ctx context.Context, w *workload, s *subject) (round report.Round, err error) {
	server, err := s.start(ctx, w)
	if err != nil {
		return round, err
	}
	defer r.stop(s.Name, server)
	t := r.target(w, server)
	begun := time.Now()
	// A few connections come and go first, so that what the first one costs is not counted.
	if err := (load.Idle{Conns: 64, TLS: w.tls}).Open(ctx, t, func() error { return nil }); err != nil {
		return round, err
	}
	before, err := settledRSS(server.Pid)
	if err != nil {
		return round, err
	}
	err = load.Idle{Conns: w.idle, TLS: w.tls}.Open(ctx, t, func() error {
		after, err := settledRSS(server.Pid)
		round.Value = float64(after-before) / float64(w.idle)
		return err
	})
	used, cpuErr := load.ProcessCPU(server.Pid)
	if err == nil {
		err = cpuErr
	}
	round.Messages, round.Seconds, round.ServerCPU = int64(w.idle), time.Since(begun).Seconds(), used.Seconds()
	return round, err
}

// settledRSS returns the resident memory of a process, in bytes, after it was told to collect its garbage.
func settledRSS(pid int) (int64, error) {
	last := int64(-1)
	for range 20 {
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			return 0, fmt.Errorf("telling process %d to collect its garbage: %w", pid, err)
		}
		time.Sleep(300 * time.Millisecond)
		rss, err := residentSize(pid)
		if err != nil {
			return 0, err
		}
		if last >= 0 && rss > last-last/100 {
			return rss, nil
		}
		last = rss
	}
	return last, nil
}

func residentSize(pid int) (int64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
