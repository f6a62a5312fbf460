package squeeze

import (
	"math"
	"math/bits"
)

// maxSymbols is the size of the largest alphabet, that of literals and lengths.
const maxSymbols = 288

// prefixCode is a Huffman code as DEFLATE has it: canonical, with a bound on its lengths (RFC 1951 §3.2.2).
type prefixCode struct {
	// codes holds each symbol's code, the first bit lowest, and above bit 16 its length; 0 if the symbol has none.
	codes [maxSymbols]uint32

	sorted [maxSymbols]uint32 // symbols, and above bit 9 how often they occur, in the order of that
	nodes  [symbolMask + 1]uint32
}

const symbolMask = 1<<9 - 1

func (h *prefixCode) length(symbol int) int { return int(h.codes[symbol] >> 16) }

// cost returns how many bits the codes of these symbols take.
func (h *prefixCode) cost(counts []uint16) (bits int) {
	for i, c := range counts {
		bits += int(c) * h.length(i)
	}
	return bits
}

// build makes a code for symbols that occur so often, with lengths up to limit, and returns its cost.
func (h *prefixCode) build(counts []uint16, limit int) (bits int) {
	clear(h.codes[:len(counts)])
	n := h.sort(counts)
	for i := uint32(0); n < 2; i++ {
		// Some decoders want a complete code even where hardly anything, or nothing, is to be told apart.
		if n == 0 || h.sorted[0]&symbolMask != i {
			h.sorted[n] = i
			n++
		}
	}
	var lengths [16]int
	if n > 2 {
		h.measure(n, limit, &lengths)
	} else {
		lengths[1] = n
	}
	i := 0
	for l := limit; l > 0; l-- {
		for _, s := range h.sorted[i : i+lengths[l]] {
			h.codes[s&symbolMask] = uint32(l) << 16
			bits += int(s>>9) * l
		}
		i += lengths[l]
	}
	h.assign(len(counts), &lengths)
	return bits
}

// assign gives codes to the symbols, whose lengths are known.
func (h *prefixCode) assign(symbols int, lengths *[16]int) {
	var next [16]uint16
	for l := 1; l < len(next); l++ {
		next[l] = (next[l-1] + uint16(lengths[l-1])) << 1
	}
	for i, c := range h.codes[:symbols] {
		if l := c >> 16 & 15; l > 0 {
			h.codes[i] = c | uint32(bits.Reverse16(next[l])>>(16-l))
			next[l]++
		}
	}
}

// sort lists the symbols that occur and returns their number.
func (h *prefixCode) sort(counts []uint16) int {
	var ends [128]uint16
	found := &h.nodes // not in use yet
	n := 0
	for i, c := range counts {
		if c > 0 {
			found[n&symbolMask] = uint32(c)<<9 | uint32(i)
			n++
			ends[bucket(c)]++
		}
	}
	at := uint16(0)
	for i, k := range ends[:bucket(math.MaxUint16)] {
		ends[i] = at // where the bucket begins, and when it is filled, where it ends
		at += k
	}
	ends[bucket(math.MaxUint16)] = at
	for _, s := range found[:n] {
		end := &ends[bucket(uint16(s>>9))]
		h.sorted[*end] = s
		*end++
	}
	// What remains to be done is little, within the buckets of more than one count.
	list := h.sorted[:n]
	for i := 1; i < len(list); i++ {
		s := list[i]
		j := i
		for ; j > 0 && list[j-1] > s; j-- {
			list[j] = list[j-1]
		}
		list[j] = s
	}
	return n
}

// bucket maps small counts to themselves and others to their four highest bits. It is at most 111.
func bucket(c uint16) uint {
	if c < 16 {
		return uint(c)
	}
	n := uint(bits.Len16(c))
	return 8*(n-5) + uint(c>>(n-4)) + 8
}

// measure finds how many codes there are of each length, for n symbols. It builds the tree from below: inner nodes come
// into being in the order of their counts, so the least two of all are always at the heads of two queues. Then,
// from the root down, each inner node makes two nodes out of one. An inner node too deep for that does it at the
// deepest place where it may be done, which costs little and leaves the code complete.
func (h *prefixCode) measure(n, limit int, lengths *[16]int) {
	// Below bit 9 a node holds its parent and later its depth, above it its count.
	leaf, inner := 0, 0
	for made := range n - 1 {
		sum := uint32(0)
		for range 2 {
			if leaf < n && (inner == made || h.sorted[leaf]>>9 <= h.nodes[inner]>>9) {
				sum += h.sorted[leaf] >> 9
				leaf++
			} else {
				sum += h.nodes[inner] >> 9
				h.nodes[inner] = uint32(made)
				inner++
			}
		}
		h.nodes[made] = sum << 9
	}
	h.nodes[n-2] = 0
	lengths[1] = 2
	for i := n - 3; i >= 0; i-- {
		depth := h.nodes[h.nodes[i]&symbolMask] + 1
		h.nodes[i] = depth
		at := int(depth)
		if at >= limit {
			for at = limit - 1; lengths[at] == 0; at-- {
			}
		}
		lengths[at]--
		lengths[at+1] += 2
	}
}
