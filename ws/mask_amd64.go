//go:build !purego

package ws

import "golang.org/x/sys/cpu"

// useAVX2 says whether this processor, and the system, can run the assembly. Tests switch it off.
var useAVX2 = cpu.X86.HasAVX2

// maskAVX2 XORs the n bytes at p, at least 32 of them, with the key.
//
//go:noescape
func maskAVX2(p *byte, n int, key uint32)
