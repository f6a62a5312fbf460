// Bench measures Parley beside other WebSocket servers and a raw TCP echo in Go.
//
//	go run .                     everything: some 20 minutes, ends with docs/performance.md written anew
//	go run . -run echo-125       the workloads whose names match, as a table
//	go run . -list               their names
//
// It is a module of its own, so that the libraries compared never become dependencies of Parley. It measures the working
// copy beside it, not a released version.
//
// Each server is a process of its own, pinned to one core; the load generator, in internal/load, runs on another. Rounds
// are short and interleaved, so that a machine whose mood changes changes it for all. What internal/report makes of
// them are ratios of rounds that followed each other.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/parley-ws/parley/bench/internal/machine"
	"github.com/parley-ws/parley/bench/internal/report"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// options are the command line.
type options struct {
	pattern, names, json, from, doc string
	rounds                          int
	time                            time.Duration
	list, syscalls                  bool
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.pattern, "run", "", "measure only the workloads whose name matches this `regexp`")
	flag.StringVar(&o.names, "subjects", "", "measure only these servers, a `list` with commas")
	flag.IntVar(&o.rounds, "rounds", 7, "how many `rounds` each server has in each workload")
	flag.DurationVar(&o.time, "time", 250*time.Millisecond, "how long a round lasts")
	flag.BoolVar(&o.syscalls, "syscalls", true, "count system calls, where strace is there")
	flag.StringVar(&o.json, "json", "", "write what was measured to this `file`")
	flag.StringVar(&o.from, "from", "", "measure nothing: show what -json wrote to this `file`")
	flag.StringVar(&o.doc, "doc", "", "write performance.md and its plots to this `folder` (default ../docs, if everything is measured)")
	flag.BoolVar(&o.list, "list", false, "list the workloads and the servers")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not a flag: see -h", flag.Arg(0))
	}
	if o.rounds < 1 || o.time < time.Millisecond {
		return errors.New("-rounds and -time must be at least 1 and 1ms")
	}

	var r *report.Report
	var err error
	switch {
	case o.from != "":
		r, err = report.ReadJSON(o.from)
	default:
		r, err = o.measure(ctx)
	}
	if err != nil || r == nil {
		return err
	}
	if o.json != "" {
		if err := report.WriteJSON(o.json, r); err != nil {
			return err
		}
	}
	r.Table(os.Stdout)
	if o.doc == "" && o.from == "" && o.pattern == "" && o.names == "" {
		o.doc = "../docs"
	}
	if o.doc != "" {
		return r.Document(o.doc)
	}
	return nil
}

// measure measures what the options ask for. The report is nil if they only ask for a list.
func (o *options) measure(ctx context.Context) (*report.Report, error) {
	pattern, err := regexp.Compile(o.pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var chosen []workload
	for _, w := range workloads() {
		if pattern.MatchString(w.Name) {
			chosen = append(chosen, w)
		}
	}
	all := field()
	if o.list {
		for _, w := range chosen {
			fmt.Printf("%-24s %s\n", w.Name, w.Title)
		}
		fmt.Println()
		for _, s := range all {
			fmt.Printf("%-24s %s\n", s.Name, s.Title)
		}
		return nil, nil
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %s: no workload has such a name: see -list", o.pattern)
	}
	picked, err := pick(all, o.names)
	if err != nil {
		return nil, err
	}
	serverCores, loadCores, err := machine.Cores()
	if err != nil {
		return nil, err
	}
	if serverCores == nil {
		log.Print("there is only one core: servers and load generator share it, so that the figures say little")
	}
	if o.syscalls {
		if _, err := exec.LookPath("strace"); err != nil {
			log.Print("system calls are not counted: strace is missing (apt-get install strace)")
			o.syscalls = false
		}
	}
	if err := machine.LimitFiles(10_200); err != nil {
		log.Print(err)
	}
	dir, remove, err := temporary()
	if err != nil {
		return nil, err
	}
	defer remove()
	if picked, err = build(ctx, picked, dir, serverCores); err != nil {
		return nil, err
	}

	r := &report.Report{Date: time.Now(), Machine: machine.Describe(), Round: o.time}
	for _, s := range picked {
		r.Subjects = append(r.Subjects, s.Subject)
	}
	runner := runner{rounds: o.rounds, time: o.time, subjects: picked, loadCores: loadCores, syscalls: o.syscalls, log: os.Stderr}
	for i := range chosen {
		w := &chosen[i]
		fmt.Fprintf(os.Stderr, "%2d/%d %s\n", i+1, len(chosen), w.Title)
		result, err := runner.measure(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		r.Workloads = append(r.Workloads, result)
	}
	return r, nil
}

// pick chooses subjects by name.
func pick(all []*subject, names string) ([]*subject, error) {
	if names == "" {
		return all, nil
	}
	var picked []*subject
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, s := range all {
			if s.Name == strings.TrimSpace(name) {
				picked, found = append(picked, s), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-subjects: there is no server %q: see -list", name)
		}
	}
	return picked, nil
}
