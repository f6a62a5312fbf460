package limit

import (
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrivals is a listener whose connections come from the addresses that a test names.
type arrivals struct {
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newArrivals() *arrivals {
	return &arrivals{queue: make(chan net.Conn, 10_000), closed: make(chan struct{})}
}

func (a *arrivals) Accept() (net.Conn, error) {
	select {
	case c := <-a.queue:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}

func (a *arrivals) Close() error {
	a.once.Do(func() { close(a.closed) })
	return nil
}

func (a *arrivals) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// from lets a connection arrive, and returns its other end.
func (a *arrivals) from(addr string) net.Conn {
	client, server := net.Pipe()
	a.queue <- &fakeConn{server, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 4711))}
	return client
}

type fakeConn struct {
	net.Conn
	remote net.Addr
}

func (c *fakeConn) RemoteAddr() net.Addr { return c.remote }

// gate lets connections arrive one at a time at a listener of its own.
type gate struct {
	t       *testing.T
	limiter *Limiter
	inner   *arrivals
	opened  chan net.Conn

	mu      sync.Mutex
	refused []string
}

// newGate returns a gate. Its end closes everything that it let in.
func newGate(t *testing.T, o Options, p Protocol) *gate {
	g := &gate{t: t, inner: newArrivals(), opened: make(chan net.Conn, 10_000)}
	o.Refused = func(limit string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.refused = append(g.refused, limit)
	}
	g.limiter = New(o)
	l := g.limiter.Listen(g.inner, p)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.opened <- c
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
		close(g.opened)
		for c := range g.opened {
			c.Close()
		}
	})
	return g
}

// arrive returns the server's end of a new connection, or nil if it was refused.
func (g *gate) arrive(addr string) net.Conn {
	g.t.Helper()
	client := g.inner.from(addr)
	g.t.Cleanup(func() { client.Close() })
	gone := make(chan struct{})
	go func() { // a refused one ends; one that was let in does not
		defer close(gone)
		io.Copy(io.Discard, client)
	}()
	select {
	case c := <-g.opened:
		g.t.Cleanup(func() { c.Close(); <-gone })
		return c
	case <-gone:
		return nil
	}
}

// want lets n connections arrive from addr, of which so many get in. It returns these.
func (g *gate) want(addr string, n, in int) (list []net.Conn) {
	g.t.Helper()
	for range n {
		if c := g.arrive(addr); c != nil {
			list = append(list, c)
		}
	}
	if len(list) != in {
		g.t.Errorf("%d of %d connections from %s got in, want %d", len(list), n, addr, in)
	}
	return list
}

// limits returns which limits have refused something since the last time.
func (g *gate) limits() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := slices.Compact(g.refused)
	g.refused = nil
	return list
}
