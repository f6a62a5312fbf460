package ws

import (
	"bytes"
	"slices"
	"testing"
	"unicode/utf8"
)

// edgeBytes are the ends of every range that the table 3-7 of the Unicode standard tells apart.
var edgeBytes = []byte{
	0x00, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
	0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
}

// leadBytes are edgeBytes and all that have a column of their own in the tables of the assembly.
var leadBytes = append(edgeBytes[:len(edgeBytes):len(edgeBytes)], 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe)

// compareText compares p's verdict with that of unicode/utf8: as a whole, and as the beginning of a longer text.
func compareText(t *testing.T, path string, p []byte) {
	want := utf8.Valid(p)
	if got := validText(p); got != want {
		t.Fatalf("%s: %d bytes %q: valid %v, want %v", path, len(p), p, got, want)
	}
	cut, ok := scanText(p)
	if ok && cut > 0 {
		// What follows must be able to finish the rune that is cut, and without it all must be well.
		if cut > 3 || utf8.FullRune(p[len(p)-cut:]) || !utf8.Valid(p[:len(p)-cut]) || want {
			t.Fatalf("%s: %d bytes %q: %d of them left over", path, len(p), p, cut)
		}
		return
	}
	if left := incomplete(p); ok != want || !ok && left > 0 && utf8.Valid(p[:len(p)-left]) {
		t.Fatalf("%s: %d bytes %q: scanned as %v, want %v", path, len(p), p, ok, want)
	}
}

// Every sequence of three bytes, and of four of those that matter: among ASCII and among other runes, in the first block,
// across two of them, and at the end.
func TestUTF8Sequences(t *testing.T) {
	eachPath(func(path string) {
		for _, around := range []string{"a", "é"} {
			p := bytes.Repeat([]byte(around), 140/len(around))
			for _, at := range []int{0, 30, 62, 136} {
				saved := bytes.Clone(p[at : at+4])
				q := p[at : at+4]
				for _, q[0] = range leadBytes {
					for _, q[1] = range edgeBytes {
						for _, q[2] = range edgeBytes {
							if raceEnabled && q[2] != 0xbf && q[2] != 'a' {
								continue // -race makes it slow
							}
							for _, q[3] = range edgeBytes {
								compareText(t, path, p)
							}
						}
					}
				}
				copy(q, saved)
			}
		}
	})
	if testing.Short() || raceEnabled {
		return
	}
	p := bytes.Repeat([]byte("a"), 40)
	for v := range 1 << 24 {
		p[30], p[31], p[32] = byte(v>>16), byte(v>>8), byte(v)
		if validText(p) != utf8.Valid(p) {
			t.Fatalf("%q: valid %v", p[30:33], validText(p))
		}
	}
}

// Every length, with an error, a cut rune or nothing wrong at every place.
func TestUTF8Lengths(t *testing.T) {
	eachPath(func(path string) {
		for _, kind := range textKinds {
			for offset := range 3 {
				for n := range 201 {
					p := textOf(kind.sample, offset+n)[offset:]
					compareText(t, path, p)
					if raceEnabled && n%7 != 0 {
						continue // -race makes it slow
					}
					for i := range p {
						saved := p[i]
						for _, p[i] = range []byte{'a', 0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xf5, 0xff} {
							compareText(t, path, p)
						}
						p[i] = saved
					}
				}
			}
		}
	})
}

// Text longer than what one call of assembly checks, with errors and runes across the seams.
func TestUTF8Long(t *testing.T) {
	eachPath(func(path string) {
		for _, kind := range textKinds {
			for _, n := range []int{codecPiece - 1, codecPiece, codecPiece + 1, 3*codecPiece + 2} {
				if raceEnabled && n < 3*codecPiece {
					continue // -race makes it slow
				}
				p := textOf(kind.sample, n)
				compareText(t, path, p)
				for i := -4; i < 5; i++ {
					for _, at := range []int{0, codecPiece, 2 * codecPiece, n - 1} {
						if at += i; at < 0 || at >= n {
							continue
						}
						saved := p[at]
						for _, p[at] = range []byte{'a', 0x80, 0xe2, 0xff} {
							compareText(t, path, p)
						}
						p[at] = saved
					}
				}
			}
		}
	})
}

// Text in three pieces, cut at any two places, is text; an error shows with the piece that it is in.
func TestUTF8Pieces(t *testing.T) {
	step := 1
	if raceEnabled {
		step = 5
	}
	eachPath(func(path string) {
		for _, kind := range textKinds {
			p := textOf(kind.sample, 150)
			for a := 0; a <= len(p); a += step {
				for b := a; b <= len(p); b++ {
					var s utf8State
					if !s.push(p[:a]) || !s.push(p[a:b]) || !s.push(p[b:]) || !s.complete() {
						t.Fatalf("%s: %s, cut at %d and %d, is refused", path, kind.name, a, b)
					}
					if s = (utf8State{}); b == len(p) || b < a+3 {
						continue
					}
					saved := p[b-2]
					p[b-2] = 0xff
					if !s.push(p[:a]) || s.push(p[a:b]) {
						t.Fatalf("%s: %s, cut at %d and %d: the error shows too early or too late", path, kind.name, a, b)
					}
					p[b-2] = saved
				}
			}
		}
	})
}

// FuzzUTF8Whole moves the input to every place in a block, behind and before other text.
func FuzzUTF8Whole(f *testing.F) {
	f.Add([]byte("\xf0\x9f\x98\x80"), 29, 40)
	f.Add([]byte("\xed\xa0\x80"), 62, 0)
	f.Add([]byte("日本"), 40, 1)
	f.Fuzz(func(t *testing.T, p []byte, before, after int) {
		around := bytes.Repeat([]byte("aé€😀"), 13)
		p = slices.Concat(around[:max(0, before)%len(around)], p, around[len(around)-max(0, after)%len(around):])
		eachPath(func(path string) { compareText(t, path, p) })
	})
}
