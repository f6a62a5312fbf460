package main

import (
	"os/exec"
	"testing"
)

// BenchmarkStartup is the time from the start of the program to its end, of which a command that does something takes its part.
// It is to be below 30 ms. GODEBUG=inittrace=1 parley version says what the packages take.
func BenchmarkStartup(b *testing.B) {
	for _, args := range [][]string{{"version"}, {"send", "--help"}, {"__complete", "send", "--"}} {
		b.Run(args[0], func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(binary, args...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
