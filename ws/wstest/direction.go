package wstest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// direction is what one end of a pipe has written and the other has not read yet. Everything that can change is guarded
// by mu; whoever must wait does so in changed, which releases mu, and looks again at every change.
type direction struct {
	buffer  int
	chop    int
	latency time.Duration

	mu      sync.Mutex
	changed sync.Cond

	buf     []byte // accepted bytes
	start   int    // where the unread ones begin
	arrived int    // how many of the unread ones can be read
	ended   bool   // the end of the stream can be read after them
	flights []flight
	arrival moment // of the first flight

	writing       bool // a Write has its turn
	finished      bool // the writer wrote its last byte
	writerClosed  bool
	readerClosed  bool
	broken        bool // reset
	stalled       bool
	readDeadline  moment
	writeDeadline moment
}

// flight is what one Write put on its way: bytes, or the end of the stream.
type flight struct {
	at  time.Time
	n   int
	end bool
}

func newDirection(o PipeOptions) *direction {
	d := &direction{buffer: o.Buffer, chop: o.Chop, latency: o.Latency}
	if d.buffer <= 0 {
		d.buffer = 64 << 10
	}
	d.changed.L = &d.mu
	return d
}

func (d *direction) read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		d.land()
		switch {
		case d.readerClosed:
			return 0, net.ErrClosed
		case d.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		case d.broken:
			return 0, syscall.ECONNRESET
		case len(p) == 0:
			return 0, nil
		case d.arrived > 0:
			return d.take(p), nil
		case d.ended:
			return 0, io.EOF
		}
		d.changed.Wait()
	}
}

// take moves arrived bytes into p.
func (d *direction) take(p []byte) int {
	n := min(len(p), d.arrived)
	if d.chop > 0 {
		n = min(n, d.chop)
	}
	copy(p[:n], d.buf[d.start:])
	d.start += n
	d.arrived -= n
	if d.start == len(d.buf) {
		d.buf, d.start = d.buf[:0], 0
	}
	d.changed.Broadcast()
	return n
}

func (d *direction) write(p []byte) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.writing {
		d.changed.Wait()
	}
	d.writing = true
	defer func() {
		d.writing = false
		d.changed.Broadcast()
	}()
	for {
		switch {
		case d.writerClosed:
			return n, net.ErrClosed
		case d.writeDeadline.passed:
			return n, os.ErrDeadlineExceeded
		case d.broken:
			return n, syscall.ECONNRESET
		case d.finished, d.readerClosed:
			return n, syscall.EPIPE
		}
		n += d.accept(p[n:])
		if n == len(p) {
			return n, nil
		}
		d.changed.Wait()
	}
}

// accept takes as many bytes of p as there is room for.
func (d *direction) accept(p []byte) int {
	unread := len(d.buf) - d.start
	n := min(len(p), d.buffer-unread)
	if d.stalled || n == 0 {
		return 0
	}
	if len(d.buf)+n > cap(d.buf) { // reuse the room of what has been read
		d.buf, d.start = append(d.buf[:0], d.buf[d.start:]...), 0
	}
	d.buf = append(d.buf, p[:n]...)
	d.depart(flight{n: n})
	return n
}

// depart sends bytes, or the end, on their way.
func (d *direction) depart(f flight) {
	f.at = time.Now().Add(d.latency)
	d.flights = append(d.flights, f)
	if len(d.flights) == 1 {
		d.arrival.set(f.at, d)
	}
	d.changed.Broadcast()
}

// land makes readable what has arrived by now.
func (d *direction) land() {
	if !d.arrival.passed {
		return
	}
	landed := 0
	for _, f := range d.flights {
		if time.Until(f.at) > 0 {
			break
		}
		d.arrived += f.n
		d.ended = d.ended || f.end
		landed++
	}
	d.flights = append(d.flights[:0], d.flights[landed:]...)
	if len(d.flights) > 0 {
		d.arrival.set(d.flights[0].at, d)
	} else {
		d.arrival.set(time.Time{}, d)
	}
}

// finish is the writer's last word: the reader gets the end of the stream after what was written.
func (d *direction) finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writerClosed {
		return net.ErrClosed
	}
	d.end()
	return nil
}

func (d *direction) end() {
	if !d.finished {
		d.finished = true
		d.depart(flight{end: true})
	}
}

func (d *direction) closeWriter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writerClosed {
		return net.ErrClosed
	}
	d.end()
	d.writerClosed = true
	d.writeDeadline.set(time.Time{}, d)
	return nil
}

func (d *direction) closeReader() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readerClosed = true
	d.readDeadline.set(time.Time{}, d)
	d.drop()
}

func (d *direction) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = true
	d.drop()
}

// drop forgets what nobody will read.
func (d *direction) drop() {
	d.buf, d.start, d.arrived, d.flights = nil, 0, 0, nil
	d.arrival.set(time.Time{}, d)
}

func (d *direction) stall(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stalled = on
	d.changed.Broadcast()
}

func (d *direction) setReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.readerClosed {
		return net.ErrClosed
	}
	d.readDeadline.set(t, d)
	return nil
}

func (d *direction) setWriteDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writerClosed {
		return net.ErrClosed
	}
	d.writeDeadline.set(t, d)
	return nil
}

// moment is a time at which those who wait in a direction shall look again. It belongs to the direction and is guarded
// by its mu.
type moment struct {
	at     time.Time // zero: never
	passed bool
	timer  *time.Timer // made once, so that a deadline set for every message costs no allocation
}

func (m *moment) set(t time.Time, d *direction) {
	m.at, m.passed = t, false
	wait := time.Until(t)
	switch {
	case t.IsZero(), wait <= 0:
		m.passed = !t.IsZero()
		if m.timer != nil {
			m.timer.Stop()
		}
	case m.timer == nil:
		m.timer = time.AfterFunc(wait, func() { m.ring(d) })
	default:
		m.timer.Reset(wait)
	}
	d.changed.Broadcast()
}

// ring is the timer's call. It may come late, for a time that has been changed meanwhile.
func (m *moment) ring(d *direction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.at.IsZero() || m.passed {
		return
	}
	if wait := time.Until(m.at); wait > 0 {
		m.timer.Reset(wait)
		return
	}
	m.passed = true
	d.changed.Broadcast()
}
