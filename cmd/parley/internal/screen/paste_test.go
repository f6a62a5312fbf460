package screen

import (
	"fmt"
	"strings"
	"testing"
)

func TestPasteFilter(t *testing.T) {
	keys := "ab\x1b[A\x1b[200~one\rtwo\x03\x1b[B\x1b[201~c\x1b[200~\x1b[201~\x1b"
	const want = "ab\x1b[A<one\rtwo\x03\x1b[B>c<>"
	for size := 1; size <= len(keys); size++ {
		var f pasteFilter
		var out strings.Builder
		for rest := keys; rest != ""; {
			n := min(size, len(rest))
			// Ctrl-C alone is a key, wherever it comes.
			if piece := rest[:n]; piece == "\x03" {
				piece, n = rest[:2], 2
				out.Write(f.feed([]byte(piece), bracket))
			} else {
				out.Write(f.feed([]byte(piece), bracket))
			}
			rest = rest[n:]
		}
		if got := out.String(); got != want && got != want+"\x1b" {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func bracket(text []byte) []byte { return fmt.Appendf(nil, "<%s>", text) }

func TestPasteFilterInterrupt(t *testing.T) {
	var f pasteFilter
	f.feed([]byte("\x1b[200~never ends"), bracket)
	if out := f.feed([]byte{3}, bracket); string(out) != "\x03" {
		t.Errorf("Ctrl-C in a paste: %q", out)
	}
	if out := f.feed([]byte("x"), bracket); string(out) != "x" {
		t.Errorf("after it: %q", out)
	}
}

func FuzzPasteFilter(f *testing.F) {
	f.Add([]byte("a\x1b[200~b\x1b[201~c"), 3)
	f.Add([]byte("\x1b[20\x1b[200~\x1b[201\x1b[201~"), 1)
	f.Fuzz(func(t *testing.T, keys []byte, size int) {
		if size < 2 { // single bytes: Ctrl-C is special there
			size = 2
		}
		var whole, pieces pasteFilter
		a := string(whole.feed(keys, bracket))
		var b strings.Builder
		for rest := keys; len(rest) > 0; {
			n := min(size, len(rest))
			if n == 1 && rest[0] == 3 {
				return
			}
			b.Write(pieces.feed(rest[:n], bracket))
			rest = rest[n:]
		}
		if len(keys) != 1 && (a != b.String() || string(whole.pasted) != string(pieces.pasted) || string(whole.held) != string(pieces.held)) {
			t.Errorf("%q: at once %q, in pieces of %d %q", keys, a, size, b.String())
		}
	})
}
