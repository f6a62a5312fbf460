package mutant

import "unicode/utf8"

// decoder follows UTF-8 byte by byte: RFC 3629 §4.
type decoder struct {
	fault    Fault
	need     int  // bytes that the character still needs
	lo, hi   byte // what the next of them may be
	ef, efbf bool // the character begins with EF; with EF BF
}

// next takes a byte and reports whether it can be one of a text.
func (d *decoder) next(c byte) bool {
	if d.need > 0 {
		ok := c >= d.lo && c <= d.hi
		if d.fault == refusesNonChars && d.efbf && c >= 0xbe {
			return false
		}
		d.efbf, d.ef = d.ef && c == 0xbf, false
		d.lo, d.hi = 0x80, 0xbf
		d.need--
		return ok
	}
	d.lo, d.hi = 0x80, 0xbf
	overlong, beyond := d.fault == acceptsOverlong, d.fault == acceptsBeyond
	switch {
	case c < 0x80:
	case c < 0xc0:
		return false
	case c < 0xe0:
		d.need = 1
		return c >= 0xc2 || overlong
	case c < 0xf0:
		d.need = 2
		d.ef = c == 0xef
		if c == 0xe0 && !overlong {
			d.lo = 0xa0
		}
		if c == 0xed && d.fault != acceptsSurrogates {
			d.hi = 0x9f
		}
	case c < 0xf8:
		d.need = 3
		if c == 0xf0 && !overlong {
			d.lo = 0x90
		}
		if c == 0xf4 && !beyond {
			d.hi = 0x8f
		}
		return c <= 0xf4 || beyond
	case c < 0xfc:
		d.need = 4
		return beyond
	case c < 0xfe:
		d.need = 5
		return beyond
	default:
		return false
	}
	return true
}

// valid reports whether p is a whole text.
func (d *decoder) valid(p []byte) bool {
	for _, c := range p {
		if !d.next(c) {
			return false
		}
	}
	return d.need == 0
}

// text checks a message while it comes, if it is text.
type text struct {
	e       *endpoint
	m       *content
	d       decoder
	checked int // bytes of the message
	skip    bool
}

func (e *endpoint) newText(m *content) *text {
	t := &text{e: e, m: m, d: decoder{fault: e.fault}}
	t.skip = m.op != opText && e.fault != checksBinary || e.fault == skipsUTF8 || e.fault == skipsInflatedUTF8 && e.in.compressed
	return t
}

const notUTF8 = "the text is not UTF-8"

// arrived checks what has come so far, in time to fail at the first bad byte.
func (t *text) arrived() error {
	frameEnds := t.e.in.left == 0 && !t.e.in.compressed
	switch {
	case t.e.fault == checksLate, t.e.fault == checksFrameEnds && !frameEnds:
		return nil
	case t.e.fault == checksEachFrame && frameEnds:
		if err := t.check(); err != nil || t.skip {
			return err
		}
		return t.e.rule(t.d.need == 0, nobody, 1007, notUTF8)
	}
	return t.check()
}

func (t *text) check() error {
	if t.skip {
		return nil
	}
	t.checked += t.valid()
	for ; t.checked < len(t.m.data); t.checked++ {
		if !t.d.next(t.m.data[t.checked]) {
			t.skip = true
			return t.e.rule(false, nobody, 1007, notUTF8)
		}
	}
	return nil
}

// valid is how many of the bytes that are not checked yet are whole characters, if that is easily known: to follow large
// texts byte by byte takes long.
func (t *text) valid() int {
	if t.d.need > 0 || t.d.fault == refusesNonChars {
		return 0
	}
	rest := t.m.data[t.checked:]
	for n := len(rest); n > max(0, len(rest)-utf8.UTFMax); n-- { // the last character may be cut
		if utf8.Valid(rest[:n]) {
			return n
		}
	}
	return 0
}

// ended checks the text as a whole.
func (t *text) ended() error {
	if err := t.check(); err != nil || t.skip {
		return err
	}
	return t.e.rule(t.d.need == 0, acceptsTruncated, 1007, notUTF8)
}
