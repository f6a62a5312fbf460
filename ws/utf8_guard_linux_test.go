package ws

import (
	"bytes"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
)

// guardedPage returns a page of memory between two that must not be touched.
func guardedPage(t *testing.T) []byte {
	size := os.Getpagesize()
	p, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(p) })
	for _, guard := range [][]byte{p[:size], p[2*size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return p[size : 2*size : 2*size]
}

// Nothing outside of a slice is read or written.
func TestCodecBounds(t *testing.T) {
	page := guardedPage(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	eachPath(func(path string) {
		for n := range 700 {
			for name, p := range map[string][]byte{"front": page[:n:n], "back": page[len(page)-n:]} {
				func() {
					defer func() {
						if e := recover(); e != nil {
							t.Fatalf("%s: %d bytes at the %s of a page: %v", path, n, name, e)
						}
					}()
					for _, fill := range []string{"a", "é"} {
						copy(p, bytes.Repeat([]byte(fill), n))
						validText(p)
						scanText(p)
					}
					mask(p, 0x12345678)
				}()
			}
		}
	})
}
