package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
)

// probeFlags are the flags of probe beside those of the connection.
type probeFlags struct {
	idle, pingTimeout, maxTime time.Duration
	json                       bool
	color                      string
}

func newProbe(std stdio) *cobra.Command {
	var dial dialFlags
	var flags probeFlags
	cmd := &cobra.Command{
		Use:   "probe URL",
		Short: "Find out why a connection fails, or how it works",
		Long: `Connects step by step (DNS, TCP, proxy, TLS, HTTP, upgrade), times and explains each step, and says
of a refusal what the reason may be and what to do. Then it looks at how the server answers a ping,
what it does when nothing happens, how it closes, and whether it takes WebSockets over HTTP/2. It
sends no message.`,
		Example: `  parley probe ws://127.0.0.1:8080/echo
  parley probe --json --idle 100ms ws://127.0.0.1:8080/echo`,
		Args: cobra.ArbitraryArgs, // target wants one, or none
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := configured(cmd, &dial, args)
			if err != nil {
				return err
			}
			p := &prober{std: std, flags: &flags, dial: &dial}
			if p.target, err = dial.onlyTarget(cmd, args); err != nil {
				return err
			}
			if p.options, err = dial.options(); err != nil {
				return err
			}
			const hint = "see parley probe --help"
			switch {
			case flags.idle < 0:
				return usage(hint, "--idle: %v is less than zero", flags.idle)
			case flags.pingTimeout <= 0:
				return usage(hint, "--ping-timeout: %v is not more than zero", flags.pingTimeout)
			case flags.maxTime < 0:
				return usage(hint, "--max-time: %v is less than zero", flags.maxTime)
			}
			if err := checkColor(flags.color); err != nil {
				return err
			}
			return p.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.DurationVar(&flags.idle, "idle", 2*time.Second, "watch for this long what the server does by itself")
	f.DurationVarP(&flags.pingTimeout, "ping-timeout", "W", 5*time.Second, "wait this long for the answer to a ping")
	f.DurationVar(&flags.maxTime, "max-time", 0, "end after this time, with exit code 124")
	f.BoolVar(&flags.json, "json", false, "print the report as one line of JSON")
	f.StringVar(&flags.color, "color", "auto", "colours: `auto|always|never`")
	dial.register(f)
	compactHelp(cmd)
	return cmd
}

// prober is one run of probe.
type prober struct {
	std     stdio
	flags   *probeFlags
	dial    *dialFlags
	target  string
	options *ws.DialOptions
	report  *probeReport
}

// maxHops is how many redirects are followed with -L.
const maxHops = 20

// run probes, prints, and chooses the exit code.
func (p *prober) run(parent context.Context) error {
	signals := withSignals(parent, func() {})
	defer signals.release()
	signals.endInTime()
	ctx, cancel := withMaxTime(signals, p.flags.maxTime)
	defer cancel()
	p.report = newProbeReport(p.std.out, p.target, p.flags)
	err := p.probe(ctx)
	if err != nil && ctx.Err() != nil {
		err = stoppedWith(context.Cause(ctx))
	}
	if werr := p.report.finish(err); werr != nil {
		return werr
	}
	return err
}

// probe does all the steps, through the redirects.
func (p *prober) probe(ctx context.Context) error {
	p.options.MaxRedirects = 0 // they are followed here, to be seen
	p.options.PingInterval = -1
	target := p.target
	for hop := 0; ; hop++ {
		a := &attempt{prober: p, target: target}
		conn, err := a.connect(ctx)
		if err == nil {
			err = p.inspect(ctx, a, conn)
			p.http2(ctx, a)
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		var he *ws.HandshakeError
		if errors.As(err, &he) && he.Status >= 300 && he.Status < 400 && p.dial.location && hop < maxHops {
			next, rerr := p.redirect(target, he.Header.Get("Location"))
			if rerr != nil {
				p.report.step("redirect", bad, 0, rerr.Error())
				return &failure{exitRefused, fmt.Errorf("probe: redirect: %w", rerr), "correct the Location that the server sends"}
			}
			p.report.step("redirect", good, 0, "to "+redacted(next))
			target = next
			continue
		}
		d := p.diagnose(ctx, a, err)
		p.http2(ctx, a)
		p.report.Why, p.report.Remedy = d.why, d.remedy
		return &failure{explain(err).code, errors.New("probe: " + d.why), d.remedy}
	}
}

// redirect returns where a Location leads. Credentials stay with the origin that they were given for.
func (p *prober) redirect(from, location string) (string, error) {
	if location == "" {
		return "", errors.New("the redirect has no Location")
	}
	base, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(location)
	if err != nil {
		return "", errors.New("the Location cannot be read")
	}
	next.Fragment = ""
	for _, u := range []*url.URL{base, next} {
		u.Scheme = strings.NewReplacer("https", "wss", "http", "ws").Replace(u.Scheme)
	}
	switch {
	case base.Scheme == "ws+unix" || next.Scheme != "ws" && next.Scheme != "wss":
		return "", fmt.Errorf("a redirect from %s to %s is not followed", base.Scheme, next.Scheme)
	case base.Scheme == "wss" && next.Scheme != "wss":
		return "", errors.New("a redirect from wss to ws is not followed")
	}
	if next.Scheme != base.Scheme || !strings.EqualFold(hostAndPort(next), hostAndPort(base)) {
		for name := range p.options.Header {
			switch http.CanonicalHeaderKey(name) {
			case "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "Www-Authenticate":
				delete(p.options.Header, name)
			}
		}
		p.options.Host = ""
	} else if next.User == nil {
		next.User = base.User
	}
	return next.String(), nil
}

// inspect looks at a connection that was made, and closes it.
func (p *prober) inspect(ctx context.Context, a *attempt, conn *ws.Conn) error {
	begun := time.Now()
	var messages, bytes, pings int
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		conn.Run(context.WithoutCancel(ctx), ws.Events{ // how it ended is asked of its context
			Message: func(_ *ws.Conn, _ ws.Type, m []byte) error { messages++; bytes += len(m); return nil },
			Ping:    func(*ws.Conn, []byte) { pings++ },
		})
	}()
	var failed error
	limited, cancel := context.WithTimeout(ctx, p.flags.pingTimeout)
	rtt, err := conn.Ping(limited)
	cancel()
	switch {
	case err == nil:
		p.report.step("ping", good, rtt, "the server answers pings", detail{"rtt_ms", milliseconds(rtt)})
	case ctx.Err() == nil && conn.Context().Err() == nil:
		p.report.step("ping", bad, p.flags.pingTimeout, "no answer: the server does not answer pings, though RFC 6455 §5.5.2 says that it must",
			note("proxies and clients that test connections by ping will take it for dead"))
		failed = &failure{exitProtocol, errors.New("probe: the server does not answer pings"), "correct that in the server, or wait longer with -W"}
	}
	timer := time.NewTimer(p.flags.idle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-conn.Context().Done():
	}
	closedByItself := conn.Context().Err() != nil
	before := time.Now()
	patience, cancel := forClosing(ctx)
	defer cancel()
	if conn.Close(patience, ws.CodeNormal, "") != nil {
		conn.CloseNow() // it ended already, or the server did not answer
	}
	took := time.Since(before)
	<-reading
	var end *ws.CloseError
	if !errors.As(context.Cause(conn.Context()), &end) {
		end = &ws.CloseError{Code: ws.CodeAbnormal}
	}
	did := "nothing came"
	if messages+pings > 0 {
		did = fmt.Sprintf("%s (%s) and %s came", some(messages, "message"), some(bytes, "byte"), some(pings, "ping"))
	}
	details := []extra{detail{"messages", messages}, detail{"pings", pings}}
	if closedByItself {
		after := before.Sub(begun)
		code := exitCode(end)
		remedy := "look into the server's log"
		details = append(details, note("%s", closing(end)))
		switch {
		case code == exitProtocol && !end.Remote:
			remedy = "correct that in the server, or in what stands in front of it: use a WebSocket library there"
		case after < 3*time.Second: // that is no idle connection
			remedy = "look into the server's log; it may want credentials, a subprotocol, or another path"
		default:
			details = append(details, note("a server or a proxy that closes idle connections wants pings, or another timeout"))
		}
		p.report.step("idle", bad, after, did+"; then the connection ended", details...)
		if code != exitDone && failed == nil {
			failed = &failure{code, errors.New("probe: " + closing(end)), remedy}
		}
		return failed
	}
	if pings == 0 && p.flags.idle < 30*time.Second {
		details = append(details, note("to see whether it pings, and whether anything on the way ends idle connections: --idle 90s"))
	}
	p.report.step("idle", good, p.flags.idle, did, details...)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if end.Err != nil || end.Code == ws.CodeAbnormal {
		p.report.step("close", bad, took, "the server did not answer the close frame", note("%s", closing(end)))
		if failed == nil {
			failed = &failure{exitClosed, errors.New("probe: " + closing(end)), "correct that in the server: RFC 6455 §5.5.1 wants an answer"}
		}
		return failed
	}
	p.report.step("close", good, took, "answered with "+end.Code.String(), detail{"code", int(end.Code)})
	return failed
}

// hostAndPort returns where a URL leads, with the port written out.
func hostAndPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" || u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}
