package ws

import "time"

// Trace holds hooks that observe connections. Every field may be nil. Hooks run on the goroutine that does the work, some
// while the connection is locked: they must be quick, and may ask the Conn only for what never changes, such as
// Request, RemoteAddr and Subprotocol.
type Trace struct {
	// Handshake is called when Accept or Dial has ended, well or badly. A Server calls it for every request that it understands, before
	// a refusal is written.
	Handshake func(HandshakeInfo)
	// FrameIn is called for every frame header received, before its payload is read.
	FrameIn func(*Conn, FrameInfo)
	// FrameOut is called for every frame handed over to be sent, even if its Write is cancelled before a byte has left.
	FrameOut func(*Conn, FrameInfo)
	// Message is called for every whole message received or, as FrameOut is, handed over to be sent.
	Message func(*Conn, MessageInfo)
	// PingRTT is called with every round-trip time measured.
	PingRTT func(*Conn, time.Duration)
	// Close is called once when the connection ends, with the *CloseError that says how.
	Close func(*Conn, error)
}

// each reports whether t has hooks for single messages or frames. Without them the short paths can be taken, which call none.
func (t *Trace) each() bool {
	return t != nil && (t.FrameIn != nil || t.FrameOut != nil || t.Message != nil)
}

// HandshakeInfo describes an opening handshake.
type HandshakeInfo struct {
	// Client reports that it was a Dial.
	Client bool
	// URL is the address dialled (without userinfo), or the request's target on a server.
	URL string
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// Subprotocol and Extensions are what was agreed.
	Subprotocol, Extensions string
	// Duration is how long it took; with a Server from the moment at which it had the connection.
	Duration time.Duration
	// Err is the error that Accept or Dial returns.
	Err error
}

// FrameInfo describes a frame (RFC 6455 §5.2).
type FrameInfo struct {
	// Opcode is the opcode: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.
	Opcode byte
	// Fin is set on the last frame of a message, RSV1 on the first of a compressed one.
	Fin, RSV1 bool
	// Len is the length of the payload as sent, in bytes.
	Len int64
}

// MessageInfo describes a message.
type MessageInfo struct {
	// Out is set for a message sent.
	Out bool
	// Type is the type of the message.
	Type Type
	// Len is the size in bytes of the message itself; Wire is that of the payloads that carried it.
	Len, Wire int64
	// Compressed reports that it travelled compressed.
	Compressed bool
}
