package mutant

import (
	"bufio"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// sizeLimit is how large a message may be, as it travels and inflated.
	sizeLimit    = 32 << 20
	writeTimeout = 30 * time.Second
	endTimeout   = time.Second
)

// endpoint is one end of an open connection. A single goroutine reads, and writes what follows from it.
type endpoint struct {
	nc    net.Conn
	r     *bufio.Reader
	role  Role
	fault Fault

	in  incoming
	out *compressor // nil if there is no compression
	inf *inflater   // nil likewise
	buf [16 << 10]byte

	failed   bool     // it has sent a close frame because of a violation
	deferred [][]byte // payloads of pongs that a fault holds back
	held     []content
}

// content is a message.
type content struct {
	op   byte
	data []byte
}

func newEndpoint(nc net.Conn, r *bufio.Reader, role Role, fault Fault, deflate *agreement) *endpoint {
	e := &endpoint{nc: nc, r: r, role: role, fault: fault}
	if deflate != nil {
		out := direction{bits: deflate.serverBits, takeover: !deflate.serverNoTakeover}
		in := direction{bits: deflate.clientBits, takeover: !deflate.clientNoTakeover}
		if role == RoleClient {
			out, in = in, out
		}
		e.out, e.inf = newCompressor(out, fault), newInflater(in, fault)
	}
	return e
}

// violation is a reason to fail the connection: RFC 6455 §7.1.7.
type violation struct {
	code   uint16
	reason string
}

func (v *violation) Error() string { return v.reason }

// errClosed says that the closing handshake is done.
var errClosed = errors.New("closed")

// nobody is the fault that no endpoint has, for rules that are always kept.
const nobody Fault = "-"

// rule returns a violation if something is not as it must be, unless the endpoint has the fault not to care.
func (e *endpoint) rule(ok bool, exempt Fault, code uint16, reason string) error {
	if ok || e.fault == exempt {
		return nil
	}
	if e.fault == goesOnAfterFailure {
		if !e.failed {
			e.failed = true
			return e.sendClose(code, reason)
		}
		return nil
	}
	return &violation{code, reason}
}

// run echoes until the connection has ended for both sides, or the other side has gone.
func (e *endpoint) run() {
	var err error
	for err == nil {
		err = e.echo()
	}
	var v *violation
	switch {
	case errors.As(err, &v):
		if e.fault != failsSilently && e.sendClose(e.failureCode(v.code), v.reason) != nil {
			return
		}
		end(e.nc)
	case !errors.Is(err, errClosed):
		// The transport has ended, or fails.
	case e.role == RoleClient || e.fault == staysAfterClose:
		// It is for the server to end the connection: RFC 6455 §7.1.1.
		if e.role == RoleClient {
			_ = e.nc.SetReadDeadline(time.Now().Add(2 * endTimeout)) // if it fails, so does the read
		}
		_, _ = io.Copy(io.Discard, e.nc)
	default:
		end(e.nc)
	}
}

func (e *endpoint) failureCode(code uint16) uint16 {
	switch {
	case e.fault == failsWith1000:
		return 1000
	case e.fault == failsWith1011:
		return 1011
	case e.fault == wrongCodeForText && code == 1007:
		return 1002
	}
	return code
}

// end ends the outgoing side and waits a moment for the end of the other. Closed at once, with bytes unread, TCP would
// send a reset, which overtakes the close frame.
func end(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = nc.SetReadDeadline(time.Now().Add(endTimeout)) // if it fails, so does the read
		_, _ = io.Copy(io.Discard, nc)
	}
}

// echo reads a message and sends it back.
func (e *endpoint) echo() error {
	m, err := e.receive()
	if err != nil {
		return err
	}
	switch {
	case e.fault == alwaysBinary:
		m.op = opBinary
	case e.fault == truncatesMessages:
		m.data = m.data[:min(len(m.data), 65535)]
	case e.fault == dropsEmpty && len(m.data) == 0:
		return e.sendDeferred()
	case e.fault == reordersMessages:
		if e.held = append(e.held, m); e.r.Buffered() == 0 {
			return e.sendHeld()
		}
		return nil
	}
	if err := e.send(m); err != nil {
		return err
	}
	return e.sendDeferred()
}

func (e *endpoint) sendDeferred() error {
	for _, p := range e.deferred {
		if err := e.frame(final|opPong, p); err != nil {
			return err
		}
	}
	e.deferred = nil
	return nil
}

// sendHeld sends what was held back, the last message first.
func (e *endpoint) sendHeld() error {
	for n := len(e.held); n > 0; n-- {
		if err := e.send(e.held[n-1]); err != nil {
			return err
		}
	}
	e.held = nil
	return nil
}
