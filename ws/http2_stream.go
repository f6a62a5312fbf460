package ws

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

const (
	// h2Window is how many bytes the server may send before they are read.
	h2Window = 1 << 20
	// h2MaxFrame is the largest frame that either side sends: what every peer has to take (RFC 9113 §4.2).
	h2MaxFrame = 16 << 10
	// h2MaxPiece is how much of a Write leaves in one call of the network connection.
	h2MaxPiece = 64 << 10
	// h2MaxControl bounds what waits of answers to the server's pings and settings.
	h2MaxControl = 16 << 10
	// h2Farewell is how long Close may take to tell the server that the stream is over.
	h2Farewell = 100 * time.Millisecond

	h2FrameHeader = 9
	h2StreamID    = 1 // the only stream: RFC 9113 §5.1.1
)

// h2Stream is the stream of an extended CONNECT (RFC 8441 §5) as a client has it: the only one on an HTTP/2 connection of
// its own, which it owns. The end of the stream is that of a TCP connection: END_STREAM is FIN, RST_STREAM is RST.
//
// One goroutine reads the frames, for the server may want answers while nobody reads messages; Close waits for it. What the
// server is told unasked is sent by whoever writes, or by a goroutine that ends with it, so that reading never waits for
// writing.
type h2Stream struct {
	conn net.Conn
	br   *bufio.Reader
	fr   *http2.Framer // reads from br, and writes to control
	work sync.WaitGroup

	peer h2Peer // of the goroutine that reads frames

	mu              sync.Mutex
	reads, writes   sync.Cond
	readBy, writeBy h2Deadline
	closed          bool
	readErr         error // behind what is buffered; io.EOF after END_STREAM
	writeErr        error
	failed          bool          // nothing can be done with the connection any more
	goAway          error         // what the server has announced
	parting         http2.ErrCode // what it is told at the end

	// Received. Only the goroutine that reads frames makes room; while it fills, the buffer stays.
	buf     *buffer // unread bytes are buf.b[r:w]
	r, w    int
	filling bool
	room    int // what the server may still send
	eaten   int // what was read and is not given back to room yet

	// To be sent.
	control []byte // frames that are not DATA, or are empty
	writing bool   // somebody writes to conn
	data    bool   // it is Write
	ended   bool   // END_STREAM is sent, or in control
	window  int64  // of the stream
	budget  int64  // of the connection
}

// h2Deadline wakes those who wait on a condition when it passes. Guarded by h2Stream.mu.
type h2Deadline struct {
	at, armed time.Time
	timer     *time.Timer
}

func (d *h2Deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// watch makes the timer ring at the deadline, before a wait.
func (d *h2Deadline) watch(ring func()) {
	if d.at.IsZero() || d.armed.Equal(d.at) {
		return
	}
	d.armed = d.at
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(d.at), ring)
		return
	}
	d.timer.Reset(time.Until(d.at))
}

func (d *h2Deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// newH2Stream begins an HTTP/2 connection with what a client says first (RFC 9113 §3.4).
func newH2Stream(conn net.Conn) *h2Stream {
	s := &h2Stream{conn: conn, br: bufio.NewReader(conn), room: h2Window, window: 65535, budget: 65535}
	s.reads.L, s.writes.L = &s.mu, &s.mu
	s.fr = http2.NewFramer((*h2Control)(s), s.br)
	s.initPeer()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.control = append(s.control, http2.ClientPreface...)
	_ = s.fr.WriteSettings( // to memory, which never fails; the same holds below
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: h2Window},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxAnswerHeader})
	_ = s.fr.WriteWindowUpdate(0, h2Window-65535)
	s.kick()
	return s
}

// h2Control appends what a Framer writes to what is to be sent. h2Stream.mu is held.
type h2Control h2Stream

func (c *h2Control) Write(p []byte) (int, error) {
	c.control = append(c.control, p...)
	return len(p), nil
}

// start lets the stream read frames by itself, once the handshake is done.
func (s *h2Stream) start() {
	s.work.Go(func() {
		for {
			if err := s.step(); err != nil {
				s.fail(err)
				return
			}
		}
	})
}

// RemoteAddr and LocalAddr are those of the network connection.
func (s *h2Stream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

func (s *h2Stream) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// SetReadDeadline implements Stream.
func (s *h2Stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy.at = t
	s.reads.Broadcast()
	return s.closedErr()
}

// SetWriteDeadline implements Stream.
func (s *h2Stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy.at = t
	s.writes.Broadcast()
	if s.data {
		_ = s.conn.SetWriteDeadline(t) // fails only if it is closed
	}
	return s.closedErr()
}

func (s *h2Stream) closedErr() error {
	if s.closed {
		return net.ErrClosed
	}
	return nil
}

func (s *h2Stream) ringRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy.armed = time.Time{}
	s.reads.Broadcast()
}

func (s *h2Stream) ringWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy.armed = time.Time{}
	s.writes.Broadcast()
}

// Read implements Stream.
func (s *h2Stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.closed || s.r == s.w || s.readBy.passed() {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case s.readErr != nil:
			return 0, s.readErr
		}
		s.readBy.watch(s.ringRead)
		s.reads.Wait()
	}
	n := copy(p, s.buf.b[s.r:s.w])
	s.r += n
	s.release()
	s.consumed(n)
	return n, nil
}

// release gives the buffer back if it is empty. mu is held.
func (s *h2Stream) release() {
	if s.r == s.w && !s.filling {
		putBuffer(s.buf)
		s.buf, s.r, s.w = nil, 0, 0
	}
}

// consumed lets the server send n bytes more, once it is worth a frame. mu is held.
func (s *h2Stream) consumed(n int) {
	s.eaten += n
	if s.eaten < h2Window/2 || s.readErr != nil || s.closed {
		return
	}
	_ = s.fr.WriteWindowUpdate(0, uint32(s.eaten))
	_ = s.fr.WriteWindowUpdate(h2StreamID, uint32(s.eaten))
	s.room += s.eaten
	s.eaten = 0
	s.kick()
}

// reserve makes room for n bytes behind what is unread, and returns it. mu is held; the caller fills.
func (s *h2Stream) reserve(n int) []byte {
	switch {
	case s.buf == nil:
		s.buf = getBuffer(n)
	case s.w+n > len(s.buf.b) && s.r >= (s.w-s.r) && s.w-s.r+n <= len(s.buf.b):
		s.w, s.r = copy(s.buf.b, s.buf.b[s.r:s.w]), 0
	case s.w+n > len(s.buf.b):
		b := getBuffer(max(2*(s.w-s.r), s.w-s.r+n))
		s.w, s.r = copy(b.b, s.buf.b[s.r:s.w]), 0
		putBuffer(s.buf)
		s.buf = b
	}
	return s.buf.b[s.w : s.w+n]
}

// Write implements Stream. A deadline that passes before the network has taken a byte of p leaves the stream as it was; if it
// may have taken a part of a frame, nothing more can be sent, and n counts all that may have left.
func (s *h2Stream) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var taken int
		taken, err = s.writePiece(p[n:])
		n += taken
	}
	return n, err
}

// writePiece sends as much of p as the windows allow, in one call, and what is to be sent besides.
func (s *h2Stream) writePiece(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing || s.unwritable() != nil || s.writeBy.passed() || min(s.window, s.budget) <= 0 {
		switch err := s.unwritable(); {
		case err != nil:
			return 0, err
		case s.writeBy.passed():
			return 0, os.ErrDeadlineExceeded
		}
		s.writeBy.watch(s.ringWrite)
		s.writes.Wait()
	}
	n := min(len(p), h2MaxPiece, int(min(s.window, s.budget)))
	frames := (n + h2MaxFrame - 1) / h2MaxFrame
	control := len(s.control)
	b := getBuffer(control + n + frames*h2FrameHeader)
	at := copy(b.b, s.control)
	for rest := p[:n]; len(rest) > 0; {
		k := min(len(rest), h2MaxFrame)
		at += copy(b.b[at:], []byte{byte(k >> 16), byte(k >> 8), byte(k), byte(http2.FrameData), 0, 0, 0, 0, h2StreamID})
		at += copy(b.b[at:], rest[:k])
		rest = rest[k:]
	}
	s.control = s.control[:0]
	s.window -= int64(n)
	s.budget -= int64(n)
	s.writing, s.data = true, true
	_ = s.conn.SetWriteDeadline(s.writeBy.at) // fails only if it is closed, which Write tells, too
	s.mu.Unlock()
	sent, err := s.conn.Write(b.b[:at])
	s.mu.Lock()
	s.writing, s.data = false, false
	if err != nil && sent == 0 && errors.Is(err, os.ErrDeadlineExceeded) && s.exact() {
		// Nothing has happened.
		s.control = append(append(make([]byte, 0, control+len(s.control)), b.b[:control]...), s.control...)
		s.window += int64(n)
		s.budget += int64(n)
		n = 0
	} else if err != nil {
		s.broken(err)
		err = s.unwritable()
	}
	putBuffer(b)
	s.writes.Broadcast()
	s.kick()
	return n, err
}

// exact reports whether a write of the network connection that fails tells how many bytes it took.
func (s *h2Stream) exact() bool {
	switch s.conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

var errH2Ended = errors.New("the HTTP/2 stream is closed for writing")

// unwritable returns why nothing can be sent, or nil. mu is held.
func (s *h2Stream) unwritable() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case s.writeErr != nil:
		return s.writeErr
	case s.ended:
		return errH2Ended
	}
	return nil
}

// kick has a goroutine send what is in control, unless somebody writes, who then does it. mu is held.
func (s *h2Stream) kick() {
	if s.writing || len(s.control) == 0 || s.closed || s.failed {
		return
	}
	s.writing = true
	s.work.Go(s.sendControl)
}

func (s *h2Stream) sendControl() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.control) > 0 && !s.closed && !s.failed {
		b := s.control
		s.control = nil
		_ = s.conn.SetWriteDeadline(time.Time{}) // fails only if it is closed, which Write tells, too
		s.mu.Unlock()
		_, err := s.conn.Write(b)
		s.mu.Lock()
		if err != nil {
			s.broken(err)
		}
	}
	s.writing = false
	s.writes.Broadcast()
}

// broken notes that the network connection takes nothing any more. What has arrived can still be read. mu is held.
func (s *h2Stream) broken(err error) {
	s.failed = true
	if s.writeErr == nil {
		s.writeErr = err
	}
	s.writes.Broadcast()
}

// end notes how the stream, or one direction of it, ended, unless that is known already. mu is held.
func (s *h2Stream) end(readErr, writeErr error) {
	if s.readErr == nil {
		s.readErr = readErr
	}
	if s.writeErr == nil {
		s.writeErr = writeErr
	}
	s.reads.Broadcast()
	s.writes.Broadcast()
}

// CloseWrite ends the sending direction with END_STREAM, which is a FIN (RFC 8441 §5).
func (s *h2Stream) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.unwritable(); err != nil {
		return err
	}
	s.ended = true
	_ = s.fr.WriteData(h2StreamID, true, nil)
	s.kick()
	return nil
}

// Close ends the stream and its connection: in order, if the server has ended its direction, and otherwise with RST_STREAM and
// the code CANCEL (RFC 8441 §5). It interrupts every call.
func (s *h2Stream) Close() error {
	s.mu.Lock()
	first, bye := !s.closed, []byte(nil)
	s.closed = true
	s.readBy.stop()
	s.writeBy.stop()
	s.reads.Broadcast()
	s.writes.Broadcast()
	if first {
		bye = s.farewell()
	}
	s.mu.Unlock()
	if first {
		s.hangUp(bye)
	}
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	putBuffer(s.buf)
	s.buf, s.r, s.w = nil, 0, 0
	return nil
}

// farewell returns the last words to the server; none if it is in the middle of a frame. mu is held.
func (s *h2Stream) farewell() []byte {
	end := time.Now().Add(h2Farewell)
	defer time.AfterFunc(h2Farewell, s.ringWrite).Stop()
	for s.writing && !s.data && time.Now().Before(end) {
		s.writes.Wait() // answers to the server, which are few
	}
	if s.writing || s.failed {
		return nil
	}
	if s.peer.opened && s.writeErr == nil {
		switch {
		case s.readErr != io.EOF:
			_ = s.fr.WriteRSTStream(h2StreamID, http2.ErrCodeCancel)
		case !s.ended:
			_ = s.fr.WriteData(h2StreamID, true, nil)
		}
	}
	_ = s.fr.WriteGoAway(0, s.parting, nil)
	return s.control
}

// hangUp sends the last words, if the network takes them soon, and closes the network connection.
func (s *h2Stream) hangUp(bye []byte) {
	n, err := 0, error(nil)
	if len(bye) > 0 {
		if n, err = writeAtOnce(s.conn, bye); n == 0 && err == nil {
			_ = s.conn.SetWriteDeadline(time.Now().Add(h2Farewell))
			n, err = s.conn.Write(bye)
		}
	}
	if t, ok := s.conn.(*tls.Conn); ok && (n < len(bye) || len(bye) == 0 || err != nil) {
		_ = t.NetConn().Close() // else Close might wait for seconds until a full transport takes its alert
	}
	_ = s.conn.Close() // how it ended is known already
}
