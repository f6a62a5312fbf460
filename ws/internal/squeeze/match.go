package squeeze

import (
	"encoding/binary"
	"math/bits"
)

const (
	minMatch = 4 // DEFLATE has matches of three, which seldom pay
	maxMatch = 258

	minTableBits, maxTableBits = 10, 13
	// dictionaryStep is how many bytes of the dictionary share an entry of the table. A match that begins between two
	// entries is found a few bytes late, and then extended backwards.
	dictionaryStep = 3
	// skipLog is how soon the search becomes coarser where nothing matches.
	skipLog = 5
)

// run is a number of literals followed by a match; the last one of a message has none.
type run struct {
	literals, length, distance uint16
}

// parse finds what of src, from start on, repeats what was before.
func (e *Encoder) parse(src []byte, start int) {
	e.runs = e.runs[:0]
	clear(e.literals[:])
	clear(e.distances[:])
	tableBits := max(minTableBits, min(bits.Len(uint(len(src))), maxTableBits))
	shift := uint(64 - tableBits)
	table := &e.table
	clear(table[:1<<tableBits])
	for i := 0; i < start-8; i += 2 * dictionaryStep {
		v := binary.LittleEndian.Uint64(src[i:])
		table[hash(v, shift)] = uint16(i)
		table[hash(v>>(8*dictionaryStep), shift)] = uint16(i + dictionaryStep)
	}
	done, last := start, len(src)-9
	// An entry of the table that was never set means the first byte, which cannot repeat anything.
	for s := max(start, 1); s <= last; {
		// Two places are looked at in each turn.
		v := binary.LittleEndian.Uint64(src[s:])
		first, second := &table[hash(v, shift)], &table[hash(v>>8, shift)]
		t := int(*first)
		*first = uint16(s)
		if binary.LittleEndian.Uint32(src[t:]) != uint32(v) {
			t = int(*second)
			*second = uint16(s + 1)
			if binary.LittleEndian.Uint32(src[t:]) != uint32(v>>8) {
				s += 2 + (s-done)>>skipLog
				continue
			}
			s++
		}
		n := minMatch + common(src[s+minMatch:], src[t+minMatch:])
		for s > done && t > 0 && src[s-1] == src[t-1] {
			s--
			t--
			n++
		}
		e.match(src[done:s], n, s-t)
		s += n
		done = s
		if s <= last {
			// Enter the end of the match, too, which may be where the next one begins.
			x := binary.LittleEndian.Uint64(src[s-2:])
			table[hash(x, shift)] = uint16(s - 2)
			table[hash(x>>8, shift)] = uint16(s - 1)
		}
	}
	e.match(src[done:], 0, 0)
}

// hash returns a place in the table; the mask changes nothing but what the compiler knows.
func hash(v uint64, shift uint) uint32 {
	return uint32(v<<24*0x9e3779b185ebca87>>(shift&63)) & (1<<maxTableBits - 1)
}

// common returns how many bytes a and b, the longer one, begin with in common.
func common(a, b []byte) int {
	b = b[:len(a)]
	n := 0
	for ; len(a)-n >= 8; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return n
}

// match notes literals and a match, and counts their symbols. Without length there is no match.
func (e *Encoder) match(literals []byte, length, distance int) {
	for _, c := range literals {
		e.literals[c]++
	}
	e.runs = append(e.runs, run{literals: uint16(len(literals))})
	if length == 0 {
		return
	}
	code, _, _ := distanceSymbol(distance)
	for {
		n := min(length, maxMatch)
		if rest := length - n; rest > 0 && rest < 3 {
			n -= 3 - rest // what is left must be a match, too
		}
		symbol, _, _ := lengthSymbol(n)
		e.literals[symbol]++
		e.distances[code]++
		last := &e.runs[len(e.runs)-1]
		last.length, last.distance = uint16(n), uint16(distance)
		if length -= n; length == 0 {
			return
		}
		e.runs = append(e.runs, run{})
	}
}

// lengthSymbol returns the symbol of a length, and the bits that follow it (RFC 1951 §3.2.5).
func lengthSymbol(length int) (symbol int, extra uint64, n uint) {
	x := uint(length - 3)
	switch {
	case x < 8:
		return 257 + int(x), 0, 0
	case x == 255:
		return 285, 0, 0
	}
	n = uint(bits.Len(x)) - 3
	return int(257 + 4*n + x>>n), uint64(x & (1<<n - 1)), n
}

// distanceSymbol returns the symbol of a distance, and the bits that follow it (RFC 1951 §3.2.5).
func distanceSymbol(distance int) (symbol int, extra uint64, n uint) {
	x := uint(distance - 1)
	if x < 4 {
		return int(x), 0, 0
	}
	n = uint(bits.Len(x)) - 2
	return int(2*n + x>>n), uint64(x & (1<<n - 1)), n
}
