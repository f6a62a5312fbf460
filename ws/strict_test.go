package ws_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// strictInflater decodes what one side of a connection sends, with nothing but what was agreed: it has the window and no
// byte more, and keeps it from message to message only with takeover. It is RFC 1951 to the letter, one bit at a time.
type strictInflater struct {
	window   int
	takeover bool

	out      []byte // the window, then the message
	start    int    // where the message begins
	farthest int    // the largest distance seen
	earlier  int    // references to earlier messages

	in  []byte
	bit int
}

var errBits = errors.New("the stream ends inside a block")

// message decodes the payload of a compressed message (RFC 7692 §7.2.2). It must end between two blocks.
func (s *strictInflater) message(p []byte) ([]byte, error) {
	if keep := min(len(s.out), s.window); s.takeover {
		s.out = append(s.out[:0:0], s.out[len(s.out)-keep:]...)
	} else {
		s.out = nil
	}
	s.start = len(s.out)
	s.in, s.bit = append(bytes.Clone(p), 0, 0, 0xff, 0xff), 0
	for s.bit < 8*len(s.in) {
		final, err := s.block()
		if err != nil {
			return nil, fmt.Errorf("at byte %d of %d: %w", s.bit/8, len(p), err)
		}
		if final {
			s.bit = (s.bit + 7) &^ 7
			if s.bit == 8*len(p) {
				break
			}
		}
	}
	return s.out[s.start:], nil
}

func (s *strictInflater) take(n int) (v int, err error) {
	for i := range n {
		if s.bit >= 8*len(s.in) {
			return 0, errBits
		}
		v |= int(s.in[s.bit/8]>>(s.bit%8)&1) << i
		s.bit++
	}
	return v, nil
}

// huffman is a code: how many symbols have each length, and the symbols in order.
type huffman struct {
	count   [16]int
	symbols []int
}

func newHuffman(lengths []int) (h huffman, err error) {
	left := 1
	for size := 1; size <= 15; size++ {
		for symbol, l := range lengths {
			if l == size {
				h.symbols = append(h.symbols, symbol)
				h.count[size]++
			}
		}
		if left = 2*left - h.count[size]; left < 0 {
			return h, errors.New("over-subscribed code")
		}
	}
	if left > 0 && len(h.symbols) > 1 {
		return h, errors.New("incomplete code")
	}
	return h, nil
}

func (s *strictInflater) symbol(h *huffman) (int, error) {
	code, first, index := 0, 0, 0
	for size := 1; size <= 15; size++ {
		if s.bit >= 8*len(s.in) {
			return 0, errBits
		}
		code |= int(s.in[s.bit/8]>>(s.bit%8)) & 1
		s.bit++
		if code-first < h.count[size] {
			return h.symbols[index+code-first], nil
		}
		index += h.count[size]
		first = (first + h.count[size]) << 1
		code <<= 1
	}
	return 0, errors.New("no such code")
}

func (s *strictInflater) block() (final bool, err error) {
	header, err := s.take(3)
	if err != nil {
		return false, err
	}
	var lengths, distances []int
	switch header >> 1 {
	case 0:
		return header&1 == 1, s.stored()
	case 1:
		lengths, distances = fixedLengths()
	case 2:
		if lengths, distances, err = s.codeLengths(); err != nil {
			return false, err
		}
	default:
		return false, errors.New("block of the reserved type")
	}
	literals, err := newHuffman(lengths)
	if err != nil {
		return false, err
	}
	far, err := newHuffman(distances)
	if err != nil {
		return false, err
	}
	for {
		n, err := s.symbol(&literals)
		switch {
		case err != nil:
			return false, err
		case n < 256:
			s.out = append(s.out, byte(n))
		case n == 256:
			return header&1 == 1, nil
		default:
			if err := s.copy(n-257, &far); err != nil {
				return false, err
			}
		}
	}
}

// fixedLengths are the code lengths of RFC 1951 §3.2.6.
func fixedLengths() (literals, distances []int) {
	for i := range 288 {
		switch {
		case i < 144:
			literals = append(literals, 8)
		case i < 256:
			literals = append(literals, 9)
		case i < 280:
			literals = append(literals, 7)
		default:
			literals = append(literals, 8)
		}
	}
	for range 32 {
		distances = append(distances, 5)
	}
	return literals, distances
}

func (s *strictInflater) stored() error {
	s.bit = (s.bit + 7) &^ 7
	n, _ := s.take(16)
	not, err := s.take(16)
	if err != nil {
		return err
	}
	if n != ^not&0xffff {
		return errors.New("stored block with a wrong length")
	}
	if len(s.in)-s.bit/8 < n {
		return errBits
	}
	s.out = append(s.out, s.in[s.bit/8:s.bit/8+n]...)
	s.bit += 8 * n
	return nil
}

func (s *strictInflater) codeLengths() (literals, distances []int, err error) {
	counts, err := s.take(14)
	if err != nil {
		return nil, nil, err
	}
	nl, nd, nc := counts&31+257, counts>>5&31+1, counts>>10+4
	if nl > 286 || nd > 30 {
		return nil, nil, errors.New("too many codes")
	}
	lengths := make([]int, 19)
	for _, at := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:nc] {
		if lengths[at], err = s.take(3); err != nil {
			return nil, nil, err
		}
	}
	h, err := newHuffman(lengths)
	if err != nil {
		return nil, nil, err
	}
	lengths = nil
	for len(lengths) < nl+nd {
		n, err := s.symbol(&h)
		if err != nil {
			return nil, nil, err
		}
		value, times, extra := n, 1, 0
		switch n {
		case 16:
			if len(lengths) == 0 {
				return nil, nil, errors.New("nothing to repeat")
			}
			value, times, extra = lengths[len(lengths)-1], 3, 2
		case 17:
			value, times, extra = 0, 3, 3
		case 18:
			value, times, extra = 0, 11, 7
		}
		more, err := s.take(extra)
		if err != nil {
			return nil, nil, err
		}
		for range times + more {
			lengths = append(lengths, value)
		}
	}
	if len(lengths) > nl+nd || lengths[256] == 0 {
		return nil, nil, errors.New("wrong code lengths")
	}
	return lengths[:nl], lengths[nl:], nil
}

// extended decodes a length or distance: the first symbols stand for themselves, then two (1<<group) at a time share
// a number of extra bits.
func (s *strictInflater) extended(n, group int) (int, error) {
	if n < 2<<group {
		return n, nil
	}
	extra := n>>group - 1
	more, err := s.take(extra)
	return (1<<group+n&(1<<group-1))<<extra + more, err
}

func (s *strictInflater) copy(n int, far *huffman) error {
	length := 255
	switch {
	case n > 28:
		return errors.New("reserved length")
	case n < 28:
		var err error
		if length, err = s.extended(n, 2); err != nil {
			return err
		}
	}
	n, err := s.symbol(far)
	if err != nil {
		return err
	}
	if n > 29 {
		return errors.New("reserved distance")
	}
	d, err := s.extended(n, 1)
	if err != nil {
		return err
	}
	d++
	if d > s.window || d > len(s.out) {
		return fmt.Errorf("distance %d with a window of %d and %d bytes of history", d, s.window, len(s.out))
	}
	s.farthest = max(s.farthest, d)
	if d > len(s.out)-s.start {
		s.earlier++
	}
	for range length + 3 {
		s.out = append(s.out, s.out[len(s.out)-d])
	}
	return nil
}

// The strict decoder itself: it agrees with the standard library's encoder, and refuses what is beyond its window.
func TestStrictInflater(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for level := -2; level <= 9; level++ {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		s := strictInflater{window: 1 << 15, takeover: true}
		for i := range 2 * len(kinds) {
			kind := kinds[i%len(kinds)]
			want := kind.make(rng, 1+rng.IntN(50000), 1<<15)
			b.Reset()
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			got, err := s.message(b.Bytes()[:b.Len()-4])
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("level %d, message %d, %s: %d bytes, %v, want %d", level, i, kind.name, len(got), err, len(want))
			}
		}
	}
	for size := 8; size <= 15; size++ {
		s := strictInflater{window: 1 << size, takeover: true}
		for _, tc := range []struct {
			history, distance int
			want              string
		}{
			{1 << size, 1 << size, ""},
			{1<<size + 1, 1<<size + 1, "distance"},
			{100, 100, ""},
			{100, 101, "distance"},
		} {
			s.out = make([]byte, tc.history)
			if _, err := s.message(copyBlock(tc.distance)); (err == nil) != (tc.want == "") {
				t.Errorf("window %d, history %d, distance %d: %v", 1<<size, tc.history, tc.distance, err)
			}
		}
	}
}

// copyBlock is a compressed message: three bytes copied from a distance.
func copyBlock(distance int) []byte {
	var b bitWriter
	b.write(0, 1)      // not final
	b.write(1, 2)      // fixed codes
	b.code(257-256, 7) // length 3
	v := distance - 1
	extra := max(0, bits.Len(uint(v))-2)
	b.code(2*extra+v>>extra, 5)
	b.write(v&(1<<extra-1), extra)
	b.code(0, 7) // end of block
	b.write(0, 3)
	return b.bytes
}

// bitWriter packs bits as RFC 1951 §3.1.1 does.
type bitWriter struct {
	bytes []byte
	n     int
}

func (b *bitWriter) write(v, n int) {
	for i := range n {
		if b.n%8 == 0 {
			b.bytes = append(b.bytes, 0)
		}
		b.bytes[b.n/8] |= byte(v>>i&1) << (b.n % 8)
		b.n++
	}
}

// code writes a Huffman code, which begins with its highest bit.
func (b *bitWriter) code(v, n int) {
	for i := range n {
		b.write(v>>(n-1-i)&1, 1)
	}
}
