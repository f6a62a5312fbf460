// Gorilla is a peer on github.com/gorilla/websocket.
//
// It follows the library's program for Autobahn|Testsuite (examples/autobahn): compression where it is wanted, and a
// check of the UTF-8 of text as it arrives, which the documentation leaves to the application. Messages are written
// whole. The library has no context takeover. As in its chat example, a connection has goroutines of its own, so that
// nothing of the request is kept; and in the room each has one that writes what waits for it in a channel, dropped when
// that is full. What is sent to all is a PreparedMessage.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On}, Handler: handler, Room: room, Client: client})
}

func upgrader(m peer.Mode) *websocket.Upgrader {
	return &websocket.Upgrader{EnableCompression: m != peer.Off, CheckOrigin: func(*http.Request) bool { return true }}
}

func handler(m peer.Mode) http.Handler {
	upgrader := upgrader(m)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // answered by the library
		}
		go messages(c, c.WriteMessage)
	})
}

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	dialer := websocket.Dialer{EnableCompression: m != peer.Off, HandshakeTimeout: peer.HandshakeTimeout}
	c, _, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	return messages(c, func(t int, data []byte) error {
		if take != nil {
			take(data)
			return nil
		}
		return c.WriteMessage(t, data)
	})
}

// messages reads messages until the connection ends.
func messages(c *websocket.Conn, message func(t int, data []byte) error) error {
	defer c.Close()
	c.SetReadLimit(peer.MessageLimit)
	for {
		t, r, err := c.NextReader()
		if err != nil {
			return err
		}
		if t == websocket.TextMessage {
			r = &validator{r: r}
		}
		data, err := io.ReadAll(r) // as ReadMessage does it
		if errors.Is(err, errInvalid) {
			return c.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, ""), time.Now().Add(time.Second))
		}
		if err != nil {
			return err
		}
		if err := message(t, data); err != nil {
			return err
		}
	}
}
