package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/spf13/cobra"
)

func newCheck(std stdio) *cobra.Command {
	c := &checker{std: std}
	cmd := &cobra.Command{
		Use:   "check URL | --listen HOST:PORT [flags]",
		Short: "Judge a server, or clients, by the conformance suite",
		Long: `Judges an endpoint that echoes each message; ends with 8 if a case failed. Takes -H, -u, -k,
--cacert, --origin and --subprotocol as parley connect does. --html has the variable PARLEY_HTML.`,
		Example: `  parley check ws://127.0.0.1:8080/echo --html report.html
  parley check --listen 127.0.0.1:9001   # clients run /runCase?case=N&agent=NAME`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil // --listen, --list and --explain need none
			}
			return exactly(1, "the URL")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			return c.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	c.handshake.register(f)
	for _, name := range []string{"header", "user", "subprotocol", "origin", "insecure", "cacert"} {
		f.Lookup(name).Hidden = true // they are named above
	}
	f.StringVar(&c.listen, "listen", "", "wait on `HOST:PORT` for clients, and judge them")
	f.BoolVar(&c.exitAfterReport, "exit-after-report", false, "with --listen, end when a client has asked for /updateReports")
	f.StringArrayVar(&c.globs, "case", nil, "only the cases that match this `GLOB`, such as 'utf8.*'; may be repeated")
	f.StringArrayVar(&c.skip, "skip", nil, "not the cases that match this `GLOB`; may be repeated")
	f.StringArrayVar(&c.tags, "tag", nil, "only the cases with this `TAG`, or of this group; may be repeated")
	f.BoolVar(&c.list, "list", false, "list the cases and end")
	f.StringVar(&c.explain, "explain", "", "say what the case `ID` demands and why, and end")
	f.IntVar(&c.parallel, "parallel", 8, "how many cases run at a time")
	f.DurationVar(&c.timeout, "timeout", 5*time.Second, "how long the other side may be silent")
	f.StringVar(&c.json, "json", "", "write the report as JSON to this `FILE`")
	f.StringVar(&c.html, "html", "", "write the report as a page to this `FILE`")
	f.StringArrayVar(&c.beside, "beside", nil, "show this earlier --json `FILE` beside it; may be repeated")
	f.StringVar(&c.name, "name", "", "the `NAME` of the server in reports; otherwise its URL")
	f.IntVar(&c.pid, "pid", 0, "watch the memory of this process of the server (Linux)")
	f.StringVar(&c.http, "http", "1.1", "the `VERSION` of HTTP: 1.1")
	f.StringVar(&c.color, "color", "auto", "colour the table: `auto|always|never`")
	f.Lookup("http").Hidden = true
	f.Lookup("color").Hidden = true
	f.SortFlags = false
	return cmd
}

// checker is one run of check.
type checker struct {
	std             stdio
	handshake       handshakeFlags
	listen          string
	exitAfterReport bool
	globs, skip     []string
	tags            []string
	list            bool
	explain         string
	parallel        int
	timeout         time.Duration
	json, html      string
	beside          []string
	name            string
	pid             int
	http, color     string
}

func (c *checker) run(parent context.Context, args []string) error {
	const hint = "see parley check --help"
	switch {
	case c.http != "1.1":
		return usage("leave it out, or write --http 1.1", "--http: the suite speaks HTTP/1.1 only, not %s", c.http)
	case c.color != "auto" && c.color != "always" && c.color != "never":
		return usage("choose auto, always or never", "--color: unknown mode %q", c.color)
	case c.parallel < 1:
		return usage(hint, "--parallel: %d is not more than zero", c.parallel)
	case c.timeout <= 0:
		return usage(hint, "--timeout: %v is not more than zero", c.timeout)
	case c.explain != "":
		return c.printExplanation()
	case c.list:
		return c.printList(args)
	case len(args) == 0 && c.listen == "":
		return usage("give the URL of a server, or --listen 127.0.0.1:9001 to judge clients", "check: there is nothing to judge")
	case len(args) > 0 && c.listen != "":
		return usage("leave one of them out", "check: --listen waits for clients, and a URL names a server")
	case c.exitAfterReport && c.listen == "":
		return usage(hint, "--exit-after-report: there is no --listen")
	}
	earlier, err := c.earlier()
	if err != nil {
		return err
	}
	files, err := c.create()
	if err != nil {
		return err
	}
	signals := withSignals(parent, func() {})
	defer signals.release()
	var reports []*check.Report
	if c.listen != "" {
		reports, err = c.serve(signals)
	} else {
		reports, err = c.judge(signals, args[0])
	}
	if len(reports) == 0 && err != nil {
		files.drop()
		return err
	}
	if werr := c.write(files, reports, earlier); werr != nil {
		return werr
	}
	if err != nil {
		return err
	}
	for _, r := range reports {
		if r.Failed() {
			return quiet(exitExpect)
		}
	}
	return nil
}

func (c *checker) printExplanation() error {
	text, err := check.Explain(c.explain)
	if err != nil {
		return usage("parley check --list names all", "--explain: there is no case %q", c.explain)
	}
	_, err = io.WriteString(c.std.out, text)
	return err
}

// printList lists the cases, those of one role if it is clear which.
func (c *checker) printList(args []string) error {
	roles := []check.Role{check.RoleServer, check.RoleClient}
	switch {
	case len(args) > 0:
		roles = roles[:1]
	case c.listen != "":
		roles = roles[1:]
	}
	chosen := map[*check.Case]bool{}
	var failed error
	for _, role := range roles {
		cases, err := check.Choose(role, c.globs, c.skip, c.tags)
		if err != nil {
			failed = err
		}
		for _, one := range cases {
			chosen[one] = true
		}
	}
	if len(chosen) == 0 {
		return usage("parley check --list without --case and --tag lists all", "%w", failed)
	}
	var b strings.Builder
	for _, one := range check.Cases() {
		if chosen[one] {
			fmt.Fprintf(&b, "%-44s %-18s %s\n", one.ID, one.RFC, one.Expect)
		}
	}
	_, err := io.WriteString(c.std.out, b.String())
	return err
}

// earlier reads the reports that are shown beside this one.
func (c *checker) earlier() ([]*check.Report, error) {
	var all []*check.Report
	if len(c.beside) > 0 && c.html == "" {
		return nil, usage("add --html FILE", "--beside: there is no page to show it on")
	}
	for _, name := range c.beside {
		f, err := os.Open(name)
		if err != nil {
			return nil, &failure{exitIO, fmt.Errorf("--beside: %w", err), "give it a file that --json wrote"}
		}
		reports, err := check.ReadJSON(f)
		f.Close()
		if err != nil {
			return nil, &failure{exitIO, fmt.Errorf("--beside: %s: %w", name, err), "give it a file that --json wrote"}
		}
		all = append(all, reports...)
	}
	return all, nil
}

// reportFiles are the files to write, opened before anything runs, so that a wrong name costs no time.
type reportFiles struct{ json, html *os.File }

func (c *checker) create() (f reportFiles, err error) {
	for _, one := range []struct {
		flag, name string
		file       **os.File
	}{{"--json", c.json, &f.json}, {"--html", c.html, &f.html}} {
		if one.name == "" {
			continue
		}
		if *one.file, err = os.OpenFile(one.name, os.O_WRONLY|os.O_CREATE, 0o644); err != nil { // what is there stays until the run has ended
			f.drop()
			return f, &failure{exitIO, fmt.Errorf("%s: %w", one.flag, err), "choose a file that can be written"}
		}
	}
	return f, nil
}

// drop closes the files, and removes those that are empty.
func (f reportFiles) drop() {
	for _, file := range []*os.File{f.json, f.html} {
		if file == nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Size() == 0 && info.Mode().IsRegular() {
			os.Remove(file.Name())
		}
		file.Close()
	}
}

// write writes the table and the files.
func (c *checker) write(f reportFiles, reports, earlier []*check.Report) error {
	save := func(file *os.File, write func(io.Writer) error) error {
		if file == nil {
			return nil
		}
		file.Truncate(0) // a pipe has nothing to truncate
		err := write(file)
		if cerr := file.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return &failure{exitIO, fmt.Errorf("writing %s: %w", file.Name(), err), "the table is complete all the same"}
		}
		return nil
	}
	width, colour := 100, coloured(c.color, c.std.out)
	if w, _, err := screen.Size(c.std.out); err == nil {
		width = w
	}
	if err := check.WriteTable(c.std.out, width, colour, reports...); err != nil {
		return err
	}
	return errors.Join(
		save(f.json, func(w io.Writer) error { return check.WriteJSON(w, reports...) }),
		save(f.html, func(w io.Writer) error { return check.WriteHTML(w, append(reports, earlier...)...) }),
	)
}

// judge judges a server.
func (c *checker) judge(ctx context.Context, url string) ([]*check.Report, error) {
	cases, err := check.Choose(check.RoleServer, c.globs, c.skip, c.tags)
	if err != nil {
		return nil, usage("parley check --list names the cases", "%w", err)
	}
	if _, err := parseTarget(url); err != nil {
		return nil, err
	}
	t := check.Target{Name: c.name, URL: url, Subprotocols: c.handshake.subprotocols, Cases: c.globs, Skip: c.skip, Tags: c.tags, Parallel: c.parallel, Timeout: c.timeout}
	if t.Header, err = c.handshake.header(); err != nil {
		return nil, err
	}
	if t.TLS, err = c.handshake.trust(); err != nil {
		return nil, err
	}
	if c.pid != 0 {
		t.Memory = func() (int64, error) { return residentMemory(c.pid) }
		if _, err := t.Memory(); err != nil {
			return nil, &failure{exitIO, fmt.Errorf("--pid: %w", err), "give it the number of a running process"}
		}
	}
	p := newProgress(c.std.err, len(cases))
	defer p.end()
	t.Done = func(r *check.Result) { p.add(r) }
	report, err := check.Run(ctx, t)
	p.end()
	if report == nil {
		return nil, err
	}
	return []*check.Report{report}, stoppedBy(ctx, err)
}

// stoppedBy turns the error of a run that a signal ended into its exit code.
func stoppedBy(ctx context.Context, err error) error {
	var s *stopped
	if err != nil && errors.As(context.Cause(ctx), &s) {
		return &failure{s.code(), err, "what was found so far is shown"}
	}
	return err
}

// serve judges clients, until a signal or a report ends it.
func (c *checker) serve(ctx context.Context) ([]*check.Report, error) {
	s := &check.Server{Cases: c.globs, Skip: c.skip, Tags: c.tags, Timeout: c.timeout}
	cases, err := s.List()
	if err != nil {
		return nil, usage("parley check --list names the cases", "%w", err)
	}
	l, err := net.Listen("tcp", c.listen)
	if err != nil {
		return nil, &failure{exitIO, err, "choose another address with --listen 127.0.0.1:0"}
	}
	notice(c.std.err, "waiting for clients on ws://%s: %d cases; Ctrl-C ends", l.Addr(), len(cases))
	reported := make(chan struct{})
	var once sync.Once
	p := newProgress(c.std.err, len(cases))
	s.Done = func(_ string, r *check.Result) { p.add(r) }
	s.Updated = func(r *check.Report) {
		p.restart()
		notice(c.std.err, "%s is done: %d cases in %v", oneLine(r.Subject), len(r.Results), r.Duration.Round(time.Millisecond))
		if c.exitAfterReport {
			once.Do(func() { close(reported) })
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case <-ctx.Done():
	case <-reported:
	case err = <-served:
		served <- nil
	}
	s.Close()
	err = errors.Join(err, <-served)
	p.end()
	reports := s.Reports()
	if len(reports) == 0 && err == nil {
		return nil, &failure{exitExpect, errors.New("check: no client has run a case"), "have its driver connect to ws://" + l.Addr().String() + "/runCase?case=1&agent=NAME"}
	}
	return reports, err
}
