package deflate

import "fmt"

// A Token is text or a match, for the blocks of a [Builder].
type Token struct {
	text    string
	symbols []symbol
}

// Lit is text, as literals.
func Lit(s string) Token { return Token{text: s} }

// Match refers back: length is 3 to 258, distance 1 to 32768. Whether there is something so far back is not looked at.
func Match(length, distance int) Token {
	if length < minMatch || length > maxMatch || distance < 1 || distance > maxDistance {
		panic(fmt.Sprintf("deflate: no match of length %d at distance %d can be written: 3 to 258 and 1 to 32768 can", length, distance))
	}
	return Token{symbols: []symbol{newMatch(length, distance)}}
}

// A Builder makes a compressed stream by hand, right or wrong. The zero value is an empty one. What is wrong by itself,
// such as a block of a type that does not exist, is written with Raw and Code.
type Builder struct {
	w bitWriter
}

// Stored writes a stored block with at most 65,535 bytes.
func (b *Builder) Stored(final bool, p string) *Builder {
	if len(p) > maxStored {
		panic(fmt.Sprintf("deflate: a stored block cannot have %d bytes, but 65535 at most", len(p)))
	}
	b.w.stored(final, []byte(p))
	return b
}

// Fixed writes a block with the fixed codes. A final block that others follow is to be padded with Align.
func (b *Builder) Fixed(final bool, tokens ...Token) *Builder {
	b.w.fixed(final, flatten(tokens))
	return b
}

// Dynamic writes a block with codes made for its tokens. A final block that others follow is to be padded with Align.
func (b *Builder) Dynamic(final bool, tokens ...Token) *Builder {
	symbols := flatten(tokens)
	b.w.dynamic(final, symbols, newDynamicCodes(count(symbols)))
	return b
}

// Raw writes the low n bits of bits, at most 32, the least significant first.
func (b *Builder) Raw(bits uint32, n int) *Builder {
	if n < 0 || n > 32 {
		panic(fmt.Sprintf("deflate: %d bits cannot be written at once, but 32", n))
	}
	b.w.write(uint32(uint64(bits)&(1<<n-1)), n)
	return b
}

// Code writes a Huffman code of n bits, at most 32, the most significant first.
func (b *Builder) Code(code uint32, n int) *Builder {
	if n == 0 {
		return b
	}
	return b.Raw(reverse(code, n), n)
}

// Align pads with zeros to the byte boundary.
func (b *Builder) Align() *Builder {
	b.w.align()
	return b
}

// Sync ends a message: an empty stored block, without its 00 00 ff ff (RFC 7692 §7.2.1).
func (b *Builder) Sync() *Builder {
	b.w.sync()
	return b
}

// Bytes returns what was written so far, padded with zeros. More can be written afterwards, from the last bit on. The
// caller owns the bytes.
func (b *Builder) Bytes() []byte {
	w := b.w
	w.out = append([]byte{}, w.out...)
	w.align()
	return w.out
}

func flatten(tokens []Token) []symbol {
	var symbols []symbol
	for _, t := range tokens {
		for _, c := range []byte(t.text) {
			symbols = append(symbols, symbol(c))
		}
		symbols = append(symbols, t.symbols...)
	}
	return symbols
}
