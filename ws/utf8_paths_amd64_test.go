//go:build !purego

package ws

// eachPath calls f with the assembly and without it.
func eachPath(f func(path string)) {
	if useAVX2 {
		f("AVX2")
		useAVX2 = false
		defer func() { useAVX2 = true }()
	}
	f("portable")
}
