//go:build !linux

package load

// localPorts is how many connections to one destination a local address can have, where that can be known.
func localPorts() (int, bool) { return 0, false }
