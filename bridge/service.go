package bridge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/ws"
)

// SubprotocolTCP is what both sides speak that tell each other when a direction of the stream has ended, as TCP does: by an
// empty text message. Without it the end of one direction is the end of the connection.
const SubprotocolTCP = "parley.tcp"

const (
	lingering = 5 * time.Second // how long a Forwarder takes replies in silence when it could not tell that this was all
	draining  = 2 * time.Second // how long a service may take to end when the WebSocket has
)

// dialTimeout bounds the connection to a service.
const dialTimeout = 10 * time.Second

// service is an endpoint that connects to a service of the network.
type service struct{ h *Handler }

func (s *service) open(r *http.Request) (session, error) {
	ctx, cancel := context.WithTimeout(r.Context(), dialTimeout)
	defer cancel()
	conn, err := s.h.o.Dial(ctx)
	if err != nil {
		s.h.o.Logger.Error("the service cannot be reached", "err", err)
		return nil, &ws.RejectError{Status: http.StatusBadGateway, Body: "502 bad gateway: the service cannot be reached\n"}
	}
	return &stream{o: &s.h.o, conn: conn}, nil
}

// stream is a connection of the network that goes with one of WebSocket.
type stream struct {
	o    *Options
	conn net.Conn
}

func (s *stream) abandon() { s.conn.Close() }

// serve passes bytes both ways until both directions have ended, or one of the connections has.
func (s *stream) serve(c *ws.Conn) {
	j := joint{c: c, conn: s.conn, tells: c.Subprotocol() == SubprotocolTCP}
	if err := j.run(); err != nil {
		s.o.Logger.Debug("a stream broke", "err", err)
	}
}

// joint is a WebSocket and a stream whose bytes are passed on to each other.
type joint struct {
	c        *ws.Conn
	conn     net.Conn
	tells    bool // the end of a direction is told by an empty text message
	lingers  bool // without tells, replies are waited for when the stream has ended
	received atomic.Int64
	ended    chan struct{} // closed when the peer has told that it sends no more
}

// run passes bytes until both directions have ended, and closes both connections.
func (j *joint) run() error {
	c, conn := j.c, j.conn
	j.ended = make(chan struct{})
	defer conn.Close()
	interrupted := make(chan struct{})
	stop := context.AfterFunc(c.Context(), func() {
		defer close(interrupted)
		conn.SetDeadline(time.Now()) // nobody is left to send it to
	})
	var sending sync.WaitGroup
	var failed error
	sending.Go(func() { failed = j.send() })
	err := c.Run(c.Context(), ws.Events{Message: j.receive})
	switch {
	case err != nil && c.Context().Err() == nil: // the stream broke, or the peer has no manners
		refused := &refusedError{ws.CodeInternalError, "the stream broke"}
		errors.As(err, &refused)
		c.Close(context.Background(), refused.code, refused.reason)
		reset(conn)
	case err != nil: // what came may not be all: this must not look like an end in order
		reset(conn)
	default:
		closeWrite(conn)
	}
	c.CloseNow()
	sending.Wait()
	if !stop() {
		<-interrupted
	}
	if err == nil {
		// With bytes that nobody has read, Close would reset the connection and take from the service what it has not read yet.
		conn.SetReadDeadline(time.Now().Add(draining))
		io.Copy(io.Discard, conn)
	}
	return errors.Join(failed, err)
}

// receive passes a message on to the stream.
func (j *joint) receive(_ *ws.Conn, typ ws.Type, data []byte) error {
	j.received.Add(int64(len(data)))
	over := false
	select {
	case <-j.ended:
		over = true
	default:
	}
	switch {
	case over:
		return &refusedError{ws.CodePolicyViolation, "data after its end"}
	case j.tells && typ == ws.Text && len(data) == 0:
		close(j.ended)
		closeWrite(j.conn)
		return nil
	}
	return patientWrite(j.conn, data, j.c)
}

// send sends the stream, and closes the WebSocket when both directions have ended.
func (j *joint) send() error {
	c := j.c
	err := sendStream(c, j.conn)
	switch {
	case c.Context().Err() != nil:
		return nil // how it ended is known there
	case err != nil:
		c.Close(context.Background(), ws.CodeInternalError, "the stream broke")
		return err
	case j.tells && c.Write(c.Context(), ws.Text, nil) == nil:
		select {
		case <-j.ended:
		case <-c.Context().Done():
		}
	case j.lingers:
		j.linger()
	}
	c.Close(context.Background(), ws.CodeNormal, "")
	return nil
}

// halfCloser is a connection whose directions end one by one.
type halfCloser interface{ CloseWrite() error }

func closeWrite(conn net.Conn) {
	if h, ok := conn.(halfCloser); ok {
		h.CloseWrite()
	}
}

// linger waits until nothing was received for a while.
func (j *joint) linger() {
	tick := time.NewTicker(lingering)
	defer tick.Stop()
	for last := j.received.Load(); ; {
		select {
		case <-j.c.Context().Done():
			return
		case <-tick.C:
		}
		now := j.received.Load()
		if now == last {
			return
		}
		last = now
	}
}

// sendStream sends what comes from a stream, in pieces as they come, until its end.
func sendStream(c *ws.Conn, conn net.Conn) error {
	b := make([]byte, chunk)
	for {
		n, err := conn.Read(b)
		if n > 0 {
			if err := c.Write(c.Context(), ws.Binary, b[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
