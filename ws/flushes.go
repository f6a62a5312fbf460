package ws

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// flushes are the connections of this process on plain TCP in whose queue something was put. What a handler sends to
// thousands, TryWritePrepared in a loop, leaves when the goroutine of the handler is about to wait for its own connection:
// without a goroutine for each, and with everything that is pending for one of them in one write. So that a handler which
// is slow holds nothing back, the first connection on the list also starts a goroutine that does the same.
var flushes flushList

type flushList struct {
	some atomic.Bool // there is something on the list

	mu      sync.Mutex
	conns   []*Conn
	at      int // those before it are taken
	added   int // how many were ever put on the list
	workers int // goroutines that send, or are about to
}

// flushChunk is how many connections are taken from the list at a time.
const flushChunk = 64

// add puts c on the list.
func (l *flushList) add(c *Conn) {
	l.mu.Lock()
	if len(l.conns) == cap(l.conns) && l.at > len(l.conns)/2 {
		n := copy(l.conns, l.conns[l.at:])
		clear(l.conns[n:])
		l.conns, l.at = l.conns[:n], 0
	}
	l.conns = append(l.conns, c)
	l.added++
	if !l.some.Load() {
		l.some.Store(true)
	}
	start := l.workers == 0
	if start {
		l.workers++
	}
	l.mu.Unlock()
	if start {
		go drainFlushes()
	}
}

// drainFlushes is what a goroutine runs that drains the list. Being a plain function, it takes no closure.
func drainFlushes() { flushes.work() }

// work drains the list until nothing was put on it for one round of the scheduler: to start another goroutine for the
// next messages that arrive together costs more than to look again.
func (l *flushList) work() {
	for {
		l.drain(math.MaxInt)
		l.mu.Lock()
		seen := l.added
		l.mu.Unlock()
		runtime.Gosched()
		l.mu.Lock()
		if l.added == seen && l.at == len(l.conns) {
			l.workers--
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}

// waiting returns how many connections are on the list.
func (l *flushList) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns) - l.at
}

// drain sends what the first so many connections on the list have queued, never waiting for any of them. A reader that drains
// takes no more than what is there when it begins: somebody may add faster than it can send, and there is a goroutine
// as long as there is anything on the list.
func (l *flushList) drain(most int) {
	var chunk [flushChunk]*Conn
	for most > 0 {
		n := l.take(chunk[:min(most, flushChunk)])
		if n == 0 {
			return
		}
		most -= n
		for _, c := range chunk[:n] {
			c.flushNow()
		}
		clear(chunk[:n])
	}
}

// take takes some connections off the list. If many are left, and processors idle perhaps, another goroutine helps.
func (l *flushList) take(chunk []*Conn) int {
	l.mu.Lock()
	n := copy(chunk, l.conns[l.at:])
	clear(l.conns[l.at : l.at+n])
	l.at += n
	left := len(l.conns) - l.at
	if left == 0 {
		l.conns, l.at = l.conns[:0], 0
		if cap(l.conns) > 1<<16 {
			l.conns = nil
		}
		if l.some.Load() {
			l.some.Store(false)
		}
	}
	help := left > flushChunk && l.workers < runtime.GOMAXPROCS(0)-1
	if help {
		l.workers++
	}
	l.mu.Unlock()
	if help {
		go drainFlushes()
	}
	return n
}

// flushNow sends what is queued, if nobody else is going to, as far as the transport takes it at once; a goroutine sees to the
// rest.
func (c *Conn) flushNow() {
	c.mu.Lock()
	c.out.flushing = false
	start := c.out.pending() && !c.closeSent.Load() && c.out.turn.try()
	if start {
		c.takeQueue()
	}
	c.mu.Unlock()
	if !start {
		return
	}
	if err := c.send(context.Background(), false); err == errWouldBlock {
		go c.flush()
		return
	}
	c.release()
}
