//go:build unix && !linux

package ws

import "syscall"

// sysWritev writes the first of segs: the caller goes on until all are written. wouldBlock reports that the socket's
// buffer is full.
func sysWritev(fd uintptr, segs []segment) (n int, wouldBlock bool, err error) {
	return sysWrite(fd, segs[0].p)
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
