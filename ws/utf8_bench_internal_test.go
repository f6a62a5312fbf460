package ws

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// codecSizes are those of a small message, of the largest payload with a short header, of a common document, and of a large one.
var codecSizes = []int{16, 125, 1 << 10, 16 << 10}

// textKinds has one kind of text for each length of a rune, and one of mixed lengths.
var textKinds = []struct{ name, sample string }{
	{"ascii", "The quick brown fox jumps over the lazy dog. "},
	{"latin", "Portez ce vieux whisky au juge blond qui a fumé. Zwölf Boxkämpfer jagen Viktor über den Sylter Deich. "},
	{"cyrillic", "Съешь же ещё этих мягких французских булок, да выпей чаю. "},
	{"cjk", "いろはにほへとちりぬるをわかよたれそつねならむうゐのおくやま"},
	{"emoji", "😀🚀🎉🌍🔥👍🎈🐙"},
}

// textOf returns n bytes of text made of sample; spaces fill what no whole rune fits into.
func textOf(sample string, n int) []byte {
	p := []byte(strings.Repeat(sample, n/len(sample)+1))
	cut := n
	for !utf8.RuneStart(p[cut]) {
		cut--
	}
	return append(p[:cut:cut], strings.Repeat(" ", n-cut)...)
}

func BenchmarkUTF8(b *testing.B) {
	for _, kind := range textKinds {
		for _, n := range codecSizes {
			p := textOf(kind.sample, n)
			for _, f := range []struct {
				name  string
				valid func(p []byte) bool
			}{{"stdlib", utf8.Valid}, {"ws", validText}} {
				b.Run(fmt.Sprintf("%s/%d/%s", kind.name, n, f.name), func(b *testing.B) {
					b.ReportAllocs()
					b.SetBytes(int64(n))
					for b.Loop() {
						if !f.valid(p) {
							b.Fatal("not valid")
						}
					}
				})
			}
		}
	}
}

// Pieces of 4 KiB that cut runes, as reads from a socket do.
func BenchmarkUTF8Pieces(b *testing.B) {
	for _, kind := range textKinds {
		p := textOf(kind.sample, 16<<10)
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				var s utf8State
				for at := 0; at < len(p); at += 4095 {
					if !s.push(p[at:min(len(p), at+4095)]) {
						b.Fatal("not valid")
					}
				}
			}
		})
	}
}
