package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

// A guest is a connection in the room.
type guest struct {
	c    *websocket.Conn
	send chan message
}

type message struct {
	t    websocket.MessageType
	data []byte
}

// room is the server of the library's chat example, whose subscribers speak for themselves here: a channel for each, which
// a goroutine writes from, and an end to those whose channel is full.
func room(m peer.Mode) http.Handler {
	options := acceptOptions(m)
	var all peer.Room[*guest]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := all.Join(func() (*guest, error) {
			c, err := websocket.Accept(w, r, options)
			return &guest{c, make(chan message, 256)}, err
		})
		if err != nil {
			return // answered by the library
		}
		go g.write()
		_ = messages(context.Background(), g.c, func(t websocket.MessageType, data []byte) error {
			all.Each(func(g *guest) {
				select {
				case g.send <- message{t, data}:
				default:
					go g.c.CloseNow() // its goroutines see the end
				}
			})
			return nil
		})
		all.Leave(g)
		close(g.send) // nobody sends any more
	})
}

// write writes what waits.
func (g *guest) write() {
	for m := range g.send {
		if g.c.Write(context.Background(), m.t, m.data) != nil {
			g.c.CloseNow()
			return
		}
	}
}
