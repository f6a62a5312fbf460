// Package framing cuts a stream of bytes into messages, and puts messages into
// a stream so that they can be told apart again.
//
//	r := framing.NewReader(os.Stdin, framing.Lines)
//	for m, err := r.Next(); err == nil; m, err = r.Next() {
//		…
//	}
//
// It knows nothing of connections, and not what the messages mean.
package framing

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind says how messages are told apart.
type Kind string

// The kinds of framing.
const (
	Lines Kind = "lines" // each ends with a line feed; the last one in a stream need not
	NUL   Kind = "nul"   // each ends with a zero byte; the last one in a stream need not
	Len32 Kind = "len32" // each comes after its length: 4 bytes, big-endian
	JSON  Kind = "json"  // each is one JSON value, on however many lines
	All   Kind = "all"   // the whole stream is one; what is written has no ends
)

// Kinds lists all kinds.
var Kinds = []Kind{Lines, NUL, Len32, JSON, All}

// Parse returns the kind of this name.
func Parse(name string) (Kind, error) {
	for _, k := range Kinds {
		if name == string(k) {
			return k, nil
		}
	}
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return "", fmt.Errorf("framing: unknown kind %q: there are %s", name, strings.Join(names, ", "))
}

// Reader cuts a stream into messages.
type Reader struct {
	// KeepCR keeps a carriage return before the line feed, as binary data needs it.
	KeepCR bool
	// Max is the largest message in bytes, which bounds the memory that an input without an end takes. If zero, 1 GiB.
	Max int64

	kind Kind
	in   *bufio.Reader
	left *bounded // what in and json read from
	json *json.Decoder
	over bool
}

// NewReader returns a reader of in.
func NewReader(in io.Reader, kind Kind) *Reader {
	r := &Reader{kind: kind, left: &bounded{in: in}}
	r.in = bufio.NewReader(r.left)
	if kind == JSON {
		r.json = json.NewDecoder(r.left)
	}
	return r
}

// largest is the default of Reader.Max.
const largest = 1 << 30

// ErrTooLarge is returned for a message that is larger than Reader.Max.
var ErrTooLarge = errors.New("framing: the message is too large")

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, limit)
}

// bounded reads so many bytes for each message at most, and then fails.
type bounded struct {
	in    io.Reader
	left  int64
	limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, tooLarge(b.limit)
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Next returns the next message, which the caller owns, or io.EOF at the end.
func (r *Reader) Next() ([]byte, error) {
	if r.over {
		return nil, io.EOF
	}
	limit := r.Max
	if limit == 0 {
		limit = largest
	}
	// One byte more, and the end, tell that there is more; what is buffered belongs to the message, too.
	r.left.limit, r.left.left = limit, limit+2
	switch r.kind {
	case NUL:
		return r.until(0)
	case Len32:
		return r.counted(limit)
	case JSON:
		return r.value()
	case All:
		r.over = true
		all, err := io.ReadAll(r.in)
		switch {
		case err == nil && len(all) == 0:
			err = io.EOF
		case err == nil && int64(len(all)) > limit:
			err = tooLarge(limit)
		}
		return all, err
	}
	line, err := r.until('\n')
	if err == nil && !r.KeepCR {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return line, err
}

// until reads up to the end byte, which is left out.
func (r *Reader) until(end byte) ([]byte, error) {
	p, err := r.in.ReadBytes(end)
	switch {
	case err == nil:
		return p[:len(p)-1], nil
	case errors.Is(err, io.EOF) && len(p) > 0: // the last one has no end
		r.over = true
		return p, nil
	}
	return nil, err
}

// counted reads a length and as many bytes. Nothing is allocated for what has only been announced.
func (r *Reader) counted(limit int64) ([]byte, error) {
	var head [4]byte
	if n, err := io.ReadFull(r.in, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("framing: the input ends after %d of the 4 bytes of a length: %w", n, err)
		}
		return nil, err
	}
	want := int64(binary.BigEndian.Uint32(head[:]))
	if want > limit {
		return nil, fmt.Errorf("%w: %d bytes are announced, and %d are the most", ErrTooLarge, want, limit)
	}
	r.left.left = want // with what is buffered, more than is needed
	var b bytes.Buffer
	if n, err := io.CopyN(&b, r.in, want); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("framing: the input ends after %d of the %d bytes of a message: %w", n, want, io.ErrUnexpectedEOF)
		}
		return nil, err
	}
	return b.Bytes(), nil
}

// value reads a JSON value, as it is written.
func (r *Reader) value() ([]byte, error) {
	var raw json.RawMessage
	err := r.json.Decode(&raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("framing: the input is not JSON at byte %d: %w", r.json.InputOffset(), err)
	case err != nil:
		return nil, err
	}
	return raw, nil
}

// Append appends a message in its frame to b. In JSON, each message is on a line of its own: JSON without the space
// between its tokens, and what is not JSON as a string.
func Append(b []byte, kind Kind, message []byte) []byte {
	switch kind {
	case NUL:
		return append(append(b, message...), 0)
	case Len32:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(message))), message...)
	case JSON:
		var compact bytes.Buffer
		if json.Compact(&compact, message) == nil {
			return append(append(b, compact.Bytes()...), '\n')
		}
		quoted, err := json.Marshal(string(message))
		if err != nil {
			return b // strings can be marshalled
		}
		return append(append(b, quoted...), '\n')
	case All:
		return append(b, message...)
	}
	return append(append(b, message...), '\n')
}

// Ambiguous reports whether a message in its frame would look like several.
func Ambiguous(kind Kind, message []byte) bool {
	switch kind {
	case Lines:
		return bytes.IndexByte(message, '\n') >= 0
	case NUL:
		return bytes.IndexByte(message, 0) >= 0
	}
	return false
}
