package bridge

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Framing says how messages are told apart in a stream of bytes.
type Framing int

const (
	Lines  Framing = iota // a message is a line; the line break, LF or CR LF, is not part of it
	NUL                   // a message ends with a zero byte
	Len32                 // four bytes with the length, the highest first, then the message
	Events                // a line is an event in JSON, which says whose message it is
	Chunks                // no frames: what is read at once is a message
)

// ParseFraming finds a framing by its name: lines, nul, len32 or json.
func ParseFraming(name string) (Framing, error) {
	switch name {
	case "lines":
		return Lines, nil
	case "nul":
		return NUL, nil
	case "len32":
		return Len32, nil
	case "json":
		return Events, nil
	}
	return 0, fmt.Errorf("bridge: unknown framing %q: there are lines, nul, len32 and json", name)
}

// errTooLarge is what a splitter returns in the place of a message beyond its limit, as soon as it is: there may be no end. It goes on with
// the next one.
var errTooLarge = errors.New("bridge: read from the command: a message is too large")

// chunk is the largest message of a stream without frames.
const chunk = 64 << 10

// splitter finds the messages in a stream.
type splitter struct {
	framing Framing
	limit   int // for one message, in bytes
	r       *bufio.Reader
	long    []byte // collects a message that does not fit into the buffer of r
	beyond  bool   // what comes up to the next delimiter belongs to a message that was too large
	skip    int64  // so do this many bytes
}

func newSplitter(r io.Reader, f Framing, limit int64) *splitter {
	return &splitter{framing: f, limit: int(limit), r: bufio.NewReaderSize(r, chunk)}
}

// next returns the next message, which is valid until the call after. The last one needs no end; then comes io.EOF.
func (s *splitter) next() ([]byte, error) {
	switch s.framing {
	case NUL:
		return s.until(0)
	case Len32:
		return s.counted()
	case Chunks:
		if _, err := s.r.Peek(1); err != nil {
			return nil, err
		}
		p, _ := s.r.Peek(min(s.r.Buffered(), s.limit)) // what is buffered can be had
		s.r.Discard(len(p))
		return p, nil
	default:
		line, err := s.until('\n')
		return bytes.TrimSuffix(line, []byte("\r")), err
	}
}

// until returns what comes before the delimiter or the end.
func (s *splitter) until(delimiter byte) ([]byte, error) {
	s.long = s.long[:0]
	for {
		part, err := s.r.ReadSlice(delimiter)
		full := errors.Is(err, bufio.ErrBufferFull)
		if s.beyond {
			if err != nil && !full {
				return nil, err
			}
			s.beyond = full
			continue
		}
		if err != nil && !full && len(part) == 0 && len(s.long) == 0 {
			return nil, err
		}
		content := part
		if err == nil {
			content = part[:len(part)-1]
		}
		switch {
		case len(s.long)+len(content) > s.limit:
			s.beyond = full
			return nil, errTooLarge
		case full:
			s.long = append(s.long, content...)
		case len(s.long) == 0:
			return content, nil
		default:
			return append(s.long, content...), nil
		}
	}
}

// counted returns a message that is preceded by its length.
func (s *splitter) counted() ([]byte, error) {
	if n := s.skip; n > 0 {
		s.skip = 0
		if skipped, err := io.CopyN(io.Discard, s.r, n); err != nil {
			return nil, fmt.Errorf("bridge: read from the command: the stream ends after %d of %d bytes: %w", skipped, n, io.ErrUnexpectedEOF)
		}
	}
	var head [4]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("bridge: read from the command: the stream ends inside a length: %w", err)
		}
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n > int64(s.limit) {
		s.skip = n
		return nil, errTooLarge
	}
	// The length is a promise only: memory is taken as the bytes arrive.
	var b bytes.Buffer
	b.Grow(min(int(n), chunk))
	if got, err := io.CopyN(&b, s.r, n); err != nil {
		return nil, fmt.Errorf("bridge: read from the command: the stream ends after %d of %d bytes: %w", got, n, io.ErrUnexpectedEOF)
	}
	return b.Bytes(), nil
}

// appendFrame appends a message with what tells it apart from the next one.
func appendFrame(b []byte, f Framing, message []byte) []byte {
	switch f {
	case Lines, Events:
		return append(append(b, message...), '\n')
	case NUL:
		return append(append(b, message...), 0)
	case Len32:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(message))), message...)
	}
	return append(b, message...)
}
