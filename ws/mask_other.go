//go:build !amd64 || purego

package ws

// useAVX2 is false where there is no assembly.
const useAVX2 = false

// maskAVX2 is never called: useAVX2 is false.
func maskAVX2(*byte, int, uint32) {}
