package main

import (
	"net/http"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
	"github.com/parley-ws/parley/ws"
)

// A room sends without waiting for anybody. Who lets too much pile up is dropped.
type room struct {
	peer.Room[*ws.Conn]
	options ws.AcceptOptions
}

// ServeHTTP implements http.Handler.
func (a *room) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := a.Join(func() (*ws.Conn, error) { return ws.Accept(w, r, &a.options) })
	if err != nil {
		return // answered by the library
	}
	go a.serve(c)
}

// serve serves a connection that is in the room.
func (a *room) serve(c *ws.Conn) {
	defer c.CloseNow()
	defer a.Leave(c)
	_ = c.Run(ctx, ws.Events{Message: a.say}) // how it ends is of no interest
}

func (a *room) say(_ *ws.Conn, t ws.Type, data []byte) error {
	message := ws.Prepare(t, data)
	a.Each(func(c *ws.Conn) {
		if c.TryWritePrepared(message) != nil {
			c.CloseNow() // its goroutine sees the end
		}
	})
	return nil
}
