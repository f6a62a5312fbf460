package wstest

import (
	"io"
	"net"
	"time"
)

// PipeOptions describes the connection that [Pipe] makes. Both directions get the same. The zero value, and nil, give a
// connection without faults.
type PipeOptions struct {
	// Buffer is how many bytes each direction takes before Write blocks, those in flight included. 0: 64 KiB.
	Buffer int

	// Chop is the largest number of bytes that one Read returns, so that frames arrive in pieces. 0: as many as there are.
	Chop int

	// Latency is the time between the Write of a byte (or the closing) and the moment the other end can read it. 0: none.
	Latency time.Duration
}

// PipeConn is one end of a [Pipe]. It is a [net.Conn] that behaves as a TCP connection does: its methods may be called
// from any goroutine, Writes do not mix, and errors are a [*net.OpError] that [errors.Is] sees through:
//
//   - [os.ErrDeadlineExceeded] from Read and Write when the deadline has passed, even when there was something to read.
//     Write then also says how many bytes were accepted.
//   - [io.EOF] from Read, as such, when the other end was closed and all that it wrote has been read.
//   - [net.ErrClosed] from every method after Close of this end.
//   - [syscall.EPIPE] from Write after Close of the other end, or after CloseWrite of this one.
//   - [syscall.ECONNRESET] from Read and Write of both ends after Reset of either.
type PipeConn struct {
	name string
	in   *direction // the other end's out
	out  *direction
}

var _ net.Conn = (*PipeConn)(nil)

// Pipe returns the two ends of a connection in memory. Called inside a bubble of [testing/synctest], waiting for the
// other end is durably blocking there, and deadlines and latency go by the bubble's clock. Close both ends when done.
func Pipe(o *PipeOptions) (a, b *PipeConn) {
	if o == nil {
		o = &PipeOptions{}
	}
	ab, ba := newDirection(*o), newDirection(*o)
	return &PipeConn{name: "a", in: ba, out: ab}, &PipeConn{name: "b", in: ab, out: ba}
}

// Read waits for bytes from the other end and returns as many as have arrived and fit.
func (c *PipeConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.failed("read", err)
}

// Write hands bytes to the connection, waiting for room in its buffer. It does not keep p.
func (c *PipeConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.failed("write", err)
}

// CloseWrite ends the outgoing direction: the other end reads what was written and then [io.EOF]. Reading goes on.
func (c *PipeConn) CloseWrite() error {
	return c.failed("close", c.out.finish())
}

// Close ends both directions. The other end can still read what was written; what this end had not read is lost.
func (c *PipeConn) Close() error {
	c.in.closeReader()
	return c.failed("close", c.out.closeWriter())
}

// Reset breaks the connection as a TCP reset does: both ends fail at once, and whatever was under way is lost.
// Each end is still to be closed.
func (c *PipeConn) Reset() {
	c.in.reset()
	c.out.reset()
}

// Stall stops the outgoing direction from accepting bytes: Write blocks until Resume, its deadline or Close, however
// much room there is. What was accepted before still arrives.
func (c *PipeConn) Stall() { c.out.stall(true) }

// Resume ends what Stall began.
func (c *PipeConn) Resume() { c.out.stall(false) }

// SetDeadline sets the deadlines of Read and Write; the zero time means none.
func (c *PipeConn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t) // fails when the other does: after Close
	return c.failed("set", c.out.setWriteDeadline(t))
}

// SetReadDeadline sets the moment at which Read, also one that waits already, gives up; the zero time means none.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	return c.failed("set", c.in.setReadDeadline(t))
}

// SetWriteDeadline sets the moment at which Write, also one that waits already, gives up; the zero time means none.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	return c.failed("set", c.out.setWriteDeadline(t))
}

// LocalAddr names this end: network "pipe", address "a" for the first end that [Pipe] returned and "b" for the second.
func (c *PipeConn) LocalAddr() net.Addr { return pipeAddr(c.name) }

// RemoteAddr names the other end as its LocalAddr does.
func (c *PipeConn) RemoteAddr() net.Addr {
	if c.name == "a" {
		return pipeAddr("b")
	}
	return pipeAddr("a")
}

// failed dresses an error as package net does, so that code that compares instead of asking errors.Is is found out.
func (c *PipeConn) failed(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
