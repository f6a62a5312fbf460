package check

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Open says how a connection is opened, where it is not the plain handshake: what a request of the suite asks of a
// server, or what its response answers to a client.
type Open struct {
	Head       Head     // the request to a server, or the response to a client
	Extensions []string // lines of Sec-WebSocket-Extensions
	Deflate    *Deflate // permessage-deflate with these parameters: without it the case is unimplemented
	Pipelined  []Frame  // frames in the same write as the head, right behind it
	Unoffered  bool     // a client must not offer client_max_window_bits: else the case is unimplemented
	Extension  bool     // a server has to know permessage-deflate, and a client to offer it: else the case is unimplemented
}

// A Head is how a request or response differs from a plain one. The text may hold {target}, {host}, {key}, {accept} and
// {protocol}: what the plain one has there; {protocol} is the first subprotocol that a client offers. {accept:lower},
// {accept:cut} and {accept:spaced} are {accept} in lower case, without its padding, and with a space in the middle.
type Head struct {
	Line    string        // the first line
	Without []string      // names of fields that are left out
	With    []string      // lines that are added at the end, as they are
	Raw     string        // everything, instead of the first line and all fields
	Chop    int           // bytes in one write; 0 means everything in one
	Delay   time.Duration // between the writes
	Nothing bool          // nothing is sent at all
	Wait    time.Duration // for how much longer than usual the answer is waited for
}

// replaced leaves out the fields of the same names, then adds the lines.
func replaced(lines ...string) Head {
	h := Head{With: lines}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		h.Without = append(h.Without, strings.TrimSpace(name))
	}
	return h
}

func without(names ...string) Head { return Head{Without: names} }
func with(lines ...string) Head    { return Head{With: lines} }

// text writes the head: its plain first line and fields, changed as it says.
func (h *Head) text(line string, fields []string, values *strings.Replacer) string {
	if h.Nothing {
		return ""
	}
	if h.Raw != "" {
		return values.Replace(h.Raw)
	}
	if h.Line != "" {
		line = h.Line
	}
	var b strings.Builder
	b.WriteString(line + "\r\n")
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		if !slices.ContainsFunc(h.Without, func(w string) bool { return strings.EqualFold(w, name) }) {
			b.WriteString(f + "\r\n")
		}
	}
	for _, f := range h.With {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n")
	return values.Replace(b.String())
}

// A field is a line of a head as it was received.
type field struct{ name, value string }

// A received head: its first line, its fields and what is wrong with their form.
type received struct {
	line   string
	fields []field
	raw    string
	wrong  string // the first line that is not as RFC 9112 §5 writes a field
}

const maxHead = 1 << 20

var errHeadSize = errors.New("the head is larger than 1 MiB")

// readHead reads a request or a response up to the empty line.
func readHead(br *bufio.Reader) (*received, error) {
	h := new(received)
	var raw strings.Builder
	for first := true; ; first = false {
		line, err := br.ReadString('\n')
		raw.WriteString(line)
		h.raw = raw.String()
		if err != nil {
			if err == io.EOF && raw.Len() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return h, err
		}
		if raw.Len() > maxHead {
			return h, errHeadSize
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok {
			h.fault("a line ends without CR: " + strconv.Quote(line))
			text = strings.TrimSuffix(line, "\n")
		}
		switch {
		case first:
			h.line = text
		case text == "":
			return h, nil
		default:
			h.add(text)
		}
	}
}

func (h *received) fault(text string) {
	if h.wrong == "" {
		h.wrong = text
	}
}

// add takes a line of the form that RFC 9112 §5 gives fields.
func (h *received) add(line string) {
	name, value, ok := strings.Cut(line, ":")
	switch {
	case !ok:
		h.fault("a line without colon: " + strconv.Quote(line))
		return
	case !isToken(name):
		h.fault("a name that is no token: " + strconv.Quote(line))
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			h.fault("a value with a control character: " + strconv.Quote(line))
		}
	}
	h.fields = append(h.fields, field{strings.TrimSpace(name), strings.Trim(value, " \t")})
}

// all returns the values of the fields of that name.
func (h *received) all(name string) []string {
	var values []string
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// has reports whether a field that is a list has the token, in any case.
func (h *received) has(name, token string) bool {
	for _, v := range h.all(name) {
		for _, t := range strings.Split(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// names reports whether there is the field, or in it the token that follows a colon.
func (h *received) names(field string) bool {
	name, token, listed := strings.Cut(field, ": ")
	if listed {
		return h.has(name, token)
	}
	return len(h.all(name)) > 0
}

// status is the status code of a response, 0 if the first line is not that of one.
func (h *received) status() int {
	if len(h.line) < 12 || !strings.HasPrefix(h.line, "HTTP/1.") || h.line[8] != ' ' {
		return 0
	}
	if len(h.line) > 12 && h.line[12] != ' ' {
		return 0
	}
	n, err := strconv.Atoi(h.line[9:12])
	if err != nil || n < 100 {
		return 0
	}
	return n
}

// isToken reports whether s is a token: RFC 9110 §5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !tokenByte(c) {
			return false
		}
	}
	return s != ""
}

func tokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// An extension is one element of Sec-WebSocket-Extensions: RFC 6455 §9.1.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool
}

// parseExtensions parses the lines of Sec-WebSocket-Extensions.
func parseExtensions(lines []string) ([]extension, error) {
	var list []extension
	p := extensionParser{rest: strings.Join(lines, ",")}
	for {
		p.space()
		if p.rest == "" {
			return list, nil
		}
		if p.take(',') { // an empty element of a list: RFC 9110 §5.6.1.2
			continue
		}
		e := extension{name: p.token()}
		if e.name == "" {
			return nil, fmt.Errorf("no token at %q", p.rest)
		}
		for p.space(); p.take(';'); p.space() {
			p.space()
			a := param{name: p.token()}
			if a.name == "" {
				return nil, fmt.Errorf("no parameter at %q", p.rest)
			}
			p.space()
			if p.take('=') {
				p.space()
				a.valued = true
				var err error
				if a.value, err = p.value(); err != nil {
					return nil, err
				}
			}
			e.params = append(e.params, a)
		}
		if p.rest != "" && !p.take(',') {
			return nil, fmt.Errorf("no comma at %q", p.rest)
		}
		list = append(list, e)
	}
}

type extensionParser struct{ rest string }

func (p *extensionParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *extensionParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *extensionParser) token() string {
	n := 0
	for n < len(p.rest) && tokenByte(p.rest[n]) {
		n++
	}
	t := p.rest[:n]
	p.rest = p.rest[n:]
	return t
}

// value is a token, or a quoted string that holds a token.
func (p *extensionParser) value() (string, error) {
	if !p.take('"') {
		if t := p.token(); t != "" {
			return t, nil
		}
		return "", fmt.Errorf("no value at %q", p.rest)
	}
	var b strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '"':
			if !isToken(b.String()) {
				return "", fmt.Errorf("a quoted value that is no token: %q", b.String())
			}
			return b.String(), nil
		case c == '\\' && p.rest != "":
			c = p.rest[0]
			p.rest = p.rest[1:]
		}
		b.WriteByte(c)
	}
	return "", errors.New("a quoted value without its end")
}

// String writes the extension as a header field has it.
func (e *extension) String() string {
	s := e.name
	for _, p := range e.params {
		s += "; " + p.name
		if p.valued {
			s += "=" + p.value
		}
	}
	return s
}
