package native

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/parley-ws/parley/hub"
)

// scanner takes JSON (RFC 8259) apart without copying it, and checks all of it on the way. It allocates nothing but errors. That the text is
// UTF-8 has been checked before.
type scanner struct {
	p     []byte
	i     int
	depth int // of nesting that is allowed
	half  int // where the first half of a surrogate pair without the other began, counted from 1; 0 if there was none
}

// malformed is the error for what is no JSON at the place where the scanner stands.
func (s *scanner) malformed() *hub.Error {
	if s.i >= len(s.p) {
		return hub.Errorf(hub.BadRequest, "malformed JSON: it ends too early, at byte %d", len(s.p))
	}
	return hub.Errorf(hub.BadRequest, "malformed JSON at byte %d", s.i)
}

func (s *scanner) space() {
	for s.i < len(s.p) {
		switch s.p[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, or 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.p) {
		return s.p[s.i]
	}
	return 0
}

// value takes one value and returns its text. depth counts what it lies in.
func (s *scanner) value(depth int) ([]byte, *hub.Error) {
	c := s.peek()
	start := s.i
	var err *hub.Error
	switch {
	case c == '"':
		err = s.str()
	case c == '{':
		err = s.object(depth, nil)
	case c == '[':
		err = s.array(depth, nil)
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.number()
	}
	if err != nil {
		return nil, err
	}
	return s.p[start:s.i], nil
}

func (s *scanner) word(w string) *hub.Error {
	for j := range len(w) {
		if s.i >= len(s.p) || s.p[s.i] != w[j] {
			return s.malformed()
		}
		s.i++
	}
	return nil
}

// digits takes one digit or more.
func (s *scanner) digits() *hub.Error {
	start := s.i
	for s.i < len(s.p) && '0' <= s.p[s.i] && s.p[s.i] <= '9' {
		s.i++
	}
	if s.i == start {
		return s.malformed()
	}
	return nil
}

func (s *scanner) number() *hub.Error {
	if s.i < len(s.p) && s.p[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.p) && s.p[s.i] == '0' {
		s.i++ // and no digit may follow
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.i < len(s.p) && s.p[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.p) && s.p[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.p) && (s.p[s.i] == '+' || s.p[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

// str takes a string with its quotes.
func (s *scanner) str() *hub.Error {
	s.i++
	for s.i < len(s.p) {
		switch c := s.p[s.i]; {
		case c == '"':
			s.i++
			return nil
		case c < 0x20:
			return s.malformed()
		case c == '\\':
			s.i++
			if s.i >= len(s.p) {
				return s.malformed()
			}
			if s.p[s.i] == 'u' {
				if err := s.escaped(); err != nil {
					return err
				}
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), s.p[s.i]) < 0 {
				return s.malformed()
			}
		}
		s.i++
	}
	return s.malformed()
}

// escaped takes what follows the backslash of a \u, up to its last digit, and the other half of a surrogate pair with it. Half a pair alone is
// JSON, but no text: it is noted, for whoever makes text of it would take names for the same that are not.
func (s *scanner) escaped() *hub.Error {
	start := s.i
	unit, err := s.unit()
	if err != nil || unit < 0xd800 || unit > 0xdfff {
		return err
	}
	if unit < 0xdc00 && s.i+2 < len(s.p) && s.p[s.i+1] == '\\' && s.p[s.i+2] == 'u' {
		before := s.i
		s.i += 2
		unit, err := s.unit()
		if err != nil {
			return err
		}
		if 0xdc00 <= unit && unit <= 0xdfff {
			return nil
		}
		s.i = before // the next is one of its own
	}
	if s.half == 0 {
		s.half = start
	}
	return nil
}

// unit takes the u and the digits of an escape, up to the last, and returns the UTF-16 code unit that it stands for.
func (s *scanner) unit() (rune, *hub.Error) {
	unit := rune(0)
	for range 4 {
		s.i++
		if s.i >= len(s.p) || !isHex(s.p[s.i]) {
			return 0, s.malformed()
		}
		digit := rune(s.p[s.i] | 0x20)
		if digit >= 'a' {
			digit -= 'a' - 10 - '0'
		}
		unit = unit<<4 | (digit - '0')
	}
	return unit, nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// object takes an object, and calls member with the name, in quotes as it was written, and the text of each value. member may be nil.
func (s *scanner) object(depth int, member func(name, value []byte) *hub.Error) *hub.Error {
	if depth >= s.depth {
		return hub.Errorf(hub.BadRequest, "the JSON is nested deeper than %d levels", s.depth)
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.malformed()
		}
		start := s.i
		if err := s.str(); err != nil {
			return err
		}
		name := s.p[start:s.i]
		if s.peek() != ':' {
			return s.malformed()
		}
		s.i++
		value, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if member != nil {
			if err := member(name, value); err != nil {
				return err
			}
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return nil
		default:
			return s.malformed()
		}
	}
}

// array takes an array, and calls element with the text of each. element may be nil.
func (s *scanner) array(depth int, element func(value []byte) *hub.Error) *hub.Error {
	if depth >= s.depth {
		return hub.Errorf(hub.BadRequest, "the JSON is nested deeper than %d levels", s.depth)
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for {
		value, err := s.value(depth + 1)
		if err != nil {
			return err
		}
		if element != nil {
			if err := element(value); err != nil {
				return err
			}
		}
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.malformed()
		}
	}
}

// unquote returns what a JSON string means. A surrogate without its other half, which no command has, becomes U+FFFD.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "" // cannot be: it was checked
	}
	return s
}

// integer returns the number that a JSON text is, if it is a whole one from 0 to 2^53-1, written without fraction and exponent.
func integer(raw []byte) (uint64, bool) {
	if len(raw) > 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw), 10, 53)
	return n, err == nil
}
