package mutant

// code is a Huffman code as a table: what the next bits, as many as its longest word has, begin with. An entry is a
// symbol and, in its four lowest bits, the length of its word; 0 is none.
type code struct {
	table []uint16
	bits  int
}

// newCode makes the code whose symbols have words of these lengths: RFC 1951 §3.2.2.
func newCode(lengths []int) (code, error) {
	var count [16]int
	c := code{bits: 1}
	used := 0
	for _, n := range lengths {
		if n > 0 {
			count[n]++
			used++
			c.bits = max(c.bits, n)
		}
	}
	var next [16]int
	left, word := 1, 0
	for n := 1; n <= 15; n++ {
		left = 2*left - count[n]
		if left < 0 {
			return c, errCorrupt
		}
		word = (word + count[n-1]) << 1
		next[n] = word
	}
	if left > 0 && (used > 1 || used == 1 && count[1] != 1) {
		return c, errCorrupt // only a single word may leave the code incomplete
	}
	c.table = make([]uint16, 1<<c.bits)
	for s, n := range lengths {
		if n == 0 {
			continue
		}
		reversed := 0
		for i := range n {
			reversed |= next[n] >> i & 1 << (n - 1 - i)
		}
		next[n]++
		for i := reversed; i < len(c.table); i += 1 << n {
			c.table[i] = uint16(s<<4 | n)
		}
	}
	return c, nil
}

// symbol reads a symbol, and not a byte more than it needs.
func (z *inflater) symbol(c code) (int, error) {
	for {
		e := c.table[z.acc&(1<<c.bits-1)]
		if n := int(e & 15); n > 0 && n <= z.n {
			z.acc >>= n
			z.n -= n
			return int(e >> 4), nil
		}
		if z.n >= c.bits {
			return 0, errCorrupt
		}
		if err := z.more(); err != nil {
			return 0, err
		}
	}
}

// The codes of blocks without codes of their own: RFC 1951 §3.2.6.
var fixedLiterals, fixedDistances = fixedCodes()

func fixedCodes() (literals, distances code) {
	lengths := make([]int, 288)
	for s := range lengths {
		switch {
		case s < 144:
			lengths[s] = 8
		case s < 256:
			lengths[s] = 9
		case s < 280:
			lengths[s] = 7
		default:
			lengths[s] = 8
		}
	}
	literals, err := newCode(lengths)
	if err != nil {
		panic("mutant: the fixed code is wrong")
	}
	for s := range 32 {
		lengths[s] = 5
	}
	if distances, err = newCode(lengths[:32]); err != nil {
		panic("mutant: the fixed code is wrong")
	}
	return literals, distances
}

// codeOrder is in which order the lengths of the code for lengths come.
var codeOrder = [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codes reads the codes of a block: RFC 1951 §3.2.7.
func (z *inflater) codes() (literals, distances code, err error) {
	h, err := z.bits(14)
	if err != nil {
		return literals, distances, err
	}
	nLiterals, nDistances, nLengths := h&31+257, h>>5&31+1, h>>10+4
	if nLiterals > 286 || nDistances > 30 {
		return literals, distances, errCorrupt
	}
	small := make([]int, 19)
	for _, s := range codeOrder[:nLengths] {
		if small[s], err = z.bits(3); err != nil {
			return literals, distances, err
		}
	}
	c, err := newCode(small)
	if err != nil {
		return literals, distances, err
	}
	lengths, err := z.lengths(c, nLiterals+nDistances)
	if err != nil {
		return literals, distances, err
	}
	if lengths[256] == 0 {
		return literals, distances, errCorrupt // the block could not end
	}
	if literals, err = newCode(lengths[:nLiterals]); err != nil {
		return literals, distances, err
	}
	distances, err = newCode(lengths[nLiterals:])
	return literals, distances, err
}

// lengths reads n lengths of words, some of which repeat those before them.
func (z *inflater) lengths(c code, n int) ([]int, error) {
	var lengths []int
	for len(lengths) < n {
		s, err := z.symbol(c)
		if err != nil {
			return nil, err
		}
		value, repeat, extra := s, 1, 0
		switch {
		case s == 16 && len(lengths) == 0:
			return nil, errCorrupt
		case s == 16:
			value, repeat, extra = lengths[len(lengths)-1], 3, 2
		case s == 17:
			value, repeat, extra = 0, 3, 3
		case s == 18:
			value, repeat, extra = 0, 11, 7
		}
		more, err := z.bits(extra)
		if err != nil {
			return nil, err
		}
		for range repeat + more {
			lengths = append(lengths, value)
		}
	}
	if len(lengths) > n {
		return nil, errCorrupt
	}
	return lengths, nil
}
