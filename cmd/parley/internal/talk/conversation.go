package talk

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Item is something to send, or the reason why there is nothing more to send.
type Item struct {
	ws.Message
	// Err, if set, ends the conversation; the message is not sent.
	Err error
}

// Conversation sends what comes and hands on what arrives, both at the same time.
type Conversation struct {
	// Conn is the connection. Run ends it.
	Conn *ws.Conn
	// Send gives the messages to send. When it is closed, Run waits for replies and then ends the connection.
	Send <-chan Item
	// Receive is called for every message that arrives, in order, with data that is valid during the call only. Its
	// error ends the conversation. While it blocks nothing is read.
	Receive func(ws.Type, []byte) error
	// Idle is how long to wait for replies after Send was closed: until no byte has arrived for this long. If zero,
	// 1 second.
	Idle time.Duration
	// Patience is how long the closing handshake may take. If zero, 5 seconds.
	Patience time.Duration
}

// Run talks until the connection ends, Send is closed and no reply comes any more, ctx ends, or something fails. Then it
// does the closing handshake, with 1001 if ctx ended and with 1000 otherwise.
//
// It returns how the connection ended, never nil, and why the conversation ended: nil if the peer ended it or everything
// was said, the cause of ctx, an Item's error, or an error of Receive or Write.
func (v *Conversation) Run(ctx context.Context) (*ws.CloseError, error) {
	idle, patience := v.Idle, v.Patience
	if idle == 0 {
		idle = time.Second
	}
	if patience == 0 {
		patience = 5 * time.Second
	}

	// Reading goes on when ctx has ended: the closing handshake has to be read as well.
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	refused := make(chan error, 1) // what Receive failed with
	var receiving atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		var failed bool
		v.Conn.Run(reading, ws.Events{Message: func(_ *ws.Conn, t ws.Type, p []byte) error {
			if failed {
				return nil // what is read before the close frame is sent
			}
			receiving.Store(true)
			defer receiving.Store(false)
			if err := v.Receive(t, p); err != nil {
				failed = true
				refused <- err
			}
			return nil
		}})
	}()

	err := v.send(ctx, refused, &receiving, idle)

	code := ws.CodeNormal
	if ctx.Err() != nil {
		code = ws.CodeGoingAway
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if v.Conn.Close(closing, code, "") != nil {
		v.Conn.CloseNow() // it ended already, or the peer did not answer
	}
	// Receive may hang in a pipe that nobody reads: then this waits no longer than the handshake.
	select {
	case <-done:
	case <-closing.Done():
	}
	return ending(v.Conn), err
}

// send sends until there is nothing more to do.
func (v *Conversation) send(ctx context.Context, refused <-chan error, receiving *atomic.Bool, idle time.Duration) error {
	ended := v.Conn.Context().Done()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			return nil
		case err := <-refused:
			return err
		case item, ok := <-v.Send:
			switch {
			case !ok:
				return v.await(ctx, refused, receiving, idle)
			case item.Err != nil:
				return item.Err
			}
			if err := v.Conn.Write(ctx, item.Type, item.Data); err != nil {
				switch {
				case ctx.Err() != nil:
					return context.Cause(ctx)
				case v.Conn.Context().Err() != nil:
					return nil // how it ended says why
				}
				return fmt.Errorf("talk: send: %w", err)
			}
		}
	}
}

// await waits until nothing has arrived for idle. It looks ten times in that time, at bytes rather than messages, because
// a long message may take longer than idle.
func (v *Conversation) await(ctx context.Context, refused <-chan error, receiving *atomic.Bool, idle time.Duration) error {
	ticker := time.NewTicker(max(idle/10, time.Millisecond))
	defer ticker.Stop()
	last := time.Now()
	wire := v.Conn.Stats().WireIn
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-v.Conn.Context().Done():
			return nil
		case err := <-refused:
			return err
		case <-ticker.C:
			now := v.Conn.Stats().WireIn
			switch {
			case now != wire, receiving.Load(): // a Receive that takes its time is no silence of the peer
				last, wire = time.Now(), now
			case time.Since(last) >= idle:
				return nil
			}
		}
	}
}

// ending returns how c, which has ended, ended.
func ending(c *ws.Conn) *ws.CloseError {
	cause := context.Cause(c.Context())
	var ce *ws.CloseError
	if errors.As(cause, &ce) {
		return ce
	}
	return &ws.CloseError{Code: ws.CodeAbnormal, Err: cause}
}
