package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/cmd/parley/internal/framing"
	"github.com/parley-ws/parley/cmd/parley/internal/talk"
	"github.com/parley-ws/parley/ws"
	"github.com/spf13/pflag"
)

// clientFlags are the flags that connect and send share, beside those of the connection.
type clientFlags struct {
	messages                  []string
	count                     int
	idle, maxTime             time.Duration
	text, binary, hex, base64 bool
	frame                     string
	json                      bool
	expect                    []string
	okClose                   []int
	farewell                  string
	output                    string
	silent, verbose           bool
	color                     string
	keepalive                 keepaliveFlags
}

// lesserClientFlags are those of which the help gives the names only.
var lesserClientFlags = []string{"text", "hex", "base64", "close", "ping-interval", "ping-timeout", "silent", "color"}

func (c *clientFlags) register(f *pflag.FlagSet) {
	f.StringArrayVarP(&c.messages, "message", "m", nil, "send `TEXT`; may be repeated. Then standard input is not read")
	f.IntVarP(&c.count, "count", "n", 0, "end after `N` messages have come, however long they take")
	f.DurationVar(&c.idle, "idle", time.Second, "after the last message sent, wait this long for replies")
	f.DurationVar(&c.maxTime, "max-time", 0, "end after this time, whatever happens, with exit code 124")
	f.BoolVar(&c.binary, "binary", false, "bytes as they are, in and out; or --hex, --base64: in digits")
	f.StringVar(&c.frame, "frame", "", "how messages stand in a stream, `KIND`: lines, nul, len32, json, all")
	f.BoolVar(&c.json, "json", false, "print each event, messages too, as a line of JSON")
	f.StringArrayVar(&c.expect, "expect", nil, "exit with 8 unless a message matches this `REGEX|JSON`")
	f.IntSliceVar(&c.okClose, "ok-close", nil, "exit with 0 if the connection ends with this `CODE`")
	f.StringVarP(&c.output, "output", "o", "", "write to this `FILE` instead of standard output")
	f.BoolVar(&c.text, "text", false, "messages are text (the default)")
	f.BoolVar(&c.hex, "hex", false, "binary messages are written in hexadecimal digits, both ways")
	f.BoolVar(&c.base64, "base64", false, "binary messages are written in base64, both ways")
	f.StringVar(&c.farewell, "close", "", "at the end close with `CODE[:REASON]` instead of 1000")
	c.keepalive.register(f)
	f.BoolVarP(&c.silent, "silent", "s", false, "say nothing on standard error but errors")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "show the server's answer to the handshake, and how it ended")
	f.StringVar(&c.color, "color", "auto", "colours: `auto|always|never`")
}

// prepare checks the flags before anything is opened. rest are the messages behind the URL.
func (c *client) prepare(rest []string, idleGiven bool) error {
	f := c.flags
	hint := "see parley " + c.name + " --help"
	switch {
	case f.count < 0:
		return usage(hint, "-n: %d is less than zero", f.count)
	case f.idle <= 0:
		return usage(hint, "--idle: %v is not more than zero", f.idle)
	case f.maxTime < 0:
		return usage(hint, "--max-time: %v is less than zero", f.maxTime)
	}
	for _, code := range f.okClose {
		if code < 1000 || code > 4999 {
			return usage("write --ok-close 4000; 1006 is an end without a close frame", "--ok-close: %d is no close code: there are 1000 to 4999", code)
		}
	}
	if err := checkColor(f.color); err != nil {
		return err
	}
	if err := f.keepalive.apply(&c.options.Options); err != nil {
		return err
	}
	var err error
	if c.form, err = f.form(); err != nil {
		return err
	}
	if c.wanted, err = parseExpectations(f.expect); err != nil {
		return err
	}
	if f.farewell != "" {
		if c.farewell, err = parseFarewell(strings.Cut(f.farewell, ":")); err != nil {
			return usage("write --close 4000 or --close '4000:the reason'", "--close: %w", err)
		}
	}
	c.idle = f.idle
	if f.count > 0 && !idleGiven {
		c.idle = -1 // who wants a number of messages waits for them
	}
	c.readInput = len(f.messages) == 0
	add := func(text, where string) error {
		m, err := c.form.decode([]byte(text))
		if err != nil {
			return usage("write it differently, or choose --text, --binary, --hex or --base64", "%s: %w", where, err)
		}
		c.given = append(c.given, m)
		return nil
	}
	for _, text := range f.messages {
		if err := add(text, "-m"); err != nil {
			return err
		}
	}
	for i, text := range rest {
		c.readInput = text == "-" && i == len(rest)-1
		if c.readInput {
			break
		}
		if err := add(text, fmt.Sprintf("message %q", text)); err != nil {
			return err
		}
	}
	return nil
}

// form returns how messages are written, going in and coming out.
func (c *clientFlags) form() (form, error) {
	chosen := form{encoding: asText, frame: framing.Lines}
	count := 0
	for _, one := range []struct {
		set      bool
		encoding encoding
	}{{c.text, asText}, {c.binary, asBytes}, {c.hex, asHex}, {c.base64, asBase64}} {
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
	if c.frame != "" {
		var err error
		if chosen.frame, err = framing.Parse(c.frame); err != nil {
			return chosen, usage("choose one of them", "--frame: %w", err)
		}
	}
	return chosen, nil
}

// longestReason is what a close frame has room for (RFC 6455 §5.5.1).
const longestReason = 123

// parseFarewell reads what a close frame is to say; the bool, of strings.Cut, does not matter.
func parseFarewell(code, reason string, _ bool) (talk.Farewell, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(code), 10, 16)
	switch {
	case err != nil:
		return talk.Farewell{}, fmt.Errorf("%q is no close code", code)
	case n < 1000, n > 4999, n >= 1004 && n <= 1006, n >= 1015 && n < 3000:
		return talk.Farewell{}, fmt.Errorf("%d may not be sent (RFC 6455 section 7.4): 1000 to 1003, 1007 to 1014 and 3000 to 4999 may", n)
	case !utf8.ValidString(reason):
		return talk.Farewell{}, errors.New("the reason is not UTF-8")
	case len(reason) > longestReason:
		return talk.Farewell{}, fmt.Errorf("the reason has %d bytes, and %d is the most", len(reason), longestReason)
	}
	return talk.Farewell{Code: ws.Code(n), Reason: reason}, nil
}
