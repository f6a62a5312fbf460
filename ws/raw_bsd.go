//go:build unix && !linux

package ws

// sysWritev writes the first of segs: the caller goes on until all are written. wouldBlock reports that the socket's
// buffer is full.
func sysWritev(fd uintptr, segs []segment) (n int, wouldBlock bool, err error) {
	return sysWrite(fd, segs[0].p)
}
