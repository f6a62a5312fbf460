package ws_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// benchmarkCompressed runs f on servers whose clients send JSON compressed, no message like the other. The first message of
// a round refers to none before it, so that the rounds can follow each other with takeover, too.
func benchmarkCompressed(b *testing.B, f func(b *testing.B, c *ws.Conn, messages [][]byte)) {
	for _, size := range []int{1 << 10, 16 << 10} {
		for _, keep := range []bool{false, true} {
			b.Run(fmt.Sprintf("size=%d/takeover=%v", size, keep), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				peer := newStdDeflate(6, keep)
				var messages [][]byte
				var in []byte
				for range 64 {
					p := kinds[0].make(rng, size, 0)
					messages = append(messages, p)
					in = append(in, wstest.Bytes(clientFrame(squeezed(wstest.OpText, true, peer.message(p))))...)
				}
				params := &noTakeover
				if keep {
					params = &takeover
				}
				c := ws.NewConn(&loopStream{in: in}, ws.ConnOptions{Deflate: params, Compression: &ws.Compression{Threshold: -1}})
				defer c.CloseNow()
				b.SetBytes(int64(size))
				b.ReportAllocs()
				f(b, c, messages)
			})
		}
	}
}

func BenchmarkDeflate(b *testing.B) {
	benchmarkCompressed(b, func(b *testing.B, c *ws.Conn, messages [][]byte) {
		ctx := b.Context()
		i := 0
		for b.Loop() {
			if err := c.Write(ctx, ws.Text, messages[i%len(messages)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
		s := c.Stats()
		b.ReportMetric(100*float64(s.WireOut)/float64(s.BytesOut), "%wire")
	})
}

// receive runs the benchmark for messages received, and does with each what then says.
func receive(b *testing.B, c *ws.Conn, then func(t ws.Type, p []byte) error) {
	n := b.N
	b.ResetTimer()
	err := c.Run(b.Context(), ws.Events{Message: func(_ *ws.Conn, t ws.Type, p []byte) error {
		if n--; n == 0 {
			return errMine
		}
		return then(t, p)
	}})
	if err != errMine || n != 0 {
		b.Fatal(err)
	}
}

func BenchmarkInflate(b *testing.B) {
	benchmarkCompressed(b, func(b *testing.B, c *ws.Conn, _ [][]byte) {
		receive(b, c, func(ws.Type, []byte) error { return nil })
	})
}

func BenchmarkDeflateEcho(b *testing.B) {
	benchmarkCompressed(b, func(b *testing.B, c *ws.Conn, _ [][]byte) {
		receive(b, c, func(t ws.Type, p []byte) error { return c.Write(b.Context(), t, p) })
	})
}
