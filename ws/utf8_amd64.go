//go:build !purego

package ws

// utf8MinAVX2 is the least length that utf8AVX2 takes: a block of 32 bytes and the three before it.
const utf8MinAVX2 = 35

// utf8AVX2 reports whether the n bytes at p are UTF-8, except that the last rune may be cut, or be a single byte that cannot begin one.
//
//go:noescape
func utf8AVX2(p *byte, n int) bool
