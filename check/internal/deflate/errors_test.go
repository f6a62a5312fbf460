package deflate

import (
	"strings"
	"testing"
)

// dynamicHeader starts a dynamic block: the lengths of the code for code lengths are given by symbol.
func dynamicHeader(nlit, ndist int, lengths map[int]uint32) *Builder {
	b := new(Builder).Raw(typeDynamic<<1, 3).Raw(uint32(nlit-257), 5).Raw(uint32(ndist-1), 5).Raw(19-4, 4)
	for _, symbol := range lengthOrder {
		b.Raw(lengths[int(symbol)], 3)
	}
	return b
}

// lengthsOf writes code lengths one by one, with the code of dynamicHeader(…, plain): those up to 15 have 4 bits.
func lengthsOf(b *Builder, lengths []int) *Builder {
	for _, n := range lengths {
		b.Code(uint32(n), 4)
	}
	return b
}

var plain = func() map[int]uint32 {
	m := map[int]uint32{}
	for i := range 16 {
		m[i] = 4
	}
	return m
}()

// sparse returns n code lengths, those that are not named being 0.
func sparse(n int, lengths map[int]int) []int {
	s := make([]int, n)
	for i, v := range lengths {
		s[i] = v
	}
	return s
}

func TestErrors(t *testing.T) {
	hello := func() *Builder { return new(Builder).Fixed(false, Lit("Hello")) }
	only := func(b *Builder) []byte { return b.Bytes() }
	block := func(lit, dist []int) *Builder {
		return lengthsOf(dynamicHeader(len(lit), len(dist), plain), append(append([]int{}, lit...), dist...))
	}
	two := sparse(257, map[int]int{'a': 1, 256: 1})
	for _, c := range []struct {
		name    string
		payload []byte
		kind    Kind
		bit     int
		text    string
	}{
		{"no payload", nil, Truncated, 0, "an empty payload is not a compressed message, the empty one is the byte 00"},
		{"block type 3", only(new(Builder).Stored(false, "x").Raw(3<<1, 3).Sync()), Corrupt, 48, "block type 3 does not exist"},
		{"stored length", octets(t, "00 05 00 fb ff 48 65 6c 6c 6f 00"), Corrupt, 8, "the length of a stored block, 0005, and its complement, fffb, do not match"},
		{"stored, cut", octets(t, "00 05 01 fa fe 48"), Truncated, 40, "a stored block of 261 bytes has only 5"},
		{"stored, length cut", octets(t, "00 ff"), Truncated, 40, "a stored block of 255 bytes has only 1"},
		{"cut in a code", only(block(sparse(258, map[int]int{'a': 1, 256: 2, 257: 2}), []int{1, 1}).Align()), Truncated, -1, "the data ends within a block"},
		{"cut in a header", only(dynamicHeader(286, 30, nil))[:3], Truncated, 0, "the data ends within the header of a dynamic block"},
		{"tail was sent", octets(t, "f2 48 cd c9 c9 07 00 00 00 ff ff"), Ending, 88, "no empty stored block ends the message"},
		{"no block after BFINAL", octets(t, "f3 48 cd c9 c9 07 00"), Ending, 56, "no empty stored block ends the message"},
		{"cut", octets(t, "f2 48 cd"), Ending, 34, "no empty stored block ends the message"},
		{"block is the tail", only(new(Builder).Raw(0, 3).Align().Raw(4, 16).Raw(0xffff&^4, 16)), Ending, 72, "the last block is not the empty stored one"},
		{"padding", only(hello().Fixed(true, Lit("x")).Raw(0xff, 1).Align().Sync()), Ending, 68, "the bits that pad a block with BFINAL"},
		{"length symbol 286", only(hello().Raw(typeFixed<<1, 3).Code(0b11000110, 8).Sync()), Corrupt, -1, "length symbol 286 does not exist"},
		{"length symbol 287", only(hello().Raw(typeFixed<<1, 3).Code(0b11000111, 8).Sync()), Corrupt, -1, "length symbol 287 does not exist"},
		{"distance symbol 30", only(hello().Raw(typeFixed<<1, 3).Code(1, 7).Code(30, 5).Sync()), Corrupt, -1, "distance symbol 30 does not exist"},
		{"distance symbol 31", only(hello().Raw(typeFixed<<1, 3).Code(1, 7).Code(31, 5).Sync()), Corrupt, -1, "distance symbol 31 does not exist"},
		{"287 codes", only(dynamicHeader(287, 1, plain).Sync()), Corrupt, 0, "a block declares 287 codes for literals and lengths: 286 exist"},
		{"288 codes", only(dynamicHeader(288, 1, plain).Sync()), Corrupt, 0, "a block declares 288 codes"},
		{"no code lengths", only(dynamicHeader(257, 1, nil).Sync()), Corrupt, 0, "the codes for code lengths are incomplete"},
		{"incomplete code lengths", only(dynamicHeader(257, 1, map[int]uint32{1: 1}).Sync()), Corrupt, 0, "the codes for code lengths are incomplete"},
		{"oversubscribed code lengths", only(dynamicHeader(257, 1, map[int]uint32{0: 1, 1: 1, 2: 1}).Sync()), Corrupt, 0, "the codes for code lengths are oversubscribed"},
		{"repetition first", only(dynamicHeader(257, 1, map[int]uint32{0: 1, 16: 1}).Code(1, 1).Raw(0, 2).Sync()), Corrupt, 74, "the first code length repeats the one before"},
		{"repetition too long", only(dynamicHeader(257, 1, map[int]uint32{0: 1, 18: 1}).Code(1, 1).Raw(127, 7).Code(1, 1).Raw(127, 7).Sync()), Corrupt, 82,
			"a code length is repeated 138 times where 120 are left"},
		{"no end", only(block(sparse(257, map[int]int{'a': 1, 'b': 1}), []int{1}).Sync()), Corrupt, 0, "there is no code for the end of the block"},
		{"oversubscribed", only(block(sparse(257, map[int]int{'a': 1, 'b': 1, 256: 1}), []int{1}).Sync()), Corrupt, 0, "the codes for literals and lengths are oversubscribed"},
		{"incomplete", only(block(sparse(257, map[int]int{'a': 1, 256: 2}), []int{1}).Sync()), Corrupt, 0, "the codes for literals and lengths are incomplete"},
		{"one code of two bits", only(block(sparse(257, map[int]int{256: 2}), []int{1}).Sync()), Corrupt, 0, "the codes for literals and lengths are incomplete"},
		{"oversubscribed distances", only(block(two, []int{1, 1, 1}).Sync()), Corrupt, 0, "the codes for distances are oversubscribed"},
		{"incomplete distances", only(block(two, []int{1, 2}).Sync()), Corrupt, 0, "the codes for distances are incomplete"},
		{"one distance of two bits", only(block(two, []int{2}).Sync()), Corrupt, 0, "the codes for distances are incomplete"},
		{"unused literal", only(block(sparse(257, map[int]int{256: 1}), []int{1}).Raw(1, 1).Sync()), Corrupt, -1, "a code for a literal or a length is not in the set"},
		{"unused distance", only(block(sparse(258, map[int]int{'a': 2, 256: 2, 257: 1}), []int{1}).Code(2, 2).Code(0, 1).Raw(1, 1).Sync()), Corrupt, -1,
			"a match has a code for its distance that is not in the set"},
		{"no distances", only(block(sparse(258, map[int]int{'a': 2, 256: 2, 257: 1}), []int{0}).Code(2, 2).Code(0, 1).Raw(0, 1).Sync()), Corrupt, -1,
			"a match has a code for its distance that is not in the set"},
		{"before everything", only(new(Builder).Fixed(false, Lit("ab"), Match(3, 3)).Sync()), Window, 19, "distance 3 reaches 1 bytes before the message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Reader{}
			p, err := r.Message(c.payload)
			if p != nil {
				t.Errorf("error %v with %q", err, p)
			}
			wantError(t, err, c.kind, c.bit, c.text)
			if _, again := r.Message([]byte{0}); again != err {
				t.Errorf("then %v, want the same error", again)
			}
		})
	}
}

// Every part of a message is an error: nothing is taken for a whole one.
func TestCutMessages(t *testing.T) {
	var b Builder
	b.Dynamic(false, Lit(strings.Repeat("Hello, world. ", 20)), Match(258, 14), Match(9, 200))
	b.Fixed(true, Lit("fixed"), Match(100, 300)).Align()
	b.Dynamic(false, Lit("once more"), Match(3, 1)).Sync()
	p := b.Bytes()
	if _, err := new(Reader).Message(p); err != nil {
		t.Fatal(err)
	}
	for n := range p {
		if got, err := new(Reader).Message(p[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a message of %d bytes", n, len(p), len(got))
		}
	}
}

func TestErrorText(t *testing.T) {
	e := &Error{Kind: Window, Bit: 43, Text: "too far"}
	if got := e.Error(); got != "deflate: at byte 5, bit 3: too far" {
		t.Error(got)
	}
	for kind, want := range []string{"corrupt", "truncated", "ending", "window", "too large"} {
		if got := Kind(kind).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBits(t *testing.T) {
	for _, bits := range []int{-1, 7, 16} {
		_, err := (&Reader{Bits: bits}).Message([]byte{0})
		wantError(t, err, Window, 0, "cannot be agreed on: 8 to 15 can")
	}
}
