package squeeze

// header describes the codes of a dynamic block (RFC 1951 §3.2.7): the lengths of both, run-length encoded.
type header struct {
	literals, distances int        // how many lengths of each there are
	order               int        // how many lengths of the header's own code there are
	symbols             [320]uint8 // 0 to 18
	extra               [320]uint8 // what follows a symbol from 16 on
	n                   int
	counts              [19]uint16
}

var (
	headerOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	headerExtra = [19]uint8{16: 2, 17: 3, 18: 7}
)

// planHeader makes the header of the codes that were built, and returns how many bits it takes.
func (e *Encoder) planHeader() int {
	h := &e.header
	for h.literals = 286; e.literalCode.codes[h.literals-1] == 0; h.literals-- {
	}
	for h.distances = len(e.distances); e.distanceCode.codes[h.distances-1] == 0; h.distances-- {
	}
	var lengths [320]uint8
	for i, c := range e.literalCode.codes[:h.literals] {
		lengths[i] = uint8(c >> 16)
	}
	for i, c := range e.distanceCode.codes[:h.distances] {
		lengths[h.literals+i] = uint8(c >> 16)
	}
	h.n = 0
	clear(h.counts[:])
	rest := lengths[:h.literals+h.distances]
	for len(rest) > 0 {
		l, n := rest[0], 1
		for n < len(rest) && rest[n] == l {
			n++
		}
		rest = rest[n:]
		h.repeat(l, n)
	}
	bits := e.headerCode.build(h.counts[:], 7)
	for h.order = 19; h.order > 4 && h.counts[headerOrder[h.order-1]] == 0; h.order-- {
	}
	bits += 5 + 5 + 4 + 3*h.order
	for i := 16; i < 19; i++ {
		bits += int(h.counts[i]) * int(headerExtra[i])
	}
	return bits
}

// repeat notes n lengths l.
func (h *header) repeat(l uint8, n int) {
	if l == 0 {
		for n >= 11 {
			k := min(n, 138)
			h.note(18, uint8(k-11))
			n -= k
		}
		if n >= 3 {
			h.note(17, uint8(n-3))
			return
		}
	} else {
		h.note(l, 0)
		n--
		for n >= 3 {
			k := min(n, 6)
			h.note(16, uint8(k-3))
			n -= k
		}
	}
	for range n {
		h.note(l, 0)
	}
}

func (h *header) note(symbol, extra uint8) {
	h.symbols[h.n], h.extra[h.n] = symbol, extra
	h.n++
	h.counts[symbol]++
}

func (e *Encoder) putHeader(w *bitWriter) {
	h := &e.header
	w.put(uint64(h.literals-257)|uint64(h.distances-1)<<5|uint64(h.order-4)<<10, 14)
	for _, s := range headerOrder[:h.order] {
		w.put(uint64(e.headerCode.length(int(s))), 3)
	}
	for i, s := range h.symbols[:h.n] {
		c := e.headerCode.codes[s]
		n := uint(c >> 16)
		w.put(uint64(c&0xffff)|uint64(h.extra[i])<<(n&63), n+uint(headerExtra[s]))
	}
}
