package ws

import (
	"fmt"
	"testing"
)

func BenchmarkFrameHeader(b *testing.B) {
	for _, n := range []int{125, 1 << 10, 70000} {
		b.Run(fmt.Sprintf("parse/%d", n), func(b *testing.B) {
			var p [maxHeader]byte
			size := putHeader(p[:], bitFin|opBinary, n, true, 0x12345678)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if h, ok, bad := parseHeader(p[:size]); !ok || bad != "" || h.length != uint64(n) {
					b.Fatal(h, ok, bad)
				}
			}
		})
		b.Run(fmt.Sprintf("put/%d", n), func(b *testing.B) {
			var p [maxHeader]byte
			size := headerSize(n, true)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if putHeader(p[:], bitFin|opBinary, n, true, 0x12345678) != size {
					b.Fatal("wrong size")
				}
			}
		})
	}
}
