package wstest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/parley-ws/parley/ws"
)

// DecodeOptions says from whose side [Decode] looks.
type DecodeOptions struct {
	// FromClient says that a client sent the bytes: every frame must be masked. Otherwise a server did, and none may be.
	FromClient bool
	// Limit is the largest message in bytes; see [ws.Options]. 0: no limit.
	Limit int64
}

// EventKind is the kind of an [Event].
type EventKind int

// What a receiver makes of a stream.
const (
	EventText   EventKind = iota + 1 // a text message: Payload
	EventBinary                      // a binary message: Payload
	EventPing                        // a ping: Payload
	EventPong                        // a pong: Payload
	EventClose                       // a close frame: Code, or [ws.CodeNoStatus], and Reason; nothing follows
	EventFail                        // the receiver must fail the connection with Code; Rule says why; nothing follows
)

// String names the kind: "text", "fail".
func (k EventKind) String() string {
	return [...]string{"none", "text", "binary", "ping", "pong", "close", "fail"}[k]
}

// Event is one thing that a receiver delivers, or does, because of what a peer sent.
type Event struct {
	// Kind decides which of the fields hold something.
	Kind EventKind
	// Payload is the content of a message, ping or pong. It is nil if empty.
	Payload []byte
	// Code is the close code received, or to be sent.
	Code ws.Code
	// Reason is the reason received.
	Reason string
	// Rule says which rule was broken, for people.
	Rule string
}

// Equal reports whether f is the same event; for which rule the receiver fails does not count.
func (e Event) Equal(f Event) bool {
	return e.Kind == f.Kind && e.Code == f.Code && e.Reason == f.Reason && bytes.Equal(e.Payload, f.Payload)
}

// String describes the event in one line.
func (e Event) String() string {
	switch e.Kind {
	case EventClose:
		return fmt.Sprintf("close %d %q", e.Code, e.Reason)
	case EventFail:
		return fmt.Sprintf("fail %d: %s", e.Code, e.Rule)
	}
	return fmt.Sprintf("%v %q", e.Kind, e.Payload)
}

// Decode says what a receiver that never answers must make of all the bytes that a peer sent after the handshake, by the
// rules of RFC 6455 §5 to §8 without extensions (so RSV1 is illegal). It is a second opinion for tests of a real reader:
// slow, and written to be compared with the text of the RFC.
//
// A rule is applied as soon as the bytes that break it are there: to the two first bytes of a header before its length,
// to the length before the mask, the limit to a whole header before the payload, and to every byte of a text as it
// comes, also in a frame that is not whole. So the events of a part of a stream are always the first events of the
// whole. A stream that just stops gives no event for that.
//
// The limit is applied as package ws does it: to the length of a message, and, lest empty fragments be free, to a sum
// in which each fragment counts for 64 bytes at least. That sum may be 4096 where the limit is smaller.
func Decode(stream []byte, o DecodeOptions) []Event {
	d := decoder{o: o, rest: stream}
	for !d.done && d.frame() {
	}
	return d.events
}

// decoder is the state between frames.
type decoder struct {
	o      DecodeOptions
	rest   []byte
	events []Event
	done   bool // after a close frame or a failure

	inMessage  bool // a message has begun and its last frame has not come
	text       bool // it is a text
	message    []byte
	size       uint64 // its length as declared so far
	charged    uint64 // the same with every fragment counting 64 at least
	unfinished []byte // the bytes at the end of the text that begin a rune
}

// frame takes one frame. It returns false if the stream ends before the frame does.
func (d *decoder) frame() bool {
	// RFC 6455 §5.2:
	//
	//	FIN RSV1 RSV2 RSV3 opcode(4)  MASK length(7)  [length(16 or 64)]  [masking key(32)]  payload
	if len(d.rest) < 2 {
		return false
	}
	first, second := d.rest[0], d.rest[1]
	d.rest = d.rest[2:]
	fin := first&0b1000_0000 != 0
	rsv := first & 0b0111_0000
	opcode := first & 0b0000_1111
	masked := second&0b1000_0000 != 0
	length := uint64(second & 0b0111_1111)
	control := opcode >= 8

	switch {
	case rsv != 0:
		return d.fail(ws.CodeProtocolError, "§5.2: RSV bit set without an extension")
	case opcode >= 3 && opcode <= 7, opcode >= 11:
		return d.fail(ws.CodeProtocolError, "§5.2: reserved opcode")
	case masked != d.o.FromClient:
		return d.fail(ws.CodeProtocolError, "§5.1: a client masks every frame, a server none")
	case control && !fin:
		return d.fail(ws.CodeProtocolError, "§5.5: control frame in fragments")
	case control && length > 125:
		return d.fail(ws.CodeProtocolError, "§5.5: control frame longer than 125 bytes")
	case opcode == OpContinuation && !d.inMessage:
		return d.fail(ws.CodeProtocolError, "§5.4: continuation of nothing")
	case (opcode == OpText || opcode == OpBinary) && d.inMessage:
		return d.fail(ws.CodeProtocolError, "§5.4: new message inside another one")
	}

	switch length {
	case 126:
		if len(d.rest) < 2 {
			return false
		}
		length = uint64(binary.BigEndian.Uint16(d.rest))
		d.rest = d.rest[2:]
		if length <= 125 {
			return d.fail(ws.CodeProtocolError, "§5.2: length not minimal")
		}
	case 127:
		if len(d.rest) < 8 {
			return false
		}
		length = binary.BigEndian.Uint64(d.rest)
		d.rest = d.rest[8:]
		if length <= 0xFFFF {
			return d.fail(ws.CodeProtocolError, "§5.2: length not minimal")
		}
		if length > 1<<63-1 {
			return d.fail(ws.CodeProtocolError, "§5.2: top bit of the length set")
		}
	}

	var key [4]byte
	if masked {
		if len(d.rest) < 4 {
			return false
		}
		key = [4]byte(d.rest)
		d.rest = d.rest[4:]
	}

	if limit := uint64(max(d.o.Limit, 0)); !control && limit > 0 {
		charge := length
		if !fin || opcode == OpContinuation {
			charge = max(length, 64)
		}
		// No sum overflows: what was counted so far is within its bound, and a length is below 1<<63.
		if d.size+length > limit || d.charged+charge > max(limit, 4<<10) {
			return d.fail(ws.CodeMessageTooBig, "message over the limit")
		}
		d.size += length
		d.charged += charge
	}

	whole := uint64(len(d.rest)) >= length
	take := len(d.rest)
	if whole {
		take = int(length)
	}
	var payload []byte
	for i, c := range d.rest[:take] {
		payload = append(payload, c^key[i%4])
	}
	d.rest = d.rest[take:]

	if control {
		return whole && d.control(opcode, payload)
	}
	if opcode != OpContinuation {
		d.inMessage = true
		d.text = opcode == OpText
	}
	d.message = append(d.message, payload...)
	if d.text {
		var valid bool
		if d.unfinished, valid = afterRunes(append(d.unfinished, payload...)); !valid {
			return d.fail(ws.CodeInvalidPayload, "§8.1: text is not UTF-8")
		}
	}
	if !whole {
		return false
	}
	if fin {
		return d.endMessage()
	}
	return true
}

// control takes a whole control frame.
func (d *decoder) control(opcode byte, payload []byte) bool {
	switch opcode {
	case OpPing:
		return d.deliver(Event{Kind: EventPing, Payload: payload})
	case OpPong:
		return d.deliver(Event{Kind: EventPong, Payload: payload})
	}
	d.done = true
	if len(payload) == 0 {
		return d.deliver(Event{Kind: EventClose, Code: ws.CodeNoStatus})
	}
	if len(payload) == 1 {
		return d.fail(ws.CodeProtocolError, "§5.5.1: close payload of one byte")
	}
	code, reason := ws.Code(binary.BigEndian.Uint16(payload)), payload[2:]
	if !legalCode(code) {
		return d.fail(ws.CodeProtocolError, "§7.4: illegal close code")
	}
	if !utf8.Valid(reason) {
		return d.fail(ws.CodeInvalidPayload, "§5.5.1: close reason is not UTF-8")
	}
	return d.deliver(Event{Kind: EventClose, Code: code, Reason: string(reason)})
}

// endMessage delivers the message whose last frame is here.
func (d *decoder) endMessage() bool {
	if len(d.unfinished) > 0 {
		return d.fail(ws.CodeInvalidPayload, "§8.1: text ends inside a rune")
	}
	e := Event{Kind: EventBinary, Payload: d.message}
	if d.text {
		e.Kind = EventText
	}
	d.inMessage, d.message, d.size, d.charged = false, nil, 0, 0
	return d.deliver(e)
}

func (d *decoder) deliver(e Event) bool {
	d.events = append(d.events, e)
	return true
}

func (d *decoder) fail(code ws.Code, rule string) bool {
	d.events = append(d.events, Event{Kind: EventFail, Code: code, Rule: rule})
	d.done = true
	return true
}

// afterRunes returns what follows the last whole rune of text: at most three bytes that begin another one. valid is
// false if text holds bytes that no rune begins with (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
func afterRunes(text []byte) (unfinished []byte, valid bool) {
	for len(text) > 0 && utf8.FullRune(text) { // bytes that can never become a rune are "full" too
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			return nil, false
		}
		text = text[size:]
	}
	return text, true
}

// legalCode reports whether a close frame may carry the code (RFC 6455 §7.4 and the IANA registry): 1004 to 1006 and 1015
// are reserved, below 1000 nothing is used, up to 2999 belongs to future versions, 3000 to 4999 is free for libraries
// and applications.
func legalCode(code ws.Code) bool {
	switch code {
	case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}
