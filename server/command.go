package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"reflect"
	"sync"
	"time"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/server/config"
)

// commands are those of the configuration, each with what runs of it. The zero value has none.
type commands struct {
	mu      sync.Mutex
	want    []commandSpec // what runs, or will once they are started
	started bool
	closed  bool
	running map[string]*command // by name
	all     map[*command]bool   // also those that are ending
	ending  sync.WaitGroup
}

// commandSpec is what a command is made of. As long as it is the same, a reload lets the command be.
type commandSpec struct {
	config.Command
	Message, Queue int
}

// name tells commands apart: a path begins with a slash, and a topic may, too.
func (c *commandSpec) name() string {
	if c.OnTopic() {
		return "topic " + c.Topic
	}
	return "path " + c.Path
}

// command is one command of the configuration.
type command struct {
	s    *Server
	spec commandSpec
	over chan struct{} // closed when all of it has ended

	mu      sync.Mutex
	stopped bool
	handler *bridge.Handler // on a path; nil before it has been started
	feed    *feed           // on a topic; the same
}

// specs are the commands of a configuration.
func specs(cfg *config.Config) []commandSpec {
	list := make([]commandSpec, len(cfg.Commands))
	for i := range cfg.Commands {
		list[i] = commandSpec{cfg.Commands[i], int(cfg.Limits.MessageBytes), int(cfg.Limits.Outbox)}
	}
	return list
}

// checkCommands returns an error for what would not start. It starts nothing.
func (s *Server) checkCommands(cfg *config.Config) error {
	for i, spec := range specs(cfg) {
		c := &command{s: s, spec: spec}
		err := bridge.Check(c.options(cfg))
		if errors.Is(err, exec.ErrNotFound) {
			err = fmt.Errorf("%w: check its name, or give its path", err)
		}
		if err != nil {
			return &OptionError{fmt.Sprintf("command[%d]", i), err}
		}
	}
	return nil
}

// setCommands has the commands of a configuration run, and no others: those that are the same go on. What is in the place of another one is
// started when that has ended.
func (s *Server) setCommands(cfg *config.Config) {
	c := &s.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want = specs(cfg)
	if c.started && !c.closed {
		s.runCommands(max(cfg.Drain, reloadEnd))
	}
}

// reloadEnd is how long a command that a reload ends may take at least.
const reloadEnd = 10 * time.Second

// startCommands starts the commands, if they have not been.
func (s *Server) startCommands() {
	c := &s.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started && !c.closed {
		c.started, c.running, c.all = true, map[string]*command{}, map[*command]bool{}
		s.runCommands(0)
	}
}

// runCommands makes running what want says. commands.mu is held.
func (s *Server) runCommands(end time.Duration) {
	c := &s.commands
	old := c.running
	c.running = map[string]*command{}
	for i := range c.want {
		spec := c.want[i]
		name := spec.name()
		before := old[name]
		if before != nil && reflect.DeepEqual(before.spec, spec) {
			c.running[name] = before
			delete(old, name)
			continue
		}
		next := &command{s: s, spec: spec, over: make(chan struct{})}
		c.running[name], c.all[next] = next, true
		if before == nil {
			next.start()
			continue
		}
		c.ending.Go(func() {
			<-before.over
			next.start()
		})
	}
	for _, before := range old {
		c.ending.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), end)
			defer cancel()
			before.stop(ctx) // an error says that it was killed
			c.mu.Lock()
			delete(c.all, before)
			c.mu.Unlock()
		})
	}
}

// endCommands ends all commands, those at once that have not ended when ctx does. It returns the error of ctx then.
func (s *Server) endCommands(ctx context.Context) error {
	c := &s.commands
	c.mu.Lock()
	c.closed = true
	var list []*command
	for one := range c.all {
		list = append(list, one)
	}
	c.mu.Unlock()
	kill := context.AfterFunc(ctx, s.Kill)
	defer kill()
	errs := make([]error, len(list))
	var stopping sync.WaitGroup
	for i, one := range list {
		stopping.Go(func() { errs[i] = one.stop(ctx) })
	}
	stopping.Wait()
	c.ending.Wait()
	return errors.Join(errs...)
}

// Kill kills the processes of all commands at once, for a program that has to end.
func (s *Server) Kill() {
	c := &s.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	for one := range c.all {
		one.kill()
	}
}

// connections returns how many connections to commands there are.
func (c *commands) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for one := range c.all {
		one.mu.Lock()
		if one.handler != nil {
			n += one.handler.Connections()
		}
		one.mu.Unlock()
	}
	return n
}

// start starts the command, unless it has been stopped before.
func (c *command) start() {
	cfg := c.s.config.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	var err error
	if c.spec.OnTopic() {
		c.feed, err = c.newFeed(c.options(cfg))
	} else {
		c.handler, err = bridge.New(c.options(cfg))
	}
	if err != nil { // it was in order when the configuration was checked
		c.s.log.Error("a command cannot be started", "command", c.spec.name(), "err", err)
	}
}

// stop ends the command, and kills what is left of it when ctx ends. It may be called more than once.
func (c *command) stop(ctx context.Context) error {
	c.mu.Lock()
	first := !c.stopped
	c.stopped = true
	handler, feed := c.handler, c.feed
	c.mu.Unlock()
	if !first {
		<-c.over
		return nil
	}
	defer close(c.over)
	switch {
	case handler != nil:
		return handler.Shutdown(ctx)
	case feed != nil:
		return feed.stop(ctx)
	}
	return nil
}

func (c *command) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.handler != nil:
		c.handler.Kill()
	case c.feed != nil:
		c.feed.runner.Kill()
	}
}

// options are those of package bridge.
func (c *command) options(cfg *config.Config) bridge.Options {
	spec := &c.spec
	pass := spec.PassEnv
	if len(pass) == 0 {
		pass = bridge.DefaultPassEnv()
	}
	log := c.s.log.With("command", spec.name())
	o := bridge.Options{
		Command:        spec.Run,
		Mode:           map[string]bridge.Mode{"shared": bridge.Shared, "pool": bridge.Pool}[spec.Mode],
		PoolSize:       spec.Processes,
		Dir:            spec.Dir,
		Mount:          spec.Path,
		Who:            who,
		Env:            bridge.PassEnv(pass),
		Software:       "parley/" + c.s.version,
		Binary:         spec.Binary,
		Stderr:         map[string]bridge.Stderr{"merge": bridge.MergeStderr, "json": bridge.JSONStderr}[spec.Stderr],
		Terminal:       spec.PTY,
		History:        spec.History,
		Restart:        map[string]bridge.Restart{"on-failure": bridge.RestartOnFailure, "never": bridge.RestartNever}[spec.Restart],
		Slow:           map[string]bridge.Slow{"drop": bridge.DropSlow}[spec.Slow],
		MaxConnections: spec.MaxConnections,
		MaxMessage:     int64(spec.Message),
		Queue:          spec.Queue,
		WriteTimeout:   cfg.Limits.WriteTimeout,
		AnyHost:        true, // the server has looked at it
		Subprotocols:   []string{subprotocolCommand},
		Accept:         c.accept,
		Opened:         c.opened,
		Trace:          c.trace(log),
		Logger:         log,
	}
	switch {
	case spec.Frame != "":
		o.Framing, _ = bridge.ParseFraming(spec.Frame) // it is one of those that there are
	case spec.Binary:
		o.Framing = bridge.Chunks
	}
	if spec.Shared() {
		o.Mode = bridge.Shared
	}
	if len(spec.Ladder) == 3 {
		o.Ladder = bridge.Ladder{Close: spec.Ladder[0], Interrupt: spec.Ladder[1], Terminate: spec.Ladder[2]}
	}
	return o
}

// serveCommand answers the requests for a path.
func (s *Server) serveCommand(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.commands.mu.Lock()
		c := s.commands.running["path "+path]
		s.commands.mu.Unlock()
		var h *bridge.Handler
		if c != nil {
			c.mu.Lock()
			h = c.handler
			c.mu.Unlock()
		}
		if h == nil {
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusServiceUnavailable, "the command is about to be started: come back in a moment")
			return
		}
		c.serve(h, w, r)
	})
}
