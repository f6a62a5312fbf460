package deflate

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// A symbol is a literal byte or, with matchFlag, the length and the distance of a match.
type symbol uint32

const matchFlag symbol = 1 << 31

func newMatch(length, distance int) symbol {
	return matchFlag | symbol(length-minMatch)<<16 | symbol(distance-1)
}

func (s symbol) length() int   { return int(s&^matchFlag)>>16 + minMatch }
func (s symbol) distance() int { return int(s&0xffff) + 1 }

// lengthSymbols are the indices in lengthCodes by length less minMatch.
var lengthSymbols = sync.OnceValue(func() *[maxMatch - minMatch + 1]uint8 {
	var t [maxMatch - minMatch + 1]uint8
	for i, x := range lengthCodes {
		for n := int(x.base); n < int(x.base)+1<<x.extra && n <= maxMatch; n++ {
			t[n-minMatch] = uint8(i)
		}
	}
	return &t
})

// distanceSymbol is the index of a distance in distanceCodes.
func distanceSymbol(distance int) int {
	d := uint(distance - 1)
	if d < 2 {
		return int(d)
	}
	k := bits.Len(d) - 1
	return 2*k + int(d>>(k-1)&1)
}

// A codeSet is what symbols are written with.
type codeSet struct {
	lengths []uint8
	codes   []uint16 // reversed
}

// newCodeSet gives codes to lengths: RFC 1951 §3.2.2.
func newCodeSet(lengths []uint8) codeSet {
	var next [maxCode + 1]uint32
	for _, n := range lengths {
		next[n]++
	}
	code, before := uint32(0), uint32(0)
	for n := 1; n <= maxCode; n++ {
		code = (code + before) << 1
		before, next[n] = next[n], code
	}
	s := codeSet{lengths, make([]uint16, len(lengths))}
	for i, n := range lengths {
		if n > 0 {
			s.codes[i] = uint16(reverse(next[n], int(n)))
			next[n]++
		}
	}
	return s
}

var fixedSets = sync.OnceValues(func() (lit, dist codeSet) {
	l, d := fixedLengths()
	return newCodeSet(l), newCodeSet(d)
})

// codeLengths returns the lengths, at most limit, of a complete set of codes for symbols that are so frequent. At least
// two symbols have codes, since some decoders do not know the incomplete sets that RFC 1951 allows.
func codeLengths(frequencies []int, limit int) []uint8 {
	frequencies = slices.Clone(frequencies)
	var used []int
	for i, f := range frequencies {
		if f > 0 {
			used = append(used, i)
		}
	}
	for i := 0; len(used) < 2; i++ {
		if frequencies[i] == 0 {
			frequencies[i] = 1
			used = append(used, i)
		}
	}
	slices.SortFunc(used, func(a, b int) int { return frequencies[a] - frequencies[b] })
	lengths := make([]uint8, len(frequencies))
	n := len(used)
	weight, parent := make([]int, 2*n-1), make([]int, 2*n-1)
	depth := make([]int, 2*n-1)
	for {
		for i, symbol := range used {
			weight[i] = frequencies[symbol]
		}
		// Leaves and inner nodes are both in the order of their weights: the two lightest are at their heads.
		leaf, inner := 0, n
		for next := n; next < len(weight); next++ {
			weight[next] = 0
			for range 2 {
				if leaf < n && (inner == next || weight[leaf] <= weight[inner]) {
					weight[next] += weight[leaf]
					parent[leaf] = next
					leaf++
				} else {
					weight[next] += weight[inner]
					parent[inner] = next
					inner++
				}
			}
		}
		deepest := 0
		for i := len(weight) - 2; i >= 0; i-- {
			depth[i] = depth[parent[i]] + 1
			deepest = max(deepest, depth[i])
		}
		if deepest <= limit {
			break
		}
		for _, symbol := range used { // flatter
			frequencies[symbol] = (frequencies[symbol] + 1) / 2
		}
	}
	for i, symbol := range used {
		lengths[symbol] = uint8(depth[i])
	}
	return lengths
}

// A bitWriter packs bits into bytes, the least significant first.
type bitWriter struct {
	out []byte
	acc uint64
	n   int
}

// write writes the low n bits of v, at most 32; those above are zero.
func (w *bitWriter) write(v uint32, n int) {
	w.acc |= uint64(v) << w.n
	w.n += n
	if w.n >= 32 {
		w.out = binary.LittleEndian.AppendUint32(w.out, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// align pads with zeros to the byte boundary.
func (w *bitWriter) align() {
	for w.n > 0 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
		w.n -= 8
	}
	w.acc, w.n = 0, 0
}

func (w *bitWriter) code(s *codeSet, symbol int) {
	w.write(uint32(s.codes[symbol]), int(s.lengths[symbol]))
}

func (w *bitWriter) header(final bool, kind uint32) {
	v := kind << 1
	if final {
		v |= 1
	}
	w.write(v, 3)
}

// stored writes a stored block of at most 65,535 bytes.
func (w *bitWriter) stored(final bool, p []byte) {
	w.header(final, typeStored)
	w.align()
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16(len(p)))
	w.out = binary.LittleEndian.AppendUint16(w.out, ^uint16(len(p)))
	w.out = append(w.out, p...)
}

// sync writes what is sent of the empty stored block at a message's end.
func (w *bitWriter) sync() {
	w.header(false, typeStored)
	w.align()
}

// body writes the symbols of a block and its end.
func (w *bitWriter) body(symbols []symbol, lit, dist *codeSet) {
	byLength := lengthSymbols()
	for _, s := range symbols {
		if s&matchFlag == 0 {
			w.code(lit, int(s))
			continue
		}
		i := int(byLength[s.length()-minMatch])
		w.code(lit, firstLength+i)
		w.write(uint32(s.length())-uint32(lengthCodes[i].base), int(lengthCodes[i].extra))
		i = distanceSymbol(s.distance())
		w.code(dist, i)
		w.write(uint32(s.distance())-uint32(distanceCodes[i].base), int(distanceCodes[i].extra))
	}
	w.code(lit, endOfBlock)
}

func (w *bitWriter) fixed(final bool, symbols []symbol) {
	lit, dist := fixedSets()
	w.header(final, typeFixed)
	w.body(symbols, &lit, &dist)
}

func (w *bitWriter) dynamic(final bool, symbols []symbol, d *dynamicCodes) {
	w.header(final, typeDynamic)
	d.write(w)
	w.body(symbols, &d.lit, &d.dist)
}
