// Coder is a peer on github.com/coder/websocket.
//
// It reads and writes whole messages with a raised limit. The library does not check the UTF-8 of text; its authors
// leave Autobahn's cases about that out on purpose, so it is not added here.
package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On, peer.Takeover}, Handler: handler, Room: room, Client: client})
}

var modes = map[peer.Mode]websocket.CompressionMode{
	peer.Off:      websocket.CompressionDisabled,
	peer.On:       websocket.CompressionNoContextTakeover,
	peer.Takeover: websocket.CompressionContextTakeover,
}

func acceptOptions(m peer.Mode) *websocket.AcceptOptions {
	return &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: modes[m], CompressionThreshold: 1}
}

func handler(m peer.Mode) http.Handler {
	options := acceptOptions(m)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, options)
		if err != nil {
			return // answered by the library
		}
		// Not the request's context, which is said to be of no use once the connection was hijacked.
		ctx := context.Background()
		_ = messages(ctx, c, func(t websocket.MessageType, data []byte) error { return c.Write(ctx, t, data) })
	})
}

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	dial, cancel := context.WithTimeout(ctx, peer.HandshakeTimeout)
	defer cancel()
	c, _, err := websocket.Dial(dial, url, &websocket.DialOptions{CompressionMode: modes[m], CompressionThreshold: 1})
	if err != nil {
		return err
	}
	return messages(ctx, c, func(t websocket.MessageType, data []byte) error {
		if take != nil {
			take(data)
			return nil
		}
		return c.Write(ctx, t, data)
	})
}

// messages reads messages until the connection ends.
func messages(ctx context.Context, c *websocket.Conn, message func(t websocket.MessageType, data []byte) error) error {
	defer c.CloseNow()
	c.SetReadLimit(peer.MessageLimit)
	for {
		t, data, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := message(t, data); err != nil {
			return err
		}
	}
}
