package memory

import (
	"sync"
	"sync/atomic"
)

// gate counts who is inside, and can be shut for good: then nobody enters any more.
type gate struct {
	inside atomic.Int64  // isShut is added when it is shut
	empty  chan struct{} // closed when the gate is shut and nobody is inside
	once   sync.Once
}

const isShut = 1 << 62

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter reports whether the caller is inside, and has to leave.
func (g *gate) enter() bool {
	if g.inside.Add(1) < isShut {
		return true
	}
	g.leave()
	return false
}

func (g *gate) leave() {
	if g.inside.Add(-1) == isShut {
		g.once.Do(func() { close(g.empty) })
	}
}

// shut lets nobody in any more. It reports whether this call did it.
func (g *gate) shut() bool {
	for {
		n := g.inside.Load()
		if n >= isShut {
			return false
		}
		if g.inside.CompareAndSwap(n, n+isShut) {
			if n == 0 {
				g.once.Do(func() { close(g.empty) })
			}
			return true
		}
	}
}

func (g *gate) closed() bool { return g.inside.Load() >= isShut }
