// Package ws speaks the WebSocket protocol, as client and as server: RFC 6455 with permessage-deflate (RFC 7692), over HTTP/1.1
// and HTTP/2 (RFC 8441).
//
// A server hands connections to a function:
//
//	http.Handle("/echo", ws.Handler{Handle: func(c *ws.Conn) error {
//		for m, err := range c.Messages(c.Context()) {
//			if err != nil {
//				return err
//			}
//			if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
//				return err
//			}
//		}
//		return nil
//	}})
//
// With a [Server] the same function is served by a listener of its own, without net/http.
//
// A client dials:
//
//	c, err := ws.Dial(ctx, "ws://localhost:8080/echo", nil)
//	if err != nil {
//		return err
//	}
//	defer c.CloseNow()
//	if err := c.Write(ctx, ws.Text, []byte("hello")); err != nil {
//		return err
//	}
//	_, reply, err := c.Read(ctx)
//
// # HTTP/2
//
// With DialOptions.HTTPVersion 2 the connection is a stream of HTTP/2. Accept and Handler take such streams from net/http, in a
// program that imports package extendedconnect; [Accept] says what to heed. Everything else is the same.
//
// # Reading
//
// One goroutine at a time reads. [Conn.Read] returns a message that the caller owns; [Conn.Messages] is a loop over
// messages that are lent for one turn; [Conn.Run] calls functions, and is the fastest; [Conn.Reader] streams a message
// that may be larger than memory should hold; [Conn.CloseRead] is for endpoints that only write. A read whose context
// ends loses nothing: the next one goes on where it stood.
//
// # Writing
//
// Every goroutine may write at any time. [Conn.Write] waits for a slow peer; [Conn.TryWrite] never does, and refuses
// when too much waits; [Conn.Writer] streams a message; a message for many connections is encoded once by [Prepare].
// Whatever the way, messages leave whole and in the order in which they were accepted. Replies to messages that arrived
// together leave together. A write whose context ends has not happened if nothing of it can have left; otherwise it ends
// the connection.
//
// # The end
//
// [Conn.Close] does the closing handshake, [Conn.CloseNow] does not. Every call that fails because the connection is
// over returns a [*CloseError] that says how it ended: with which code, from which side, for what cause. [Conn.Context]
// ends with the connection. Silent peers are found by pings, which are on by default. A [Group] ends all connections of
// a server.
//
// # Defaults and limits
//
// A server accepts the pages of its own host and requests without Origin ([AcceptOptions]). Compression is off unless
// both sides ask for it ([Compression]). Everything that a peer could make grow has a limit with a default ([Options]),
// and the error names the option. A peer that breaks the protocol gets the close code that the RFC asks for.
//
// Package wsjson, below this one, sends and receives JSON; package wstest helps to test what is built on this one.
package ws
