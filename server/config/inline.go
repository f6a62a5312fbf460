package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// lines replaces a list of tables by one table for each line, as flags and variables give them: chat/** history=100 presence=true. The
// key marked line stands first without its name; values with spaces are quoted. Nothing of a line is shown in errors: it may hold a key.
func (l *loader) lines(t *table, o origin, lines []string) {
	l.list(t, len(lines), func(i int, v reflect.Value) {
		at := o
		if len(lines) > 1 {
			at.where += " (" + strconv.Itoa(i+1) + ")"
			at.line = i + 1
		}
		l.origins[t.path(i, "")] = at
		words, err := split(lines[i])
		if err != nil {
			l.fail(at, "%v", err)
			l.failed[t.path(i, "")] = true
			return
		}
		seen := map[string]bool{}
		for n, w := range words {
			if w.key == "" || n == 0 && w.mayBeValue && t.find(w.key) == nil {
				if n > 0 {
					l.fail(at, "word %d is not KEY=VALUE: quote a value with spaces, as KEY=\"A B\"", n+1)
					continue
				}
				w.key, w.value = t.first().Name, w.whole
			}
			k := t.find(w.key)
			switch {
			case k == nil:
				l.fail(at, "%s", unknownKey(t, w.key))
			case seen[w.key]:
				l.fail(at, "%q is given twice: take one out", w.key)
			default:
				seen[w.key] = true
				l.set(t, i, v, k, at, func(v reflect.Value) error {
					if err := l.text(v, k, w.value); err != nil {
						return fmt.Errorf("%s: %w", k.in(), err)
					}
					return nil
				})
			}
		}
	})
}

// first is the key that stands first in a line, without its name.
func (t *table) first() *Key {
	for _, k := range t.keys {
		if k.line {
			return k
		}
	}
	panic("config: no key of " + t.String() + " is marked as the first in a line")
}

// word is a part of a line.
type word struct {
	key, value string
	whole      string
	mayBeValue bool // the = may belong to the value
}

// split takes a line apart at its spaces that are not in quotes. Within quotes, \" is a quote and \\ a backslash.
func split(line string) ([]word, error) {
	var words []word
	rest := strings.TrimSpace(line)
	for rest != "" {
		var b strings.Builder
		quoted, equals := false, -1
		i := 0
	scan:
		for ; i < len(rest); i++ {
			switch c := rest[i]; {
			case c == '"':
				quoted = !quoted
			case quoted && c == '\\' && i+1 < len(rest) && (rest[i+1] == '"' || rest[i+1] == '\\'):
				i++
				b.WriteByte(rest[i])
			case !quoted && (c == ' ' || c == '\t'):
				break scan
			default:
				if c == '=' && !quoted && equals < 0 {
					equals = b.Len()
				}
				b.WriteByte(c)
			}
		}
		if quoted {
			return nil, errors.New("a quote is not closed")
		}
		w := word{whole: b.String(), mayBeValue: true}
		if equals > 0 {
			w.key, w.value = w.whole[:equals], w.whole[equals+1:]
			w.mayBeValue = strings.ContainsAny(w.key, "/*.:-") // no key has these
		}
		words = append(words, w)
		rest = strings.TrimLeft(rest[i:], " \t")
	}
	return words, nil
}
