package main

import (
	"net/http"

	"github.com/gorilla/websocket"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

// A guest is a connection in the room.
type guest struct {
	c    *websocket.Conn
	send chan *websocket.PreparedMessage
}

// room is the hub of the chat example, with a lock in place of the goroutine that holds the connections.
func room(m peer.Mode) http.Handler {
	upgrader := upgrader(m)
	var all peer.Room[*guest]
	say := func(t int, data []byte) error {
		message, err := websocket.NewPreparedMessage(t, data)
		if err != nil {
			return err
		}
		all.Each(func(g *guest) {
			select {
			case g.send <- message:
			default:
				g.c.NetConn().Close() // its goroutines see the end
			}
		})
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := all.Join(func() (*guest, error) {
			c, err := upgrader.Upgrade(w, r, nil)
			return &guest{c, make(chan *websocket.PreparedMessage, 256)}, err
		})
		if err != nil {
			return // answered by the library
		}
		go g.write()
		go func() {
			_ = messages(g.c, say)
			all.Leave(g)
			close(g.send) // nobody sends any more
		}()
	})
}

// write writes what waits.
func (g *guest) write() {
	for message := range g.send {
		if g.c.WritePreparedMessage(message) != nil {
			g.c.NetConn().Close()
			return
		}
	}
}
