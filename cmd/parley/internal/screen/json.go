package screen

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Token is a kind of token in JSON text.
type Token int

// The kinds of tokens that JSON tells apart.
const (
	Key     Token = iota // the name of a member, with its quotes
	String               // another string, with its quotes
	Number               // as it was written
	Literal              // true, false or null
)

const (
	largestJSON = 1 << 20 // bytes: what is larger is not laid out
	deepestJSON = 100     // levels: each line is indented by two spaces for each
)

// JSON lays out a JSON object or array for a person: on one line if it came on one that has no more than width characters, else
// indented. Nothing of it changes but white space and what Escape changes in strings. paint, unless it is nil, is given each
// token and returns it with its colour. JSON reports false, and returns nothing, for text that is something else, or too large or
// too deep to be read.
func JSON(text []byte, width int, paint func(kind Token, token string) string) (string, bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || len(text) > largestJSON || text[0] != '{' && text[0] != '[' || !json.Valid(text) || depth(text) > deepestJSON {
		return "", false
	}
	if bytes.IndexByte(text, '\n') >= 0 || utf8.RuneCount(text) > width {
		var b bytes.Buffer
		json.Indent(&b, text, "", "  ") // it is valid
		text = b.Bytes()
	}
	if paint == nil {
		paint = func(_ Token, token string) string { return token }
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		n := 1
		switch c := text[i]; {
		case c == '"':
			n = stringLength(text[i:])
			kind := String
			if next := bytes.TrimLeft(text[i+n:], " \t\r\n"); len(next) > 0 && next[0] == ':' {
				kind = Key
			}
			b.WriteString(paint(kind, Escape(string(text[i:i+n]))))
		case c == '-' || c >= '0' && c <= '9':
			for i+n < len(text) && bytes.IndexByte([]byte("+-.0123456789Ee"), text[i+n]) >= 0 {
				n++
			}
			b.WriteString(paint(Number, string(text[i:i+n])))
		case c >= 'a' && c <= 'z':
			for i+n < len(text) && text[i+n] >= 'a' && text[i+n] <= 'z' {
				n++
			}
			b.WriteString(paint(Literal, string(text[i:i+n])))
		case c == '\t' || c == '\r': // space between tokens
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
		i += n
	}
	return b.String(), true
}

// stringLength returns the length of the JSON string that text begins with.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// depth returns how deep the objects and arrays in valid JSON text are nested.
func depth(text []byte) int {
	level, most := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLength(text[i:]) - 1
		case '{', '[':
			level++
			most = max(most, level)
		case '}', ']':
			level--
		}
	}
	return most
}
