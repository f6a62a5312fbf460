//go:build !linux

package load

import "syscall"

// bindLate does nothing: only Linux can choose local ports late.
func bindLate(_, _ string, _ syscall.RawConn) error { return nil }
