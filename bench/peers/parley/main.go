// Parley is a peer on Parley's own package ws.
package main

import (
	"context"
	"net/http"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
	"github.com/parley-ws/parley/ws"
)

func main() {
	peer.Main(peer.Library{Modes: []peer.Mode{peer.Off, peer.On, peer.Takeover}, Handler: handler, Room: room, Client: client})
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
			ctx := c.Context()
			return c.Run(ctx, ws.Events{Message: func(c *ws.Conn, t ws.Type, data []byte) error { return c.Write(ctx, t, data) }})
		},
	}
}

// room sends without waiting for anybody. Who lets too much pile up is dropped.
func room(m peer.Mode) http.Handler {
	o := &ws.AcceptOptions{Options: options, AnyOrigin: true, Compression: compression(m)}
	var all peer.Room[*ws.Conn]
	say := func(_ *ws.Conn, t ws.Type, data []byte) error {
		message := ws.Prepare(t, data)
		all.Each(func(c *ws.Conn) {
			if c.TryWritePrepared(message) != nil {
				c.CloseNow() // its goroutine sees the end
			}
		})
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := all.Join(func() (*ws.Conn, error) { return ws.Accept(w, r, o) })
		if err != nil {
			return // answered by the library
		}
		go func() {
			defer c.CloseNow()
			defer all.Leave(c)
			_ = c.Run(c.Context(), ws.Events{Message: say}) // its end is of no interest
		}()
	})
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
