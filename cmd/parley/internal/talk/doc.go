// Package talk holds a conversation over one WebSocket connection: messages in
// from a channel, messages out to a function, an end in good order. It is the
// engine that the client commands share.
//
//	end, err := (&talk.Conversation{Conn: c, Send: lines, Receive: print}).Run(ctx)
//
// It knows no streams, terminals or exit codes.
package talk
