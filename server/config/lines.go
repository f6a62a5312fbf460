package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// The TOML library tells where a file cannot be parsed, and not where a key stands. So this reads a file once more, for its lines only: it
// may take for granted that the library has found no mistake in it.

// node is a key of a TOML file, or an element of a list, and what is below it.
type node struct {
	line  int
	keys  map[string]*node
	items []*node
}

// child returns the key of that name, new if there was none.
func (n *node) child(name string, line int) *node {
	if c := n.keys[name]; c != nil {
		return c
	}
	if n.keys == nil {
		n.keys = map[string]*node{}
	}
	c := &node{line: line}
	n.keys[name] = c
	return c
}

// below follows a dotted key from n; in lists it goes to the last element, as TOML has it.
func (n *node) below(names []string, line int) *node {
	for _, name := range names {
		n = n.child(name, line)
		if len(n.items) > 0 {
			n = n.items[len(n.items)-1]
		}
	}
	return n
}

// key and item return what stands there, or something with the line of n.
func (n *node) key(name string) *node {
	if c := n.keys[name]; c != nil {
		return c
	}
	return &node{line: n.line}
}

func (n *node) item(i int) *node {
	if i < len(n.items) {
		return n.items[i]
	}
	return &node{line: n.line}
}

// positions returns the lines of everything in a TOML file that the library has accepted.
func positions(text string) *node {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\xef\xbb\xbf"} { // as the library does it
		if rest, ok := strings.CutPrefix(text, mark); ok {
			text = rest
			break
		}
	}
	s := &scanner{text: text, line: 1}
	root := &node{line: 1}
	table := root
	for s.blank(); s.pos < len(s.text); s.blank() {
		line := s.line
		switch {
		case s.take("[["):
			names := s.names()
			last := len(names) - 1
			list := root.below(names[:last], line).child(names[last], line)
			table = &node{line: line}
			list.items = append(list.items, table)
			s.rest()
		case s.take("["):
			table = root.below(s.names(), line)
			table.line = line
			s.rest()
		default:
			s.pair(table)
		}
	}
	return root
}

type scanner struct {
	text string
	pos  int
	line int
}

// take skips what is given, if it comes next.
func (s *scanner) take(what string) bool {
	if strings.HasPrefix(s.text[s.pos:], what) {
		s.pos += len(what)
		return true
	}
	return false
}

// next returns the next byte, or 0 at the end.
func (s *scanner) next() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// advance skips n bytes and counts the lines in them.
func (s *scanner) advance(n int) {
	n = min(n, len(s.text)-s.pos)
	s.line += strings.Count(s.text[s.pos:s.pos+n], "\n")
	s.pos += n
}

// blank skips space, ends of lines and comments.
func (s *scanner) blank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.advance(1)
		case '#':
			s.rest()
		default:
			return
		}
	}
}

// rest skips what is left of the line.
func (s *scanner) rest() {
	n := strings.IndexByte(s.text[s.pos:], '\n')
	if n < 0 {
		n = len(s.text) - s.pos
	}
	s.advance(n)
}

// names reads a dotted key. It has at least one name.
func (s *scanner) names() []string {
	var names []string
	for {
		s.blank()
		switch c := s.next(); c {
		case '"', '\'':
			start := s.pos
			s.quoted()
			names = append(names, unquoted(s.text[start:s.pos]))
		default:
			n := strings.IndexAny(s.text[s.pos:], " \t\r\n.=]#")
			if n < 0 {
				n = len(s.text) - s.pos
			}
			names = append(names, s.text[s.pos:s.pos+n])
			s.advance(n)
		}
		s.blank()
		if !s.take(".") {
			return names
		}
	}
}

// unquoted is the text of a quoted key.
func unquoted(q string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K = "+q, &v); err != nil {
		return q
	}
	return v.K
}

// pair reads a key with its value into n.
func (s *scanner) pair(n *node) {
	start := s.pos
	line := s.line
	names := s.names()
	s.blank()
	s.take("=")
	s.blank()
	last := len(names) - 1
	s.value(n.below(names[:last], line).child(names[last], line))
	if s.pos == start {
		s.advance(1) // never with what the library accepts; but never for ever
	}
}

// value reads a value, and what is in it into n.
func (s *scanner) value(n *node) {
	switch s.next() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.take("[")
		for s.blank(); s.pos < len(s.text) && !s.take("]"); s.blank() {
			before := s.pos
			item := &node{line: s.line}
			s.value(item)
			n.items = append(n.items, item)
			s.blank()
			if s.take(","); s.pos == before {
				s.advance(1)
			}
		}
	case '{':
		s.take("{")
		for s.blank(); s.pos < len(s.text) && !s.take("}"); s.blank() {
			s.pair(n)
			s.blank()
			s.take(",")
		}
	default:
		n := strings.IndexAny(s.text[s.pos:], ",]}#\n")
		if n < 0 {
			n = len(s.text) - s.pos
		}
		s.advance(n)
	}
}

// quoted skips a text in quotes of any of the four kinds.
func (s *scanner) quoted() {
	quote := s.text[s.pos : s.pos+1]
	if long := strings.Repeat(quote, 3); s.take(long) {
		for s.pos < len(s.text) {
			if s.take(long) { // the text may end in two quotes of its own
				for range 2 {
					s.take(quote)
				}
				return
			}
			if quote == `"` && s.next() == '\\' {
				s.advance(1)
			}
			s.advance(1)
		}
		return
	}
	s.advance(1)
	for s.pos < len(s.text) && s.next() != quote[0] {
		if quote == `"` && s.next() == '\\' {
			s.advance(1)
		}
		s.advance(1)
	}
	s.advance(1)
}
