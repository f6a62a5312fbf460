package wstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/parley-ws/parley/ws"
)

// The opcodes of RFC 6455 §5.2.
const (
	OpContinuation byte = 0x0
	OpText         byte = 0x1
	OpBinary       byte = 0x2
	OpClose        byte = 0x8
	OpPing         byte = 0x9
	OpPong         byte = 0xA
)

// Frame is one frame as RFC 6455 §5.2 lays it out. The fields from Length on let a test send what nobody should.
type Frame struct {
	// Fin marks the last frame of a message.
	Fin bool
	// RSV1, RSV2 and RSV3 are the bits for extensions; permessage-deflate marks a compressed message with RSV1.
	RSV1, RSV2, RSV3 bool
	// Opcode is four bits; see OpText and its neighbours.
	Opcode byte
	// Masked tells whether the payload travels masked. [Peer.Send] sets it as its role demands.
	Masked bool
	// Mask is the masking key if Masked is set. If it is zero, [Peer.Send] chooses one.
	Mask [4]byte
	// Payload is the content, before masking.
	Payload []byte

	// Length is declared instead of the payload's length. Nil: the truth.
	Length *uint64
	// LengthForm forces the form of the length: 7, 16 or 64 bits. 0: the shortest that fits, as the protocol demands.
	// [ReadFrame] sets it where the form was not the shortest.
	LengthForm int
	// WrongMask makes [Peer.Send] mask a server's frame, or leave a client's unmasked.
	WrongMask bool
}

// Text returns a whole text message; s need not be UTF-8.
func Text(s string) Frame { return Frame{Fin: true, Opcode: OpText, Payload: []byte(s)} }

// Binary returns a whole binary message.
func Binary(p []byte) Frame { return Frame{Fin: true, Opcode: OpBinary, Payload: p} }

// Ping returns a ping.
func Ping(s string) Frame { return Frame{Fin: true, Opcode: OpPing, Payload: []byte(s)} }

// Pong returns a pong.
func Pong(s string) Frame { return Frame{Fin: true, Opcode: OpPong, Payload: []byte(s)} }

// Close returns a close frame. Any code and reason will do, legal or not; [ws.CodeNoStatus] makes it empty.
func Close(code ws.Code, reason string) Frame {
	f := Frame{Fin: true, Opcode: OpClose}
	if code != ws.CodeNoStatus {
		f.Payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	}
	return f
}

// Fragments returns a message as one frame for each piece: the first with the opcode, the others continuations,
// the last with Fin.
func Fragments(opcode byte, pieces ...string) []Frame {
	frames := make([]Frame, len(pieces))
	for i, piece := range pieces {
		frames[i] = Frame{Opcode: OpContinuation, Payload: []byte(piece), Fin: i == len(pieces)-1}
	}
	if len(frames) > 0 {
		frames[0].Opcode = opcode
	}
	return frames
}

// Append appends the frame's bytes to b, wrong ones where the frame asks for them.
func (f Frame) Append(b []byte) []byte {
	b = append(b, bit(f.Fin, 0x80)|bit(f.RSV1, 0x40)|bit(f.RSV2, 0x20)|bit(f.RSV3, 0x10)|f.Opcode&0xF)
	length := uint64(len(f.Payload))
	if f.Length != nil {
		length = *f.Length
	}
	form := f.LengthForm
	if form == 0 {
		form = shortestForm(length)
	}
	mask := bit(f.Masked, 0x80)
	switch form {
	case 7:
		b = append(b, mask|byte(length&0x7F))
	case 16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(length))
	case 64:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), length)
	default:
		panic(fmt.Sprintf("wstest: frame: length form %d: want 7, 16 or 64", form))
	}
	if !f.Masked {
		return append(b, f.Payload...)
	}
	b = append(b, f.Mask[:]...)
	for i, c := range f.Payload {
		b = append(b, c^f.Mask[i%4])
	}
	return b
}

// Bytes returns the bytes of the frames, one after the other.
func Bytes(frames ...Frame) []byte {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	return b
}

// Equal reports whether g says the same as f: Fin, RSV bits, opcode, payload, and the length's form. Masks do not count.
func (f Frame) Equal(g Frame) bool {
	return f.Fin == g.Fin && f.RSV1 == g.RSV1 && f.RSV2 == g.RSV2 && f.RSV3 == g.RSV3 && f.Opcode == g.Opcode &&
		f.LengthForm == g.LengthForm && bytes.Equal(f.Payload, g.Payload)
}

// String describes the frame in one line: "text fin \"hello\"", "close fin 1002 \"why\"".
func (f Frame) String() string {
	name, ok := map[byte]string{OpContinuation: "continuation", OpText: "text", OpBinary: "binary", OpClose: "close",
		OpPing: "ping", OpPong: "pong"}[f.Opcode]
	if !ok {
		name = fmt.Sprintf("opcode %#x", f.Opcode)
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{f.Fin, " fin"}, {f.RSV1, " rsv1"}, {f.RSV2, " rsv2"}, {f.RSV3, " rsv3"}, {f.WrongMask, " wrong-mask"}} {
		if flag.on {
			name += flag.name
		}
	}
	if f.LengthForm != 0 {
		name += fmt.Sprintf(" length-form-%d", f.LengthForm)
	}
	if f.Length != nil {
		name += fmt.Sprintf(" length %d instead of %d", *f.Length, len(f.Payload))
	}
	p := f.Payload
	if f.Opcode == OpClose && len(p) >= 2 {
		name += fmt.Sprintf(" %d", binary.BigEndian.Uint16(p))
		p = p[2:]
	}
	if len(p) > 80 {
		return name + fmt.Sprintf(" %q… (%d bytes)", p[:80], len(f.Payload))
	}
	return name + fmt.Sprintf(" %q", p)
}

// maxRead is the largest payload that ReadFrame takes: more than any test needs, less than a wild length asks for.
const maxRead = 64 << 20

// ReadFrame reads one frame and nothing beyond. It judges no more than the layout: see [Frame.Check] for the rules.
// The error is [io.EOF] as such if the stream ends before the frame, and wraps [io.ErrUnexpectedEOF] if it ends inside.
func ReadFrame(r io.Reader) (Frame, error) {
	var h [2]byte
	n, err := io.ReadFull(r, h[:])
	if err == io.EOF && n == 0 {
		return Frame{}, io.EOF
	}
	if err != nil {
		return Frame{}, fmt.Errorf("wstest: read frame: header: %w", err)
	}
	f := Frame{
		Fin:    h[0]&0x80 != 0,
		RSV1:   h[0]&0x40 != 0,
		RSV2:   h[0]&0x20 != 0,
		RSV3:   h[0]&0x10 != 0,
		Opcode: h[0] & 0xF,
		Masked: h[1]&0x80 != 0,
	}
	form, length := 7, uint64(h[1]&0x7F)
	if length > 125 {
		form = 16
		if length == 127 {
			form = 64
		}
		var ext [8]byte
		if err := readRest(r, ext[8-form/8:]); err != nil {
			return Frame{}, fmt.Errorf("wstest: read frame: length: %w", err)
		}
		length = binary.BigEndian.Uint64(ext[:])
	}
	if form != shortestForm(length) {
		f.LengthForm = form
	}
	if length > maxRead {
		return Frame{}, fmt.Errorf("wstest: read frame: length: %d bytes are more than a test needs (%d)", length, maxRead)
	}
	if f.Masked {
		if err := readRest(r, f.Mask[:]); err != nil {
			return Frame{}, fmt.Errorf("wstest: read frame: mask: %w", err)
		}
	}
	f.Payload, err = io.ReadAll(io.LimitReader(r, int64(length))) // grows as bytes come, whatever was declared
	if err == nil && uint64(len(f.Payload)) < length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Frame{}, fmt.Errorf("wstest: read frame: payload: %w", err)
	}
	for i := range f.Payload {
		f.Payload[i] ^= f.Mask[i%4]
	}
	return f, nil
}

// readRest fills b, which belongs to a frame that has begun.
func readRest(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Check says which rule of RFC 6455 §5 the frame breaks by itself, sent by a client or by a server; nil if none. What
// depends on the frames around it, and RSV1 on a data frame, which may mean compression, is the caller's to judge.
func (f Frame) Check(fromClient bool) error {
	control := f.Opcode >= 8
	switch {
	case f.RSV2 || f.RSV3 || f.RSV1 && (control || f.Opcode == OpContinuation):
		return errors.New("wstest: illegal frame: RSV bit set")
	case !slices.Contains([]byte{OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong}, f.Opcode):
		return fmt.Errorf("wstest: illegal frame: reserved opcode %#x", f.Opcode)
	case control && !f.Fin:
		return errors.New("wstest: illegal frame: control frame in fragments")
	case control && len(f.Payload) > 125:
		return fmt.Errorf("wstest: illegal frame: control frame of %d bytes", len(f.Payload))
	case fromClient && !f.Masked:
		return errors.New("wstest: illegal frame: a client's frame without a mask")
	case !fromClient && f.Masked:
		return errors.New("wstest: illegal frame: a server's frame with a mask")
	case f.LengthForm != 0:
		return fmt.Errorf("wstest: illegal frame: %d bits for a length of %d", f.LengthForm, len(f.Payload))
	}
	return nil
}

// shortestForm is the only legal form of a length (RFC 6455 §5.2).
func shortestForm(length uint64) int {
	switch {
	case length <= 125:
		return 7
	case length <= 0xFFFF:
		return 16
	}
	return 64
}

func bit(on bool, b byte) byte {
	if on {
		return b
	}
	return 0
}
