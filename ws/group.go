package ws

import (
	"context"
	"sync"
)

// Group holds the connections of a server, so that they can be ended together. The zero value is ready to use; a Group must
// not be copied. Its methods may be called from any goroutine.
type Group struct {
	mu      sync.Mutex
	conns   map[*Conn]struct{}
	pending int // connections, handlers and handshakes that Shutdown waits for
	closing bool
	empty   chan struct{} // made by Shutdown, closed when pending is 0
}

// Len returns the number of open connections.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// Shutdown ends every connection with 1001 (going away) and waits until all are gone and every Handler.Handle has returned.
// New connections are refused with a 503 from now on. When ctx ends, what is left is cut and Shutdown
// returns the context's error.
func (g *Group) Shutdown(ctx context.Context) error {
	empty, conns := g.shut()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			// How it ends is the connection's own affair: here it only must end.
			_ = c.Close(ctx, CodeGoingAway, "server is shutting down")
		})
	}
	defer wg.Wait()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	g.cut(context.Cause(ctx))
	return cancelled("shutdown", ctx)
}

// cut ends every connection at once, and refuses new ones.
func (g *Group) cut(cause error) {
	_, conns := g.shut()
	for _, c := range conns {
		c.abort(&CloseError{Code: CodeGoingAway, Err: cause})
	}
}

// shut refuses new connections. It returns those that there are, and what is closed when nothing is left to wait for.
func (g *Group) shut() (empty chan struct{}, conns []*Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closing = true
	if g.empty == nil {
		g.empty = make(chan struct{})
		if g.pending == 0 {
			close(g.empty)
		}
	}
	return g.empty, g.snapshot()
}

// snapshot lists the connections. g.mu is held.
func (g *Group) snapshot() []*Conn {
	conns := make([]*Conn, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	return conns
}

// open reports whether the group takes new connections.
func (g *Group) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.closing
}

// add registers c. If the group has closed meanwhile, c is told at once.
func (g *Group) add(c *Conn) {
	g.mu.Lock()
	if g.conns == nil {
		g.conns = make(map[*Conn]struct{})
	}
	g.conns[c] = struct{}{}
	g.pending++
	closing := g.closing
	g.mu.Unlock()
	if closing {
		go func() { _ = c.Close(context.Background(), CodeGoingAway, "server is shutting down") }()
	}
}

// remove forgets c, whose stream is closed.
func (g *Group) remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.conns[c]; ok {
		delete(g.conns, c)
		g.leave()
	}
}

// enter counts a handler or a handshake that Shutdown waits for; exit counts it off. g may be nil for both callers' sake.
func (g *Group) enter() {
	if g != nil {
		g.mu.Lock()
		g.pending++
		g.mu.Unlock()
	}
}

func (g *Group) exit() {
	if g != nil {
		g.mu.Lock()
		g.leave()
		g.mu.Unlock()
	}
}

// leave counts one off. g.mu is held.
func (g *Group) leave() {
	g.pending--
	if g.pending == 0 && g.closing && g.empty != nil {
		select {
		case <-g.empty:
		default:
			close(g.empty)
		}
	}
}
