//go:build !amd64 || purego

package ws

// eachPath calls f with the assembly and without it.
func eachPath(f func(path string)) { f("portable") }
