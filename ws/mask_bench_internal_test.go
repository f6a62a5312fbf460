package ws

import (
	"fmt"
	"testing"
)

func BenchmarkMask(b *testing.B) {
	for _, n := range codecSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			// A payload lies behind a header, so it is rarely aligned.
			p := make([]byte, 8+n)[8:]
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				mask(p, 0x12345678)
			}
		})
	}
}
