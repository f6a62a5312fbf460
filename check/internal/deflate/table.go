package deflate

import "sync"

const (
	// fastBits is the length of the codes that are found at once.
	fastBits = 10
	// unused is the symbol of a code that stands for nothing, which is possible in the two incomplete sets alone that
	// are allowed: none, and one code of one bit.
	unused = 511
)

// A table decodes the codes of a set.
type table struct {
	fast    [1 << fastBits]uint16 // by the bits that come next: symbol<<4 | length; 0 if the code is longer
	count   [maxCode + 1]uint16   // codes of each length
	symbols [288]uint16           // in the order of their codes
}

// init makes the table for the lengths of codes, 0 being no code: RFC 1951 §3.2.2. It returns how many codes there are
// and how many more of 15 bits would fit: 0 if the set is complete, less if it is oversubscribed.
func (t *table) init(lengths []uint8) (codes, left int) {
	clear(t.count[:])
	for _, n := range lengths {
		t.count[n]++
	}
	codes = len(lengths) - int(t.count[0])
	t.count[0] = 0
	left = 1
	var next [maxCode + 2]uint16 // where the symbols of a length go
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - int(t.count[n])
		if left < 0 {
			return codes, left
		}
		next[n+1] = next[n] + t.count[n]
	}
	for symbol, n := range lengths {
		if n > 0 {
			t.symbols[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	blank := uint16(0)
	if left > 0 {
		blank = unused<<4 | 1
	}
	for i := range t.fast {
		t.fast[i] = blank
	}
	code, i := uint32(0), 0
	for n := 1; n <= fastBits; n++ {
		for range t.count[n] {
			for at := reverse(code, n); at < 1<<fastBits; at += 1 << n {
				t.fast[at] = t.symbols[i]<<4 | uint16(n)
			}
			code++
			i++
		}
		code <<= 1
	}
	return codes, left
}

// long finds a code of more than fastBits bits in a complete set, bit by bit.
func (t *table) long(bits uint64) uint16 {
	code, first, index := 0, 0, 0
	for n := 1; n <= maxCode; n++ {
		code |= int(bits & 1)
		bits >>= 1
		count := int(t.count[n])
		if code-first < count {
			return t.symbols[index+code-first]<<4 | uint16(n)
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return unused<<4 | maxCode
}

var fixedTables = sync.OnceValues(func() (lit, dist *table) {
	l, d := fixedLengths()
	lit, dist = new(table), new(table)
	lit.init(l)
	dist.init(d)
	return lit, dist
})
