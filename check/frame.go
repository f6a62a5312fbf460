package check

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// An Op is the opcode of a frame: RFC 6455 §5.2.
type Op byte

// The opcodes that have a meaning.
const (
	OpContinuation Op = 0x0
	OpText         Op = 0x1
	OpBinary       Op = 0x2
	OpClose        Op = 0x8
	OpPing         Op = 0x9
	OpPong         Op = 0xa
)

// Control reports whether frames of this opcode are control frames: RFC 6455 §5.5.
func (o Op) Control() bool { return o&8 != 0 }

// String is the opcode's name, or its number.
func (o Op) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %#x", byte(o))
}

// The reserved bits of a frame's first byte.
const (
	RSV1 byte = 0x40 // a compressed message: RFC 7692 §6
	RSV2 byte = 0x20
	RSV3 byte = 0x10
)

// A LengthForm is in how many bytes a frame's length is written: RFC 6455 §5.2.
type LengthForm int

// The forms.
const (
	LengthMinimal LengthForm = iota // as short as possible
	Length16                        // 126, then two bytes
	Length64                        // 127, then eight bytes
)

// A MaskForm is whether a frame is masked, and how: RFC 6455 §5.3.
type MaskForm int

// The forms.
const (
	MaskByRole MaskForm = iota // masked with a random key if the suite is the client
	MaskAlways                 // masked, whatever the suite is
	MaskNever                  // not masked, whatever the suite is
	MaskZero                   // as MaskByRole, with a key of zeros
)

// A Frame is a frame as it is sent, right or wrong.
type Frame struct {
	Op      Op         // its opcode
	More    bool       // FIN is not set: more frames of the message follow
	RSV     byte       // RSV1, RSV2 and RSV3
	Payload Data       // what it carries, before it is masked
	Length  LengthForm // how its length is written
	Declare uint64     // the length that is written, if it is not that of the payload; 0 means the payload's
	Mask    MaskForm   // how it is masked
}

// appendHeader appends the header; masked says whether there is a key.
func (f *Frame) appendHeader(b []byte, size int, masked bool, key uint32) []byte {
	first := byte(f.Op)&0xf | f.RSV&0x70
	if !f.More {
		first |= 0x80
	}
	b = append(b, first)
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	n := uint64(size)
	if f.Declare > 0 {
		n = f.Declare
	}
	switch {
	case f.Length == Length64 || n > 0xffff:
		b = append(b, bit|127)
		b = binary.BigEndian.AppendUint64(b, n)
	case f.Length == Length16 || n > 125:
		b = append(b, bit|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, bit|byte(n))
	}
	if masked {
		b = binary.BigEndian.AppendUint32(b, key)
	}
	return b
}

// Append appends the frame as it goes over the wire; client says whether the suite is the client.
func (f *Frame) Append(b []byte, client bool) []byte {
	return f.append(b, f.Payload.Bytes(), client)
}

func (f *Frame) append(b, payload []byte, client bool) []byte {
	masked := client
	switch f.Mask {
	case MaskAlways:
		masked = true
	case MaskNever:
		masked = false
	}
	var key uint32
	if masked && f.Mask != MaskZero {
		key = rand.Uint32()
	}
	b = f.appendHeader(b, len(payload), masked, key)
	start := len(b)
	b = append(b, payload...)
	if key != 0 {
		mask(b[start:], key)
	}
	return b
}

// mask applies the masking key to p, which starts at a frame's payload.
func mask(p []byte, key uint32) {
	long := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 {
		binary.BigEndian.PutUint64(p, binary.BigEndian.Uint64(p)^long)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(key >> (24 - 8*i%32))
	}
}

// String describes the frame in a few words.
func (f *Frame) String() string {
	s := f.Op.String()
	if f.More {
		s += ", not final"
	}
	for i, bit := range []byte{RSV1, RSV2, RSV3} {
		if f.RSV&bit != 0 {
			s += fmt.Sprintf(", RSV%d", i+1)
		}
	}
	switch f.Length {
	case Length16:
		s += ", 16-bit length"
	case Length64:
		s += ", 64-bit length"
	}
	if f.Declare > 0 {
		s += fmt.Sprintf(", declared as %d bytes", f.Declare)
	}
	switch f.Mask {
	case MaskAlways:
		s += ", masked"
	case MaskNever:
		s += ", not masked"
	case MaskZero:
		s += ", masked with zeros"
	}
	if f.Op == OpClose && f.Payload.Size == 0 && len(f.Payload.Text) >= 2 {
		return s + fmt.Sprintf(" %d %s", binary.BigEndian.Uint16([]byte(f.Payload.Text)), quote([]byte(f.Payload.Text[2:])))
	}
	return s + " " + f.Payload.String()
}
