package deflate

// A histogram counts what a block is made of.
type histogram struct {
	lit   [286]int
	dist  [30]int
	extra int // bits
}

func count(symbols []symbol) *histogram {
	h := new(histogram)
	byLength := lengthSymbols()
	for _, s := range symbols {
		if s&matchFlag == 0 {
			h.lit[s]++
			continue
		}
		i, j := byLength[s.length()-minMatch], distanceSymbol(s.distance())
		h.lit[firstLength+int(i)]++
		h.dist[j]++
		h.extra += int(lengthCodes[i].extra) + int(distanceCodes[j].extra)
	}
	h.lit[endOfBlock]++
	return h
}

// bits is the size of a block's body with these codes.
func (h *histogram) bits(lit, dist *codeSet) int {
	n := h.extra
	for i, f := range h.lit {
		n += f * int(lit.lengths[i])
	}
	for i, f := range h.dist {
		n += f * int(dist.lengths[i])
	}
	return n
}

// dynamicCodes are the codes of a dynamic block and how they are written: RFC 1951 §3.2.7.
type dynamicCodes struct {
	lit, dist   codeSet
	nlit, ndist int
	steps       []lengthStep
	lengths     codeSet // of the steps
	nlen        int     // how many of them are written
}

// A lengthStep is a code length, or a repetition of code lengths.
type lengthStep struct {
	symbol uint8
	more   uint8 // the extra bits of the repetition
}

// lengthExtra are the numbers of extra bits of the symbols from 16 on.
var lengthExtra = [3]int{2, 3, 7}

func newDynamicCodes(h *histogram) *dynamicCodes {
	lit, dist := codeLengths(h.lit[:], maxCode), codeLengths(h.dist[:], maxCode)
	d := &dynamicCodes{lit: newCodeSet(lit), dist: newCodeSet(dist), nlit: len(lit), ndist: len(dist)}
	for d.nlit > firstLength && lit[d.nlit-1] == 0 {
		d.nlit--
	}
	for d.ndist > 1 && dist[d.ndist-1] == 0 {
		d.ndist--
	}
	d.repeat(append(append([]uint8{}, lit[:d.nlit]...), dist[:d.ndist]...))
	var frequencies [19]int
	for _, s := range d.steps {
		frequencies[s.symbol]++
	}
	lengths := codeLengths(frequencies[:], 7)
	d.lengths, d.nlen = newCodeSet(lengths), len(lengthOrder)
	for d.nlen > 4 && lengths[lengthOrder[d.nlen-1]] == 0 {
		d.nlen--
	}
	return d
}

// repeat turns code lengths into steps.
func (d *dynamicCodes) repeat(all []uint8) {
	for i := 0; i < len(all); {
		length, run := all[i], 1
		for i+run < len(all) && all[i+run] == length {
			run++
		}
		i += run
		if length > 0 {
			d.steps = append(d.steps, lengthStep{symbol: length})
			run--
		}
		for run > 0 {
			n, step := 1, lengthStep{symbol: length}
			switch {
			case length > 0 && run >= 3:
				n = min(run, 6)
				step = lengthStep{16, uint8(n - 3)}
			case length == 0 && run >= 11:
				n = min(run, 138)
				step = lengthStep{18, uint8(n - 11)}
			case length == 0 && run >= 3:
				n = run
				step = lengthStep{17, uint8(n - 3)}
			}
			d.steps = append(d.steps, step)
			run -= n
		}
	}
}

// bits is the size of what write writes.
func (d *dynamicCodes) bits() int {
	n := 14 + 3*d.nlen
	for _, s := range d.steps {
		n += int(d.lengths.lengths[s.symbol])
		if s.symbol >= 16 {
			n += lengthExtra[s.symbol-16]
		}
	}
	return n
}

func (d *dynamicCodes) write(w *bitWriter) {
	w.write(uint32(d.nlit-firstLength), 5)
	w.write(uint32(d.ndist-1), 5)
	w.write(uint32(d.nlen-4), 4)
	for _, symbol := range lengthOrder[:d.nlen] {
		w.write(uint32(d.lengths.lengths[symbol]), 3)
	}
	for _, s := range d.steps {
		w.code(&d.lengths, int(s.symbol))
		if s.symbol >= 16 {
			w.write(uint32(s.more), lengthExtra[s.symbol-16])
		}
	}
}
