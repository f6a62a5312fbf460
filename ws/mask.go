package ws

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
)

// mask XORs b with the masking key (RFC 6455 §5.3), whose first byte is the lowest of key, and returns the key
// turned so that the next part of the same payload goes on with it. The key 0 stands for no mask.
func mask(b []byte, key uint32) uint32 {
	if key == 0 {
		return 0
	}
	k := uint64(key)<<32 | uint64(key)
	for len(b) >= 32 {
		p := b[:32:32]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		binary.LittleEndian.PutUint64(p[8:], binary.LittleEndian.Uint64(p[8:])^k)
		binary.LittleEndian.PutUint64(p[16:], binary.LittleEndian.Uint64(p[16:])^k)
		binary.LittleEndian.PutUint64(p[24:], binary.LittleEndian.Uint64(p[24:])^k)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
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
