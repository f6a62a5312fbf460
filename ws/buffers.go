package ws

import (
	"math/bits"
	"sync"
)

// The sizes of pooled buffers are powers of two between these, inclusive.
const (
	minBufferBits = 9  // 512 B
	maxBufferBits = 24 // 16 MiB
	minBuffer     = 1 << minBufferBits

	// readBufferSize is what a connection reads with while there is something to read.
	readBufferSize = 32 << 10
)

// buffer is a pooled byte slice. b has the full capacity; users keep their own length.
type buffer struct {
	b []byte
}

var bufferPools [maxBufferBits + 1]sync.Pool

// getBuffer returns a buffer of at least n bytes. Its content is not cleared: only what was written may be read.
func getBuffer(n int) *buffer {
	class := max(bits.Len(uint(n-1)), minBufferBits)
	if class > maxBufferBits {
		return &buffer{b: make([]byte, n)}
	}
	if b, ok := bufferPools[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, 1<<class)}
}

// putBuffer gives b back. nil is allowed.
func putBuffer(b *buffer) {
	if b == nil {
		return
	}
	class := bits.Len(uint(len(b.b) - 1))
	if class > maxBufferBits || len(b.b) != 1<<class {
		return
	}
	if raceEnabled {
		poison(b.b)
	}
	bufferPools[class].Put(b)
}

// growBuffer returns a buffer of at least n bytes that begins with the first used bytes of b, and gives b back.
func growBuffer(b *buffer, used, n int) *buffer {
	nb := getBuffer(n)
	if b != nil {
		copy(nb.b, b.b[:used])
		putBuffer(b)
	}
	return nb
}

// poison overwrites bytes whose loan is over, so that code that kept them is found by its own tests.
func poison(p []byte) {
	for i := range p {
		p[i] = 0xdb
	}
}
