package screen

import (
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain, grüß, 世界, 👋🏽", "plain, grüß, 世界, 👋🏽"},
		{"a\nb\r\n\tc", `a\nb\r\n\tc`},
		{"\x1b[2J\x1b]0;title\x07", `\x1b[2J\x1b]0;title\x07`},
		{"\x00\x7f", `\x00\x7f`},
		{"\u0080\u009b31m", `\u0080\u009b31m`},             // C1 as UTF-8
		{"\x9b31m", `\x9b31m`},                             // ... and as a byte, as some terminals take it
		{"ab\u202etxt.exe\u2066", `ab\u202etxt.exe\u2066`}, // direction
		{"one\u2028two", `one\u2028two`},
		{"cut \xe4\xb8", `cut \xe4\xb8`},
		{"\uFFFD stays", "\uFFFD stays"},
	} {
		if got := Escape(c.in); got != c.want {
			t.Errorf("Escape(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[31mred\x9b")
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		for _, r := range got {
			if risky(r) {
				t.Fatalf("Escape(%q) holds %U", s, r)
			}
		}
		if strings.ToValidUTF8(got, "") != got {
			t.Fatalf("Escape(%q) is not UTF-8", s)
		}
	})
}

func TestHex(t *testing.T) {
	if got := Hex([]byte{0, 1, 0xfe, 0xff}); got != "00 01 fe ff" {
		t.Errorf("Hex gave %q", got)
	}
}
