package mutant

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// send sends a message, compressed if that was agreed.
func (e *endpoint) send(m content) error {
	if e.out == nil {
		return e.frame(final|m.op, m.data)
	}
	if e.fault == marksUncompressed {
		return e.frame(final|rsv1|m.op, m.data)
	}
	z := e.out.compress(m.data)
	if n := len(z) / 2; e.fault == repeatsRSV1 && n > 0 {
		if err := e.frame(rsv1|m.op, z[:n]); err != nil {
			return err
		}
		return e.frame(final|rsv1|opContinuation, z[n:])
	}
	return e.frame(final|rsv1|m.op, z)
}

// sendClose sends a close frame, without a payload if the code is 0.
func (e *endpoint) sendClose(code uint16, reason string) error {
	if code == 0 {
		return e.frame(final|opClose, nil)
	}
	return e.frame(final|opClose, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// frame sends a frame that begins with the byte first.
func (e *endpoint) frame(first byte, p []byte) error {
	masked := e.role == RoleClient && e.fault != sendsUnmasked || e.fault == sendsMasked
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	b := append(make([]byte, 0, len(p)+14), first)
	switch n := len(p); {
	case n > 0xffff, e.fault == sendsNonMinimal:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), uint64(n))
	case n > 125:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(n))
	default:
		b = append(b, bit|byte(n))
	}
	if !masked {
		b = append(b, p...)
	} else {
		var key [4]byte
		switch e.fault {
		case sendsSameKey:
			key = [4]byte{0x37, 0xfa, 0x21, 0x3d}
		case sendsZeroKey:
		default:
			_, _ = rand.Read(key[:]) // it never fails
		}
		b = append(b, key[:]...)
		start := len(b)
		b = append(b, p...)
		mask(b[start:], key, 0)
	}
	if err := e.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := e.nc.Write(b)
	return err
}

// mask masks or unmasks what begins at the offset in a payload: RFC 6455 §5.3.
func mask(p []byte, key [4]byte, offset int) {
	keys := bytes.Repeat(key[:], 256)
	for len(p) > 0 {
		n := subtle.XORBytes(p, p, keys[offset%4:])
		p, offset = p[n:], offset+n
	}
}
