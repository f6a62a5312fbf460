package ws

import (
	"net"
	"sync/atomic"
)

// maxIdleGreeters is how many goroutines wait for the next connection of a listener.
const maxIdleGreeters = 32

// greeters are the goroutines that do the opening handshakes of one listener. A handshake takes more stack than a goroutine
// begins with, and to let it grow costs more than most of the rest: so those that are done do the next one.
type greeters struct {
	s    *Server
	next chan net.Conn // taken by whoever is idle
	done chan struct{} // closed when the listener is
	idle atomic.Int32
}

// greet has somebody do the handshake on conn. It never waits: a client that is slow holds up nobody else.
func (g *greeters) greet(conn net.Conn) {
	select {
	case g.next <- conn:
	default:
		go g.work(conn)
	}
}

func (g *greeters) work(conn net.Conn) {
	for {
		g.s.handshake(conn)
		if g.idle.Add(1) > maxIdleGreeters {
			g.idle.Add(-1)
			return
		}
		select {
		case conn = <-g.next:
			g.idle.Add(-1)
		case <-g.done:
			return
		}
	}
}
