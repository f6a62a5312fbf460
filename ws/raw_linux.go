package ws

import (
	"syscall"
	"unsafe"
)

// maxQuickCall is the size up to which a read or write on a socket that does not block is over so soon that the
// scheduler need not be told of it. What it does for longer calls costs more than a short one lasts.
const maxQuickCall = 64 << 10

// sysRead reads once. wouldBlock reports that nothing is there yet.
func sysRead(fd uintptr, p []byte) (n int, wouldBlock bool, err error) {
	if raceEnabled || len(p) == 0 {
		return fullCall(syscall.Read, fd, p)
	}
	for {
		n, errno := receive(fd, p)
		switch errno {
		case 0:
			return n, false, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, true, nil
		}
		return 0, false, errno
	}
}

// sysWrite writes once. wouldBlock reports that the socket's buffer is full.
func sysWrite(fd uintptr, p []byte) (n int, wouldBlock bool, err error) {
	if raceEnabled || len(p) == 0 || len(p) > maxQuickCall {
		return fullCall(syscall.Write, fd, p)
	}
	for {
		n, errno := transmit(fd, p)
		switch errno {
		case 0:
			return n, false, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, true, nil
		}
		return 0, false, errno
	}
}

// fullCall reads or writes in the ordinary way, which the race detector sees, too.
func fullCall(call func(int, []byte) (int, error), fd uintptr, p []byte) (n int, wouldBlock bool, err error) {
	for {
		n, err := call(int(fd), p)
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

// sysWritev writes the first of segs, as many as one system call takes. wouldBlock reports that the socket's buffer
// is full.
func sysWritev(fd uintptr, segs []segment) (n int, wouldBlock bool, err error) {
	var v [16]syscall.Iovec
	count := 0
	for _, s := range segs[:min(len(segs), len(v))] {
		v[count].Base = unsafe.SliceData(s.p)
		v[count].SetLen(len(s.p))
		count++
	}
	for {
		r, _, errno := syscall.Syscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&v[0])), uintptr(count))
		switch errno {
		case 0:
			return int(r), false, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, true, nil
		}
		return 0, false, errno
	}
}
