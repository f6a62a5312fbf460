package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"regexp"
	"strings"
)

// A Match says which reply answers which message. The zero value takes the reply that equals the message.
type Match struct {
	kind           matchKind
	expr           *regexp.Regexp
	sent, received []string // paths of JSON fields
	text           string
}

type matchKind byte

const (
	matchEcho matchKind = iota
	matchOrder
	matchNone
	matchExpr
	matchJSON
)

// ParseMatch reads how replies are found:
//
//	echo            the reply equals the message
//	order           replies come in the order of the messages, whatever is in them
//	none            there are no replies
//	regex:EXPR      both match EXPR, and what its first group found is the same (all of it, if there is no group)
//	json:FIELD      both are JSON objects, and the field has the same value; a dot goes into an object: json:meta.id
//	json:SENT=RECEIVED  the same, where the fields have different names: json:id=re
//
// A message received that has no such field, or does not match, is not a reply and is only counted.
func ParseMatch(text string) (Match, error) {
	m := Match{text: text}
	name, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "echo":
	case text == "order":
		m.kind = matchOrder
	case text == "none":
		m.kind = matchNone
	case name == "regex" && rest != "":
		expr, err := regexp.Compile(rest)
		if err != nil {
			return m, fmt.Errorf("load: match: %w", err)
		}
		m.kind, m.expr = matchExpr, expr
	case name == "json" && rest != "":
		sent, received, two := strings.Cut(rest, "=")
		if !two {
			received = sent
		}
		m.kind, m.sent, m.received = matchJSON, strings.Split(sent, "."), strings.Split(received, ".")
		for _, field := range append(m.sent, m.received...) {
			if field == "" {
				return m, fmt.Errorf("load: match: %q names an empty field", text)
			}
		}
	default:
		return m, fmt.Errorf("load: match: %q is unknown: choose echo, order, none, regex:EXPR or json:FIELD", text)
	}
	return m, nil
}

// String returns what ParseMatch read.
func (m Match) String() string {
	if m.text == "" {
		return "echo"
	}
	return m.text
}

var seed = maphash.MakeSeed()

// sentKey returns what a reply to this message will be known by. It is false if no reply can be.
func (m Match) sentKey(message []byte) (uint64, bool) { return m.key(message, m.sent) }

// receivedKey returns which message this one answers, or false if it is no reply.
func (m Match) receivedKey(message []byte) (uint64, bool) { return m.key(message, m.received) }

func (m Match) key(message []byte, path []string) (uint64, bool) {
	switch m.kind {
	case matchEcho:
		return maphash.Bytes(seed, message), true
	case matchOrder:
		return 0, true
	case matchExpr:
		found := m.expr.FindSubmatch(message)
		if found == nil {
			return 0, false
		}
		if len(found) > 1 {
			return maphash.Bytes(seed, found[1]), true
		}
		return maphash.Bytes(seed, found[0]), true
	case matchJSON:
		value, ok := field(message, path)
		return maphash.Bytes(seed, value), ok
	}
	return 0, false
}

// field returns the value of a field as it is written, without the space around it.
func field(object []byte, path []string) ([]byte, bool) {
	for _, name := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(object, &fields) != nil {
			return nil, false
		}
		value, ok := fields[name]
		if !ok {
			return nil, false
		}
		object = value
	}
	return bytes.TrimSpace(object), true
}
