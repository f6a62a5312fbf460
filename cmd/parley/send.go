package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/framing"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
)

// sendFlags are the flags of send beside those of the connection.
type sendFlags struct {
	messages                  []string
	count                     int
	idle, maxTime             time.Duration
	text, binary, hex, base64 bool
	frame                     string
	json                      bool
	expect                    []string
	okClose                   []int
	output                    string
	silent, verbose           bool
	color                     string
	keepalive                 keepaliveFlags
}

func newSend(std stdio) *cobra.Command {
	var dial dialFlags
	var flags sendFlags
	cmd := &cobra.Command{
		Use:   "send URL [MESSAGE…]",
		Short: "Send messages, print the replies, end",
		Long: `Sends the messages given, or else a message for each line of standard input, and prints the
replies. Then it waits for more until -n, --idle or --max-time, and closes the connection.`,
		Example: `  parley send ws://127.0.0.1:8080/echo hello
  printf 'a\nb\n' | parley send ws://127.0.0.1:8080/echo`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			target, rest, err := dial.target(args, "send: the URL is missing")
			if err != nil {
				return err
			}
			s := &sender{std: std, flags: &flags, target: target}
			if s.options, err = dial.options(); err != nil {
				return err
			}
			if err := s.prepare(rest, cmd.Flags().Changed("idle")); err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&flags.messages, "message", "m", nil, "send `TEXT`; may be repeated. Then standard input is not read")
	f.IntVarP(&flags.count, "count", "n", 0, "end after `N` messages have come, however long they take")
	f.DurationVar(&flags.idle, "idle", time.Second, "after the last message sent, wait this long for replies")
	f.DurationVar(&flags.maxTime, "max-time", 0, "end after this time, whatever happens, with exit code 124")
	f.BoolVar(&flags.binary, "binary", false, "bytes as they are, in and out; or --hex, --base64: in digits")
	f.StringVar(&flags.frame, "frame", "", "how messages stand in a stream, `KIND`: lines, nul, len32, json, all")
	f.BoolVar(&flags.json, "json", false, "print each event, messages too, as a line of JSON")
	f.StringArrayVar(&flags.expect, "expect", nil, "exit with 8 unless a message matches this `REGEX|JSON`")
	f.IntSliceVar(&flags.okClose, "ok-close", nil, "exit with 0 if the connection ends with this `CODE`")
	f.StringVarP(&flags.output, "output", "o", "", "write to this `FILE` instead of standard output")
	f.BoolVar(&flags.text, "text", false, "messages are text (the default)")
	f.BoolVar(&flags.hex, "hex", false, "binary messages are written in hexadecimal digits, both ways")
	f.BoolVar(&flags.base64, "base64", false, "binary messages are written in base64, both ways")
	flags.keepalive.register(f)
	f.BoolVarP(&flags.silent, "silent", "s", false, "say nothing on standard error but errors")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "show the server's answer to the handshake, and how it ended")
	f.StringVar(&flags.color, "color", "auto", "colours: `auto|always|never`")
	dial.register(f)
	compactHelp(cmd, "text", "hex", "base64", "ping-interval", "ping-timeout", "silent", "color")
	return cmd
}

// prepare checks the flags before anything is opened. rest are the messages behind the URL.
func (s *sender) prepare(rest []string, idleGiven bool) error {
	f := s.flags
	const hint = "see parley send --help"
	switch {
	case f.count < 0:
		return usage(hint, "-n: %d is less than zero", f.count)
	case f.idle <= 0:
		return usage(hint, "--idle: %v is not more than zero", f.idle)
	case f.maxTime < 0:
		return usage(hint, "--max-time: %v is less than zero", f.maxTime)
	}
	if err := checkColor(f.color); err != nil {
		return err
	}
	if err := f.keepalive.apply(&s.options.Options); err != nil {
		return err
	}
	var err error
	if s.form, err = f.form(); err != nil {
		return err
	}
	if s.wanted, err = parseExpectations(f.expect); err != nil {
		return err
	}
	s.idle = f.idle
	if f.count > 0 && !idleGiven {
		s.idle = -1 // who wants a number of messages waits for them
	}
	s.readInput = len(f.messages) == 0
	add := func(text, where string) error {
		m, err := s.form.decode([]byte(text))
		if err != nil {
			return usage("write it differently, or choose --text, --binary, --hex or --base64", "%s: %w", where, err)
		}
		s.given = append(s.given, m)
		return nil
	}
	for _, text := range f.messages {
		if err := add(text, "-m"); err != nil {
			return err
		}
	}
	for i, text := range rest {
		s.readInput = text == "-" && i == len(rest)-1
		if s.readInput {
			break
		}
		if err := add(text, fmt.Sprintf("message %q", text)); err != nil {
			return err
		}
	}
	return nil
}

// form returns how messages are written, going in and coming out.
func (f *sendFlags) form() (form, error) {
	chosen := form{encoding: asText, frame: framing.Lines}
	count := 0
	for _, one := range []struct {
		set      bool
		encoding encoding
	}{{f.text, asText}, {f.binary, asBytes}, {f.hex, asHex}, {f.base64, asBase64}} {
		if one.set {
			chosen.encoding = one.encoding
			count++
		}
	}
	if count > 1 {
		return chosen, usage("choose one of them", "--text, --binary, --hex and --base64 exclude each other")
	}
	if chosen.encoding == asBytes {
		chosen.frame = framing.All // bytes have no lines
	}
	if f.frame != "" {
		var err error
		if chosen.frame, err = framing.Parse(f.frame); err != nil {
			return chosen, usage("choose one of them", "--frame: %w", err)
		}
	}
	return chosen, nil
}

// sender is one run of send.
type sender struct {
	std       stdio
	flags     *sendFlags
	target    string
	options   *ws.DialOptions
	form      form
	wanted    *expectations
	idle      time.Duration
	given     []ws.Message // those of the command line
	readInput bool         // then comes standard input

	out      *messageWriter
	events   *eventLog // nil without --json
	received int
	enough   chan struct{}
}

// run connects, talks and says how it ended.
func (s *sender) run(parent context.Context) (err error) {
	signals := withSignals(parent, func() {})
	defer signals.release()
	ctx, cancel := withMaxTime(signals, s.flags.maxTime)
	defer cancel()

	out, err := openOutput(s.std, s.flags.output)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := out.close(); err == nil {
			err = cerr
		}
	}()
	if s.flags.json {
		s.events = newEventLog(out)
		s.options.Trace = s.events.trace()
		defer func() { err = s.events.finish(err) }()
	}

	start := time.Now()
	conn, err := ws.Dial(ctx, s.target, s.options)
	if err != nil {
		if ctx.Err() != nil {
			return stoppedWith(context.Cause(ctx))
		}
		return err
	}
	if err := out.begin(); err != nil {
		conn.CloseNow()
		return err
	}
	if s.flags.verbose {
		describe(s.std.err, conn, time.Since(start))
	}
	defer onUsr1(func() { s.statistics(conn) })()
	return s.converse(ctx, conn, out)
}

// withMaxTime bounds ctx by --max-time, if there is one.
func withMaxTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errMaxTime)
}

// statistics says on standard error what has passed so far.
func (s *sender) statistics(conn *ws.Conn) {
	st := conn.Stats()
	s.events.stat(st)
	notice(s.std.err, "%s (%s) sent, %s (%s) received", some(st.MessagesOut, "message"), some(st.BytesOut, "byte"), some(st.MessagesIn, "message"), some(st.BytesIn, "byte"))
}

// errNotMet is the failure of --expect.
var errNotMet = errors.New("send: no message met what was expected")
