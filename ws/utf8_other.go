//go:build !amd64 || purego

package ws

const utf8MinAVX2 = 0

// utf8AVX2 is never called: useAVX2 is false.
func utf8AVX2(*byte, int) bool { return false }
