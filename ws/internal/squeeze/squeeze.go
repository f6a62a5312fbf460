// Package squeeze compresses single messages of up to 32 KiB into DEFLATE (RFC 1951), as permessage-deflate wants them
// (RFC 7692 §7.2.1): one block, flushed, without the four bytes that all flushed streams end with.
//
//	out := make([]byte, e.Plan(nil, message)+squeeze.Margin)
//	out = out[:e.Put(out, message)]
//
// It exists because a compressor made for streams spends most of its time on a message of 1 KiB with other things than
// looking for repetitions: with finding optimal codes of bounded length, and with room for 64 KiB more. It does
// one level of effort, the fastest, and says the size of the result before it writes any of it. Longer messages,
// streams and higher levels are for others.
//
// The package must not know what a WebSocket is.
package squeeze

import "encoding/binary"

const (
	// MaxInput is the number of bytes that message and dictionary may have together. So no reference reaches
	// further back than DEFLATE's full window.
	MaxInput = 32 << 10
	// Margin is by how much the buffer for Put must exceed the planned size.
	Margin = 8

	endOfBlock = 256
	// fixedBelow is the size of messages from which on a code of their own is worth its description.
	fixedBelow = 512
)

// Encoder compresses messages, one at a time. The zero value is ready to use. It weighs up to 110 KiB and remembers nothing
// from one message to the next.
type Encoder struct {
	joined [MaxInput]byte // a message behind its dictionary

	table     [1 << maxTableBits]uint16 // for the hash of four bytes, where they were seen last
	runs      []run
	literals  [maxSymbols]uint16 // how often each literal and length occurs
	distances [30]uint16

	literalCode, distanceCode, headerCode prefixCode
	header                                header
	form                                  form
}

// form is one of the three kinds of blocks.
type form uint8

const (
	stored form = iota
	fixed
	dynamic
)

// Plan decides how to compress p, a message, and returns how many bytes that takes. The message may refer to dict. Both
// together have MaxInput bytes at most, and p has at least one.
func (e *Encoder) Plan(dict, p []byte) int {
	src := p
	if len(dict) > 0 {
		src = e.joined[:len(dict)+len(p)]
		copy(src[copy(src, dict):], p)
	}
	e.parse(src, len(dict))
	e.literals[endOfBlock] = 1
	extra := 3 + 3 // the block's header, and the flush's
	for i, c := range e.literals[265:285] {
		extra += int(c) * (1 + i/4)
	}
	for i, c := range e.distances[4:] {
		extra += int(c) * (1 + i/2)
	}
	size := e.literalCode.build(e.literals[:286], 15) + e.distanceCode.build(e.distances[:], 15)
	size += e.planHeader()
	e.form = dynamic
	if len(p) < fixedBelow {
		if n := fixedLiterals.cost(e.literals[:286]) + fixedDistances.cost(e.distances[:]); n <= size {
			size = n
			e.form = fixed
		}
	}
	size = (size + extra + 7) / 8
	if n := len(p) + 6; n < size {
		size = n
		e.form = stored
	}
	return size
}

// Put writes p, the message that was planned, to dst, which has room for it and Margin bytes more, and returns the size.
func (e *Encoder) Put(dst, p []byte) int {
	if e.form == stored {
		dst[0] = 0
		binary.LittleEndian.PutUint16(dst[1:], uint16(len(p)))
		binary.LittleEndian.PutUint16(dst[3:], ^uint16(len(p)))
		n := 5 + copy(dst[5:], p)
		dst[n] = 0
		return n + 1
	}
	w := bitWriter{dst: dst}
	w.put(uint64(e.form)<<1, 3)
	literals, distances := &fixedLiterals.codes, &fixedDistances.codes
	if e.form == dynamic {
		e.putHeader(&w)
		literals, distances = &e.literalCode.codes, &e.distanceCode.codes
	}
	for _, r := range e.runs {
		run := p[:r.literals]
		p = p[int(r.literals)+int(r.length):]
		for len(run) >= 3 {
			a, b, c := literals[run[0]], literals[run[1]], literals[run[2]]
			v := uint64(a & 0xffff)
			n := uint(a >> 16)
			v |= uint64(b&0xffff) << (n & 63)
			n += uint(b >> 16)
			v |= uint64(c&0xffff) << (n & 63)
			w.put(v, n+uint(c>>16))
			run = run[3:]
		}
		for _, c := range run {
			w.put(uint64(literals[c]&0xffff), uint(literals[c]>>16))
		}
		if r.length == 0 {
			continue
		}
		symbol, extra, k := lengthSymbol(int(r.length))
		c := literals[symbol]
		v := uint64(c & 0xffff)
		n := uint(c >> 16)
		v |= extra << (n & 63)
		n += k
		symbol, extra, k = distanceSymbol(int(r.distance))
		c = distances[symbol]
		v |= uint64(c&0xffff) << (n & 63)
		n += uint(c >> 16)
		v |= extra << (n & 63)
		w.put(v, n+k)
	}
	w.put(uint64(literals[endOfBlock]&0xffff), uint(literals[endOfBlock]>>16))
	w.put(0, 3) // an empty stored block, of which only this much is sent
	return w.flush()
}

// bitWriter writes bits, the first one lowest. dst has room for 8 bytes more than are written.
type bitWriter struct {
	dst  []byte
	at   int
	bits uint64
	n    uint // at most 7 between calls
}

// put writes n bits, at most 57.
func (w *bitWriter) put(v uint64, n uint) {
	w.bits |= v << (w.n & 63)
	w.n += n
	binary.LittleEndian.PutUint64(w.dst[w.at:], w.bits)
	w.at += int(w.n >> 3)
	w.bits >>= w.n & 56
	w.n &= 7
}

// flush fills the last byte and returns how many there are.
func (w *bitWriter) flush() int {
	if w.n > 0 {
		w.at++
	}
	return w.at
}

// The codes of blocks that define none (RFC 1951 §3.2.6).
var fixedLiterals, fixedDistances = fixedCodes()

func fixedCodes() (l, d *prefixCode) {
	l, d = &prefixCode{}, &prefixCode{}
	var lengths [16]int
	for i := range maxSymbols {
		n := 8
		switch {
		case i >= 144 && i < 256:
			n = 9
		case i >= 256 && i < 280:
			n = 7
		}
		l.codes[i] = uint32(n) << 16
		lengths[n]++
	}
	l.assign(maxSymbols, &lengths)
	for i := range 30 {
		d.codes[i] = 5 << 16
	}
	d.assign(30, &[16]int{5: 30})
	return l, d
}
