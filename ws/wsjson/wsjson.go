// Package wsjson sends and receives JSON values, one in each message, over a [ws.Conn].
//
//	type Move struct{ From, To string }
//
//	func play(c *ws.Conn) error {
//		for move, err := range wsjson.Messages[Move](c.Context(), c) {
//			if err != nil {
//				return err
//			}
//			if err := wsjson.Write(c.Context(), c, reply(move)); err != nil {
//				return err
//			}
//		}
//		return nil // the peer closed normally
//	}
//
// Values go out as text messages, encoded by [encoding/json]. Coming in, a message must be text, hold exactly one JSON
// value, and that must fit the type asked for. Anything else ends the connection, because the two sides do not
// understand each other: with 1003 (unsupported data) for a binary message, with 1007 (invalid payload) for the rest.
// The error then is a [*ws.CloseError] in whose chain is the error of encoding/json: a [*json.SyntaxError], a
// [*json.UnmarshalTypeError], or what an UnmarshalJSON method returned.
//
// The package knows nothing of what the values mean: no envelopes, no request ids.
package wsjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/parley-ws/parley/ws"
)

// Read waits for the next message and decodes it. It follows the rules of [ws.Conn].Read: there is one reader at a time, and
// when ctx ends the connection stays readable. A message that cannot be decoded ends the connection, waiting for the
// close handshake as [ws.Conn].Close does.
func Read[T any](ctx context.Context, c *ws.Conn) (T, error) {
	for v, err := range Messages[T](ctx, c) {
		return v, err
	}
	// The connection has ended in the ordinary way. Here that is an error, and the connection's own Read gives it.
	var zero T
	_, _, err := c.Read(ctx)
	return zero, fmt.Errorf("wsjson: read: %w", err)
}

// Messages yields each message decoded, until the connection ends. As with [ws.Conn].Messages the loop ends silently when
// the connection ends in the ordinary way: with 1000, 1001 or a close frame without code. Any other end, and the end of
// ctx, is yielded as an error first. So is a message that cannot be decoded, after the connection was closed for it.
//
// The values may be kept. A loop that is left early leaves the connection readable.
func Messages[T any](ctx context.Context, c *ws.Conn) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var refusal *ws.CloseError
		for m, err := range c.Messages(ctx) {
			if err != nil {
				yield(zero, fmt.Errorf("wsjson: read: %w", err))
				return
			}
			var v T
			if refusal = decode(m, &v); refusal != nil {
				break // first the loop ends, so that Close can read the peer's answer
			}
			if !yield(v, nil) {
				return
			}
		}
		if refusal != nil {
			// Whether the peer answers changes nothing: the message is what must be reported.
			_ = c.Close(ctx, refusal.Code, refusal.Reason)
			yield(zero, fmt.Errorf("wsjson: read: %w", refusal))
		}
	}
}

// Write sends v as one text message. It follows the rules of [ws.Conn].Write and may be called from any goroutine. If v
// cannot be encoded nothing is sent and the connection stays as it is.
func Write(ctx context.Context, c *ws.Conn, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("wsjson: write: %w", err)
	}
	if err := c.Write(ctx, ws.Text, data); err != nil {
		return fmt.Errorf("wsjson: write: %w", err)
	}
	return nil
}

// decode takes the value out of the lent buffer; encoding/json copies what it keeps. The error says how to close.
func decode(m ws.Message, v any) *ws.CloseError {
	if m.Type != ws.Text {
		return &ws.CloseError{Code: ws.CodeUnsupportedData, Reason: "binary message: JSON comes as text"}
	}
	err := json.Unmarshal(m.Data, v)
	if err == nil {
		return nil
	}
	// The reason goes to the peer: it may tell what is wrong with the peer's JSON, but not our names of types and fields.
	reason := "JSON of another form than expected"
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		reason = "invalid JSON: " + syntax.Error()
	}
	return &ws.CloseError{Code: ws.CodeInvalidPayload, Reason: reason, Err: err}
}
