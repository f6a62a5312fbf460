package load

import "syscall"

// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of <linux/in.h>.
const bindAddressNoPort = 24

// bindLate lets the system choose the local port when it knows the destination, so that a local address has all its ports for
// each destination, and not only once.
func bindLate(_, _ string, c syscall.RawConn) error {
	c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) // without it there are fewer ports
	})
	return nil
}
