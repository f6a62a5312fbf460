// Xnet is a peer on golang.org/x/net/websocket, as a server.
//
// The codecs of the package do not tell text from binary, so it has one of its own, which is what Codec is for. As an
// echo server speaks no subprotocol, it chooses none. The package has no compression and no check of UTF-8.
package main

import (
	"net/http"

	"golang.org/x/net/websocket"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off}, Handler: handler})
}

func handler(peer.Mode) http.Handler {
	return websocket.Server{
		// Any origin will do, also none at all.
		Handshake: func(c *websocket.Config, _ *http.Request) error {
			c.Protocol = nil
			return nil
		},
		Handler: func(c *websocket.Conn) {
			c.MaxPayloadBytes = peer.MessageLimit
			for {
				var m message
				if codec.Receive(c, &m) != nil || codec.Send(c, m) != nil {
					return
				}
			}
		},
	}
}

type message struct {
	data []byte
	kind byte
}

var codec = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m := v.(message)
		return m.data, m.kind, nil
	},
	Unmarshal: func(data []byte, kind byte, v any) error {
		*v.(*message) = message{data, kind}
		return nil
	},
}
