package screen

import "bytes"

// What a terminal writes around pasted text when it is asked to (bracketed paste, as of xterm).
var (
	pasteStart = []byte("\x1b[200~")
	pasteEnd   = []byte("\x1b[201~")
)

// pasteFilter takes pasted text out of the keys that a terminal sends.
type pasteFilter struct {
	held   []byte // not passed on yet: what may be the beginning of a mark
	pasted []byte
	inside bool
}

// feed takes the next keys and returns what is to be passed on: the keys, and in the place of pasted text what paste makes of it.
func (f *pasteFilter) feed(keys []byte, paste func(text []byte) []byte) []byte {
	const interrupt = 3
	if f.inside && len(keys) == 1 && keys[0] == interrupt {
		*f = pasteFilter{} // a key, not text: a terminal that never says that the paste is over must not catch anybody in it
		return keys
	}
	var out []byte
	f.held = append(f.held, keys...)
	for {
		mark := pasteStart
		if f.inside {
			mark = pasteEnd
		}
		before, after, found := bytes.Cut(f.held, mark)
		if !found {
			n := len(f.held) - partial(f.held, mark)
			before, after = f.held[:n], f.held[n:]
		}
		if f.inside {
			f.pasted = append(f.pasted, before...)
		} else {
			out = append(out, before...)
		}
		f.held = bytes.Clone(after)
		if !found {
			return out
		}
		if f.inside {
			out = append(out, paste(f.pasted)...)
			f.pasted = nil
		}
		f.inside = !f.inside
	}
}

// partial returns how many bytes at the end of p begin the mark.
func partial(p, mark []byte) int {
	for n := min(len(p), len(mark)-1); n > 0; n-- {
		if bytes.HasPrefix(mark, p[len(p)-n:]) {
			return n
		}
	}
	return 0
}
