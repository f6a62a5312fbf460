package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strings"

	"github.com/parley-ws/parley/bench/internal/report"
	"github.com/parley-ws/parley/bench/internal/subjects"
)

// A subject is one server that is measured: a peer's program, in one of the ways to run it.
type subject struct {
	report.Subject
	program string   // its folder in peers
	args    []string // beside those of the workload
	modes   []string // of compression; nil for what the program has
	extra   bool     // it takes part only in workloads that name it

	peer  *subjects.Subject
	cores []int
}

var plainOnly = []string{"off"}

// field lists the subjects in the order of the report.
func field() []*subject {
	named := func(name, title, program string) *subject {
		return &subject{Subject: report.Subject{Name: name, Title: title}, program: program}
	}
	own := named("parley-own", "Parley on its own listener, Run", "parley")
	own.args, own.modes, own.extra = []string{"-listener", "own"}, plainOnly, true
	pull := func(method string) *subject {
		s := named("parley-"+strings.ToLower(method), "Parley through net/http, "+method, "parley")
		s.args, s.modes, s.extra = []string{"-read", strings.ToLower(method)}, plainOnly, true
		return s
	}
	return []*subject{
		named("raw", "a raw TCP echo in Go", "raw"),
		named("parley", "Parley through net/http, Run", "parley"),
		own, pull("Messages"), pull("Read"),
		named("gws", "lxzan/gws", "gws"),
		named("gobwas", "gobwas/ws", "gobwas"),
		named("gorilla", "gorilla/websocket", "gorilla"),
		named("coder", "coder/websocket", "coder"),
		named("node", "ws on Node.js", "nodews"),
		named("bun", "Bun, whose server is µWebSockets", "bun"),
	}
}

// build compiles the subjects into a folder, and leaves out those that cannot be run here, saying so.
func build(ctx context.Context, list []*subject, dir string, cores []int) (ready []*subject, err error) {
	built := map[string]*subjects.Subject{}
	for _, s := range list {
		s.cores = cores
		if s.peer = built[s.program]; s.peer == nil {
			peer, ok := subjects.Find(s.program)
			if !ok {
				return nil, errors.New("there is no program " + s.program)
			}
			s.peer = peer
			if err := peer.Build(ctx, dir); errors.Is(err, subjects.ErrMissing) {
				log.Printf("%s is left out: %v", s.Name, err)
				continue
			} else if err != nil {
				return nil, err
			}
			built[s.program] = s.peer
		}
		s.Version = s.peer.Version
		if s.modes == nil {
			s.modes = s.peer.Modes
		}
		ready = append(ready, s)
	}
	return ready, nil
}

// start starts the server for a workload.
func (s *subject) start(ctx context.Context, w *workload) (*subjects.Process, error) {
	o := subjects.Options{Args: append([]string{"-compress", w.compress}, s.args...), Cores: s.cores}
	if w.tls {
		o.Args = append(o.Args, "-tls")
	}
	if s.program == "raw" && w.idle > 0 {
		o.Args = append(o.Args, "-buffer", "4096")
	}
	return s.peer.Start(ctx, o)
}

// temporary returns a folder that remove removes.
func temporary() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "parley-bench-")
	return dir, func() { os.RemoveAll(dir) }, err
}
