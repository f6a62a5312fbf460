// Serve measures parley serve: what an idle session costs, and what it takes to deliver messages to very many.
//
//	go run ./serve                    everything: some 5 minutes, ends with docs/load.md written anew
//	go run ./serve -run idle          the workloads whose names match, as a table
//	go run ./serve -list              their names
//
// The server is the working copy's, a process of its own on one core, with the limits out of the way that would refuse the load.
// The load generator, in internal/load, runs on another core and checks everything that comes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/parley-ws/parley/bench/internal/machine"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("serve: ")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// options are the command line.
type options struct {
	pattern, json, from, doc, profiles string
	duration, quiet                    time.Duration
	sessions, subscribers              int
	list                               bool
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.pattern, "run", "", "measure only the workloads whose name matches this `regexp`")
	flag.DurationVar(&o.duration, "duration", 30*time.Second, "how long each fan-out is measured")
	flag.DurationVar(&o.quiet, "quiet", time.Minute, "wait as `long` as this, in all, for moments in which nothing else runs, and measure again what was disturbed")
	flag.IntVar(&o.sessions, "sessions", 10_000, "how many sessions are idle")
	flag.IntVar(&o.subscribers, "subscribers", 1000, "how many subscribers a fan-out has; event streams are a tenth")
	flag.StringVar(&o.json, "json", "", "write what was measured to this `file`")
	flag.StringVar(&o.from, "from", "", "measure nothing: show what -json wrote to this `file`")
	flag.StringVar(&o.doc, "doc", "", "write load.md to this `folder` (default ../docs, if everything is measured as by default)")
	flag.StringVar(&o.profiles, "profiles", "", "write profiles of the server's memory or CPU to this `folder`")
	flag.BoolVar(&o.list, "list", false, "list the workloads")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not a flag: see -h", flag.Arg(0))
	}
	if o.duration < time.Second || o.sessions < 1 || o.subscribers < 10 {
		return errors.New("-duration, -sessions and -subscribers must be at least 1s, 1 and 10")
	}
	var r *results
	var err error
	if o.from != "" {
		r, err = readResults(o.from)
	} else {
		r, err = o.measure(ctx)
	}
	if err != nil || r == nil {
		return err
	}
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "\t")
		if err == nil {
			err = os.WriteFile(o.json, append(text, '\n'), 0o666)
		}
		if err != nil {
			return fmt.Errorf("serve: writing the measurements: %w", err)
		}
	}
	r.print(os.Stdout)
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.doc == "" && !given["run"] && !given["from"] && !given["duration"] && !given["sessions"] && !given["subscribers"] {
		o.doc = "../docs"
	}
	if o.doc == "" {
		return nil
	}
	text, err := r.document()
	if err == nil {
		err = os.WriteFile(filepath.Join(o.doc, "load.md"), text, 0o666)
	}
	if err != nil {
		return fmt.Errorf("serve: writing the document: %w", err)
	}
	return nil
}

// measure measures what the options ask for. There are no results if they only ask for a list.
func (o *options) measure(ctx context.Context) (*results, error) {
	pattern, err := regexp.Compile(o.pattern)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var chosen []workload
	for _, w := range o.workloads() {
		if pattern.MatchString(w.name) {
			chosen = append(chosen, w)
		}
	}
	if o.list {
		for _, w := range chosen {
			fmt.Printf("%-12s %s\n", w.name, w.title)
		}
		return nil, nil
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-run %s: no workload has such a name: see -list", o.pattern)
	}
	b := &bench{options: o}
	if b.serverCores, b.loadCores, err = machine.Cores(); err != nil {
		return nil, err
	}
	if b.serverCores == nil {
		log.Print("there is only one core: server and load generator share it, so that the figures say little")
	}
	if err := machine.LimitFiles(o.sessions + 200); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "parley-serve-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	r := &results{
		Date: time.Now(), Machine: machine.Describe(), Version: b.version, Sessions: o.sessions, Subscribers: o.subscribers,
		Duration: o.duration.Seconds(),
	}
	begun, err := readUsage()
	if err != nil {
		return nil, err
	}
	for i, w := range chosen {
		fmt.Fprintf(os.Stderr, "%2d/%d %s\n", i+1, len(chosen), w.title)
		if err := w.run(ctx, b, r); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	ended, err := readUsage()
	if err != nil {
		return nil, err
	}
	r.Took = time.Since(r.Date).Seconds()
	r.Others = begun.others(ended)
	return r, nil
}
