package talk

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/ws"
)

// ErrEnough, returned by Receive, ends a conversation in good order: nothing more is wanted.
var ErrEnough = errors.New("talk: enough")

// Item is something to send, or the reason why there is nothing more to send.
type Item struct {
	ws.Message
	// Err, if set, ends the conversation when the replies to what was sent before have been awaited; the message is not sent.
	Err error
	// Close, if set, ends the conversation with this close frame, at once; there is no message then.
	Close *Farewell
}

// Farewell is what a close frame says.
type Farewell struct {
	// Code is the close code. If zero, 1000.
	Code ws.Code
	// Reason is at most 123 bytes.
	Reason string
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
	// Sending, if set, is called before each message is sent, and Unsent if the connection then did not take it: whether the
	// peer has it is not known.
	Sending, Unsent func(ws.Message)
	// Ping and Pong, if set, are called with the payload, valid during the call only, of each ping and pong that arrives.
	Ping, Pong func([]byte)
	// Enough, once closed, ends the wait for replies after Send was closed. May be nil.
	Enough <-chan struct{}
	// Idle is how long to wait for replies after Send was closed: until nothing of a message has arrived for this long;
	// pings and pongs do not count. If zero, 1 second; if negative, without end.
	Idle time.Duration
	// Farewell is the close frame that ends it when everything was said.
	Farewell Farewell
	// Patience is how long the closing handshake may take. If zero, 5 seconds. If the deadline of Run's context is over,
	// it may take a quarter of a second at most.
	Patience time.Duration
}

// Run talks until the connection ends, Send is closed and no reply comes any more, ctx ends, or something fails. Then it
// does the closing handshake: with 1001 if ctx ended, with an Item's Close, or with Farewell.
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
	var h hearing
	done := make(chan struct{})
	go func() {
		defer close(done)
		var failed bool
		v.Conn.Run(reading, ws.Events{
			Message: func(_ *ws.Conn, t ws.Type, p []byte) error {
				if failed {
					return nil // what is read before the close frame is sent
				}
				h.busy.Store(true)
				defer h.busy.Store(false)
				if err := v.Receive(t, p); err != nil {
					failed = true
					refused <- err
				}
				return nil
			},
			Ping: h.control(v.Ping),
			Pong: h.control(v.Pong),
		})
	}()

	farewell := v.Farewell
	err := v.send(ctx, refused, &h, idle, &farewell)
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	switch {
	case ctx.Err() != nil:
		farewell = Farewell{Code: ws.CodeGoingAway}
	case farewell.Code == 0:
		farewell.Code = ws.CodeNormal
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // whoever set it wants this to be over
		patience = min(patience, 250*time.Millisecond)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if v.Conn.Close(closing, farewell.Code, farewell.Reason) != nil {
		v.Conn.CloseNow() // it ended already, or the peer did not answer
	}
	// Receive may hang in a pipe that nobody reads: then this waits no longer than the handshake.
	select {
	case <-done:
	case <-closing.Done():
	}
	return ending(v.Conn), err
}

// hearing is what the reading side tells the other one.
type hearing struct {
	busy     atomic.Bool  // Receive runs
	controls atomic.Int64 // bytes of the pings and pongs that arrived
}

// control returns the callback for pings or pongs.
func (h *hearing) control(also func([]byte)) func(*ws.Conn, []byte) {
	return func(_ *ws.Conn, p []byte) {
		h.controls.Add(2 + int64(len(p))) // a server's control frames have a header of two bytes (RFC 6455 §5.2, §5.5)
		if also != nil {
			also(p)
		}
	}
}

// send sends until there is nothing more to do. An Item's Close becomes the farewell.
func (v *Conversation) send(ctx context.Context, refused <-chan error, h *hearing, idle time.Duration, farewell *Farewell) error {
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
				return v.await(ctx, refused, h, idle)
			case item.Err != nil:
				if idle < 0 { // so many messages may never come
					idle = time.Second
				}
				if err := v.await(ctx, refused, h, idle); err != nil && !errors.Is(err, ErrEnough) {
					return err
				}
				return item.Err
			case item.Close != nil:
				*farewell = *item.Close
				return nil
			}
			if v.Sending != nil {
				v.Sending(item.Message)
			}
			if err := v.Conn.Write(ctx, item.Type, item.Data); err != nil {
				if v.Unsent != nil {
					v.Unsent(item.Message)
				}
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
func (v *Conversation) await(ctx context.Context, refused <-chan error, h *hearing, idle time.Duration) error {
	var tick <-chan time.Time
	if idle > 0 {
		ticker := time.NewTicker(max(idle/10, time.Millisecond))
		defer ticker.Stop()
		tick = ticker.C
	}
	heard := func() int64 { return v.Conn.Stats().WireIn - h.controls.Load() }
	last, most, messages := time.Now(), heard(), v.Conn.Stats().MessagesIn
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-v.Conn.Context().Done():
			return nil
		case err := <-refused:
			return err
		case <-v.Enough:
			return nil
		case <-tick:
			now, count := heard(), v.Conn.Stats().MessagesIn
			switch {
			case now > most, count != messages, h.busy.Load(): // a Receive that takes its time is no silence of the peer
				last, most, messages = time.Now(), max(most, now), count
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
