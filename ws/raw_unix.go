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

// sysRead reads once. wouldBlock reports that nothing is there yet.
func sysRead(fd uintptr, p []byte) (n int, wouldBlock bool, err error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, true, nil
		}
		return 0, false, err
	}
}

// sysWrite writes once. wouldBlock reports that the socket's buffer is full.
func sysWrite(fd uintptr, p []byte) (n int, wouldBlock bool, err error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, true, nil
		}
		return 0, false, err
	}
}
