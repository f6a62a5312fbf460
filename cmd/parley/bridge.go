package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newBridge(std stdio) *cobra.Command {
	b := &bridger{std: std}
	cmd := &cobra.Command{
		Use:   "bridge [flags] [-- COMMAND ARG…]",
		Short: "Make an endpoint of a command or a TCP service",
		Long: `A line that the command prints is a message, a message is a line that it reads. There is no shell.
docs/bridge.md explains --history --restart --slow --queue --ladder --unix --staticdir --devconsole
--sameorigin --host --tls-cert --compress --max-size --drain -v, and -H -u -k -x for --connect.`,
		Example: `  parley bridge -- cat                      # each connection has its own: ws://127.0.0.1:8080/
  parley bridge --mode shared -- vmstat 1    # one for all: each line goes to everybody`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			b.listens = cmd.Flags().Changed("listen") // the variable is a default for those who listen
			if b.dial.curl != "" {
				url, err := b.dial.fromCurl()
				switch {
				case err != nil:
					return err
				case b.connect != "":
					return usage("leave one of them out", "--curl says where to connect to, and so does --connect")
				}
				b.connect, b.dial.curl = url, ""
			}
			if err := b.misplaced(cmd.Flags()); err != nil {
				return err
			}
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			if b.connect != "" {
				target, err := configured(cmd, &b.dial, []string{b.connect})
				if err != nil {
					return err
				}
				b.connect, b.dial.address = target[0], target[0]
			}
			return b.run(cmd, args)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(bridgeAdvice(err), "%w", err) })
	f := cmd.Flags()
	b.register(f)
	f.SortFlags = false
	return cmd
}

// bridger is one run of bridge.
type bridger struct {
	std stdio

	listen, listenTCP  string
	listens            bool // --listen was written out
	connect, tcp, unix string
	dial               dialFlags

	mode, frame, stderr   string
	restart, slow, ladder string
	binary, terminal      bool
	dir, static           string
	console               bool
	passEnv, origins      []string
	hosts                 []string
	sameOrigin, exposed   bool
	cert, key             string
	most, history         int
	queue                 size
	drain                 time.Duration
	verbose               bool
}

func (b *bridger) register(f *pflag.FlagSet) {
	f.StringVar(&b.listen, "listen", "127.0.0.1:8080", "wait on `HOST:PORT` or unix:/path")
	f.StringVar(&b.mode, "mode", "per-connection", "`MODE`: per-connection, shared, pool N")
	f.StringVar(&b.frame, "frame", "lines", "`FORM` of its messages: lines, nul, len32, json")
	f.BoolVar(&b.binary, "binary", false, "binary messages; without --frame, bytes as they come")
	f.BoolVar(&b.terminal, "pty", false, "give it a terminal, with the size of the URL's ?cols=80&rows=24")
	f.StringVar(&b.stderr, "stderr", "log", "what becomes of standard error: `log|merge|json`")
	f.StringVar(&b.dir, "dir", "", "the programs in `DIR` by path, in place of one command")
	f.StringSliceVar(&b.passEnv, "passenv", bridge.DefaultPassEnv(), "variables that it gets beside those of CGI, `NAME,…`")
	f.Lookup("passenv").DefValue = "[]" // the help has to fit a screen
	f.StringSliceVar(&b.origins, "origin", nil, "let pages of `HOST[:PORT],…` connect, too")
	f.IntVar(&b.most, "maxforks", 100, "refuse more than `N` connections at a time")
	f.StringVar(&b.connect, "connect", "", "run the command for a connection to `URL`")
	f.StringVar(&b.tcp, "tcp", "", "make an endpoint of the service at `HOST:PORT`")
	f.StringVar(&b.listenTCP, "listen-tcp", "", "with --connect: make a TCP service on `HOST:PORT`")

	hidden := pflag.NewFlagSet("", pflag.ContinueOnError)
	hidden.IntVar(&b.history, "history", 0, "send the last `N` messages of a shared command to new connections")
	hidden.StringVar(&b.restart, "restart", "always", "start a shared command again: `always|on-failure|never`")
	hidden.StringVar(&b.slow, "slow", "disconnect", "what happens to slow connections of a shared command: `disconnect|drop`")
	b.queue = 1 << 20
	hidden.Var(&b.queue, "queue", "how much of a shared command's output may wait for a connection")
	hidden.StringVar(&b.ladder, "ladder", "100ms,250ms,500ms", "time to end after the end of input, SIGINT, SIGTERM")
	hidden.StringVar(&b.unix, "unix", "", "make an endpoint of the service at the socket `PATH`")
	hidden.StringVar(&b.static, "staticdir", "", "serve the files of `DIR` to browsers")
	hidden.BoolVar(&b.console, "devconsole", false, "serve a page to try endpoints, at their URLs")
	hidden.BoolVar(&b.sameOrigin, "sameorigin", true, "refuse pages of other hosts than --origin says")
	hidden.StringSliceVar(&b.hosts, "host", nil, "answer to this `NAME` too, beside localhost")
	hidden.BoolVar(&b.exposed, "insecure-no-auth", false, "let other machines in, without authentication")
	hidden.StringVar(&b.cert, "tls-cert", "", "serve TLS with the certificate in this PEM `FILE`")
	hidden.StringVar(&b.key, "tls-key", "", "... and its key in this PEM `FILE`")
	hidden.DurationVar(&b.drain, "drain", 5*time.Second, "how long connections and processes have to end")
	hidden.BoolVarP(&b.verbose, "verbose", "v", false, "log each connection")
	dial := pflag.NewFlagSet("", pflag.ContinueOnError)
	b.dial.register(dial)
	b.dial.maxSize = 1 << 20
	dial.Lookup("max-size").DefValue = b.dial.maxSize.String()
	dial.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "origin" { // it is about who may connect here; -H 'Origin: …' is the other one
			hidden.AddFlag(flag)
		}
	})
	hidden.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = true // the help has to fit a screen: it names them
		f.AddFlag(flag)
	})
}

// bridgeHint ends the errors about flags.
const bridgeHint = "see parley bridge --help and docs/bridge.md"

func (b *bridger) run(cmd *cobra.Command, args []string) error {
	o, err := b.options(cmd, args)
	if err != nil {
		return err
	}
	given := 0
	for _, is := range []bool{len(o.Command) > 0, b.dir != "", b.tcp != "", b.unix != "", b.listenTCP != ""} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return usage("write it behind two hyphens: parley bridge -- COMMAND ARG…", "bridge: the command is missing")
	case given > 1:
		return usage("give one of them", "bridge: a command, --dir, --tcp, --unix and --listen-tcp exclude each other")
	case b.listenTCP != "" && b.connect == "":
		return usage("write --connect ws://HOST:PORT/", "--listen-tcp: where to is missing")
	case b.connect != "" && b.listens:
		return usage("leave one of them out", "--connect opens a connection and --listen waits for them")
	case b.connect != "" && len(o.Command) == 0 && b.listenTCP == "":
		return usage("give it a command behind --, or --listen-tcp", "--connect goes with a command or --listen-tcp")
	case b.connect != "" && o.Mode != bridge.PerConnection:
		return usage(bridgeHint, "--mode is about connections that come, and --connect opens one")
	case b.listenTCP != "":
		return b.forward(cmd.Context())
	case b.connect != "":
		return b.runFor(cmd.Context(), o)
	}
	return b.serve(cmd.Context(), o)
}

// misplaced finds flags that were given and would do nothing.
func (b *bridger) misplaced(f *pflag.FlagSet) error {
	for _, rule := range []struct {
		met   bool
		with  string
		flags string
	}{
		{b.connect != "", "--connect", "user insecure cacert cert key proxy connect-timeout resolve unix-socket location netrc netrc-file http"},
		{b.connect == "", "--listen", "dir staticdir devconsole origin sameorigin host tls-cert tls-key"},
		{b.mode == "shared", "--mode shared", "history restart slow queue"},
		{b.tcp+b.unix+b.listenTCP == "", "a command", "frame pty stderr passenv ladder"},
	} {
		for flag := range strings.FieldsSeq(rule.flags) {
			if !rule.met && f.Changed(flag) {
				if flag == "cert" || flag == "key" {
					return usage("--tls-cert and --tls-key serve TLS", "--%s does nothing here: it goes with --connect", flag)
				}
				return usage(bridgeHint, "--%s does nothing here: it goes with %s", flag, rule.with)
			}
		}
	}
	return nil
}

// options turns the flags into options, or says what is wrong with them.
func (b *bridger) options(cmd *cobra.Command, args []string) (o bridge.Options, err error) {
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	before, command := args[:dash], args[dash:]
	o = bridge.Options{
		Command: command, Scripts: b.dir, Env: bridge.PassEnv(b.passEnv), Software: "parley/" + readBuild().Version,
		Binary: b.binary, Terminal: b.terminal, History: b.history, MaxConnections: b.most, MaxMessage: int64(b.dial.maxSize),
		Queue: int(b.queue), AnyOrigin: !b.sameOrigin, Hosts: b.hosts, Static: b.static, Console: b.console, Logger: b.logger(),
	}
	choose := func(flag, value string, names ...string) int {
		for i, name := range names {
			if value == name {
				return i
			}
		}
		if err == nil {
			err = usage("choose "+strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1], "--%s: unknown word %q", flag, value)
		}
		return 0
	}
	o.Mode = bridge.Mode(choose("mode", b.mode, "per-connection", "shared", "pool"))
	o.Framing = bridge.Framing(choose("frame", b.frame, "lines", "nul", "len32", "json"))
	o.Stderr = bridge.Stderr(choose("stderr", b.stderr, "log", "merge", "json"))
	o.Restart = bridge.Restart(choose("restart", b.restart, "always", "on-failure", "never"))
	o.Slow = bridge.Slow(choose("slow", b.slow, "disconnect", "drop"))
	if err != nil {
		return o, err
	}
	if b.terminal && (b.binary || cmd.Flags().Changed("frame")) {
		return o, usage("leave --frame and --binary out", "--pty: a terminal has one stream of bytes, and no frames")
	}
	for _, name := range b.passEnv {
		if name == "" || strings.ContainsAny(name, "= ") {
			return o, usage("write names alone, such as PATH,HOME", "--passenv: %q is not the name of a variable", name)
		}
	}
	if b.drain < 0 {
		return o, usage("write a time such as 5s", "--drain: %v is no time to wait", b.drain)
	}
	if b.binary && !cmd.Flags().Changed("frame") {
		o.Framing = bridge.Chunks
	}
	if o.Mode == bridge.Pool && len(before) > 0 {
		n, err := strconv.Atoi(before[0])
		if err != nil || n < 1 {
			return o, usage("write --mode pool 4 -- COMMAND", "--mode pool: %q is not a number of processes", before[0])
		}
		o.PoolSize, before = n, before[1:]
	}
	if len(before) > 0 {
		return o, usage("write the command behind two hyphens: parley bridge -- COMMAND ARG…", "bridge: unexpected argument %q", before[0])
	}
	if o.Header, err = b.dial.header(); err != nil {
		return o, err
	}
	o.Subprotocols = b.dial.subprotocols
	for flag, n := range map[string]int{"maxforks": b.most, "history": b.history + 1} {
		if n < 1 {
			return o, usage(bridgeHint, "--%s: the number is too small", flag)
		}
	}
	if o.Ladder, err = parseLadder(b.ladder); err != nil {
		return o, err
	}
	for _, origin := range b.origins {
		scheme, host, ok := strings.Cut(origin, "://")
		if !ok {
			scheme, host = "any", origin
		}
		if scheme == "" || host == "" || strings.ContainsAny(host, "/ ") {
			return o, usage("write a host such as example.com, example.com:8000 or https://example.com", "--origin: %q is not where a page can come from", origin)
		}
		o.Origins = append(o.Origins, origin)
		if strings.LastIndexByte(host, ':') <= strings.LastIndexByte(host, ']') && origin != "null" {
			o.Origins = append(o.Origins, origin+":*") // without a port any is meant
		}
	}
	switch b.dial.compress {
	case "off":
	case "on":
		o.Compression = &ws.Compression{}
	case "takeover":
		o.Compression = &ws.Compression{ServerTakeover: true, ClientTakeover: true}
	default:
		return o, usage("choose off, on or takeover", "--compress: unknown mode %q", b.dial.compress)
	}
	return o, nil
}

// parseLadder reads three durations.
func parseLadder(s string) (l bridge.Ladder, err error) {
	parts := strings.Split(s, ",")
	times := []*time.Duration{&l.Close, &l.Interrupt, &l.Terminate}
	if len(parts) != len(times) {
		return l, usage("write three, such as 1s,1s,5s", "--ladder: %q is not three times", s)
	}
	for i, part := range parts {
		d, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil || d <= 0 {
			return l, usage("write three, such as 1s,1s,5s", "--ladder: %q is not a time", part)
		}
		*times[i] = d
	}
	return l, nil
}

// explainBridge finds the exit code and the advice for an error of package bridge.
func explainBridge(err error) error {
	var option *bridge.OptionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &option):
		return &failure{exitUsage, err, bridgeHint}
	case errors.Is(err, exec.ErrNotFound):
		return &failure{exitIO, err, "check its name, or give its path"}
	case addressInUse(err):
		return &failure{exitIO, err, "stop what listens there, or choose another address with --listen 127.0.0.1:0"}
	}
	return err
}

// ending are the signals that end a bridge. That of a terminal which was closed is SIGTERM to it: processes that nobody ends would stay.
func ending(parent context.Context, kill func()) *interruptible {
	ctx, cancel := context.WithCancelCause(parent)
	unhook := func() {}
	if !signal.Ignored(syscall.SIGHUP) { // else it was started by nohup
		unhook = onHangup(func() { cancel(&stopped{syscall.SIGTERM}) })
	}
	hear := deafToPipes() // nobody reads the log any more, or what a connection is sent: no reason to leave processes behind
	i := withSignals(ctx, kill)
	release := i.release
	i.release = func() {
		unhook()
		hear()
		release()
		cancel(nil)
	}
	return i
}

// cannotListen is the error of an address that cannot be had.
func cannotListen(flag string, err error) error {
	return explainBridge(fmt.Errorf("--%s: %w", flag, err))
}
