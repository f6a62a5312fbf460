package ws

import "encoding/binary"

// The opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// The first byte of a frame: FIN, three RSV bits, four bits of opcode.
const (
	bitFin  = 0x80
	bitRSV1 = 0x40
	bitMask = 0x80 // in the second byte
)

const (
	maxHeader  = 14  // 2 + 8 of length + 4 of mask
	maxControl = 125 // payload of a control frame (RFC 6455 §5.5)
)

// header is a decoded frame header.
type header struct {
	first  byte // FIN, RSV, opcode as on the wire
	masked bool
	key    uint32 // mask, first byte lowest
	length uint64
	size   int // bytes of the header itself
}

func (h *header) fin() bool     { return h.first&bitFin != 0 }
func (h *header) rsv1() bool    { return h.first&bitRSV1 != 0 }
func (h *header) opcode() byte  { return h.first & 0xf }
func (h *header) control() bool { return h.first&8 != 0 }

// parseHeader decodes the header at the start of b. ok is false while b does not hold all of it. A length that is
// not minimal, or has its top bit set, gives bad: RFC 6455 §5.2 forbids both.
func parseHeader(b []byte) (h header, ok bool, bad string) {
	if len(b) < 2 {
		return h, false, ""
	}
	h.first = b[0]
	h.masked = b[1]&bitMask != 0
	h.size = 2
	switch n := b[1] & 0x7f; n {
	default:
		h.length = uint64(n)
	case 126:
		if len(b) < 4 {
			return h, false, ""
		}
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
		h.size = 4
		if h.length < 126 {
			return h, true, "length is not minimal"
		}
	case 127:
		if len(b) < 10 {
			return h, false, ""
		}
		h.length = binary.BigEndian.Uint64(b[2:])
		h.size = 10
		if h.length>>63 != 0 {
			return h, true, "top bit of the length is set"
		}
		if h.length < 1<<16 {
			return h, true, "length is not minimal"
		}
	}
	if h.masked {
		if len(b) < h.size+4 {
			return h, false, ""
		}
		h.key = binary.LittleEndian.Uint32(b[h.size:])
		h.size += 4
	}
	return h, true, ""
}

// putHeader encodes a header into b, which has room for maxHeader bytes, and returns its size.
func putHeader(b []byte, first byte, length int, masked bool, key uint32) int {
	b[0] = first
	n := 2
	switch {
	case length < 126:
		b[1] = byte(length)
	case length < 1<<16:
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(length))
		n = 4
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(length))
		n = 10
	}
	if masked {
		b[1] |= bitMask
		binary.LittleEndian.PutUint32(b[n:], key)
		n += 4
	}
	return n
}

// headerSize is the size of the header that putHeader writes.
func headerSize(length int, masked bool) int {
	n := 2
	switch {
	case length >= 1<<16:
		n = 10
	case length >= 126:
		n = 4
	}
	if masked {
		n += 4
	}
	return n
}
