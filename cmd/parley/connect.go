package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
)

// errMaxTime is the cause of a context that --max-time ended.
var errMaxTime = errors.New("the time of --max-time is over")

func newConnect(std stdio) *cobra.Command {
	var dial dialFlags
	var maxTime, idle time.Duration
	var verbose, raw bool
	cmd := &cobra.Command{
		Use:   "connect URL [flags]",
		Short: "Talk to a server: each line is a text message",
		Long:  "Talks to a server: each line is a text message. parley help client-flags names more flags.",
		Example: `  parley connect ws://127.0.0.1:8080/echo
  printf 'a\nb\n' | parley connect ws://127.0.0.1:8080/echo`,
		Args: cobra.ArbitraryArgs, // target wants one, or none
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := dial.onlyTarget(cmd, args)
			if err != nil {
				return err
			}
			options, err := dial.options()
			if err != nil {
				return err
			}
			if idle <= 0 {
				return usage("see parley connect --help", "--idle: %v is not more than zero", idle)
			}
			c := &client{std: std, target: target, options: options, idle: idle, maxTime: maxTime, verbose: verbose, raw: raw}
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	dial.register(f)
	f.DurationVar(&maxTime, "max-time", 0, "end after this time, whatever happens")
	f.DurationVar(&idle, "idle", time.Second, "after the last line, wait this long for replies")
	f.BoolVar(&raw, "binary", false, "write binary messages to a pipe as they are")
	f.BoolVarP(&verbose, "verbose", "v", false, "show the server's answer to the handshake")
	f.SortFlags = false
	return cmd
}

// parseTarget refuses what is no address of a WebSocket before anything is opened.
func parseTarget(s string) (string, error) {
	const hint = "give an address such as ws://127.0.0.1:8080/echo or wss://example.com/"
	u, err := url.Parse(s)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the URL, which may hold a password
		}
		return "", usage(hint, "the URL cannot be read: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
		if u.Hostname() == "" {
			return "", usage(hint, "the URL %q names no host", u.Redacted())
		}
	case "ws+unix":
	default:
		return "", usage(hint, "%q is not a WebSocket URL", u.Redacted())
	}
	if u.Fragment != "" {
		return "", usage("write a # of the path as %23", "the URL has a fragment (#%s), which RFC 6455 forbids", u.Fragment)
	}
	return s, nil
}

// client is one run of connect.
type client struct {
	std          stdio
	target       string
	options      *ws.DialOptions
	idle         time.Duration
	maxTime      time.Duration
	verbose, raw bool

	mu           sync.Mutex
	editor       *screen.Editor // nil unless somebody types
	stopResizing func()
}

func (c *client) run(parent context.Context) error {
	signals := withSignals(parent, c.leaveScreen)
	defer signals.release()
	var ctx context.Context = signals
	if c.maxTime > 0 {
		limited, cancel := context.WithTimeoutCause(signals, c.maxTime, errMaxTime)
		defer cancel()
		ctx = limited
	}

	start := time.Now()
	conn, err := ws.Dial(ctx, c.target, c.options)
	if err != nil {
		if ctx.Err() != nil {
			return stoppedWith(context.Cause(ctx))
		}
		return err
	}
	if c.verbose {
		describe(c.std.err, conn, time.Since(start))
	}
	if err := c.enterScreen(signals.interrupt); err != nil {
		conn.CloseNow()
		return err
	}
	defer c.leaveScreen()
	c.greet(conn)

	lines := make(chan talk.Item)
	go c.readLines(lines, conn.Context().Done())
	out := c.printer()
	end, err := (&talk.Conversation{Conn: conn, Send: lines, Receive: out.print, Idle: c.idle}).Run(ctx)
	c.leaveScreen()
	return c.finish(end, err)
}

// enterScreen opens the line editor if somebody types here and sees the prompt.
func (c *client) enterScreen(interrupt func()) error {
	if !screen.IsTerminal(c.std.in) || !screen.IsTerminal(c.std.err) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	e, err := screen.OpenEditor(c.std.in, c.std.err, "> ", interrupt)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.editor, c.stopResizing = e, onResize(e.Resize)
	return nil
}

// leaveScreen gives the terminal back; without an editor it does nothing.
func (c *client) leaveScreen() {
	c.mu.Lock()
	e := c.editor
	c.editor = nil
	c.mu.Unlock()
	if e != nil {
		e.Close() // the program ends: nothing could be done about an error
		c.stopResizing()
	}
}

// status writes a line for whoever watches, above the line that is being typed.
func (c *client) status(format string, args ...any) {
	if !screen.IsTerminal(c.std.err) {
		return
	}
	line := fmt.Sprintf("parley: "+format+"\n", args...)
	c.mu.Lock()
	e := c.editor
	c.mu.Unlock()
	if e != nil {
		e.Write([]byte(line))
		return
	}
	io.WriteString(c.std.err, line)
}

// greet says that one may type.
func (c *client) greet(conn *ws.Conn) {
	agreed := ""
	if p := conn.Subprotocol(); p != "" {
		agreed += ", subprotocol " + screen.Escape(p)
	}
	if e := conn.Extensions(); e != "" {
		agreed += ", " + screen.Escape(e)
	}
	u, err := url.Parse(c.target)
	if err != nil {
		return // it was parsed before
	}
	c.status("connected to %s%s: Enter sends a line, Ctrl-D ends", screen.Escape(u.Redacted()), agreed)
}

// describe shows what the server answered, for -v.
func describe(w io.Writer, conn *ws.Conn, after time.Duration) {
	fmt.Fprintf(w, "* connected to %v after %v\n", conn.RemoteAddr(), after.Round(time.Microsecond))
	if res := conn.Response(); res != nil {
		fmt.Fprintf(w, "< %s %s\n", screen.Escape(res.Proto), screen.Escape(res.Status))
		printHeader(w, "< ", res.Header)
	}
	fmt.Fprintf(w, "* subprotocol %s, extensions %s\n", orNone(conn.Subprotocol()), orNone(conn.Extensions()))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return screen.Escape(s)
}

// printer returns what writes the replies to standard output.
func (c *client) printer() *printer {
	p := &printer{out: c.std.out, terminal: screen.IsTerminal(c.std.out), raw: c.raw, warn: c.status}
	if screen.SameTerminal(c.std.out, c.std.err) {
		p.out = besideEditor{c}
	}
	return p
}

// besideEditor is standard output on a terminal where somebody may be typing.
type besideEditor struct{ c *client }

func (b besideEditor) Write(p []byte) (int, error) {
	b.c.mu.Lock()
	e := b.c.editor
	b.c.mu.Unlock()
	if e != nil {
		return e.Write(p)
	}
	return b.c.std.out.Write(p)
}

// finish says how it ended and chooses the exit code.
func (c *client) finish(end *ws.CloseError, err error) error {
	var s *stopped
	if err == nil || errors.Is(err, errMaxTime) || errors.As(err, &s) {
		notice(c.std.err, "%s", closing(end))
	}
	if err != nil {
		return stoppedWith(err)
	}
	switch code := exitCode(end); code {
	case exitDone:
		return nil
	default:
		return quiet(code)
	}
}

// stoppedWith turns the reason for which this side ended into an exit code.
func stoppedWith(err error) error {
	var s *stopped
	switch {
	case errors.As(err, &s):
		return quiet(s.code())
	case errors.Is(err, errMaxTime):
		return &failure{exitTimeout, err, "give it longer with --max-time"}
	}
	return err
}

// closing describes the end of a connection in one line.
func closing(end *ws.CloseError) string {
	who := "closed"
	if end.Remote {
		who = "closed by the server"
	}
	s := who + ": " + end.Code.String()
	if end.Reason != "" {
		s += ": " + screen.Escape(end.Reason)
	}
	if end.Err != nil && end.Err.Error() != end.Reason {
		s += ": " + oneLine(end.Err.Error())
	}
	var limit *ws.LimitError
	if errors.As(end, &limit) {
		s += "; take more with --max-size"
	}
	return s
}

// exitCode returns the exit code for the end of a connection that nobody here wanted to end.
func exitCode(end *ws.CloseError) int {
	switch {
	case errors.Is(end, ws.ErrPingTimeout), errors.Is(end, ws.ErrWriteTimeout), errors.Is(end, ws.ErrProgressTimeout):
		return exitTimeout
	case end.Code == ws.CodeProtocolError, end.Code == ws.CodeInvalidPayload:
		return exitProtocol
	case end.Err == nil && (end.Code == ws.CodeNormal || end.Code == ws.CodeGoingAway || end.Code == ws.CodeNoStatus):
		return exitDone
	}
	return exitClosed
}

// printHeader prints header fields in a stable order.
func printHeader(w io.Writer, prefix string, h http.Header) {
	for _, name := range sortedNames(h) {
		for _, value := range h[name] {
			fmt.Fprintln(w, prefix+screen.Escape(name+": "+value))
		}
	}
}
