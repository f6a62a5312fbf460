package ws

import "bytes"

// Type is the type of a message: Text or Binary.
type Type byte

// The types of messages. Their values are the opcodes of RFC 6455 §5.2.
const (
	Text   Type = 1 // UTF-8 text
	Binary Type = 2 // any bytes
)

// Uncompressed, added to the type of a message that is sent (Text|Uncompressed), makes it travel as it is where
// permessage-deflate would compress it: for secrets beside text that somebody else chooses, and for what is compressed
// already. No message received has it.
const Uncompressed Type = 0x80

// base returns the type alone.
func (t Type) base() Type { return t &^ Uncompressed }

// String returns "text" or "binary".
func (t Type) String() string {
	switch t.base() {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "invalid"
}

// Message is a message as Conn.Messages yields it.
type Message struct {
	// Type says whether Data is text (valid UTF-8) or binary.
	Type Type
	// Data is the content. It is lent: valid only until the next turn of the loop.
	Data []byte
}

// Clone returns a copy that may be kept.
func (m Message) Clone() Message {
	m.Data = bytes.Clone(m.Data)
	return m
}

// Stats counts what passed through a connection.
type Stats struct {
	// MessagesIn and MessagesOut count whole messages.
	MessagesIn, MessagesOut int64
	// BytesIn and BytesOut count their content, after inflation and before compression.
	BytesIn, BytesOut int64
	// WireIn and WireOut count bytes on the stream: frame headers and control frames too.
	WireIn, WireOut int64
	// Dropped counts messages that TryWrite and TryWritePrepared refused.
	Dropped int64
	// Buffered is the number of bytes accepted for sending that the transport has not taken yet.
	Buffered int64
}
