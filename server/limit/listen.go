package limit

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

// Protocol says in which words a connection can be told that it is refused.
type Protocol int

// The protocols.
const (
	// PlainHTTP is HTTP/1.1 without TLS: a refused connection is answered with 503 and a Retry-After, as long as not too many are.
	PlainHTTP Protocol = iota

	// Opaque is anything else, TLS first of all: a refused connection is closed.
	Opaque
)

// Listen returns a listener that accepts from inner what the limits let through, and closes the rest at once. TLS belongs around
// it, not below.
//
// What is accepted is passed on as it is if the system knows it, which is so for TCP and unix sockets; anything else is wrapped to see it
// being closed. To close the listener ends what is still being told of its refusal, too, and waits for that.
func (l *Limiter) Listen(inner net.Listener, p Protocol) net.Listener {
	return &listener{Listener: inner, limiter: l, protocol: p, leaving: map[net.Conn]struct{}{}}
}

type listener struct {
	net.Listener
	limiter  *Limiter
	protocol Protocol

	mu      sync.Mutex
	closed  bool
	leaving map[net.Conn]struct{} // what is being told that it is refused
	done    sync.WaitGroup
}

// Accept returns the next connection that the limits let through.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c, h := watch(c)
		limit := l.limiter.admit(addressOf(c.RemoteAddr()), h)
		if limit == "" {
			return c, nil
		}
		l.limiter.options.Load().Refused(limit)
		l.turnAway(c, limit)
	}
}

// Close closes the listener.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	for c := range l.leaving {
		c.Close() // whoever talks to it sees that
	}
	l.mu.Unlock()
	l.done.Wait()
	return err
}

// addressOf returns the address of a peer, invalid if it has none.
func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// watch returns a connection, wrapped if there is no other way, and what tells that it is closed.
func watch(c net.Conn) (net.Conn, held) {
	inner := c
	for {
		t, ok := inner.(interface{ NetConn() net.Conn }) // TLS
		if !ok {
			break
		}
		inner = t.NetConn()
	}
	if s, ok := inner.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return c, raw
		}
	}
	w := &conn{Conn: c}
	return w, w
}

// conn is a connection of which the system knows nothing.
type conn struct {
	net.Conn
	closed atomic.Bool
}

// Close closes the connection.
func (c *conn) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

// Control returns an error once the connection is closed.
func (c *conn) Control(func(fd uintptr)) error {
	if c.closed.Load() {
		return errClosed
	}
	return nil
}

var errClosed = errors.New("limit: the connection is closed")
