package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// defaultFiles is how many files a process may open where that is not known: nine tenths of it are 65,536.
const defaultFiles = 72_820

// Limiter keeps the accounts of one server. New makes one. Its methods may be called from any goroutine.
type Limiter struct {
	options atomic.Pointer[Options] // with defaults

	mu        sync.Mutex
	accepts   bucket
	addresses map[netip.Addr]*address
	open      int       // connections that were let in, and are not known to be closed
	sweepAt   int       // how many addresses and connections there are at the next sweep
	fullUntil time.Time // for so long nobody looks again whether a place has become free
}

// New returns a Limiter with nothing in its accounts.
func New(o Options) *Limiter {
	l := &Limiter{addresses: map[netip.Addr]*address{}, sweepAt: sweepMin}
	l.Set(o)
	return l
}

// Set replaces the options. What is open stays open.
func (l *Limiter) Set(o Options) { l.options.Store(o.withDefaults()) }

// Open returns how many connections that were let in are open, on all listeners.
func (l *Limiter) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(time.Now(), l.options.Load())
	return l.open
}

// held is a connection that takes a place. Control returns an error once it is closed, as syscall.RawConn does.
type held interface {
	Control(func(fd uintptr)) error
}

func isClosed(c held) bool { return c.Control(func(uintptr) {}) != nil }

// address is the account of one address.
type address struct {
	bucket
	conns   []held // some of them may be closed
	entered int    // requests: see Enter
}

// prune forgets the connections that are closed, and returns how many there were.
func (a *address) prune() int {
	kept := a.conns[:0]
	for _, c := range a.conns {
		if !isClosed(c) {
			kept = append(kept, c)
		}
	}
	n := len(a.conns) - len(kept)
	clear(a.conns[len(kept):])
	a.conns = kept
	if len(kept) == 0 {
		a.conns = nil
	}
	return n
}

// accountOf returns that under which an address counts.
func accountOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.Prefix(64) // it has 128 bits
		return p.Addr()
	}
	return a
}

// admit lets a connection in, whose address is invalid if it has none, or returns the name of the limit that is against it.
func (l *Limiter) admit(from netip.Addr, c held) (limit string) {
	o, now := l.options.Load(), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.addresses)+l.open >= l.sweepAt {
		l.sweep(now, o)
	}
	key := accountOf(from)
	a := l.account(key, now, o)
	exempt := o.exempts(from)
	if !exempt {
		if limit := l.against(a, now, o); limit != "" {
			return limit
		}
	}
	if o.Accepts > 0 && !l.accepts.has(now, o.Accepts, o.Accepts) {
		return Accepts
	}
	if l.full(now, o) {
		return Connections
	}
	l.accepts.tokens--
	if !exempt {
		a.tokens--
	}
	a.conns = append(a.conns, c)
	l.addresses[key] = a // not before: what is refused leaves nothing behind
	l.open++
	return ""
}

// account returns the account of an address, perhaps a new one that is not in the table yet.
func (l *Limiter) account(key netip.Addr, now time.Time, o *Options) *address {
	if a := l.addresses[key]; a != nil {
		return a
	}
	return &address{bucket: bucket{tokens: float64(o.Burst), last: now}}
}

// against returns the limit for one address that is against one more, or "".
func (l *Limiter) against(a *address, now time.Time, o *Options) (limit string) {
	if o.Rate > 0 && !a.has(now, o.Rate, float64(o.Burst)) {
		return AddressRate
	}
	if o.PerAddress > 0 && len(a.conns)+a.entered >= o.PerAddress {
		l.open -= a.prune()
		if len(a.conns)+a.entered >= o.PerAddress {
			return AddressConnections
		}
	}
	return ""
}

// full reports whether there is no place for one more connection. To find that out costs a look at all of them. If there is none,
// nobody looks again for twenty times as long as it took: then this takes a twentieth of a processor at most.
func (l *Limiter) full(now time.Time, o *Options) bool {
	if o.Connections < 0 || l.open < o.Connections {
		return false
	}
	if now.Before(l.fullUntil) {
		return true
	}
	l.sweep(now, o)
	if l.open < o.Connections {
		return false
	}
	done := time.Now()
	l.fullUntil = done.Add(20 * done.Sub(now))
	return true
}

const (
	// sweepMin is how much must have come before the first sweep.
	sweepMin = 1024

	// maxIdle is how many addresses are remembered that have nothing open. Without a limit on accepts there could be any number.
	maxIdle = 1 << 16
)

// sweep forgets the connections that are closed, and the addresses that have none and whose allowance is full again: as if they had never been
// there. The next sweep is due when there is twice as much, so that each arrival pays for its own.
func (l *Limiter) sweep(now time.Time, o *Options) {
	idle := 0
	for key, a := range l.addresses {
		l.open -= a.prune()
		if len(a.conns) > 0 || a.entered > 0 {
			continue
		}
		if idle++; idle > maxIdle || o.Rate < 0 || a.isFull(now, o.Rate, float64(o.Burst)) {
			delete(l.addresses, key)
		}
	}
	l.sweepAt = 2*(len(l.addresses)+l.open) + sweepMin
}
