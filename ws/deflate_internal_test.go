package ws

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// A window always ends with what was appended last, as much of it as was asked for, and never takes more memory
// than that and the slack.
func TestAppendWindow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{256, 8 << 10, 32 << 10} {
		for _, slack := range []int{0, size / 4} {
			var w, all []byte
			for range 2000 {
				p := make([]byte, rng.IntN(1<<rng.IntN(18)))
				for i := range p {
					p[i] = byte(rng.Uint32())
				}
				all = lastBytes(append(all, p...), size)
				w = appendWindow(w, p, size, slack)
				if !bytes.Equal(lastBytes(w, size), all) {
					t.Fatalf("size %d, slack %d: the window lost something by %d bytes", size, slack, len(p))
				}
				if cap(w) > size+slack {
					t.Fatalf("size %d, slack %d: %d bytes of memory", size, slack, cap(w))
				}
			}
		}
	}
}

// With both takeovers and full windows a connection needs no more than the documentation says.
func TestTakeoverReserves(t *testing.T) {
	before := takeoverUsed.Load()
	d := newDeflateConn(DeflateParams{}, nil, false)
	if d.reserved != 48<<10 || takeoverUsed.Load() < before+d.reserved {
		t.Errorf("%d bytes reserved", d.reserved)
	}
	d.release()
}
