package check

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Fill is how a large payload is made.
type Fill int

// The fills.
const (
	FillASCII  Fill = iota // printable ASCII that repeats seldom
	FillUTF8               // characters of one to four bytes
	FillRandom             // random bytes, which cannot be compressed
	FillJSON               // records of JSON that resemble each other, as applications send them
	FillZero               // zeros
)

// Data is a payload: a literal, or Size bytes that are made when they are needed.
type Data struct {
	Text string // the bytes, if Size is 0
	Size int    // bytes of Fill
	Fill Fill   // how they are made
	Seed uint64 // another seed makes other bytes
}

func lit(s string) Data                 { return Data{Text: s} }
func fill(f Fill, size int) Data        { return Data{Size: size, Fill: f} }
func sized(f Fill, size, seed int) Data { return Data{Size: size, Fill: f, Seed: uint64(seed)} }

// Len is the number of bytes.
func (d Data) Len() int {
	if d.Size > 0 {
		return d.Size
	}
	return len(d.Text)
}

// Bytes makes the payload. The same Data always makes the same bytes; the caller owns them.
func (d Data) Bytes() []byte {
	if d.Size == 0 {
		return []byte(d.Text)
	}
	r := rand.New(rand.NewPCG(uint64(d.Fill), d.Seed+1))
	b := make([]byte, 0, d.Size+128)
	switch d.Fill {
	case FillZero:
		return b[:d.Size]
	case FillRandom:
		for len(b) < d.Size {
			v := r.Uint64()
			b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
		}
	case FillJSON:
		for i := 0; len(b) < d.Size; i++ {
			b = append(b, `{"id":`...)
			b = strconv.AppendInt(b, int64(i), 10)
			b = append(b, `,"user":"u`...)
			b = strconv.AppendUint(b, uint64(r.Uint32N(5000)), 10)
			b = append(b, `","price":`...)
			b = strconv.AppendFloat(b, float64(r.Uint32N(1e6))/100, 'f', 2, 64)
			b = append(b, `,"currency":"EUR","state":"open"},`...)
		}
	case FillUTF8:
		const alphabet = "aZ9 äöüßéñκόσμεЖдШ日本語テ한글€₿𝄞😀🧭"
		runes := []rune(alphabet)
		for len(b) < d.Size {
			b = utf8.AppendRune(b, runes[r.IntN(len(runes))])
		}
		for len(b) > d.Size { // no character is cut
			_, n := utf8.DecodeLastRune(b)
			b = b[:len(b)-n]
		}
		for len(b) < d.Size {
			b = append(b, '.')
		}
	default:
		for len(b) < d.Size {
			v := r.Uint64()
			for range 10 {
				b = append(b, byte(' '+v%95))
				v /= 95
			}
		}
	}
	return b[:d.Size]
}

// String describes the payload in a few words.
func (d Data) String() string {
	if d.Size > 0 {
		return fmt.Sprintf("%d bytes of %s", d.Size, [...]string{"ASCII", "UTF-8", "random data", "JSON", "zeros"}[d.Fill])
	}
	return quote([]byte(d.Text))
}

// quote shows bytes in a line, shortened.
func quote(p []byte) string {
	most, form := 16, hexed
	if printable(p[:min(len(p), 48)]) {
		most, form = 48, func(p []byte) string { return strconv.Quote(string(p)) }
	}
	if len(p) <= most {
		return form(p)
	}
	return fmt.Sprintf("%s… (%d bytes)", form(p[:most]), len(p))
}

func printable(p []byte) bool {
	for _, c := range p {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// hexed writes bytes as pairs of hexadecimal digits.
func hexed(p []byte) string {
	var b strings.Builder
	for i, c := range p {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%02x", c)
	}
	return b.String()
}
