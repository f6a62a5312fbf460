package main

import (
	"errors"
	"io"
	"unicode/utf8"
)

var errInvalid = errors.New("the text is not valid UTF-8")

// A validator fails at the first byte that no valid UTF-8 can have there.
type validator struct {
	r    io.Reader
	tail []byte // the begin of a character
}

// Read implements io.Reader.
func (v *validator) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	if (len(v.tail) > 0 || !utf8.Valid(p[:n])) && !v.take(p[:n]) {
		return n, errInvalid
	}
	if err == io.EOF && len(v.tail) > 0 {
		return n, errInvalid
	}
	return n, err
}

// take goes on with p, and reports whether it is valid so far.
func (v *validator) take(p []byte) bool {
	rest := append(v.tail, p...)
	for len(rest) > 0 && utf8.FullRune(rest) {
		c, size := utf8.DecodeRune(rest)
		if c == utf8.RuneError && size == 1 {
			return false
		}
		rest = rest[size:]
	}
	v.tail = append(v.tail[:0], rest...)
	return true
}
