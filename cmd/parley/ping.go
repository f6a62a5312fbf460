package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/record"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
)

// pinger is one run of ping.
type pinger struct {
	std      stdio
	target   string
	options  *ws.DialOptions
	count    int
	interval time.Duration
	timeout  time.Duration
	maxTime  time.Duration
	json     bool
	quiet    bool
	verbose  bool

	mu    sync.Mutex // guards what follows
	rtts  roundTrips
	sent  int
	begun time.Time
	err   error // of writing
}

func newPing(std stdio) *cobra.Command {
	var dial dialFlags
	p := &pinger{std: std}
	cmd := &cobra.Command{
		Use:   "ping URL",
		Short: "Measure round-trip times, like ping(8)",
		Long: `Sends WebSocket pings and prints how long each takes to be answered; at the end, or at Ctrl-C, the
loss and the times in short. Messages that come are ignored. Ends with 124 if no ping was answered.`,
		Example: `  parley ping -c 3 ws://127.0.0.1:8080/echo
  parley ping -q -c 20 -i 50ms ws://127.0.0.1:8080/echo   # the summary alone`,
		Args: cobra.ArbitraryArgs, // target wants one, or none
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := configured(cmd, &dial, args)
			if err != nil {
				return err
			}
			if p.target, err = dial.onlyTarget(cmd, args); err != nil {
				return err
			}
			if p.options, err = dial.options(); err != nil {
				return err
			}
			const hint = "see parley ping --help"
			switch {
			case p.count < 0:
				return usage(hint, "-c: %d is less than zero", p.count)
			case p.interval < time.Millisecond:
				return usage("give a time such as 100ms", "-i: %v is less than 1ms", p.interval)
			case p.timeout <= 0:
				return usage(hint, "--ping-timeout: %v is not more than zero", p.timeout)
			case p.maxTime < 0:
				return usage(hint, "--max-time: %v is less than zero", p.maxTime)
			}
			return p.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVarP(&p.count, "count", "c", 0, "end after `N` pings; without it, at Ctrl-C")
	f.DurationVarP(&p.interval, "interval", "i", time.Second, "send one each `TIME`")
	f.DurationVarP(&p.timeout, "ping-timeout", "W", 5*time.Second, "a ping that is not answered in this `TIME` is lost")
	f.DurationVar(&p.maxTime, "max-time", 0, "end after this time, with exit code 124")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "print the summary alone")
	f.BoolVar(&p.json, "json", false, "print each event as a line of JSON")
	f.BoolVarP(&p.verbose, "verbose", "v", false, "show the server's answer to the handshake")
	dial.register(f)
	compactHelp(cmd)
	return cmd
}

// run connects, pings and prints.
func (p *pinger) run(parent context.Context) (err error) {
	signals := withSignals(parent, func() {})
	defer signals.release()
	signals.endInTime()
	ctx, cancel := withMaxTime(signals, p.maxTime)
	defer cancel()
	var events *eventLog
	if p.json {
		events = newEventLog(p.std.out)
		defer func() { err = events.finish(err) }()
	}
	p.options.PingInterval = -1 // the pings are ours, and a silent server is what this is about
	begun := time.Now()
	conn, err := ws.Dial(ctx, p.target, p.options)
	if err != nil {
		if ctx.Err() != nil {
			return stoppedWith(context.Cause(ctx))
		}
		return err
	}
	after := time.Since(begun)
	if p.verbose {
		describe(p.std.err, conn, after)
	}
	events.open(p.target, conn)
	if !p.json {
		p.println("PING %s (%v): connected in %s", screen.Escape(redacted(p.target)), address(conn), millis(after))
	}
	end, err := p.ping(ctx, conn, events)
	events.close(end)
	return p.finish(events, end, err)
}

// address is the server's, or the name of its socket.
func address(conn *ws.Conn) string {
	if a := conn.RemoteAddr(); a != nil && a.String() != "" && a.String() != "@" {
		return screen.Escape(a.String())
	}
	return "a Unix socket"
}

// ping pings until it is over, and closes the connection. It returns how that ended, and the cause of ctx if it was over first.
func (p *pinger) ping(ctx context.Context, conn *ws.Conn, events *eventLog) (*ws.CloseError, error) {
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		conn.Run(context.WithoutCancel(ctx), ws.Events{}) // how it ended is asked of its context
	}()
	var waiting sync.WaitGroup
	answers, stopWaiting := context.WithCancel(ctx)
	defer stopWaiting()
	p.mu.Lock()
	p.begun = time.Now()
	p.mu.Unlock()
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	slots := make(chan struct{}, underWay)
loop:
	for seq := 1; p.count == 0 || seq <= p.count; seq++ {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			break loop
		case <-conn.Context().Done():
			break loop
		}
		p.mu.Lock()
		p.sent++
		p.mu.Unlock()
		waiting.Go(func() {
			defer func() { <-slots }()
			p.one(answers, conn, seq, events)
		})
		if seq == p.count {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			break loop
		case <-conn.Context().Done():
			break loop
		}
	}
	waiting.Wait() // each ends with its answer, its time, ctx or the connection
	code := ws.CodeNormal
	if ctx.Err() != nil {
		code = ws.CodeGoingAway
	}
	closing, cancel := forClosing(ctx)
	defer cancel()
	if conn.Close(closing, code, "") != nil {
		conn.CloseNow() // it ended already, or the server did not answer
	}
	<-reading
	var end *ws.CloseError
	if !errors.As(context.Cause(conn.Context()), &end) {
		end = &ws.CloseError{Code: ws.CodeAbnormal}
	}
	return end, context.Cause(ctx)
}

// underWay is how many pings may wait for their pongs: a connection forgets the oldest of more, which would look like a loss.
const underWay = 64

// one sends a ping and says what came of it.
func (p *pinger) one(ctx context.Context, conn *ws.Conn, seq int, events *eventLog) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if events != nil {
		events.log.Add(record.Event{Ev: "ping", Dir: "out", Seq: seq})
	}
	rtt, err := conn.Ping(limited)
	switch {
	case err == nil:
		p.mu.Lock()
		p.rtts.add(rtt)
		p.mu.Unlock()
		if events != nil {
			ms := milliseconds(rtt)
			events.log.Add(record.Event{Ev: "pong", Dir: "in", Seq: seq, RTT: &ms})
		} else if !p.quiet {
			p.println("pong from %s: seq=%d time=%s", address(conn), seq, millis(rtt))
		}
	case ctx.Err() == nil && conn.Context().Err() == nil:
		if events != nil {
			events.log.Add(record.Event{Ev: "error", Seq: seq, Error: "no answer in " + p.timeout.String()})
		} else if !p.quiet {
			p.println("no answer to seq=%d in %v", seq, p.timeout)
		}
	default: // it was under way when all ended: neither answered nor lost
		p.mu.Lock()
		p.sent--
		p.mu.Unlock()
	}
}

func (p *pinger) println(format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.std.out, line); err != nil && p.err == nil {
		p.err = writeError(err)
	}
}

// finish prints the summary and chooses the exit code.
func (p *pinger) finish(events *eventLog, end *ws.CloseError, err error) error {
	p.mu.Lock()
	sent, r, took := p.sent, p.rtts, time.Since(p.begun)
	p.mu.Unlock()
	lost := sent - r.n
	loss := 0.0
	if sent > 0 {
		loss = 100 * float64(lost) / float64(sent)
	}
	if events != nil {
		events.log.Add(record.Event{Ev: "stat", Stat: map[string]any{
			"sent": sent, "answered": r.n, "loss_percent": loss,
			"min_ms": milliseconds(r.min), "avg_ms": milliseconds(r.avg()), "max_ms": milliseconds(r.max), "mdev_ms": milliseconds(r.mdev()),
		}})
	} else {
		p.println("--- %s ping statistics ---", screen.Escape(redacted(p.target)))
		p.println("%s sent, %d answered, %.4g%% loss, time %v", some(sent, "ping"), r.n, loss, took.Round(time.Millisecond))
		if r.n > 0 {
			p.println("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms", milliseconds(r.min), milliseconds(r.avg()), milliseconds(r.max), milliseconds(r.mdev()))
		}
	}
	p.mu.Lock()
	werr := p.err
	p.mu.Unlock()
	switch code := exitCode(end); {
	case werr != nil:
		return werr
	case err != nil: // a signal or --max-time
		return stoppedWith(err)
	case sent > 0 && r.n == 0 && (code == exitDone || end.Code == ws.CodeAbnormal):
		return &failure{exitTimeout, errors.New("ping: the server never answered a ping, though RFC 6455 §5.5.2 says that it must"),
			"wait longer with -W, or see with parley send whether it answers messages"}
	case code != exitDone && end.Remote:
		return &failure{code, errors.New(closing(end)), "see parley probe for what the server does"}
	case code != exitDone && r.n == 0:
		return &failure{code, errors.New(closing(end)), "see parley probe for what the server does"}
	}
	return nil
}

// roundTrips is what ping(8) says about round-trip times.
type roundTrips struct {
	n          int
	min, max   time.Duration
	sum, sumSq float64 // of milliseconds
}

func (r *roundTrips) add(d time.Duration) {
	if r.n == 0 || d < r.min {
		r.min = d
	}
	r.max = max(r.max, d)
	r.n++
	ms := milliseconds(d)
	r.sum += ms
	r.sumSq += ms * ms
}

func (r *roundTrips) avg() time.Duration {
	if r.n == 0 {
		return 0
	}
	return time.Duration(r.sum / float64(r.n) * float64(time.Millisecond))
}

// mdev is the standard deviation.
func (r *roundTrips) mdev() time.Duration {
	if r.n == 0 {
		return 0
	}
	mean := r.sum / float64(r.n)
	return time.Duration(math.Sqrt(max(0, r.sumSq/float64(r.n)-mean*mean)) * float64(time.Millisecond))
}

// some writes a number of things.
func some[N int | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// millis writes a time as ping(8) does: with fewer digits the longer it is.
func millis(d time.Duration) string {
	switch ms := milliseconds(d); {
	case ms < 10:
		return fmt.Sprintf("%.3f ms", ms)
	case ms < 100:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.0f ms", ms)
	}
}
