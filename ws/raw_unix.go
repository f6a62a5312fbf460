//go:build unix

package ws

import (
	"net"
	"syscall"
)

// rawConnOf returns the raw connection of a plain TCP stream, whose readability can be awaited without a buffer. Only
// the very type counts: a wrapper may promote SyscallConn and still change the bytes.
func rawConnOf(s Stream) syscall.RawConn {
	t, ok := s.(*net.TCPConn)
	if !ok {
		return nil
	}
	rc, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	return rc
}
