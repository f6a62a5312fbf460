package deflate

import (
	"bytes"
	"encoding/binary"
)

const (
	defaultLimit = 64 << 20
	// keepBuffer is the size up to which buffers are used again; larger ones are given away.
	keepBuffer = 64 << 10
)

// Reader inflates the messages of one direction of a connection with exactly the window that was agreed. It is for one
// goroutine at a time.
//
// A block with BFINAL ends nothing here: the next one follows at the byte boundary, which it may have to be padded to
// with zeros, and may refer to what came before (RFC 7692 §7.2.1 has no other window than that of the messages). Sets
// of codes must be complete, but those for literals and for distances may be a single code of one bit, as every
// implementation allows, and that for distances may be empty. A block may declare up to 32 codes for distances, as RFC
// 1951 §3.2.7 says, although zlib reads 30.
type Reader struct {
	// Bits is the window that was agreed, 8 to 15; 0 means 15. A distance of more than 1<<Bits is an error.
	Bits int
	// Takeover keeps the window from message to message. Without it, a distance that reaches before the message is an
	// error.
	Takeover bool
	// Limit is the size of the largest message, inflated, in bytes; 0 means 64 MiB.
	Limit int

	// MaxDistance is the largest distance so far.
	MaxDistance int
	// Matches is the number of references back so far.
	Matches int

	in  []byte // the payload and the tail
	pos int    // the first byte of in that is not in acc
	acc uint64 // bits that come next; those above n are right or zero
	n   int

	out   []byte // the window, the message and room
	start int    // where the message starts
	size  int    // where it ends so far

	lit, dist table
	lengths   [320]uint8
	declared  int // the largest number of codes for distances
	err       error
}

// Message inflates a message from its payload as it is on the wire, that is without the 00 00 ff ff at its end, which
// RFC 7692 §7.2.2 has the receiver append. The caller owns the result. Errors are of the type *[Error]; after one, the
// Reader returns it for good.
//
// An empty payload is an error: the four bytes that are appended are the end of a stored block whose header must have
// been sent. The empty message is the byte 00 (RFC 7692 §7.2.3.6).
func (r *Reader) Message(payload []byte) ([]byte, error) {
	if r.err == nil {
		r.err = r.message(payload)
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.finish(), nil
}

func (r *Reader) message(payload []byte) error {
	if r.Bits == 0 {
		r.Bits = maxBits
	}
	if r.Bits < minBits || r.Bits > maxBits {
		return fail(Window, 0, "a window of %d bits cannot be agreed on: 8 to 15 can", r.Bits)
	}
	if len(payload) == 0 {
		return fail(Truncated, 0, "an empty payload is not a compressed message, the empty one is the byte 00")
	}
	r.in = append(append(r.in[:0], payload...), tail...)
	r.pos, r.acc, r.n = 0, 0, 0
	r.size = r.start
	if err := r.grow(min(max(len(payload), min(4*len(payload), 1<<20)), r.limit())); err != nil {
		return err
	}
	for {
		at := r.bit()
		header := r.take(3)
		if header < 0 || r.bit() > 8*len(payload) {
			return fail(Ending, at, "no empty stored block ends the message")
		}
		empty, err := r.block(header>>1, at)
		if err != nil {
			return err
		}
		if final := header&1 != 0; final {
			at := r.bit()
			if r.take(r.n&7) > 0 {
				return fail(Ending, at, "the bits that pad a block with BFINAL to the byte boundary are not zero")
			}
		}
		if at := r.bit(); at == 8*len(r.in) {
			if !empty {
				return fail(Ending, at, "the last block is not the empty stored one that should end the message")
			}
			return nil
		}
	}
}

// finish returns the message and keeps the window.
func (r *Reader) finish() []byte {
	message, window := r.out[r.start:r.size:r.size], 0
	if r.Takeover {
		window = min(r.size, 1<<r.Bits)
	}
	past := r.out[r.size-window : r.size]
	if len(message) <= keepBuffer {
		message = bytes.Clone(message)
		copy(r.out, past)
	} else {
		r.out = append(make([]byte, 0, window), past...)
	}
	r.start = window
	if cap(r.in) > keepBuffer {
		r.in = nil
	}
	if message == nil {
		message = []byte{}
	}
	return message
}

func (r *Reader) limit() int {
	if r.Limit > 0 {
		return r.Limit
	}
	return defaultLimit
}

// grow makes room for n bytes and a match, or says that the message with n more bytes is too large.
func (r *Reader) grow(n int) error {
	if r.size+n > r.start+r.limit() {
		return fail(TooLarge, r.bit(), "the message inflates to more than %d bytes, the limit", r.limit())
	}
	need := r.size + n + maxMatch
	if need <= len(r.out) {
		return nil
	}
	need = max(need, min(2*len(r.out), r.start+r.limit()+maxMatch))
	out := make([]byte, need)
	copy(out, r.out[:r.size])
	r.out = out
	return nil
}

// bit is where the next bit is.
func (r *Reader) bit() int { return 8*r.pos - r.n }

// fill takes bytes into acc, so that it has at least 56 bits unless the data ends before.
func (r *Reader) fill() {
	for r.n < 56 && r.pos < len(r.in) {
		r.acc |= uint64(r.in[r.pos]) << r.n
		r.n += 8
		r.pos++
	}
}

// take returns the next n bits, at most 32, or -1 if there are not so many.
func (r *Reader) take(n int) int {
	if r.n < n {
		r.fill()
		if r.n < n {
			return -1
		}
	}
	v := int(r.acc & (1<<n - 1))
	r.acc >>= n
	r.n -= n
	return v
}

// block reads what follows the header of a block that starts at bit at. It tells whether that was an empty stored block.
func (r *Reader) block(kind, at int) (empty bool, err error) {
	switch kind {
	case typeStored:
		n, err := r.stored(at)
		return n == 0, err
	case typeFixed:
		lit, dist := fixedTables()
		return false, r.codes(lit, dist)
	case typeDynamic:
		if err := r.tables(at); err != nil {
			return false, err
		}
		return false, r.codes(&r.lit, &r.dist)
	}
	return false, fail(Corrupt, at, "block type 3 does not exist")
}

// stored reads a stored block: RFC 1951 §3.2.4.
func (r *Reader) stored(at int) (int, error) {
	r.pos -= r.n / 8 // what is left of the header's byte is ignored
	r.acc, r.n = 0, 0
	if len(r.in)-r.pos < 4 {
		return 0, fail(Truncated, at, "the data ends before the length of a stored block")
	}
	n, not := binary.LittleEndian.Uint16(r.in[r.pos:]), binary.LittleEndian.Uint16(r.in[r.pos+2:])
	if n != ^not {
		return 0, fail(Corrupt, r.bit(), "the length of a stored block, %04x, and its complement, %04x, do not match", n, not)
	}
	r.pos += 4
	if left := len(r.in) - r.pos; int(n) > left {
		return 0, fail(Truncated, r.bit(), "a stored block of %d bytes has only %d", n, left)
	}
	if err := r.grow(int(n)); err != nil {
		return 0, err
	}
	r.size += copy(r.out[r.size:], r.in[r.pos:r.pos+int(n)])
	r.pos += int(n)
	return int(n), nil
}

// codes reads the compressed data of a block up to its end.
func (r *Reader) codes(lit, dist *table) error {
	in, pos, acc, n := r.in, r.pos, r.acc, r.n
	out, size, window := r.out, r.size, 1<<r.Bits
	for {
		if n < 48 { // 15 + 5 + 15 + 13 bits are the longest match
			if len(in)-pos >= 8 {
				acc |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
				pos += (63 - n) >> 3
				n |= 56
			} else {
				r.pos, r.acc, r.n = pos, acc, n
				r.fill()
				pos, acc, n = r.pos, r.acc, r.n
			}
		}
		if size+maxMatch > len(out) {
			r.pos, r.n, r.size = pos, n, size
			if err := r.grow(0); err != nil {
				return err
			}
			out = r.out
		}
		// Beyond the end of the data there are zeros; n below zero tells that they were needed.
		at := 8*pos - n
		code := lit.fast[acc&(1<<fastBits-1)]
		if code == 0 {
			code = lit.long(acc)
		}
		acc >>= code & 15
		n -= int(code & 15)
		symbol := int(code >> 4)
		if symbol < endOfBlock && n >= 0 {
			out[size] = byte(symbol)
			size++
			continue
		}
		if n < 0 {
			return fail(Truncated, at, "the data ends within a block")
		}
		if symbol == endOfBlock {
			r.pos, r.acc, r.n, r.size = pos, acc, n, size
			if size-r.start > r.limit() {
				return r.grow(0)
			}
			return nil
		}
		symbol -= firstLength
		if symbol >= len(lengthCodes) {
			if symbol == unused-firstLength {
				return fail(Corrupt, at, "a code for a literal or a length is not in the set")
			}
			return fail(Corrupt, at, "length symbol %d does not exist", symbol+firstLength)
		}
		x := lengthCodes[symbol]
		length := int(x.base) + int(acc&(1<<x.extra-1))
		acc >>= x.extra
		n -= int(x.extra)

		code = dist.fast[acc&(1<<fastBits-1)]
		if code == 0 {
			code = dist.long(acc)
		}
		acc >>= code & 15
		n -= int(code & 15)
		symbol = int(code >> 4)
		if symbol >= len(distanceCodes) && n >= 0 {
			if symbol == unused {
				return fail(Corrupt, at, "a match has a code for its distance that is not in the set")
			}
			return fail(Corrupt, at, "distance symbol %d does not exist", symbol)
		}
		if n >= 0 {
			x = distanceCodes[symbol]
			n -= int(x.extra)
		}
		if n < 0 {
			return fail(Truncated, at, "the data ends within a block")
		}
		distance := int(x.base) + int(acc&(1<<x.extra-1))
		acc >>= x.extra

		r.Matches++
		r.MaxDistance = max(r.MaxDistance, distance)
		if distance > window {
			return fail(Window, at, "distance %d is beyond the window of %d bytes (%d bits)", distance, window, r.Bits)
		}
		if distance > size {
			if r.Takeover {
				return fail(Window, at, "distance %d reaches %d bytes before the first message", distance, distance-size)
			}
			return fail(Window, at, "distance %d reaches %d bytes before the message, and there is no context takeover", distance, distance-size)
		}
		from, end := size-distance, size+length
		for size < end { // what a match copies may be what it has written
			size += copy(out[size:end], out[from:size])
		}
	}
}
