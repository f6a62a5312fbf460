//go:build !linux

package load

// machineCPU is not known here.
func machineCPU() (busy, all float64, ok bool) { return 0, 0, false }
