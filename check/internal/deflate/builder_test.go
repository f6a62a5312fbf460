package deflate

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// Every length and every distance survives, in blocks with fixed and with dynamic codes.
func TestBuilderMatches(t *testing.T) {
	past := make([]byte, 0, 2*maxDistance)
	r := rand.New(rand.NewPCG(3, 4))
	for range maxDistance {
		past = append(past, byte(r.Uint32()))
	}
	var tokens []Token
	add := func(length, distance int) {
		tokens = append(tokens, Match(length, distance))
		for range length {
			past = append(past, past[len(past)-distance])
		}
	}
	for length := minMatch; length <= maxMatch; length++ {
		add(length, 1+r.IntN(maxDistance))
	}
	for distance := 1; distance <= maxDistance; distance += 1 + distance/50 {
		add(minMatch, distance)
	}
	for _, x := range distanceCodes {
		add(4, int(x.base))
		add(4, int(x.base)+1<<x.extra-1)
	}
	for name, block := range map[string]func(*Builder) *Builder{
		"fixed":   func(b *Builder) *Builder { return b.Fixed(false, tokens...) },
		"dynamic": func(b *Builder) *Builder { return b.Dynamic(false, tokens...) },
	} {
		b := new(Builder).Stored(false, string(past[:maxDistance])).Stored(false, "")
		z := block(b).Sync().Bytes()
		got, err := new(Reader).Message(z)
		if err != nil || !bytes.Equal(got, past) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(past), err)
		}
		if got, err := inflate(z, nil); err != nil || !bytes.Equal(got, past) {
			t.Errorf("%s, standard library: %d of %d bytes, %v", name, len(got), len(past), err)
		}
	}
}

// Codes are not longer than they may be, however uneven the text.
func TestLongCodes(t *testing.T) {
	var s strings.Builder
	for i, n := 0, 1; n < 1<<19; i, n = i+1, n*2 {
		s.WriteString(strings.Repeat(string(rune('a'+i)), n))
	}
	p := s.String()
	got, err := new(Reader).Message(new(Builder).Dynamic(false, Lit(p)).Sync().Bytes())
	if err != nil || string(got) != p {
		t.Errorf("%d of %d bytes, %v", len(got), len(p), err)
	}
	frequencies := make([]int, 40)
	for i := range frequencies {
		frequencies[i] = 1 << i
	}
	for _, limit := range []int{7, 15} {
		left := 1 << limit
		for _, n := range codeLengths(frequencies, limit) {
			if n < 1 || int(n) > limit {
				t.Fatalf("a code of %d bits, at most %d allowed", n, limit)
			}
			left -= 1 << (limit - int(n))
		}
		if left != 0 {
			t.Errorf("limit %d: the set is not complete", limit)
		}
	}
}

func TestBuilderBytes(t *testing.T) {
	var b Builder
	if got := b.Bytes(); got == nil || len(got) > 0 {
		t.Errorf("% x", got)
	}
	b.Raw(1, 1).Raw(0xffffffff, 2)
	first := b.Bytes()
	b.Raw(0xffffffff, 32).Raw(0, 0).Code(0, 0).Code(0b1100, 4)
	if got := b.Bytes(); !bytes.Equal(first, []byte{7}) || !bytes.Equal(got, []byte{0xff, 0xff, 0xff, 0xff, 0x1f}) {
		t.Errorf("% x, then % x", first, got)
	}
	b.Align().Align().Raw(1, 1)
	if got := b.Bytes(); !bytes.Equal(got, []byte{0xff, 0xff, 0xff, 0xff, 0x1f, 1}) {
		t.Errorf("% x", got)
	}
}

func TestBuilderRefuses(t *testing.T) {
	for _, f := range []func(){
		func() { Match(2, 1) }, func() { Match(259, 1) }, func() { Match(3, 0) }, func() { Match(3, 32769) },
		func() { new(Builder).Stored(false, strings.Repeat("x", 65536)) }, func() { new(Builder).Raw(0, 33) },
	} {
		mustPanic(t, f)
	}
}
