// Parley is a peer on Parley's own package ws.
package main

import (
	"context"
	"net/http"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
	"github.com/parley-ws/parley/ws"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On, peer.Takeover}, Handler: handler, Client: client})
}

var options = ws.Options{MessageLimit: peer.MessageLimit}

func compression(m peer.Mode) *ws.Compression {
	if m == peer.Off {
		return nil
	}
	return &ws.Compression{Threshold: -1, ServerTakeover: m == peer.Takeover, ClientTakeover: m == peer.Takeover}
}

func handler(m peer.Mode) http.Handler {
	return ws.Handler{
		Options: ws.AcceptOptions{Options: options, AnyOrigin: true, Compression: compression(m)},
		Handle: func(c *ws.Conn) error {
			return c.Run(c.Context(), ws.Events{Message: echo})
		},
	}
}

func client(ctx context.Context, url string, m peer.Mode, take func([]byte)) error {
	c, err := ws.Dial(ctx, url, &ws.DialOptions{
		Options: options, Compression: compression(m), HandshakeTimeout: peer.HandshakeTimeout,
	})
	if err != nil {
		return err
	}
	defer c.CloseNow()
	message := echo
	if take != nil {
		message = func(_ *ws.Conn, _ ws.Type, data []byte) error {
			take(data)
			return nil
		}
	}
	return c.Run(ctx, ws.Events{Message: message})
}

func echo(c *ws.Conn, t ws.Type, data []byte) error { return c.Write(c.Context(), t, data) }
