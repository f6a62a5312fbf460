package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/cmd/parley/internal/framing"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/ws"
)

// encoding is how a message is written outside a connection.
type encoding int

const (
	asText   encoding = iota // text messages; what is binary has no form
	asBytes                  // binary messages, as they are
	asHex                    // binary messages, in hexadecimal digits
	asBase64                 // binary messages, in base64
)

// form is how messages are written in a stream, in both directions.
type form struct {
	encoding encoding
	frame    framing.Kind
}

// decode makes a message of what was written.
func (f form) decode(unit []byte) (ws.Message, error) {
	switch f.encoding {
	case asBytes:
		return ws.Message{Type: ws.Binary, Data: unit}, nil
	case asHex:
		data, err := hex.DecodeString(withoutSpace(string(unit)))
		if err != nil {
			return ws.Message{}, fmt.Errorf("not hexadecimal: %w", err)
		}
		return ws.Message{Type: ws.Binary, Data: data}, nil
	case asBase64:
		text := strings.TrimRight(withoutSpace(string(unit)), "=")
		data, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text))
		if err != nil {
			return ws.Message{}, fmt.Errorf("not base64: %w", err)
		}
		return ws.Message{Type: ws.Binary, Data: data}, nil
	}
	if !utf8.Valid(unit) {
		return ws.Message{}, errors.New("not UTF-8, which a text message has to be")
	}
	return ws.Message{Type: ws.Text, Data: unit}, nil
}

func withoutSpace(s string) string { return strings.Join(strings.Fields(s), "") }

// shown is how many bytes of a binary message a terminal shows.
const shown = 1024

// messageWriter writes messages to a stream: payload and nothing else.
type messageWriter struct {
	w        io.Writer
	form     form
	terminal bool
	file     *os.File // what the terminal's width is asked of
	colour   bool
	warn     func(format string, args ...any)
	stamps   *stamps      // before each message on a terminal; nil: never
	asIs     *atomic.Bool // JSON is not laid out; nil: it is
	once     sync.Once
	buf      []byte // reused
}

// errBinaryToPipe is returned for a binary message that has no form in a stream of text.
var errBinaryToPipe = &failure{exitIO, errors.New("a binary message cannot go to a pipe as text"),
	"--json shows it in base64; --binary writes it as it is, --hex and --base64 in their digits"}

// print writes one message.
func (m *messageWriter) print(t ws.Type, p []byte) error {
	if m.terminal {
		return m.show(t, p)
	}
	if t == ws.Binary {
		switch m.form.encoding {
		case asText:
			return errBinaryToPipe
		case asHex:
			p = hex.AppendEncode(nil, p)
		case asBase64:
			p = base64.StdEncoding.AppendEncode(nil, p)
		}
	}
	if framing.Ambiguous(m.form.frame, p) {
		m.once.Do(func() {
			m.warn("a message holds what ends a message in the output; --frame len32 or --json keeps them apart")
		})
	}
	m.buf = framing.Append(m.buf[:0], m.form.frame, p)
	return m.write(m.buf)
}

// show writes a message for a person, as a line that cannot command the terminal.
func (m *messageWriter) show(t ws.Type, p []byte) error {
	column := ""
	if m.stamps != nil {
		if now := m.stamps.event(time.Now()); m.stamps.on.Load() {
			column = now
		}
	}
	return m.write([]byte(paint(m.colour, faint, column) + m.line(t, p, len(column)) + "\n"))
}

// line returns what show writes behind a column of so many characters.
func (m *messageWriter) line(t ws.Type, p []byte, column int) string {
	if t == ws.Text {
		if m.asIs == nil || !m.asIs.Load() {
			width, _, err := screen.Size(m.file)
			if err != nil || width == 0 {
				width = 80
			}
			if laidOut, ok := screen.JSON(p, width-column, m.paintJSON); ok {
				return laidOut
			}
		}
		return screen.Escape(string(p))
	}
	line := screen.Hex(p[:min(shown, len(p))])
	if m.form.encoding == asBase64 {
		line = base64.StdEncoding.EncodeToString(p[:min(shown/4*3, len(p))])
	}
	if len(p) > shown {
		line += fmt.Sprintf(" … (%d bytes)", len(p))
	}
	return paint(m.colour, cyan, line)
}

// paintJSON gives the tokens of JSON their colours.
func (m *messageWriter) paintJSON(kind screen.Token, token string) string {
	switch kind {
	case screen.Key:
		return paint(m.colour, cyan, token)
	case screen.String:
		return paint(m.colour, green, token)
	case screen.Number:
		return paint(m.colour, yellow, token)
	}
	return paint(m.colour, magenta, token)
}

func (m *messageWriter) write(b []byte) error {
	if _, err := m.w.Write(b); err != nil {
		return &failure{exitIO, fmt.Errorf("write: %w", err), "check where the output goes"}
	}
	return nil
}

// output is where the payload goes: standard output, or the file of -o.
type output struct {
	file     *os.File
	own      bool // file is to be closed
	terminal bool
	prompt   *prompt // if it is on the same terminal
}

// openOutput opens the file, but leaves what it holds until begin is called.
func openOutput(std stdio, name string) (*output, error) {
	if name == "" || name == "-" {
		return &output{file: std.out, terminal: screen.IsTerminal(std.out)}, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("-o: %w", err), "choose a file that can be written"}
	}
	return &output{file: f, own: true, terminal: screen.IsTerminal(f)}, nil
}

// begin empties the file.
func (o *output) begin() error {
	if !o.own {
		return nil
	}
	if info, err := o.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil // a pipe or a device has nothing to lose
	}
	if err := o.file.Truncate(0); err != nil {
		return &failure{exitIO, fmt.Errorf("-o: %w", err), "choose a file that can be written"}
	}
	return nil
}

func (o *output) Write(p []byte) (int, error) {
	if o.prompt != nil {
		if e := o.prompt.get(); e != nil {
			return e.Write(p)
		}
	}
	return o.file.Write(p)
}

func (o *output) close() error {
	if !o.own {
		return nil
	}
	if err := o.file.Close(); err != nil {
		return &failure{exitIO, fmt.Errorf("-o: %w", err), "check the disk"}
	}
	return nil
}
