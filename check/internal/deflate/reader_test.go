package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// samples are data of every kind, which nobody may change.
var samples = sync.OnceValue(func() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 80_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var records, skewed bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&records, `{"id":%d,"user":"u%d","price":%d.%02d,"state":"open"},`, i, r.IntN(5000), r.IntN(1000), r.IntN(100))
	}
	for range 20_000 { // codes of many lengths
		c := byte(0)
		for r.IntN(2) == 0 && c < 200 {
			c++
		}
		skewed.WriteByte(c)
	}
	return map[string][]byte{
		"empty": {}, "byte": {'x'}, "text": []byte("Hello, world. Hello, world."), "zeros": make([]byte, 100_000),
		"random": random, "records": records.Bytes(), "skewed": skewed.Bytes(),
		"far": append(append(bytes.Clone(random[:32768]), random[:300]...), random[100:9000]...),
	}
})

// onTheWire makes a compressed message with compress/flate.
func onTheWire(t testing.TB, level int, dict []byte, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriterDict(&b, level, dict)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	out, ok := bytes.CutSuffix(b.Bytes(), []byte(tail))
	if !ok {
		t.Fatal("no tail")
	}
	return out
}

func TestReaderAgainstStandardLibrary(t *testing.T) {
	for name, p := range samples() {
		t.Run(name, func(t *testing.T) {
			for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
				for _, parts := range [][][]byte{{p}, {p[:len(p)/3], nil, p[len(p)/3:]}} {
					got, err := new(Reader).Message(onTheWire(t, level, nil, parts...))
					if err != nil || !bytes.Equal(got, p) {
						t.Errorf("level %d, %d parts: %d of %d bytes, %v", level, len(parts), len(got), len(p), err)
					}
				}
			}
		})
	}
}

// One Reader takes messages of every size, with the window of 32 KiB.
func TestTakeover(t *testing.T) {
	r := &Reader{Takeover: true}
	var past []byte
	for round := range 3 {
		for _, name := range []string{"records", "text", "byte", "empty", "far", "text", "random", "byte", "records"} {
			p := samples()[name]
			got, err := r.Message(onTheWire(t, 6, past[max(0, len(past)-maxDistance):], p))
			if err != nil || !bytes.Equal(got, p) {
				t.Fatalf("round %d, %s: %d of %d bytes, %v", round, name, len(got), len(p), err)
			}
			past = append(past, p...)
		}
	}
	if r.MaxDistance < 30_000 || r.MaxDistance > maxDistance {
		t.Errorf("largest distance %d", r.MaxDistance)
	}
}

// The caller owns what Message returns, small or large.
func TestOwnership(t *testing.T) {
	for _, n := range []int{100, keepBuffer + 1} {
		r := &Reader{Takeover: true}
		first, err := r.Message(runOf(n, 'a'))
		if err != nil {
			t.Fatal(err)
		}
		clear(first) // does not change the window
		second, err := r.Message(new(Builder).Fixed(false, Match(50, 50)).Sync().Bytes())
		if want := strings.Repeat("a", 50); err != nil || string(second) != want {
			t.Fatalf("%q, %v; want %q", second, err, want)
		}
		if _, err = r.Message(runOf(n, 'b')); err != nil || string(second) != strings.Repeat("a", 50) {
			t.Errorf("then %q, %v", second, err)
		}
	}
}

// runOf is a message of n times the same byte.
func runOf(n int, c byte) []byte {
	return NewWriter(15, false).Message(bytes.Repeat([]byte{c}, n))
}

func TestWindows(t *testing.T) {
	for bits := minBits; bits <= maxBits; bits++ {
		window := 1 << bits
		far := func(distance int) []byte {
			return new(Builder).Stored(false, strings.Repeat("0123456789abcdef", window/16)).Stored(false, "x").
				Fixed(false, Match(3, min(distance, maxDistance))).Sync().Bytes()
		}
		r := &Reader{Bits: bits}
		got, err := r.Message(far(window))
		if want := "x123"; err != nil || string(got[window:]) != want {
			t.Errorf("%d bits, distance %d: %q, %v; want %q", bits, window, got, err, want)
		}
		if r.MaxDistance != window || r.Matches != 1 {
			t.Errorf("%d bits: largest distance %d in %d matches", bits, r.MaxDistance, r.Matches)
		}
		if bits == maxBits {
			continue // no greater distance can be written
		}
		_, err = r.Message(far(window + 1))
		wantError(t, err, Window, -1, fmt.Sprintf("distance %d is beyond the window of %d bytes (%d bits)", window+1, window, bits))
		if r.MaxDistance != window+1 || r.Matches != 2 {
			t.Errorf("%d bits: largest distance %d in %d matches", bits, r.MaxDistance, r.Matches)
		}
	}
}

// The window is that of the last bytes of all messages, just as long as agreed.
func TestWindowAcrossMessages(t *testing.T) {
	for _, bits := range []int{8, 11, 15} {
		window := 1 << bits
		for _, large := range []bool{false, true} {
			r := &Reader{Bits: bits, Takeover: true}
			first := strings.Repeat("0123456789abcdef", window/16)
			b := new(Builder)
			if large {
				b.Stored(false, strings.Repeat("z", maxStored)).Stored(false, strings.Repeat("z", maxStored))
			}
			if _, err := r.Message(b.Stored(false, first[:window-4]).Sync().Bytes()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Message([]byte{0}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Message(new(Builder).Stored(false, "wxyz").Sync().Bytes()); err != nil {
				t.Fatal(err)
			}
			got, err := r.Message(new(Builder).Fixed(false, Match(4, 4), Match(8, window), Match(3, window)).Sync().Bytes())
			if want := "wxyz456789ab" + first[12:15]; err != nil || string(got) != want {
				t.Errorf("%d bits, large %v: %q, %v; want %q", bits, large, got, err, want)
			}
		}
	}
	r := &Reader{Takeover: true}
	if _, err := r.Message(new(Builder).Stored(false, "four").Sync().Bytes()); err != nil {
		t.Fatal(err)
	}
	_, err := r.Message(new(Builder).Fixed(false, Match(3, 6)).Sync().Bytes())
	wantError(t, err, Window, 3, "distance 6 reaches 2 bytes before the first message")
}

// A block with BFINAL ends nothing, whatever its type and wherever it ends.
func TestFinalBlocks(t *testing.T) {
	for n := range 8 {
		tokens := []Token{Lit(strings.Repeat("\x00", 8)), Lit(strings.Repeat("\xff", n))} // n codes of nine bits
		want := strings.Repeat("\x00", 8) + strings.Repeat("\xff", n)
		for kind, final := range map[string]func(*Builder) *Builder{
			"fixed":   func(b *Builder) *Builder { return b.Fixed(true, tokens...).Align() },
			"dynamic": func(b *Builder) *Builder { return b.Dynamic(true, tokens...).Align() },
			"stored":  func(b *Builder) *Builder { return b.Stored(true, want) },
		} {
			got, err := new(Reader).Message(final(final(new(Builder)).Fixed(false, Match(3, 3))).Sync().Bytes())
			if all := want + want[len(want)-3:] + want; err != nil || string(got) != all {
				t.Errorf("%s: %q, %v; want %q", kind, got, err, all)
			}
		}
	}
	// What ends the message may have BFINAL as well.
	if got, err := new(Reader).Message([]byte{1}); err != nil || got == nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
}

// What RFC 1951 allows although few write it.
func TestRareBlocks(t *testing.T) {
	all := func(lit, dist []int) *Builder {
		return lengthsOf(dynamicHeader(len(lit), len(dist), plain), append(append([]int{}, lit...), dist...))
	}
	two := sparse(257, map[int]int{'a': 1, 256: 1})
	match := sparse(258, map[int]int{'a': 2, 256: 2, 257: 1}) // 0: length 3, 10: a, 11: end
	thirty := make([]int, 32)
	for i := range thirty {
		thirty[i] = 5
	}
	deep := map[int]int{256: 15, 255: 15} // codes of every length
	for n := 1; n < 15; n++ {
		deep[n] = n
	}
	for _, c := range []struct {
		name string
		b    *Builder
		want string
	}{
		{"no distance codes", all(two, []int{0}).Code(0, 1).Code(1, 1), "a"},
		{"one distance code", all(match, []int{1}).Code(2, 2).Code(0, 1).Code(0, 1).Code(3, 2), "aaaa"},
		{"one code", all(sparse(257, map[int]int{256: 1}), []int{0}).Code(0, 1), ""},
		{"32 distance codes", all(match, thirty).Code(2, 2).Code(0, 1).Code(0, 5).Code(3, 2), "aaaa"},
		{"258 as 284", new(Builder).Fixed(false, Lit("a")).Raw(typeFixed<<1, 3).Code(0b11000100, 8).Raw(31, 5).Code(0, 5).Code(0, 7), strings.Repeat("a", 259)},
		{"15 bits", all(sparse(257, deep), []int{0}).Code(0x7ffe, 15).Code(0x3ffe, 14).Code(0b110, 3).Code(0x7fff, 15), "\xff\x0e\x03"},
		{"empty blocks", new(Builder).Fixed(false).Dynamic(false).Stored(false, "").Fixed(true).Align().Dynamic(true).Align(), ""},
	} {
		got, err := new(Reader).Message(c.b.Sync().Bytes())
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestLimit(t *testing.T) {
	for _, p := range [][]byte{samples()["random"], samples()["zeros"], samples()["records"], []byte("Hello"), make([]byte, 1), make([]byte, 300), make([]byte, 258)} {
		for _, level := range []int{0, 1, 9} {
			z := onTheWire(t, level, nil, p)
			for _, r := range []*Reader{{Limit: len(p)}, {Limit: len(p), Takeover: true}, {Limit: len(p) + 1}} {
				for range 2 {
					if got, err := r.Message(z); err != nil || !bytes.Equal(got, p) {
						t.Errorf("level %d: %d bytes of %d within the limit, %v", level, len(got), len(p), err)
					}
				}
			}
			if len(p) == 1 {
				continue
			}
			_, err := (&Reader{Limit: len(p) - 1}).Message(z)
			wantError(t, err, TooLarge, -1, fmt.Sprintf("the message inflates to more than %d bytes, the limit", len(p)-1))
		}
	}
}

// A message that inflates a thousandfold fails at the limit and takes no more memory than that.
func TestBomb(t *testing.T) {
	z := NewWriter(15, false).Message(make([]byte, 8<<20))
	r := &Reader{Limit: 1 << 20}
	_, err := r.Message(z)
	wantError(t, err, TooLarge, -1, "1048576 bytes")
	if n := cap(r.out); n > 2<<20 {
		t.Errorf("%d bytes of buffer", n)
	}
}

func TestSmallMessagesAllocateOnce(t *testing.T) {
	z := onTheWire(t, 6, nil, samples()["records"][:2000])
	r := &Reader{Takeover: true}
	for range 20 {
		if _, err := r.Message(z); err != nil {
			t.Fatal(err)
		}
	}
	n := testing.AllocsPerRun(100, func() {
		if _, err := r.Message(z); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations in a message", n)
	}
}

func BenchmarkReader(b *testing.B) {
	records := bytes.Repeat(samples()["records"], 16<<20/len(samples()["records"])+1)[:16<<20]
	for _, c := range []struct {
		name string
		p    []byte
	}{{"records", records}, {"skewed", bytes.Repeat(samples()["skewed"], 20)}, {"random", bytes.Repeat(samples()["random"], 20)}, {"small", records[:200]}} {
		b.Run(c.name, func(b *testing.B) {
			z := onTheWire(b, 1, nil, c.p)
			r := &Reader{}
			b.SetBytes(int64(len(c.p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Message(z); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
