package mutant

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
)

// The first byte of a frame: RFC 6455 §5.2.
const (
	final = 0x80
	rsv1  = 0x40
	rsv2  = 0x20
	rsv3  = 0x10

	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// incoming is the message and the frame that are being read.
type incoming struct {
	open       bool  // the message has begun and its last frame has not
	size       int64 // of its frames so far
	op         byte
	compressed bool

	left   int64 // bytes of the frame that are still to come
	key    [4]byte
	offset int // into key

	cut, forget bool // for faults: skip the rest of the message; forget what there is of it
}

// header is the header of a frame.
type header struct {
	op         byte
	fin        bool
	compressed bool
	length     int64
	key        [4]byte
}

// readHeader reads the header of a frame and checks each byte of it as it comes.
func (e *endpoint) readHeader() (h header, err error) {
	first, err := e.r.ReadByte()
	if err != nil {
		return h, err
	}
	if err := e.checkFirst(first, &h); err != nil {
		return h, err
	}
	second, err := e.r.ReadByte()
	if err != nil {
		return h, err
	}
	masked := second&0x80 != 0
	if e.role == RoleServer {
		err = e.rule(masked, acceptsUnmasked, 1002, "a frame is not masked")
	} else {
		err = e.rule(!masked, acceptsMasked, 1002, "a frame is masked")
	}
	h.length = int64(second & 0x7f)
	if err := cmp.Or(err, e.rule(h.op < opClose || h.length <= 125, acceptsLongControl, 1002, "a control frame has more than 125 bytes")); err != nil {
		return h, err
	}
	if err := e.readLength(&h); err != nil {
		return h, err
	}
	if h.op < opClose {
		fits := h.length <= sizeLimit-min(e.in.size, sizeLimit)
		if err := e.rule(fits, noMessageLimit, 1009, "the message has more than 32 MiB"); err != nil {
			return h, err
		}
	}
	if masked {
		_, err = io.ReadFull(e.r, h.key[:])
	}
	return h, err
}

// checkFirst checks the bits and the opcode.
func (e *endpoint) checkFirst(b byte, h *header) error {
	h.op, h.fin = b&0xf, b&final != 0
	starts := h.op == opText || h.op == opBinary || h.op >= 3 && h.op <= 7
	marked := b&rsv1 != 0
	h.compressed = e.inf != nil && starts && (marked || e.fault == inflatesAll)
	err := cmp.Or(
		e.rule(!marked || h.compressed, ignoresRSV1, 1002, "RSV1 is set"),
		e.rule(b&rsv2 == 0, ignoresRSV2, 1002, "RSV2 is set"),
		e.rule(b&rsv3 == 0, ignoresRSV3, 1002, "RSV3 is set"),
		e.rule(h.op < 3 || h.op > 7, acceptsReservedData, 1002, "the opcode is reserved"),
		e.rule(h.op <= opPong, acceptsReservedControl, 1002, "the opcode is reserved"),
		e.rule(h.op < opClose || h.fin, acceptsFragmentedPing, 1002, "a control frame is fragmented"),
		e.rule(!starts || !e.in.open, acceptsInterleaved, 1002, "a message begins inside another"),
		e.rule(h.op != opContinuation || e.in.open, acceptsLoneContinuation, 1002, "a continuation continues nothing"),
	)
	switch { // what a fault let pass
	case starts && e.in.open:
		h.op, h.compressed = opContinuation, false
	case h.op == opContinuation && !e.in.open, h.op >= 3 && h.op <= 7:
		h.op = opBinary
	}
	return err
}

func (e *endpoint) readLength(h *header) error {
	var b [8]byte
	switch h.length {
	case 126:
		if _, err := io.ReadFull(e.r, b[6:]); err != nil {
			return err
		}
		h.length = int64(binary.BigEndian.Uint16(b[6:]))
		return e.rule(h.length >= 126, acceptsNonMinimal16, 1002, "a length is not written in the fewest bytes")
	case 127:
		if _, err := io.ReadFull(e.r, b[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint64(b[:])
		h.length = int64(n &^ (1 << 63))
		return cmp.Or(
			e.rule(n>>63 == 0, ignoresTopBit, 1002, "the most significant bit of a length is set"),
			e.rule(n > 0xffff, acceptsNonMinimal64, 1002, "a length is not written in the fewest bytes"),
		)
	}
	return nil
}

// nextFrame reads on to the next frame of data; what control frames demand is done on the way.
func (e *endpoint) nextFrame() error {
	for {
		h, err := e.readHeader()
		if err != nil {
			return err
		}
		if h.op < opClose {
			if !e.in.open {
				e.in = incoming{op: h.op, compressed: h.compressed}
			}
			if e.fault == dropsEmptyFrames && h.length == 0 && e.in.open && !h.fin {
				e.in.cut = true
			}
			e.in.open = !h.fin
			e.in.size += h.length
			e.in.left, e.in.key, e.in.offset = h.length, h.key, 0
			return nil
		}
		p := make([]byte, min(h.length, sizeLimit))
		if _, err := io.ReadFull(e.r, p); err != nil {
			return err
		}
		mask(p, h.key, 0)
		if err := e.control(h.op, p); err != nil {
			return err
		}
	}
}

// fill returns the next bytes of the open message, as they come; io.EOF ends it.
func (e *endpoint) fill() ([]byte, error) {
	for e.in.left == 0 {
		if !e.in.open {
			return nil, io.EOF
		}
		if err := e.nextFrame(); err != nil {
			return nil, err
		}
	}
	n, err := e.r.Read(e.buf[:min(e.in.left, int64(len(e.buf)))])
	if err != nil {
		return nil, err
	}
	p := e.buf[:n]
	mask(p, e.in.key, e.in.offset)
	e.in.left -= int64(n)
	e.in.offset += n
	if e.in.cut {
		p = nil
	}
	return p, nil
}

// receive reads a message.
func (e *endpoint) receive() (content, error) {
	if err := e.nextFrame(); err != nil {
		return content{}, err
	}
	m := content{op: e.in.op}
	t := e.newText(&m)
	take := func(p []byte) error {
		m.data = append(m.data, p...)
		limit := noMessageLimit
		if e.in.compressed {
			limit = noInflateLimit
		}
		return cmp.Or(e.rule(len(m.data) <= sizeLimit, limit, 1009, "the message has more than 32 MiB"), t.arrived())
	}
	if e.in.compressed {
		err := e.inf.message(e.fill, take)
		if errors.Is(err, errCorrupt) {
			err = e.rule(false, acceptsCorruptDeflate, 1007, err.Error())
		}
		if err == nil {
			err = e.skip()
		}
		if err == nil {
			err = t.ended()
		}
		return m, err
	}
	for {
		p, err := e.fill()
		switch {
		case err == io.EOF:
			return m, t.ended()
		case err != nil:
			return m, err
		case e.in.forget:
			m.data, e.in.forget = nil, false
			t = e.newText(&m)
		}
		if err := take(p); err != nil {
			return m, err
		}
	}
}

// skip reads what is left of the message after something that a fault let pass.
func (e *endpoint) skip() error {
	for {
		if _, err := e.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
