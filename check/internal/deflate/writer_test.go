package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
)

// inflate is the standard library's way of reading messages; dict is the window.
func inflate(payload, dict []byte) ([]byte, error) {
	return io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(payload), strings.NewReader(tail+"\x01\x00\x00\xff\xff")), dict))
}

// What a Writer makes is read with just its window, message after message, by the Reader and by the standard library.
func TestWriter(t *testing.T) {
	data := samples()
	names := []string{"text", "empty", "records", "byte", "far", "text", "zeros", "random", "skewed", "text", "records"}
	for bits := minBits; bits <= maxBits; bits++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bits, takeover %v", bits, takeover), func(t *testing.T) {
				w, r := NewWriter(bits, takeover), &Reader{Bits: bits, Takeover: takeover}
				var past []byte
				for _, name := range names {
					p := data[name]
					z := w.Message(p)
					if got, err := r.Message(z); err != nil || !bytes.Equal(got, p) {
						t.Fatalf("%s: %d of %d bytes, %v", name, len(got), len(p), err)
					}
					if got, err := inflate(z, past[max(0, len(past)-1<<bits):]); err != nil || !bytes.Equal(got, p) {
						t.Fatalf("%s, standard library: %d of %d bytes, %v", name, len(got), len(p), err)
					}
					if takeover {
						past = append(past, p...)
					}
					if most := len(p) + len(p)/1000 + 6; len(z) > most {
						t.Errorf("%s: %d bytes become %d", name, len(p), len(z))
					}
				}
				// The window is used to its end, or nearly.
				if window := 1 << bits; r.MaxDistance > window || r.MaxDistance < window*9/10 {
					t.Errorf("the largest distance is %d in a window of %d", r.MaxDistance, window)
				}
			})
		}
	}
}

func TestWriterTakesOver(t *testing.T) {
	p := samples()["random"][:20_000]
	first := func(takeover bool) (sizes [3]int) {
		w, r := NewWriter(15, takeover), &Reader{Takeover: takeover}
		for i := range sizes {
			z := w.Message(p)
			sizes[i] = len(z)
			if got, err := r.Message(z); err != nil || !bytes.Equal(got, p) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
		if takeover != (r.MaxDistance == len(p)) {
			t.Errorf("takeover %v: largest distance %d", takeover, r.MaxDistance)
		}
		return sizes
	}
	if s := first(true); s[0] < len(p) || s[1] > len(p)/50 || s[2] > len(p)/50 {
		t.Errorf("with takeover three equal messages of %d bytes become %v", len(p), s)
	}
	if s := first(false); s[0] != s[1] || s[1] != s[2] {
		t.Errorf("without takeover three equal messages of %d bytes become %v", len(p), s)
	}
}

// Compression is about as good as that of others.
func TestWriterCompresses(t *testing.T) {
	for _, name := range []string{"records", "zeros", "skewed", "text"} {
		p := samples()[name]
		got, fast := len(NewWriter(15, false).Message(p)), len(onTheWire(t, 1, nil, p))
		if got > fast+fast/10+4 {
			t.Errorf("%s: %d bytes become %d, %d with compress/flate at its fastest", name, len(p), got, fast)
		}
	}
}

// The caller owns what Message returns, and what it gives is not kept.
func TestWriterOwnership(t *testing.T) {
	w, r := NewWriter(9, true), &Reader{Bits: 9, Takeover: true}
	var all [][]byte
	p := []byte("message 0, message 0, message 0")
	for i := range 10 {
		p[8] = '0' + byte(i)
		all = append(all, w.Message(p))
	}
	for i, z := range all {
		want := fmt.Sprintf("message %d, message 0, message 0", i)
		if got, err := r.Message(z); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// Many small messages slide through the window.
func TestWriterSlides(t *testing.T) {
	p := samples()["records"]
	for _, bits := range []int{8, 12, 15} {
		w, r := NewWriter(bits, true), &Reader{Bits: bits, Takeover: true}
		for i, n := 0, 0; i < len(p); i += n {
			n = min(1+i%613, len(p)-i)
			if got, err := r.Message(w.Message(p[i : i+n])); err != nil || !bytes.Equal(got, p[i:i+n]) {
				t.Fatalf("%d bits, at %d: %d of %d bytes, %v", bits, i, len(got), n, err)
			}
		}
	}
}

func TestWriterRefusesWindows(t *testing.T) {
	for _, bits := range []int{0, 7, 16} {
		mustPanic(t, func() { NewWriter(bits, true) })
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if s, _ := recover().(string); !strings.HasPrefix(s, "deflate: ") {
			t.Errorf("no panic, or %q", s)
		}
	}()
	f()
}

func BenchmarkWriter(b *testing.B) {
	for _, name := range []string{"records", "random", "zeros", "skewed"} {
		b.Run(name, func(b *testing.B) {
			p := samples()[name]
			w := NewWriter(15, true)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				w.Message(p)
			}
		})
	}
}
