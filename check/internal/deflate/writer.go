package deflate

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

const (
	hashBits   = 14
	hashed     = 4       // bytes that are looked up
	maxChain   = 16      // places that are tried
	goodMatch  = 64      // length that is taken at once
	maxSymbols = 1 << 14 // in a block
	// unlikely is the number of literals in a row after which they are looked at less closely.
	unlikely = 256
)

// Writer compresses the messages of one direction of a connection. It is for one goroutine at a time.
type Writer struct {
	window   int
	takeover bool

	// base is the position of the first byte of the buffer among all bytes. It starts beyond the window, so that the
	// zeros of new tables are too far away.
	base int
	buf  []byte             // with takeover: the window, then the message
	head [1 << hashBits]int // the last position with a hash
	prev []int              // the position before, with the same hash, by the low bits of a position

	symbols []symbol
	w       bitWriter
}

// NewWriter returns a Writer whose distances never exceed 1<<bits, 8 to 15, nor reach before the message without
// takeover.
func NewWriter(bits int, takeover bool) *Writer {
	if bits < minBits || bits > maxBits {
		panic(fmt.Sprintf("deflate: a window of %d bits cannot be agreed on: 8 to 15 can", bits))
	}
	return &Writer{window: 1 << bits, takeover: takeover, base: 2 * maxDistance, prev: make([]int, 1<<bits)}
}

// Message compresses a message to its payload on the wire, without the 00 00 ff ff at its end. The empty message is the
// byte 00. The caller owns the result.
func (w *Writer) Message(p []byte) []byte {
	buf, start := p, 0
	if w.takeover {
		start = len(w.buf)
		w.buf = append(w.buf, p...)
		buf = w.buf
	}
	w.w = bitWriter{out: make([]byte, 0, len(p)/4+64)}
	w.symbols = w.symbols[:0]
	block, matched := start, start
	for i := start; i < len(buf); {
		if length, distance := w.find(buf, i); length > 0 {
			w.symbols = append(w.symbols, newMatch(length, distance))
			for end := i + length; i < end; i++ {
				w.insert(buf, i)
			}
			matched = i
		} else {
			for range min(1+(i-matched)/unlikely, 32, len(buf)-i) {
				w.insert(buf, i)
				w.symbols = append(w.symbols, symbol(buf[i]))
				i++
			}
		}
		if len(w.symbols) >= maxSymbols || i == len(buf) {
			w.block(buf[block:i])
			block = i
		}
	}
	w.w.sync()
	w.keep(len(p))
	out := w.w.out
	w.w.out = nil
	return out
}

// keep keeps the window after a message of n bytes.
func (w *Writer) keep(n int) {
	if !w.takeover {
		w.base += n
		return
	}
	over := len(w.buf) - w.window
	if over <= 0 {
		return
	}
	w.base += over
	if cap(w.buf) > 4*maxDistance {
		w.buf = append(make([]byte, 0, 2*w.window), w.buf[over:]...)
	} else {
		w.buf = append(w.buf[:0], w.buf[over:]...)
	}
}

func hash(p []byte) uint32 { return binary.LittleEndian.Uint32(p) * 2654435761 >> (32 - hashBits) }

// insert remembers what is at buf[i].
func (w *Writer) insert(buf []byte, i int) {
	if len(buf)-i < hashed {
		return
	}
	h, at := hash(buf[i:]), w.base+i
	w.prev[at&(w.window-1)] = w.head[h]
	w.head[h] = at
}

// find finds the longest match for buf[i] among the last that have the same start.
func (w *Writer) find(buf []byte, i int) (length, distance int) {
	if len(buf)-i < hashed {
		return 0, 0
	}
	at := w.base + i
	oldest := max(w.base, at-w.window)
	most := buf[i:min(i+maxMatch, len(buf))]
	candidate := w.head[hash(most)]
	for range maxChain {
		if candidate < oldest || candidate >= at {
			break
		}
		if n := common(buf[candidate-w.base:], most); n > length && n >= hashed {
			length, distance = n, at-candidate
			if n >= goodMatch || n == len(most) {
				break
			}
		}
		next := w.prev[candidate&(w.window-1)]
		if next >= candidate { // the place is in use for a later position
			break
		}
		candidate = next
	}
	return length, distance
}

// common returns how much of b is at the start of a, which is longer.
func common(a, b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// block writes what symbols stand for, p, as the block that is smallest.
func (w *Writer) block(p []byte) {
	h := count(w.symbols)
	lit, dist := fixedSets()
	codes := newDynamicCodes(h)
	fixed, dynamic, stored := h.bits(&lit, &dist), h.bits(&codes.lit, &codes.dist)+codes.bits(), 8*(len(p)+5)
	switch {
	case stored < min(fixed, dynamic) && len(p) <= maxStored:
		w.w.stored(false, p)
	case fixed <= dynamic:
		w.w.fixed(false, w.symbols)
	default:
		w.w.dynamic(false, w.symbols, codes)
	}
	w.symbols = w.symbols[:0]
}
