package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Forwarder makes a WebSocket connection for each connection of a listener, and passes bytes both ways: the other side of a
// Handler with Options.Dial.
type Forwarder struct {
	// Dial opens a WebSocket connection. It offers SubprotocolTCP, so that the end of a direction can be told.
	Dial func(context.Context) (*ws.Conn, error)
	// MaxConnections bounds the connections; others wait to be accepted. If zero or negative, 100.
	MaxConnections int
	// Logger is told what happens. If nil, nobody is.
	Logger *slog.Logger
}

// Serve accepts connections until ctx ends: then it closes the listener, closes all connections with 1001, and returns nil
// when they are gone.
func (f *Forwarder) Serve(ctx context.Context, l net.Listener) error {
	log := f.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	most := f.MaxConnections
	if most <= 0 {
		most = 100
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, most)
	var active sync.WaitGroup
	defer active.Wait()
	defer cancel()
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { // such as too many open files
				log.Error("no connection can be accepted for a moment", "err", err)
				<-slots
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
				continue
			}
			return fmt.Errorf("bridge: accept: %w", err)
		}
		active.Go(func() {
			defer func() { <-slots }()
			f.forward(ctx, conn, log)
		})
	}
}

func (f *Forwarder) forward(ctx context.Context, conn net.Conn, log *slog.Logger) {
	c, err := f.Dial(ctx)
	if err != nil {
		log.Error("no WebSocket for a connection", "remote", conn.RemoteAddr(), "err", err)
		reset(conn)
		return
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		c.Close(context.Background(), ws.CodeGoingAway, "")
	})
	j := joint{c: c, conn: conn, tells: c.Subprotocol() == SubprotocolTCP, lingers: true}
	err = j.run()
	if !stop() {
		<-closed
	}
	if err != nil {
		log.Warn("a stream broke", "remote", conn.RemoteAddr(), "err", err)
	}
}

// reset closes a connection in the way that is seen as a failure and not as the end of what was to be said.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
