package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"
)

// handlerBuffer is how many bytes a handlerStream takes before it waits for HTTP/2 to take them, as a socket has a buffer.
const handlerBuffer = 64 << 10

// handlerStream is the stream of an extended CONNECT (RFC 8441 §5) as a handler of net/http has it: a request's body and a
// ResponseWriter, which know neither deadlines after which one can go on, nor a half-closed stream. So a goroutine reads the
// body ahead, one buffer at a time, and another, which ends with what there is to send, writes. END_STREAM is sent by net/http
// when the handler returns. Nobody may use the ResponseWriter then: Handler waits for work, and everybody else for Close.
type handlerStream struct {
	w             http.ResponseWriter
	control       *http.ResponseController
	body          io.ReadCloser
	remote, local net.Addr
	work          sync.WaitGroup
	request       context.Context // over when the stream is, or its handler has returned
	unwatch       func() bool

	mu              sync.Mutex
	reads, writes   sync.Cond // reads also tells the goroutine that reads ahead that its buffer is taken
	readBy, writeBy h2Deadline
	closed          bool
	readErr         error // behind what is read ahead
	writeErr        error

	ahead []byte  // read and not yet taken
	out   *buffer // the first size bytes are to be sent
	size  int
	busy  bool // the ResponseWriter is in use
	calm  bool // the end was told in a close frame, so that the stream may wait for the handler to end it
}

var errStreamOver = errors.New("the HTTP/2 stream is over, or its handler has returned")

func newHandlerStream(w http.ResponseWriter, control *http.ResponseController, r *http.Request) *handlerStream {
	s := &handlerStream{w: w, control: control, body: r.Body, remote: addressOf(r.RemoteAddr), request: r.Context()}
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	s.reads.L, s.writes.L = &s.mu, &s.mu
	s.work.Go(s.readAhead)
	s.unwatch = context.AfterFunc(r.Context(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopWriting(errStreamOver)
	})
	return s
}

// addressOf is a remote address as net/http spells it.
func addressOf(s string) net.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return &net.UnixAddr{Name: s, Net: "unix"}
}

// RemoteAddr and LocalAddr are those of the network connection.
func (s *handlerStream) RemoteAddr() net.Addr { return s.remote }

func (s *handlerStream) LocalAddr() net.Addr { return s.local }

// readAhead reads the body until it ends.
func (s *handlerStream) readAhead() {
	size := smallRead
	for {
		b := getBuffer(size)
		n, err := s.body.Read(b.b)
		more := s.offer(b.b[:n], err)
		putBuffer(b)
		if !more {
			return
		}
		if size = smallRead; n == smallRead || n > readBufferSize/2 {
			size = readBufferSize
		}
	}
}

// offer waits until Read has taken what was read ahead. It reports whether to go on.
func (s *handlerStream) offer(p []byte, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead, s.readErr = p, err
	s.reads.Broadcast()
	for len(s.ahead) > 0 && !s.closed {
		s.reads.Wait()
	}
	s.ahead = nil
	return err == nil && !s.closed
}

// Read implements Stream.
func (s *handlerStream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.closed || len(s.ahead) == 0 || s.readBy.passed() {
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
	n := copy(p, s.ahead)
	if s.ahead = s.ahead[n:]; len(s.ahead) == 0 {
		s.reads.Broadcast()
	}
	return n, nil
}

// Write implements Stream. What it has taken is on its way.
func (s *handlerStream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed:
			return n, net.ErrClosed
		case s.writeErr != nil:
			return n, s.writeErr
		case len(p) == 0:
			return n, nil
		case s.size < handlerBuffer:
			k := min(len(p), handlerBuffer-s.size)
			if s.out == nil {
				s.out = getBuffer(k)
			} else if s.size+k > len(s.out.b) {
				s.out = growBuffer(s.out, s.size, s.size+k)
			}
			copy(s.out.b[s.size:], p[:k])
			s.size += k
			n += k
			p = p[k:]
			if !s.busy {
				s.busy = true
				s.work.Go(s.send)
			}
			continue
		case s.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		}
		s.writeBy.watch(s.ringWrite)
		s.writes.Wait()
	}
}

// send writes what was taken until nothing is left.
func (s *handlerStream) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size > 0 {
		b, n := s.out, s.size
		s.out, s.size = nil, 0
		s.writes.Broadcast()
		s.mu.Unlock()
		err := s.respond(b.b[:n])
		if err == nil {
			putBuffer(b) // else net/http may still look at it
		}
		s.mu.Lock()
		if err != nil {
			s.stopWriting(err)
		}
	}
	s.busy = false
	s.writes.Broadcast()
}

// respond uses the ResponseWriter, which panics if the handler has returned in spite of what Accept says.
func (s *handlerStream) respond(p []byte) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w (%v)", errStreamOver, v)
		}
	}()
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.control.Flush()
}

// stopWriting gives up what is to be sent. mu is held.
func (s *handlerStream) stopWriting(err error) {
	if s.writeErr == nil {
		s.writeErr = err
	}
	putBuffer(s.out)
	s.out, s.size = nil, 0
	s.writes.Broadcast()
}

// finish waits until what was taken is sent, a close frame last, at most for the time.
func (s *handlerStream) finish(timeout time.Duration) {
	s.mu.Lock()
	s.calm = true
	s.mu.Unlock()
	s.drain(timeout)
}

// drain waits until what was taken is sent, at most for the time.
func (s *handlerStream) drain(timeout time.Duration) {
	end := time.Now().Add(timeout)
	defer time.AfterFunc(timeout, s.ringWrite).Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy && time.Now().Before(end) {
		s.writes.Wait()
	}
}

// Close ends the stream. What was taken is sent if that is possible at once. After a close frame net/http ends the stream when
// the handler returns; otherwise the stream is reset, whatever the handler is doing.
func (s *handlerStream) Close() error {
	s.mu.Lock()
	first := !s.closed
	if first {
		s.work.Add(1)
		defer s.work.Done()
	}
	s.closed = true
	s.readBy.stop()
	s.writeBy.stop()
	s.reads.Broadcast()
	s.writes.Broadcast()
	s.mu.Unlock()
	if !first {
		return nil
	}
	_ = s.body.Close() // it tells the goroutine that reads ahead, and nobody else
	s.drain(h2Farewell)
	s.mu.Lock()
	busy, reset := s.busy, s.busy || !s.calm
	if busy {
		s.stopWriting(net.ErrClosed)
	}
	s.mu.Unlock()
	if reset {
		s.reset()
	}
	if busy {
		s.drain(h2Farewell) // it takes a moment until whoever writes knows
	}
	s.unwatch()
	return nil
}

// reset resets the stream. net/http does that at a deadline in the past, and has no other way.
func (s *handlerStream) reset() {
	defer func() {
		_ = recover() // the handler has returned, and the stream is over
	}()
	if s.request.Err() == nil {
		_ = s.control.SetWriteDeadline(aLongTimeAgo) // fails only if the stream is over
	}
}

// SetReadDeadline implements Stream.
func (s *handlerStream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy.at = t
	s.reads.Broadcast()
	return nil
}

// SetWriteDeadline implements Stream.
func (s *handlerStream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy.at = t
	s.writes.Broadcast()
	return nil
}

func (s *handlerStream) ringRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readBy.armed = time.Time{}
	s.reads.Broadcast()
}

func (s *handlerStream) ringWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeBy.armed = time.Time{}
	s.writes.Broadcast()
}
