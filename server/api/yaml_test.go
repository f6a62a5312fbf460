package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// readYAML reads as much of YAML as openapi.yaml is written in, so that the tests need no library for it: maps and lists by indentation,
// collections on one line that are JSON or lists of plain words, quoted strings as in JSON, blocks after a bar, and comments on
// lines of their own. It panics at anything else. What comes out is as encoding/json has it.
func readYAML(text string) any {
	y := &yaml{lines: strings.Split(text, "\n")}
	v := y.block(0)
	if y.skip(); y.at < len(y.lines) {
		y.fail("something is left over")
	}
	return v
}

type yaml struct {
	lines []string
	at    int
}

func (y *yaml) fail(what string) { panic(fmt.Sprintf("line %d: %s: %q", y.at+1, what, y.lines[y.at])) }

// skip goes to the next line that says something.
func (y *yaml) skip() {
	for y.at < len(y.lines) {
		if s := strings.TrimSpace(y.lines[y.at]); s != "" && s[0] != '#' {
			return
		}
		y.at++
	}
}

// line returns the next line and how far it is indented, -1 at the end.
func (y *yaml) line() (text string, indent int) {
	if y.skip(); y.at == len(y.lines) {
		return "", -1
	}
	text = strings.TrimLeft(y.lines[y.at], " ")
	return text, len(y.lines[y.at]) - len(text)
}

// block reads the map or list that begins at this indentation.
func (y *yaml) block(indent int) any {
	text, _ := y.line()
	if strings.HasPrefix(text, "- ") {
		list := []any{}
		for {
			text, at := y.line()
			if at != indent || !strings.HasPrefix(text, "- ") {
				return list
			}
			rest := text[2:]
			if _, _, ok := pair(rest); ok && !strings.ContainsAny(rest[:1], "{[\"") {
				y.lines[y.at] = strings.Repeat(" ", indent+2) + rest
				list = append(list, y.block(indent+2))
				continue
			}
			y.at++
			list = append(list, y.value(rest))
		}
	}
	object := map[string]any{}
	for {
		text, at := y.line()
		if at != indent || strings.HasPrefix(text, "- ") {
			if at > indent {
				y.fail("it is indented too far")
			}
			return object
		}
		key, rest, ok := pair(text)
		if !ok {
			y.fail("no key")
		}
		if _, twice := object[key]; twice {
			y.fail("the key is there twice")
		}
		y.at++
		switch rest {
		case "":
			_, next := y.line()
			if next <= indent {
				y.fail("no value before this")
			}
			object[key] = y.block(next)
		case "|":
			object[key] = y.literal(indent)
		default:
			object[key] = y.value(rest)
		}
	}
}

// pair splits a line at its colon.
func pair(text string) (key, rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		end := strings.Index(text[1:], `"`) + 1
		if end < 1 || !strings.HasPrefix(text[end+1:], ":") {
			return "", "", false
		}
		return text[1:end], strings.TrimSpace(text[end+2:]), true
	}
	if key, ok = strings.CutSuffix(text, ":"); ok {
		return key, "", true
	}
	return strings.Cut(text, ": ")
}

func (y *yaml) literal(indent int) string {
	var b strings.Builder
	for ; y.at < len(y.lines); y.at++ {
		line := y.lines[y.at]
		trimmed := strings.TrimLeft(line, " ")
		if trimmed != "" && len(line)-len(trimmed) <= indent {
			break
		}
		if trimmed != "" {
			line = line[indent+2:]
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// value reads what is on one line.
func (y *yaml) value(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner = strings.TrimSuffix(inner, "]")
		list := []any{}
		for word := range strings.SplitSeq(inner, ", ") {
			list = append(list, y.value(word))
		}
		return list
	}
	if strings.ContainsAny(text[:1], "{}[]&*!|>'\"%@`,#?") || strings.Contains(text, ": ") || strings.Contains(text, " #") {
		y.at--
		y.fail("this cannot be plain")
	}
	return text
}

func TestReadYAML(t *testing.T) {
	got, _ := json.Marshal(readYAML(`# a comment
a: 1
"200":
  - x: "b: c"
    y: [p, "null", null]
  - plain words: and more

  - word
text: |
  one

    two
json: {"k": [true]}
`))
	want := `{"200":[{"x":"b: c","y":["p","null",null]},{"plain words":"and more"},"word"],"a":1,"json":{"k":[true]},"text":"one\n\n  two\n"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, text := range []string{"a: 'b'", "a: &x 1", "a: b: c", "a:\nb: 1", "a: 1\na: 2", "a: 1\n   b: 2"} {
		func() {
			defer func() { recover() }()
			t.Errorf("%q is %v", text, readYAML(text))
		}()
	}
}
