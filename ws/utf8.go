package ws

import "unicode/utf8"

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
	if utf8.Valid(p) {
		return true
	}
	// Either something is wrong, or only the last rune is cut.
	cut := incomplete(p)
	if cut == 0 || !utf8.Valid(p[:len(p)-cut]) {
		return false
	}
	s.n = copy(s.tail[:], p[len(p)-cut:])
	return true
}

// complete reports whether no rune is left unfinished.
func (s *utf8State) complete() bool { return s.n == 0 }

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

// validText reports whether p is valid UTF-8 as a whole.
func validText(p []byte) bool { return utf8.Valid(p) }
