package deflate

import "fmt"

// A Kind is what is wrong with a compressed message.
type Kind int

// The kinds.
const (
	Corrupt   Kind = iota // what RFC 1951 does not allow
	Truncated             // the data ends within a block
	Ending                // blocks do not end as RFC 7692 §7.2.1 says
	Window                // a distance reaches farther back than agreed, or before everything
	TooLarge              // the message is larger than the limit
)

// String is the kind in a word or two.
func (k Kind) String() string {
	return [...]string{"corrupt", "truncated", "ending", "window", "too large"}[k]
}

// An Error says what is wrong with a compressed message and where.
type Error struct {
	Kind Kind   // which sort of mistake it is
	Bit  int    // where, in bits from the start of the payload (with the four bytes that are not sent at its end)
	Text string // what is wrong
}

// Error is the text with its place.
func (e *Error) Error() string {
	return fmt.Sprintf("deflate: at byte %d, bit %d: %s", e.Bit/8, e.Bit%8, e.Text)
}

func fail(kind Kind, bit int, format string, args ...any) error {
	return &Error{Kind: kind, Bit: bit, Text: fmt.Sprintf(format, args...)}
}
