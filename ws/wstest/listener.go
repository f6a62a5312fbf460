package wstest

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Listener is a [net.Listener] in memory: each Dial makes a [Pipe].
type Listener struct {
	options  *PipeOptions
	arriving chan *PipeConn
	closed   chan struct{}
	once     sync.Once
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a listener whose connections have these options; nil for connections without faults. In a test with
// [testing/synctest], call it inside the bubble.
func Listen(o *PipeOptions) *Listener {
	return &Listener{options: o, arriving: make(chan *PipeConn), closed: make(chan struct{})}
}

// Dial connects to the listener, waiting for its Accept. It has the form of [ws.DialOptions].NetDial and takes any network
// and address.
func (l *Listener) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	near, far := Pipe(l.options)
	select {
	case l.arriving <- far:
		return near, nil
	case <-l.closed:
		return nil, fmt.Errorf("wstest: dial %s: %w", addr, net.ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("wstest: dial %s: %w", addr, context.Cause(ctx))
	}
}

// Accept waits for a Dial and returns the server's end: a *[PipeConn].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arriving:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "pipe", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close ends Accept and Dial, now and from now on. Connections stay.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns network "pipe" and address "b", the end that Accept returns.
func (l *Listener) Addr() net.Addr { return pipeAddr("b") }
