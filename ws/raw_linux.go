package ws

import (
	"syscall"
	"unsafe"
)

// sysWritev writes the first of segs, as many as one system call takes. wouldBlock reports that the socket's buffer
// is full.
func sysWritev(fd uintptr, segs []segment) (n int, wouldBlock bool, err error) {
	if len(segs) == 1 {
		return sysWrite(fd, segs[0].p)
	}
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
