package interop

import (
	"io"
	"net"
	"sync"
	"testing"
)

// network stands between a client and a server, and fails when a test wants it.
type network struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu    sync.Mutex
	state networkState
	conns map[net.Conn]struct{}
}

type networkState int

const (
	works networkState = iota
	deaf               // the client hears nothing any more, but is heard
	down               // nothing gets through, and all connections are cut
)

// newNetwork leads to the address target until the test ends.
func newNetwork(t *testing.T, target string) *network {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	n.done.Go(n.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		n.set(down)
		n.done.Wait()
	})
	return n
}

// address is where clients connect to.
func (n *network) address() string { return n.listener.Addr().String() }

// set changes how the network is.
func (n *network) set(state networkState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = state
	if state == down {
		for c := range n.conns {
			_ = c.Close()
		}
		clear(n.conns)
	}
}

func (n *network) accept() {
	for {
		near, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.done.Go(func() {
			defer near.Close()
			far, err := net.Dial("tcp", n.target)
			if err != nil {
				return
			}
			defer far.Close()
			if !n.join(near, far) {
				return
			}
			n.done.Go(func() {
				defer near.Close()
				_, _ = io.Copy(filter{n, near}, far) // its end is the end of the connection
			})
			_, _ = io.Copy(far, near)
		})
	}
}

// join makes set cut the connections.
func (n *network) join(conns ...net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range conns {
		n.conns[c] = struct{}{}
	}
	return n.state != down
}

// filter drops what a deaf client does not hear.
type filter struct {
	n *network
	w io.Writer
}

func (f filter) Write(p []byte) (int, error) {
	f.n.mu.Lock()
	state := f.n.state
	f.n.mu.Unlock()
	if state == deaf {
		return len(p), nil
	}
	return f.w.Write(p)
}
