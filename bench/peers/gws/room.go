package main

import (
	"bytes"
	"net/http"

	"github.com/lxzan/gws"

	"github.com/parley-ws/parley/bench/peers/internal/peer"
)

// hall answers what the library calls for in the room.
type hall struct {
	events
	all peer.Room[*gws.Conn]
}

func room(m peer.Mode) http.Handler {
	h := &hall{}
	upgrader := upgrader(m, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := h.all.Join(func() (*gws.Conn, error) { return upgrader.Upgrade(w, r) })
		if err != nil {
			return // answered by the library
		}
		go c.ReadLoop()
	})
}

// OnClose implements gws.Event.
func (h *hall) OnClose(c *gws.Conn, _ error) { h.all.Leave(c) }

// OnMessage implements gws.Event.
func (h *hall) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	// The payload is used until the last connection has it, which is later than here.
	b := gws.NewBroadcaster(m.Opcode, bytes.Clone(m.Bytes()))
	defer b.Close()
	h.all.Each(func(c *gws.Conn) { _ = b.Broadcast(c) })
}
