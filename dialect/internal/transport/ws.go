// Package transport has the sinks that dialects share: one for a WebSocket, and one for what an HTTP handler sends.
package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// QueueLimit is how many bytes wait in a Conn that a WebSocket sends to: ws.Options.QueueLimit. What is more waits in the hub's outbox, where
// the policies of the topics hold.
const QueueLimit = 64 << 10

// WebSocket is a hub.Sink that sends to a Conn. The Data of its frames is a *ws.Prepared.
type WebSocket struct {
	// Conn is where to send.
	Conn *ws.Conn

	// CloseWith returns the code and the reason of the close frame for the end of a session.
	CloseWith func(hub.Reason) (ws.Code, string)
}

// Prepare encodes a message as a Frame.
func Prepare(t ws.Type, p []byte) hub.Frame {
	return hub.Frame{Size: len(p) + 4, Data: ws.Prepare(t, p)}
}

// TrySend queues a frame in the Conn.
func (w *WebSocket) TrySend(f hub.Frame) error {
	err := w.Conn.TryWritePrepared(f.Data.(*ws.Prepared))
	if errors.Is(err, ws.ErrSlowConsumer) {
		return hub.ErrFull
	}
	return stalled(err, ws.ErrWriteTimeout)
}

// Send sends frames; as many as the Conn's queue takes leave in one write.
func (w *WebSocket) Send(ctx context.Context, frames []hub.Frame) error {
	for i, f := range frames {
		if i < len(frames)-1 {
			if err := w.TrySend(f); err != hub.ErrFull {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := w.Conn.WritePrepared(ctx, f.Data.(*ws.Prepared)); err != nil {
			return stalled(err, ws.ErrWriteTimeout)
		}
	}
	return nil
}

// Err returns how the Conn has ended, for hub.Lost.
func (w *WebSocket) Err() error { return stalled(context.Cause(w.Conn.Context()), ws.ErrWriteTimeout) }

// stalled puts hub.ErrStalled into the chain of an error that has the sign of a client that took nothing.
func stalled(err, sign error) error {
	if errors.Is(err, sign) {
		return fmt.Errorf("%w: %w", hub.ErrStalled, err)
	}
	return err
}

// Close starts the close handshake, which is bounded by the Conn's own limits.
func (w *WebSocket) Close(r hub.Reason) {
	code, text := w.CloseWith(r)
	go w.Conn.Close(context.Background(), code, text)
}
