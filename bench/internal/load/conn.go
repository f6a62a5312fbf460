package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// conn is one client connection.
type conn struct {
	fd  int
	out []byte // what the socket has not taken yet

	turn int    // which of the messages is under way
	got  int    // bytes of its reply that have come
	due  []due  // of Latency
	in   inbox  // of Deflate
	win  []byte // of Deflate, with takeover: the end of what was received
	rest []byte // of Fanout: what came but is not whole
	text []byte // of Fanout: what whole chunks held, but is no whole event
	sub  *sub   // of Fanout
}

// send sends p behind what is left from before. p is kept until it is sent and must not change.
func (c *conn) send(p []byte) error {
	if len(c.out) > 0 {
		if len(p) > 0 {
			c.out = append(bytes.Clone(c.out), p...)
		}
		p, c.out = c.out, nil
	}
	for len(p) > 0 {
		n, err := unix.Write(c.fd, p)
		switch err {
		case nil:
			p = p[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			c.out = p
			return nil
		default:
			return fmt.Errorf("load: write: %w", err)
		}
	}
	return nil
}

// batch is how many connections are opened at the same time.
const batch = 64

const (
	key    = "cGFybGV5IGJlbmNoIDEyMw=="
	accept = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// request is the handshake of a browser, more or less.
func (t Target) request(extensions string) []byte {
	var b bytes.Buffer
	path := t.Path
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", path, t.Addr)
	fmt.Fprintf(&b, "Origin: http://%s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n", t.Addr)
	fmt.Fprintf(&b, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key)
	if t.Subprotocol != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", t.Subprotocol)
	}
	if extensions != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Extensions: %s\r\n", extensions)
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// dial opens n connections with the handshake done. agreed is what the server answered to the extensions.
func (t Target) dial(n int, extensions string) (conns []*conn, agreed string, err error) {
	defer func() {
		if err != nil {
			hangUp(conns)
			conns = nil
		}
	}()
	to, err := t.address()
	if err != nil {
		return nil, "", err
	}
	request := t.request(extensions)
	for len(conns) < n {
		first := len(conns)
		for range min(batch, n-first) {
			c, err := open(to)
			if err != nil {
				return conns, "", err
			}
			conns = append(conns, c)
			if !t.Raw {
				if err := c.send(request); err != nil {
					return conns, "", err
				}
			}
		}
		for _, c := range conns[first:] {
			if !t.Raw {
				if agreed, err = c.handshake(); err != nil {
					return conns, "", err
				}
			}
			if err := unix.SetNonblock(c.fd, true); err != nil {
				return conns, "", err
			}
		}
	}
	return conns, agreed, nil
}

// address is where the target is.
func (t Target) address() (netip.AddrPort, error) {
	to, err := netip.ParseAddrPort(t.Addr)
	if err != nil || !to.Addr().Is4() {
		return to, fmt.Errorf("load: the address %q is not an IPv4 address with a port", t.Addr)
	}
	return to, nil
}

// open connects a socket that blocks, but not for ever.
func open(to netip.AddrPort) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("load: socket: %w (see ulimit -n)", err)
	}
	patience := unix.NsecToTimeval(silence.Nanoseconds())
	for _, err := range []error{
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// Closing resets the connection, which leaves no port in TIME_WAIT.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience),
		connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
	} {
		if err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("load: connecting to %v: %w", to, err)
		}
	}
	return &conn{fd: fd}, nil
}

// connect connects, also if a signal comes in between: then the system goes on by itself.
func connect(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	for err == unix.EINTR || err == unix.EALREADY {
		err = unix.Connect(fd, to)
	}
	if err == unix.EISCONN {
		return nil
	}
	return err
}

// handshake reads the server's answer.
func (c *conn) handshake() (extensions string, err error) {
	var b []byte
	part := make([]byte, 4096)
	for !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		n, err := unix.Read(c.fd, part)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return "", fmt.Errorf("load: handshake: no whole answer: %w after %q", err, b)
		}
		b = append(b, part[:n]...)
	}
	sum := sha1.Sum([]byte(key + accept))
	want := base64.StdEncoding.EncodeToString(sum[:])
	ok := false
	lines := strings.Split(string(b), "\r\n")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "sec-websocket-accept":
			ok = value == want
		case "sec-websocket-extensions":
			extensions = value
		}
	}
	if !ok || !strings.HasPrefix(lines[0], "HTTP/1.1 101 ") {
		return "", fmt.Errorf("load: handshake: the server answered %q", b)
	}
	return extensions, nil
}

// hangUp resets the connections.
func hangUp(conns []*conn) {
	for _, c := range conns {
		unix.Close(c.fd) // there is nothing to lose
	}
}
