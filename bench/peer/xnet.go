package main

import (
	"net"
	"net/http"

	"golang.org/x/net/websocket"
)

// xnetEcho keeps the type of each message, which the codecs of the package do not tell.
var xnetEcho = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) { m := v.(*xnetMessage); return m.data, m.kind, nil },
	Unmarshal: func(data []byte, kind byte, v any) error {
		*v.(*xnetMessage) = xnetMessage{append([]byte(nil), data...), kind}
		return nil
	},
}

type xnetMessage struct {
	data []byte
	kind byte
}

func serveXNet(l net.Listener, _ mode) error {
	s := websocket.Server{
		Handshake: func(*websocket.Config, *http.Request) error { return nil }, // any origin, or none
		Handler: func(c *websocket.Conn) {
			c.MaxPayloadBytes = limit
			for {
				var m xnetMessage
				if xnetEcho.Receive(c, &m) != nil || xnetEcho.Send(c, &m) != nil {
					return
				}
			}
		},
	}
	return serveHTTP(l, s.ServeHTTP)
}
