package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// codecPiece bounds how much text is checked, or masked, in one call of assembly: goroutines cannot be preempted there.
// It also bounds what is read in vain after an error.
const codecPiece = 32 << 10

// utf8State checks UTF-8 that arrives in pieces (RFC 6455 §8.1). Between pieces it holds the bytes, at most three, of
// a rune that is not complete yet; those already form the beginning of a legal one, so that an error shows at the first bad byte.
type utf8State struct {
	tail [3]byte
	n    int
}

// push takes the next piece and reports whether everything so far is, or may still become, valid.
func (s *utf8State) push(p []byte) bool {
	for s.n > 0 && len(p) > 0 {
		var r [utf8.UTFMax]byte
		n := copy(r[:], s.tail[:s.n])
		r[n] = p[0]
		p = p[1:]
		n++
		switch {
		case utf8.FullRune(r[:n]):
			if c, size := utf8.DecodeRune(r[:n]); c == utf8.RuneError && size == 1 {
				return false
			}
			s.n = 0
		default:
			s.n = copy(s.tail[:], r[:n])
		}
	}
	if len(p) == 0 {
		return true
	}
	cut, ok := scanText(p)
	s.n = copy(s.tail[:], p[len(p)-cut:])
	return ok
}

// complete reports whether no rune is left unfinished.
func (s *utf8State) complete() bool { return s.n == 0 }

// validText reports whether p is valid UTF-8 as a whole.
func validText(p []byte) bool {
	switch {
	case len(p) <= 32:
		return asciiShort(p) || utf8.Valid(p)
	case !useAVX2:
		return utf8.Valid(p)
	case len(p) >= utf8MinAVX2 && len(p) <= codecPiece:
		// The same as below for all but very long texts, without the search for the bytes that are left over.
		return utf8AVX2(&p[0], len(p)) && p[len(p)-1] < 0xc0 && p[len(p)-2] < 0xe0 && p[len(p)-3] < 0xf0
	}
	cut, ok := scanText(p)
	return ok && cut == 0
}

// asciiShort reports whether p, of at most 32 bytes, is ASCII; it does not try with less than 8. utf8.Valid, which
// takes the last bytes one by one, needs several times as long.
func asciiShort(p []byte) bool {
	const high = 0x8080808080808080
	n := len(p)
	if n < 8 {
		return false
	}
	w := binary.LittleEndian.Uint64(p) | binary.LittleEndian.Uint64(p[n-8:])
	if n > 16 {
		w |= binary.LittleEndian.Uint64(p[8:]) | binary.LittleEndian.Uint64(p[n-16:])
	}
	return w&high == 0
}

// scanText checks text from the beginning of a rune on. cut is how many bytes at its end begin a rune whose rest may still come.
func scanText(p []byte) (cut int, ok bool) {
	for useAVX2 && len(p) >= utf8MinAVX2 {
		q := p[:min(len(p), codecPiece)]
		if !utf8AVX2(&q[0], len(q)) {
			return 0, false
		}
		cut = incomplete(q)
		// A last byte that begins no rune at all has no second one that would have shown it.
		if cut == 0 && q[len(q)-1] >= 0xc0 {
			return 0, false
		}
		if len(q) == len(p) {
			return cut, true
		}
		p = p[len(q)-cut:]
	}
	cut = incomplete(p)
	return cut, utf8.Valid(p[:len(p)-cut])
}

// incomplete returns how many bytes at the end of p begin a rune whose rest may still come; 0 if there are none.
func incomplete(p []byte) int {
	for i := 1; i <= 3 && i <= len(p); i++ {
		if c := p[len(p)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(p[len(p)-i:]) {
				return i
			}
			return 0
		}
	}
	return 0
}
