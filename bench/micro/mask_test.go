package micro

import (
	"fmt"
	"testing"
	_ "unsafe" // for go:linkname

	_ "github.com/lxzan/gws"

	_ "github.com/parley-ws/parley/ws"
)

// Neither library exports how it masks.

//go:linkname parleyMask github.com/parley-ws/parley/ws.mask
func parleyMask(p []byte, key uint32) uint32

//go:linkname gwsMask github.com/lxzan/gws/internal.MaskXOR
func gwsMask(p, key []byte)

// BenchmarkMask compares masking with gws, whose loop is the fastest of the other libraries.
func BenchmarkMask(b *testing.B) {
	for _, n := range []int{4, 16, 64, 125, 255, 512, 1000, 16 << 10, 1 << 20} {
		// A payload lies behind a header, so it is rarely aligned.
		p := make([]byte, 8+n)[8:]
		b.Run(fmt.Sprintf("%d/gws", n), func(b *testing.B) {
			key := []byte{1, 2, 3, 4}
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				gwsMask(p, key)
			}
		})
		b.Run(fmt.Sprintf("%d/parley", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				parleyMask(p, 0x04030201)
			}
		})
	}
}
