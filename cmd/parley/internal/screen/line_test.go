package screen

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCells(t *testing.T) {
	for _, c := range []struct {
		text  string
		shown []string
		width int
	}{
		{"ab", []string{"a", "b"}, 2},
		{"日本", []string{"日", "本"}, 4},
		{"e\u0301x", []string{"e\u0301", "x"}, 2},
		{"👨\u200d👩\u200d👧!", []string{"👨\u200d👩\u200d👧", "!"}, 3},
		{"🇩🇪🇫🇷", []string{"🇩🇪", "🇫🇷"}, 2},
		{"👍🏽", []string{"👍🏽"}, 2},
		{"❤\ufe0f", []string{"❤\ufe0f"}, 2},
		{"a\x1b[2J\t", []string{"a", `\x1b`, "[", "2", "J", `\t`}, 10},
		{"\u202e\xff", []string{`\u202e`, `\xff`}, 10},
		{"\u1100ｱ가", []string{"\u1100", "ｱ", "가"}, 5},
	} {
		list := cells(c.text)
		var shown []string
		for _, one := range list {
			shown = append(shown, one.shown)
		}
		if !reflect.DeepEqual(shown, c.shown) || columns(list) != c.width || plain(list) != c.text {
			t.Errorf("%q: %q, %d columns, text %q", c.text, shown, columns(list), plain(list))
		}
	}
}

// typing does what keys say, as ReadLine does.
func typing(l *line, keys string) {
	for p := []byte(keys); len(p) > 0; {
		k, text, n := nextKey(p)
		if n == 0 {
			return
		}
		if k == keyText {
			l.typeText(text)
		} else {
			l.edit(k)
		}
		p = p[n:]
	}
}

func TestLineKeys(t *testing.T) {
	for keys, want := range map[string]string{
		"abc\x7f":                              "ab|",
		"abc\x1b[D\x1b[D\x1b[3~":               "a|c",
		"ab\x01x\x05y":                         "xaby|",
		"one two  \x17x":                       "one x|",
		"one two\x1bb\x1bbx\x1bfy":             "xoney| two",
		"one two\x1b[1;5D\x0b":                 "one |",
		"one two\x1b[1;5D\x0b\x01\x19":         "two|one ",
		"one two\x01\x1bd":                     "| two",
		"one\x15two":                           "two|",
		"ab\x14":                               "ba|",
		"日本\x02語":                              "日語|本",
		"e\u0301\x7fx":                         "x|",
		"👨\u200d👩\x7f":                         "|",
		"a\x1bOH\x1bOFb":                       "ab|",
		"a\x1b[99~\x1b[<1;2;3Mb\x1b[1;2Qc":     "abc|",
		"a\x1b[1\x1b[Cb":                       "ab|",
		"a\xc2\x9b31mb":                        "a31mb|",
		"a\x00\x1c\xffb":                       "ab|",
		"\x7f\x1b[3~\x17\x1bd\x0b\x15\x19\x14": "|",
		"a\x04\x02\x04":                        "|",
	} {
		for size := 1; size < 4; size++ {
			var l line
			var held string
			for rest := keys; rest != ""; { // in pieces, as a terminal may send them
				n := min(size, len(rest))
				held, rest = held+rest[:n], rest[n:]
				for held != "" {
					_, _, n := nextKey([]byte(held))
					if n == 0 {
						break
					}
					typing(&l, held[:n])
					held = held[n:]
				}
			}
			if got := plain(l.cells[:l.pos]) + "|" + plain(l.cells[l.pos:]); got != want {
				t.Errorf("%q in pieces of %d: %q, want %q", keys, size, got, want)
			}
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("one two\x1b[1;5D\x0b\x01\x19日本\x02", 20)
	f.Add("\x1b\x1b[200;1~\x9b\xff", 3)
	f.Fuzz(func(t *testing.T, keys string, room int) {
		var l line
		typing(&l, keys)
		if l.pos < 0 || l.pos > len(l.cells) {
			t.Fatalf("the cursor is at %d of %d", l.pos, len(l.cells))
		}
		for _, c := range l.cells {
			if c.text == "" || !utf8.ValidString(c.shown) || strings.ContainsFunc(c.shown, risky) {
				t.Errorf("a cell %q of %q", c.shown, c.text)
			}
		}
		room = 4 + room&0xff
		shown, before := l.view(room)
		if n := columns(shown); n > room && len(shown) > 3 || before < 0 || before > len(shown) {
			t.Errorf("%d columns in %d, the cursor at %d of %d", n, room, before, len(shown))
		}
	})
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  place
	}{
		{"abc", 10, place{0, 3}},
		{"abcdefghij", 10, place{0, 10}},
		{"abcdefghijk", 10, place{1, 1}},
		{"abcdefghi日", 10, place{1, 2}}, // a wide character is not cut
	} {
		if got := (place{}).after(cells(c.text), c.width); got != c.want {
			t.Errorf("%q in %d columns: %v, want %v", c.text, c.width, got, c.want)
		}
	}
}
