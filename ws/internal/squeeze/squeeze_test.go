package squeeze

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// documents are JSON messages of that size, no two alike.
func documents(rng *rand.Rand, size, count int) [][]byte {
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
	all := make([][]byte, count)
	for i := range all {
		p := fmt.Appendf(nil, `{"type":"update","channel":"room-%d","events":[`, rng.IntN(500))
		for len(p) < size {
			e, _ := json.Marshal(map[string]any{ // it is made of what JSON knows
				"id": rng.IntN(1e6), "user": names[rng.IntN(8)], "price": float64(rng.IntN(1e6)) / 100, "ok": rng.IntN(2) == 0,
				"text": fmt.Sprintf("message %x from %s", rng.Uint32(), names[rng.IntN(8)]),
			})
			p = append(append(p, e...), ',')
		}
		all[i] = p[:size]
	}
	return all
}

// roundTrip compresses p and checks everything that Plan and Put promise.
func roundTrip(t *testing.T, e *Encoder, dict, p []byte) []byte {
	t.Helper()
	size := e.Plan(dict, p)
	out := bytes.Repeat([]byte{0xaa}, size+Margin)
	n := e.Put(out, p)
	if n != size {
		t.Fatalf("%d bytes, %d were planned", n, size)
	}
	if n > len(p)+6 {
		t.Fatalf("%d bytes became %d", len(p), n)
	}
	z := flate.NewReaderDict(io.MultiReader(bytes.NewReader(out[:n]), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))), dict)
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, p) {
		t.Fatalf("%d bytes came back as %d: %v", len(p), len(got), err)
	}
	return out[:n]
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	e := &Encoder{}
	random := make([]byte, MaxInput)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	skewed := make([]byte, MaxInput) // lengths would exceed the limits
	a, b, at := 1, 1, 0
	for c := byte(0); at < len(skewed); c++ {
		for i := 0; i < a && at < len(skewed); i++ {
			skewed[at] = c
			at++
		}
		a, b = b, a+b
	}
	rng.Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	for name, content := range map[string][]byte{
		"json": documents(rng, MaxInput, 1)[0], "random": random, "skewed": skewed, "zeros": make([]byte, MaxInput),
		"pairs": bytes.Repeat([]byte("ab"), MaxInput/2), "period": bytes.Repeat(random[:700], MaxInput/700+1)[:MaxInput],
		"far": append(append([]byte("abcdefgh"), random[:MaxInput-16]...), "abcdefgh"...),
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				for n := 1; n <= len(content); n += 1 + n/3 + rng.IntN(1+n/8) {
					for _, d := range []int{0, 1, 3, 4, 5, 100, 257, 8 << 10} {
						if d+n <= MaxInput {
							from := rng.IntN(MaxInput - d - n + 1)
							roundTrip(t, e, content[from:from+d], content[from+d:from+d+n])
						}
					}
				}
				roundTrip(t, e, nil, content)
			}
		})
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello hello hello"), 5, 1)
	f.Add(documents(rand.New(rand.NewPCG(1, 1)), 3000, 1)[0], 2000, 3)
	f.Add(bytes.Repeat([]byte("a"), 1000), 0, 20)
	e := &Encoder{}
	f.Fuzz(func(t *testing.T, p []byte, cut, times int) {
		if len(p) == 0 {
			return
		}
		p = bytes.Repeat(p, 1+max(0, times)%64)
		p = p[:min(len(p), MaxInput)]
		cut = max(0, cut) % len(p)
		roundTrip(t, e, p[:cut], p[cut:])
	})
}

func BenchmarkSqueeze(b *testing.B) {
	for _, size := range []int{128, 256, 512, 1 << 10, 4 << 10, 16 << 10} {
		for _, d := range []int{0, 2 << 10, 8 << 10} {
			all := documents(rand.New(rand.NewPCG(1, uint64(size))), size, 256)
			var dict []byte
			for i := 255; len(dict) < d; i-- {
				dict = append(dict, all[i]...)
			}
			dict = dict[len(dict)-d:]
			for _, who := range []string{"ours", "klauspost"} {
				b.Run(fmt.Sprintf("%d/dict=%d/%s", size, d, who), func(b *testing.B) {
					e := &Encoder{}
					var o bytes.Buffer
					w, _ := kflate.NewWriter(nil, 1)
					out := make([]byte, 32<<10)
					b.SetBytes(int64(size))
					b.ReportAllocs()
					i, total := 0, 0
					for b.Loop() {
						p := all[i%200]
						i++
						if who == "ours" {
							e.Plan(dict, p)
							total += e.Put(out, p)
						} else {
							o.Reset()
							w.ResetDict(&o, dict)
							w.Write(p)
							w.Flush()
							total += o.Len() - 4
						}
					}
					b.ReportMetric(100*float64(total)/float64(i)/float64(size), "%")
				})
			}
		}
	}
}
