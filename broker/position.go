package broker

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the log of a topic. Positions are comparable with ==; within an epoch a greater offset is later, and
// nothing can be said of positions of different epochs. The zero value is no position.
type Position struct {
	// Epoch names a life of the topic's counter: letters and digits, at most 32. When the counter is forgotten or lost, a new epoch
	// begins, at random.
	Epoch string

	// Offset is 0 before the first message. It rises with every message, not always by one.
	Offset uint64
}

// MaxEpoch is the length of the longest epoch.
const MaxEpoch = 32

// IsZero reports whether p is no position.
func (p Position) IsZero() bool { return p == Position{} }

// String returns epoch:offset, or "" for no position.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	return p.Epoch + ":" + strconv.FormatUint(p.Offset, 10)
}

// ParsePosition is the inverse of String. It takes nothing but what String writes.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	epoch, offset, ok := strings.Cut(s, ":")
	if !ok || !validEpoch(epoch) {
		return Position{}, fmt.Errorf("broker: position %.80q: want EPOCH:OFFSET as it was received", s)
	}
	n, err := strconv.ParseUint(offset, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != offset {
		return Position{}, fmt.Errorf("broker: position %.80q: the offset is no number from 0 to 2^64-1", s)
	}
	return Position{Epoch: epoch, Offset: n}, nil
}

func validEpoch(s string) bool {
	if s == "" || len(s) > MaxEpoch {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		default:
			return false
		}
	}
	return true
}

// MarshalText is String, for JSON and other texts.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePosition.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
