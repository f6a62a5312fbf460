package jsonread

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// MaxCount is the largest number that Count takes.
const MaxCount = 1_000_000

// maxTime is the last second of the year 9999.
const maxTime = 253402300799

// Object returns the members of a JSON object. Their names are compared as they are, which encoding/json does not do for structs.
func Object(v []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(v, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
	}
	return members, nil
}

// Text reads a text.
func Text(v json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(v, &s); err != nil || s == nil {
		return "", errors.New("it is not a text")
	}
	return *s, nil
}

// Number reads a number.
func Number(v json.RawMessage) (float64, error) {
	var n *float64
	if err := json.Unmarshal(v, &n); err != nil || n == nil {
		return 0, errors.New("it is not a number")
	}
	return *n, nil
}

// Rate reads a number that is not negative.
func Rate(v json.RawMessage) (float64, error) {
	n, err := Number(v)
	if err == nil && n < 0 {
		err = errors.New("it is negative")
	}
	return n, err
}

// Count reads a whole number from 0 to MaxCount.
func Count(v json.RawMessage) (int, error) {
	n, err := Number(v)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > MaxCount || n != math.Trunc(n) {
		return 0, fmt.Errorf("it is no whole number from 0 to %d", MaxCount)
	}
	return int(n), nil
}

// Time reads a number of seconds since 1970. There is none for null, lest something live forever.
func Time(v json.RawMessage) (time.Time, error) {
	n, err := Number(v)
	if err != nil {
		return time.Time{}, err
	}
	if n < 0 || n > maxTime {
		return time.Time{}, errors.New("it is no time in seconds from 1970 to 9999: perhaps it is in milliseconds")
	}
	return time.Unix(int64(n), 0), nil
}
