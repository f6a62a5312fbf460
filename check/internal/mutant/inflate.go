package mutant

import (
	"errors"
	"io"
)

var errCorrupt = errors.New("the compressed message is corrupt")

// tail is what a receiver appends to a compressed message: RFC 7692 §7.2.2.
var tail = []byte{0, 0, 0xff, 0xff}

// inflater inflates messages with exactly the window that was agreed: RFC 1951 and RFC 7692 §7.2.2. It gives out what
// it has before it waits for more.
type inflater struct {
	direction
	fault Fault

	out   []byte // the window, and what follows it
	given int    // up to where it was given out

	in     []byte
	tailed bool   // in is the tail
	acc    uint32 // bits that were taken from in
	n      int    // how many

	fill func() ([]byte, error)
	take func([]byte) error
}

func newInflater(d direction, fault Fault) *inflater { return &inflater{direction: d, fault: fault} }

// remember takes p into the window.
func (z *inflater) remember(p []byte) {
	z.out = append(z.out, p...)
	z.given = len(z.out)
}

// message inflates a message that comes from fill, and gives it to take.
func (z *inflater) message(fill func() ([]byte, error), take func([]byte) error) error {
	z.fill, z.take = fill, take
	z.in, z.tailed, z.acc, z.n = nil, false, 0, 0
	if !z.takeover || z.fault == forgetsWindow {
		z.out, z.given = z.out[:0], 0
	}
	for !z.tailed || len(z.in) > 0 || z.n > 0 {
		final, err := z.block()
		if err != nil {
			if flushErr := z.flush(); flushErr != nil {
				return flushErr
			}
			return err
		}
		if final {
			if z.fault == failsOnFinalBlock {
				return errCorrupt
			}
			// The stream has ended at a full byte. What follows, if anything but the tail does, is another: §7.2.3.4.
			z.acc, z.n = 0, 0
			if err := z.available(); err != nil {
				return err
			}
			if z.tailed && len(z.in) == len(tail) {
				break
			}
		}
		if z.fault == stopsAtFirstBlock {
			break
		}
	}
	return z.flush()
}

// flush gives out what there is and forgets what is beyond the window.
func (z *inflater) flush() error {
	if z.given < len(z.out) {
		if err := z.take(z.out[z.given:]); err != nil {
			return err
		}
	}
	if over := len(z.out) - z.size(); over > 1<<15 {
		z.out = z.out[:copy(z.out, z.out[over:])]
	}
	z.given = len(z.out)
	return nil
}

// available waits for input, which may be the tail.
func (z *inflater) available() error {
	for len(z.in) == 0 && !z.tailed {
		if err := z.flush(); err != nil {
			return err
		}
		in, err := z.fill()
		switch {
		case err == io.EOF:
			z.in, z.tailed = tail, true
		case err != nil:
			return err
		default:
			z.in = in
		}
	}
	return nil
}

// more takes eight bits of input.
func (z *inflater) more() error {
	if err := z.available(); err != nil {
		return err
	}
	if len(z.in) == 0 {
		return errCorrupt
	}
	z.acc |= uint32(z.in[0]) << z.n
	z.in = z.in[1:]
	z.n += 8
	return nil
}

func (z *inflater) bits(n int) (int, error) {
	for z.n < n {
		if err := z.more(); err != nil {
			return 0, err
		}
	}
	v := int(z.acc & (1<<n - 1))
	z.acc >>= n
	z.n -= n
	return v, nil
}

// block inflates a block: RFC 1951 §3.2.3.
func (z *inflater) block() (final bool, err error) {
	h, err := z.bits(3)
	if err != nil {
		return false, err
	}
	switch h >> 1 {
	case 0:
		return h&1 == 1, z.stored()
	case 1:
		return h&1 == 1, z.compressed(fixedLiterals, fixedDistances)
	case 2:
		literals, distances, err := z.codes()
		if err != nil {
			return false, err
		}
		return h&1 == 1, z.compressed(literals, distances)
	}
	return false, errCorrupt
}

func (z *inflater) stored() error {
	z.acc, z.n = 0, 0 // it goes on at a full byte
	size, err := z.bits(16)
	if err != nil {
		return err
	}
	inverse, err := z.bits(16)
	if err != nil {
		return err
	}
	if size != ^inverse&0xffff {
		return errCorrupt
	}
	for size > 0 {
		if err := z.available(); err != nil {
			return err
		}
		n := min(size, len(z.in))
		if n == 0 {
			return errCorrupt
		}
		z.out = append(z.out, z.in[:n]...)
		z.in = z.in[n:]
		size -= n
	}
	return nil
}

// The lengths and distances that symbols stand for: RFC 1951 §3.2.5.
var (
	lengthBase    = [...]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra   = [...]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase  = [...]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra = [...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func (z *inflater) compressed(literals, distances code) error {
	for {
		if len(z.out)-z.given > 1<<15 {
			if err := z.flush(); err != nil {
				return err
			}
		}
		s, err := z.symbol(literals)
		switch {
		case err != nil:
			return err
		case s < 256:
			z.out = append(z.out, byte(s))
			continue
		case s == 256:
			return nil
		case s-257 >= len(lengthBase):
			return errCorrupt
		}
		extra, err := z.bits(lengthExtra[s-257])
		if err != nil {
			return err
		}
		length := lengthBase[s-257] + extra
		if s, err = z.symbol(distances); err != nil {
			return err
		}
		if s >= len(distanceBase) {
			return errCorrupt
		}
		if extra, err = z.bits(distanceExtra[s]); err != nil {
			return err
		}
		distance := distanceBase[s] + extra
		if distance > len(z.out) || distance > z.size() {
			return errCorrupt
		}
		for start := len(z.out) - distance; length > 0; { // what is copied may be copied again
			n := min(length, len(z.out)-start)
			z.out = append(z.out, z.out[start:start+n]...)
			length -= n
		}
	}
}
