package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-ws/parley/bench/internal/load"
)

// memory is what a server takes, in bytes, or what a session adds to it.
type memory struct {
	// Resident is what the process holds of the machine's memory, without what the garbage collector has freed and the runtime has not given back yet.
	Resident float64 `json:"resident"`
	// Heap is what objects take in it, and Stacks what stacks do.
	Heap   float64 `json:"heap"`
	Stacks float64 `json:"stacks"`
	// Goroutines is their number.
	Goroutines float64 `json:"goroutines"`
}

// idleResult is what idle sessions of one form cost.
type idleResult struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Session is what one more session adds.
	Session memory `json:"session"`
	// Top is the head of the heap profile with all sessions.
	Top string `json:"top"`
	// Seconds is how long it took to open all of them.
	Seconds float64 `json:"seconds"`
}

// idle measures the memory of idle sessions.
func (b *bench) idle(ctx context.Context, form load.Form, title string) (one idleResult, err error) {
	s, err := b.start(ctx)
	if err != nil {
		return one, err
	}
	defer s.stop()
	one = idleResult{Name: form.String(), Title: title}
	// A few come and go first, so that what the first one costs is not counted.
	if err := (load.Sessions{Form: form, Conns: 64, Topic: "warm"}).Open(b.target(s), func() error { return nil }); err != nil {
		return one, err
	}
	if err := s.alone(ctx); err != nil {
		return one, err
	}
	before, err := s.settled(ctx)
	if err != nil {
		return one, err
	}
	begun := time.Now()
	err = load.Sessions{Form: form, Conns: b.sessions, Topic: "idle"}.Open(b.target(s), func() error {
		one.Seconds = time.Since(begun).Seconds()
		after, err := s.settled(ctx)
		if err != nil {
			return err
		}
		n := float64(b.sessions)
		one.Session = memory{
			Resident: (after.Resident - before.Resident) / n, Heap: (after.Heap - before.Heap) / n,
			Stacks: (after.Stacks - before.Stacks) / n, Goroutines: (after.Goroutines - before.Goroutines) / n,
		}
		m, err := s.metrics(ctx)
		if err != nil {
			return err
		}
		if open := int(m.sum("parley_sessions{")); form != load.Bare && open != b.sessions {
			return fmt.Errorf("the server has %d of %d sessions", open, b.sessions)
		}
		one.Top, err = b.profile(ctx, s, "idle-"+one.Name, "/debug/pprof/heap?gc=1", "-sample_index=inuse_space")
		return err
	})
	return one, err
}

// alone waits until nobody but whoever asks is connected, and takes a profile.
func (s *server) alone(ctx context.Context) error {
	for range 200 {
		m, err := s.metrics(ctx)
		if err != nil {
			return err
		}
		if m["parley_connections"] <= 2 && m.sum("parley_sessions{") == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("connections that were closed are still there for the server")
}

// settled returns the memory of a server that has collected its garbage until there is no more to collect: a stack shrinks by one half
// each time.
func (s *server) settled(ctx context.Context) (m memory, err error) {
	last := math.Inf(1)
	for range 20 {
		for range 2 {
			if _, err := s.get(ctx, "/debug/pprof/heap?gc=1"); err != nil {
				return m, err
			}
		}
		time.Sleep(100 * time.Millisecond)
		v, err := s.metrics(ctx)
		if err != nil {
			return m, err
		}
		rss, err := s.resident()
		if err != nil {
			return m, err
		}
		m = memory{
			Resident: rss - (v["go_memstats_heap_idle_bytes"] - v["go_memstats_heap_released_bytes"]),
			Heap:     v["go_memstats_heap_alloc_bytes"], Stacks: v["go_memstats_stack_inuse_bytes"], Goroutines: v["go_goroutines"],
		}
		if m.Resident > last*.995 {
			return m, nil
		}
		last = m.Resident
	}
	return m, nil
}

// profile takes a profile of the server and returns what takes most.
func (b *bench) profile(ctx context.Context, s *server, name, path string, flags ...string) (top string, err error) {
	dir := b.dir
	if b.profiles != "" {
		dir = b.profiles
	}
	file := filepath.Join(dir, name+".pprof")
	text, err := s.get(ctx, path)
	if err == nil {
		err = os.WriteFile(file, text, 0o666)
	}
	if err != nil {
		return "", err
	}
	flags = append([]string{"tool", "pprof", "-top", "-nodecount=16"}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(flags, b.program, file)...).Output()
	if err != nil {
		return "", fmt.Errorf("go tool pprof: %w", err)
	}
	if i := strings.Index(string(out), "Showing nodes"); i >= 0 {
		out = out[i:]
	}
	return string(out), nil
}
