package screen

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// SameTerminal reports whether a and b are the same terminal.
func SameTerminal(a, b *os.File) bool {
	if !IsTerminal(a) || !IsTerminal(b) {
		return false
	}
	sa, errA := a.Stat()
	sb, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

// Escape returns s with everything that could command a terminal written out as in Go: the control characters of C0
// and C1, DEL, bytes that are not UTF-8, and the characters that change the direction of the text around them. Line
// breaks are control characters, so the result is one line.
func Escape(s string) string {
	if !strings.ContainsFunc(s, risky) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80 && risky(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case risky(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// risky reports whether a terminal may do more with r than show it.
func risky(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return true
	}
	return false
}

// Hex returns p as pairs of digits with a space between them.
func Hex(p []byte) string { return fmt.Sprintf("% x", p) }

// Size returns the columns and lines of a terminal.
func Size(f *os.File) (columns, lines int, err error) { return term.GetSize(int(f.Fd())) }
