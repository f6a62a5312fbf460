package ws

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
)

// maskMinAVX2 is the length from which on the call of assembly pays.
const maskMinAVX2 = 256

// mask XORs b with the masking key (RFC 6455 §5.3), whose first byte is the lowest of key, and returns the key
// turned so that the next part of the same payload goes on with it. The key 0 stands for no mask.
func mask(b []byte, key uint32) uint32 {
	if key == 0 {
		return 0
	}
	if len(b) >= maskMinAVX2 && useAVX2 {
		return maskWide(b, key)
	}
	k := uint64(key)<<32 | uint64(key)
	for len(b) >= 64 {
		p := b[:64:64]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^k)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^k)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^k)
		binary.LittleEndian.PutUint64(p[32:], binary.LittleEndian.Uint64(p[32:])^k)
		binary.LittleEndian.PutUint64(p[40:], binary.LittleEndian.Uint64(p[40:])^k)
		binary.LittleEndian.PutUint64(p[48:], binary.LittleEndian.Uint64(p[48:])^k)
		binary.LittleEndian.PutUint64(p[56:], binary.LittleEndian.Uint64(p[56:])^k)
		if b = b[64:]; len(b) == 0 {
			return key
		}
	}
	if len(b) >= 32 {
		p := b[:32:32]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^k)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^k)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^k)
		b = b[32:]
	}
	if len(b) >= 16 {
		p := b[:16:16]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^k)
		b = b[16:]
	}
	if len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	if len(b) >= 4 {
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)^key)
		b = b[4:]
	}
	for i := range b {
		b[i] ^= byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
}

// maskWide is mask for at least 32 bytes, with AVX2.
func maskWide(b []byte, key uint32) uint32 {
	for len(b) > 2*codecPiece {
		// The length of a piece is a multiple of four and does not turn the key.
		maskAVX2(&b[0], codecPiece, key)
		b = b[codecPiece:]
	}
	maskAVX2(&b[0], len(b), key)
	return bits.RotateLeft32(key, -8*(len(b)&3))
}

// randRead fills a slice with unpredictable bytes. Tests replace it.
var randRead = rand.Read

// maskBatch holds random bytes for masking keys: asking for many at a time makes a key cheap.
type maskBatch struct {
	b    [512]byte
	next int
}

var maskBatches = sync.Pool{New: func() any { return &maskBatch{next: len(maskBatch{}.b)} }}

// newMaskKey returns a fresh unpredictable key from a strong source of entropy (RFC 6455 §5.3). No byte is used twice.
func newMaskKey() uint32 {
	m := maskBatches.Get().(*maskBatch)
	if m.next == len(m.b) {
		// crypto/rand never fails: it ends the program instead.
		_, _ = randRead(m.b[:])
		m.next = 0
	}
	key := binary.LittleEndian.Uint32(m.b[m.next:])
	m.next += 4
	maskBatches.Put(m)
	return key
}
