package broker

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Kind says what the body of a message is.
type Kind uint8

// The kinds.
const (
	// JSON is a JSON text (RFC 8259), UTF-8.
	JSON Kind = iota + 1

	// Text is UTF-8.
	Text

	// Bytes is anything.
	Bytes
)

// String returns json, text or bytes.
func (k Kind) String() string {
	switch k {
	case JSON:
		return "json"
	case Text:
		return "text"
	case Bytes:
		return "bytes"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind is the inverse of String.
func ParseKind(s string) (Kind, error) {
	for k := JSON; k <= Bytes; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("broker: kind %.40q: want json, text or bytes", s)
}

// Message is one message of a topic. Once published it is shared by everyone who gets it, and must not be changed.
type Message struct {
	// Topic is where it was published.
	Topic string

	// Event is a name for what happened, for those who have more than one in a topic; most have none.
	Event string

	// Kind is what Body is.
	Kind Kind

	// Body is the message itself.
	Body []byte

	// ContentType is the media type of Body, if the publisher gave one.
	ContentType string

	// ID is the publisher's name for this message, unique for Producer. The same ID is the same message.
	ID string

	// Producer is whose IDs these are: a user, an API key, or what the client said of itself.
	Producer string

	// Key is what the message is about: for a subscriber that lags behind, a later message with the same key may stand for it, where the
	// topic says so.
	Key string

	// From is the public id of the session that published it, empty for others.
	From string

	// NoEcho says that the session From does not get it.
	NoEcho bool

	// Headers are what else the publisher said.
	Headers map[string]string

	// Time is when it was published, by the clock of the broker or of the node that published it.
	Time time.Time

	// Position is the message's place in the log. The broker sets it.
	Position Position

	// Prev is the offset of the message before this one in the same epoch, 0 for the first. The broker sets it.
	Prev uint64
}

// MaxTopic is the size of the longest name of a topic, in bytes.
const MaxTopic = 255

// CheckTopic returns an error if name is none for a topic: it has 1 to 255 bytes and is UTF-8.
func CheckTopic(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("broker: the name of a topic is empty")
	case len(name) > MaxTopic:
		return fmt.Errorf("broker: the name of a topic has %d bytes: at most %d are allowed", len(name), MaxTopic)
	case !utf8.ValidString(name):
		return fmt.Errorf("broker: the name of a topic is not UTF-8")
	}
	return nil
}
