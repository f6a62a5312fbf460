// Package load is the load generator of the bench: clients on raw epoll, on one thread, cheap enough not to be the
// bottleneck, that check every byte of what comes back.
//
//	m, err := load.Echo{Size: 125, Conns: 100, Flight: 1}.Run(target)
//
// What it sends was encoded before, with a masking key that is not random, which no real client may do; it
// compares replies with what they must be and decodes none, but for compressed ones. It must not know the subjects.
//
// It works on Linux only.
package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Target is the server under load.
type Target struct {
	// Addr is its host and port, both numeric.
	Addr string
	// Path is requested in the handshake, such as /room.
	Path string
	// Subprotocol is asked for in the handshake, unless it is empty.
	Subprotocol string
	// Raw says that there is no handshake, and that what is sent comes back as it is.
	Raw bool
	// Pid is its process, whose CPU time is read.
	Pid int
	// Cores are where the generator's thread runs; nil for anywhere.
	Cores []int
	// Warm is how long it is under load before anything is measured.
	Warm time.Duration
	// Measure is how long it is measured.
	Measure time.Duration
	// Around, if not nil, is called when a measurement begins, and what it returns when it is over.
	Around func() (done func() error, err error)
}

// A Measure is what one round showed.
type Measure struct {
	// Messages counts messages that came back, or deliveries of a broadcast, or handshakes.
	Messages int64
	// Wall is how long it took.
	Wall time.Duration
	// ServerCPU is the CPU time that the target's process used.
	ServerCPU time.Duration
	// Busy is how long the generator was at work, not waiting.
	Busy time.Duration
	// P50 and P99 are latencies, of Latency only.
	P50, P99 time.Duration
}

// silence is how long a target may take for anything before a round is given up.
const silence = 20 * time.Second

// errSilent is the failure of a target that has stopped answering.
var errSilent = fmt.Errorf("nothing came from the server for %v", silence)

// onThread runs f on a thread of its own, on the target's cores.
func onThread(t Target, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, and its affinity, end with the goroutine
		if len(t.Cores) > 0 {
			var set unix.CPUSet
			for _, n := range t.Cores {
				set.Set(n)
			}
			if err := unix.SchedSetaffinity(0, &set); err != nil {
				done <- fmt.Errorf("load: pinning the generator to cores %v: %w", t.Cores, err)
				return
			}
		}
		done <- f()
	}()
	return <-done
}

// clocks are the times that a measurement takes the difference of.
type clocks struct {
	wall         time.Time
	server, busy time.Duration
}

func (t Target) clocks() (c clocks, err error) {
	c.wall = time.Now()
	if c.server, err = ProcessCPU(t.Pid); err != nil {
		return c, err
	}
	return c, nil
}

// since fills in the times of a measurement.
func (m *Measure) since(a, b clocks) {
	m.Wall, m.ServerCPU, m.Busy = b.wall.Sub(a.wall), b.server-a.server, b.busy-a.busy
}

// ProcessCPU returns the CPU time that a process has used so far, with all its threads.
func ProcessCPU(pid int) (time.Duration, error) {
	var ts unix.Timespec
	// The clock id of another process: see clock_getcpuclockid(3).
	if err := unix.ClockGettime(int32(^pid<<3|2), &ts); err != nil {
		return 0, fmt.Errorf("load: CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// loop drives connections until their time is over. It never sleeps: a generator that does has to be woken by the server's
// system calls, which costs the server the more, the longer the generator has nothing to do.
type loop struct {
	ep       int
	conns    []*conn
	buf      []byte // what is read; valid until the next read
	messages int64
	busy     time.Duration
	handle   func(c *conn, p []byte) error // takes what a connection has received
	before   func(now time.Time) error     // called before each look for events, if not nil
}

// run starts every connection, warms up, measures, and closes all connections.
func (l *loop) run(t Target, start func(c *conn) error) (m Measure, err error) {
	if err := l.watch(); err != nil {
		return m, err
	}
	defer unix.Close(l.ep)
	for _, c := range l.conns {
		if err := start(c); err != nil {
			return m, err
		}
	}
	if err := l.until(time.Now().Add(t.Warm)); err != nil {
		return m, err
	}
	var done func() error
	if t.Around != nil {
		if done, err = t.Around(); err != nil {
			return m, err
		}
	}
	before, err := t.clocks()
	if err != nil {
		return m, err
	}
	count, busy := l.messages, l.busy
	if err := l.until(before.wall.Add(t.Measure)); err != nil {
		return m, err
	}
	for l.messages == count { // a single large message may take longer than the time
		if err := l.until(time.Now().Add(t.Measure / 4)); err != nil {
			return m, err
		}
	}
	after, err := t.clocks()
	after.busy = l.busy - busy
	m.since(before, after)
	m.Messages = l.messages - count
	if done != nil {
		err = errors.Join(err, done())
	}
	return m, err
}

// watch makes the loop ready to run. Then l.ep is to be closed.
func (l *loop) watch() (err error) {
	l.buf = make([]byte, 512<<10)
	if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("load: epoll: %w", err)
	}
	for i, c := range l.conns {
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(i)}
		if err := unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, c.fd, &ev); err != nil {
			unix.Close(l.ep)
			return fmt.Errorf("load: epoll: %w", err)
		}
	}
	runtime.GC() // now rather than while it is measured
	return nil
}

// until drives the connections up to that time.
func (l *loop) until(end time.Time) error {
	var events [256]unix.EpollEvent
	last, seen := time.Now(), l.messages
	for {
		now := time.Now()
		if !now.Before(end) {
			return nil
		}
		if l.before != nil {
			if err := l.before(now); err != nil {
				return err
			}
		}
		n, err := unix.EpollWait(l.ep, events[:], 0)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("load: epoll: %w", err)
		}
		if n <= 0 {
			if l.messages == seen && now.Sub(last) > silence {
				return errSilent
			}
			continue
		}
		for _, ev := range events[:max(n, 0)] {
			if err := l.serve(l.conns[ev.Fd]); err != nil {
				return err
			}
		}
		l.busy += time.Since(now)
		last, seen = now, l.messages
	}
}

// serve sends what a connection has left to send, and reads what is there.
func (l *loop) serve(c *conn) error {
	if len(c.out) > 0 {
		if err := c.send(nil); err != nil {
			return err
		}
	}
	for {
		n, err := unix.Read(c.fd, l.buf)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("load: read: %w", err)
		case n == 0:
			return errors.New("load: the server closed a connection")
		}
		if err := l.handle(c, l.buf[:n]); err != nil {
			return err
		}
		if n < len(l.buf) {
			return nil
		}
	}
}
