package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/redact"
	"github.com/parley-ws/parley/load"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitThreshold is the exit code of a load test that failed by a threshold.
const exitThreshold = 99

func newBench(std stdio) *cobra.Command {
	b := &bencher{std: std}
	cmd := &cobra.Command{
		Use:   "bench URL [flags]",
		Short: "Load a server, and measure what that does to it",
		Long: `Messages go out when due, answered or not; latency counts from then. docs/bench.md has all flags:
--closed, --topic, --connect-rate, --rate-each, -n, --warmup, --timeout, --max-time, --binary,
--hello, --slow, --slow-rate, --local-addr, --csv, --hdr, and what "parley help client-flags" shows.`,
		Example: `  parley bench ws://127.0.0.1:8080/echo -c 100 --rate 2000 -d 10s --fail 'p99>50ms'
  parley bench ws://127.0.0.1:8080/t/news --publish 1 --receive 50 --html report.html`,
		Args: cobra.ArbitraryArgs, // url checks them
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := configured(cmd, &b.dial, args)
			if err != nil {
				return err
			}
			url, err := b.url(cmd, args)
			if err != nil {
				return err
			}
			return b.run(cmd.Context(), url)
		},
	}
	f := cmd.Flags()
	b.dial.register(f)
	f.IntVarP(&b.connections, "connections", "c", 0, "open `N` connections (10)")
	f.Float64Var(&b.rate, "rate", 0, "send this `RATE` a second, all connections together (100)")
	f.DurationVarP(&b.duration, "duration", "d", 0, "send for this `TIME` (10s)")
	f.StringArrayVar(&b.stages, "stage", nil, "`TIME:RATE`: go to that rate evenly, such as 30s:5000; may be repeated")
	f.StringVar(&b.size, "size", "", "send messages of `BYTES`, or of MIN-MAX at random (64)")
	f.StringArrayVarP(&b.messages, "message", "m", nil, `send `+"`TEXT`"+` or @FILE: '{"id":{{n}},"x":"{{random 8}}"}'; may be repeated`)
	f.StringVar(&b.match, "match", "", "`HOW` replies are found: echo, order, none, regex:EXPR, json:FIELD")
	f.BoolVar(&b.closed, "closed", false, "each connection waits for its reply before it sends again")
	f.IntVar(&b.publish, "publish", 0, "fan-out: publish on `N` connections; the URL is that of a topic")
	f.IntVar(&b.receive, "receive", 0, "fan-out: measure deliveries to `N` connections")
	f.StringVar(&b.topic, "topic", "", "fan-out: to this `TOPIC`, by the subprotocol parley.v1 at the URL")
	f.StringArrayVar(&b.fail, "fail", nil, "end with 99 if this `CONDITION` holds: 'p99>50ms'; may be repeated")
	f.StringArrayVar(&b.findMax, "find-max", nil, "find the highest rate that holds this `CONDITION`: 'p99<50ms'")
	f.StringVar(&b.json, "json", "", "write the report as JSON to this `FILE`, for parley compare")
	f.StringVar(&b.html, "html", "", "write the report as a page to this `FILE`")
	shown := map[string]bool{}
	for _, name := range []string{"connections", "rate", "duration", "stage", "size", "message", "match", "publish", "receive", "fail", "find-max", "json", "html"} {
		shown[name] = true
	}
	f.Float64Var(&b.rateEach, "rate-each", 0, "how many messages a second on each connection")
	f.Int64VarP(&b.count, "count", "n", 0, "send `N` messages altogether")
	f.Float64Var(&b.connectRate, "connect-rate", 0, "how many connections are opened a second (500); -1: all at once")
	f.DurationVar(&b.warmup, "warmup", 0, "how long, from the first message on, nothing is measured")
	f.DurationVar(&b.timeout, "timeout", 10*time.Second, "how long a reply may take")
	f.BoolVar(&b.binary, "binary", false, "send binary messages")
	f.StringArrayVar(&b.hello, "hello", nil, "send this `TEXT`, or @FILE, once on each connection before all else; may be repeated")
	f.IntVar(&b.slow, "slow", 0, "let N of the connections, or of --receive, read slowly")
	f.Float64Var(&b.slowRate, "slow-rate", 1, "how many messages a second those read")
	f.StringArrayVar(&b.localAddrs, "local-addr", nil, "connect from this `ADDRESS` of the machine; may be repeated: then in turn")
	f.StringVar(&b.csv, "csv", "", "write what happened as time went by to this `FILE`")
	f.StringVar(&b.hdr, "hdr", "", "write an HdrHistogram log to this `FILE`")
	f.DurationVar(&b.maxTime, "max-time", 0, "end after this time, whatever happens")
	f.StringVar(&b.color, "color", "auto", "colours: `auto|always|never`")
	f.VisitAll(func(flag *pflag.Flag) { flag.Hidden = !shown[flag.Name] }) // they do not fit a screen
	f.SortFlags = false
	return cmd
}

// bencher is one load test.
type bencher struct {
	std                       stdio
	dial                      dialFlags
	connections               int
	connectRate               float64
	rate, rateEach            float64
	stages                    []string
	duration, warmup, timeout time.Duration
	count                     int64
	size                      string
	messages, hello           []string
	match                     string
	closed, binary            bool
	publish, receive          int
	topic                     string
	slow                      int
	slowRate                  float64
	localAddrs                []string
	fail, findMax             []string
	json, html, csv, hdr      string
	maxTime                   time.Duration
	color                     string
}

// url returns the URL to connect to. {conn} in it survives.
func (b *bencher) url(cmd *cobra.Command, args []string) (string, error) {
	masked := make([]string, len(args))
	for i, arg := range args {
		masked[i] = strings.ReplaceAll(arg, connStands, connMask)
	}
	target, err := b.dial.onlyTarget(cmd, masked)
	return strings.ReplaceAll(target, connMask, connStands), err
}

// What stands for the number of the connection in a URL, and what it is while the URL is taken apart.
const (
	connStands = "{conn}"
	connMask   = "number-of-the-connection"
)

// reportedURL returns the URL of a report without what looks like a secret in its parameters.
func reportedURL(url string) string {
	shown := redact.URL(strings.ReplaceAll(url, connStands, connMask))
	return strings.ReplaceAll(shown, connMask, connStands)
}

func (b *bencher) run(parent context.Context, url string) error {
	plan, err := b.plan(url)
	if err != nil {
		return err
	}
	fail, err := thresholds("--fail", b.fail)
	if err != nil {
		return err
	}
	hold, err := thresholds("--find-max", b.findMax)
	if err != nil {
		return err
	}
	for _, t := range append(slices.Clone(fail), hold...) {
		if err := plan.Measures(t); err != nil {
			return usage("choose another figure, or another load", "%w", err)
		}
	}
	files, err := b.create()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(400)) // a generator that collects garbage is late; it has little of it
	}
	line := newLiveLine(b.std.err)
	signals := withSignals(parent, func() {
		line.end()
		files.drop()
	})
	defer signals.release()
	defer onUsr1(line.tell)()
	defer onHangup(func() {})() // who closes the terminal does not end a test that writes its report to a file
	ctx, cancel := withMaxTime(signals, b.maxTime)
	defer cancel()
	plan.Progress = line.progress
	var report *load.Report
	if len(hold) > 0 {
		report, err = load.FindMax(ctx, plan, hold, func(t load.Trial) { line.say(t.String()) })
	} else {
		report, err = load.Run(ctx, plan)
	}
	line.end()
	if report == nil {
		files.drop()
		return benchFailure(ctx, err)
	}
	report.URL = reportedURL(report.URL)
	good := report.Judge(fail)
	if werr := b.write(files, report); werr != nil {
		return werr
	}
	switch {
	case err != nil:
		return benchFailure(ctx, err)
	case !good, report.Search != nil && report.Search.Best == 0:
		return quiet(exitThreshold)
	}
	return nil
}

// benchFailure gives an error of a run its exit code and advice.
func benchFailure(ctx context.Context, err error) error {
	var s *stopped
	var he *ws.HandshakeError
	switch {
	case errors.As(context.Cause(ctx), &s):
		return quiet(s.code())
	case errors.Is(context.Cause(ctx), errMaxTime):
		return &failure{exitTimeout, errMaxTime, "give it longer with --max-time, or make the test shorter"}
	case errors.As(err, &he):
		f := explainHandshake(he)
		return &failure{f.code, err, f.hint}
	case strings.HasPrefix(err.Error(), "load: plan: "):
		return usage("see parley bench --help", "%w", err)
	}
	return err
}

// plan turns the flags into a plan, or says what is wrong with them.
func (b *bencher) plan(url string) (load.Plan, error) {
	const hint = "see parley bench --help"
	p := load.Plan{URL: url, Connections: b.connections, ConnectRate: b.connectRate, Rate: b.rate, Duration: b.duration, Warmup: b.warmup, Count: b.count,
		Closed: b.closed, Timeout: b.timeout, Slow: b.slow, SlowRate: b.slowRate}
	if err := b.zeros(); err != nil {
		return p, err
	}
	switch {
	case b.maxTime < 0:
		return p, usage("give a time such as 1m, or leave it out", "--max-time: %v is negative", b.maxTime)
	case b.rate != 0 && b.rateEach != 0:
		return p, usage("leave one of them out", "--rate and --rate-each are two ways to say the same")
	case b.timeout <= 0:
		return p, usage("give a time such as 10s", "--timeout: %v is not more than zero", b.timeout)
	case !(b.slowRate > 0):
		return p, usage("give a rate such as 0.5", "--slow-rate: %v is not more than zero", b.slowRate)
	case b.publish < 0 || b.receive < 0:
		return p, usage(hint, "--publish, --receive: there is no negative number of connections")
	}
	if b.rateEach != 0 {
		p.Rate, p.PerConnection = b.rateEach, true
	}
	if err := checkColor(b.color); err != nil {
		return p, err
	}
	o, err := b.dial.options()
	if err != nil {
		return p, err
	}
	p.Dial = *o
	if b.binary {
		p.Type = ws.Binary
	}
	if b.match != "" {
		if p.Match, err = load.ParseMatch(b.match); err != nil {
			return p, usage(hint, "--match: %w", err)
		}
	}
	if b.publish > 0 || b.receive > 0 || b.topic != "" {
		p.Fanout = &load.Fanout{Publishers: b.publish, Subscribers: b.receive, Topic: b.topic}
	}
	for _, text := range b.stages {
		length, rate, ok := strings.Cut(text, ":")
		d, derr := time.ParseDuration(length)
		n, nerr := strconv.ParseFloat(rate, 64)
		if !ok || derr != nil || nerr != nil {
			return p, usage("write --stage 30s:5000", "--stage: %q is no time and rate", text)
		}
		p.Stages = append(p.Stages, load.Stage{For: d, Rate: n})
	}
	for _, text := range b.localAddrs {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return p, usage("give an IP address of this machine, such as 127.0.0.2", "--local-addr: %w", err)
		}
		p.LocalAddrs = append(p.LocalAddrs, a)
	}
	if p.Hello, err = templates("--hello", b.hello); err != nil {
		return p, err
	}
	if p.Messages, err = templates("-m", b.messages); err != nil {
		return p, err
	}
	if b.size != "" {
		if len(b.messages) > 0 {
			return p, usage("leave --size out, or write {{pad 100}} into the message", "--size is for messages without -m")
		}
		low, high, err := sizes(b.size)
		if err != nil {
			return p, usage("give a number of bytes such as 1KiB, or two: 10-4KiB; for an empty message write -m ''", "--size: %w", err)
		}
		p.Messages = []*load.Template{load.Fill(low, high)}
		if p.Fanout != nil {
			p.Messages = []*load.Template{load.FillStamp(low, high)}
		}
	}
	return p, nil
}

// zeros says which flag was given as zero where that would stand for its default.
func (b *bencher) zeros() error {
	for _, name := range []string{"connections", "rate", "rate-each", "duration", "count", "connect-rate", "publish", "receive"} {
		flag := b.dial.set.Lookup(name)
		value := strings.TrimSuffix(flag.Value.String(), "s")
		if zero := value == "0" || value == "-0"; !flag.Changed || !zero || strings.HasPrefix(name, "rate") && len(b.stages) > 0 {
			continue
		}
		return usage("give more than zero, or leave it out", "--%s: with 0 there is nothing to measure", name)
	}
	return nil
}

// sizes reads BYTES or MIN-MAX.
func sizes(text string) (low, high int, err error) {
	first, second, two := strings.Cut(text, "-")
	if !two {
		second = first
	}
	var a, z size
	if err := errors.Join(a.Set(first), z.Set(second)); err != nil {
		return 0, 0, errSize // of which the least is 1; an empty message is -m ''
	}
	if a > z || z > 64<<20 {
		return 0, 0, errors.New("the smaller size comes first, and 64MiB is the most")
	}
	return int(a), int(z), nil
}

// templates reads the messages of a flag.
func templates(flag string, texts []string) ([]*load.Template, error) {
	var list []*load.Template
	for _, text := range texts {
		text, err := fromFile(flag, text)
		if err != nil {
			return nil, err
		}
		t, err := load.ParseTemplate(text)
		if err != nil {
			return nil, usage("docs/bench.md lists what {{…}} can hold", "%s: %w", flag, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// thresholds reads the conditions of a flag.
func thresholds(flag string, texts []string) ([]load.Threshold, error) {
	var list []load.Threshold
	for _, text := range texts {
		t, err := load.ParseThreshold(text)
		if err != nil {
			return nil, usage("write such as "+flag+" 'p99>50ms'", "%s: %w", flag, err)
		}
		list = append(list, t)
	}
	return list, nil
}
