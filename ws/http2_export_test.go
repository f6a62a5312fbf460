package ws

import (
	"context"
	"net"
	"net/http"
	"time"
)

// SetDeadline makes a net.Conn of a stream, as which the tests of transports take it.
func (s *h2Stream) SetDeadline(t time.Time) error {
	return firstError(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetDeadline makes a net.Conn of a stream, as which the tests of transports take it.
func (s *handlerStream) SetDeadline(t time.Time) error {
	return firstError(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// H2Client opens a stream to a server at the other end of conn that speaks HTTP/2.
func H2Client(conn net.Conn) (net.Conn, error) {
	d := &dialer{o: &DialOptions{HTTPVersion: 2}, header: http.Header{}}
	t, err := parseTarget("ws://host.test/")
	if err != nil {
		return nil, err
	}
	req, _, err := d.request(context.Background(), t)
	if err != nil {
		return nil, err
	}
	u, err := d.extendedConnect(conn, req, context.Background(), t)
	if err != nil {
		return nil, err
	}
	s := u.s.(*h2Stream)
	s.start()
	return s, nil
}

// H2Handler returns the stream of an extended CONNECT, with what waits until it is over.
func H2Handler(w http.ResponseWriter, r *http.Request) (s net.Conn, wait func()) {
	control := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	h := newHandlerStream(w, control, r)
	return h, func() {
		h.mu.Lock()
		for !h.closed {
			h.writes.Wait()
		}
		h.mu.Unlock()
		h.work.Wait()
	}
}
