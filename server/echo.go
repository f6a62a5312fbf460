package server

import (
	"net/http"

	"github.com/parley-ws/parley/ws"
)

// echoLimit is the largest message that /echo takes.
const echoLimit = 16 << 20

// echo returns the endpoint that sends every message back.
func (s *Server) echo(o ws.AcceptOptions) http.Handler {
	// Takeover is the client's choice: both sides must want it.
	o.Compression = &ws.Compression{ServerTakeover: true, ClientTakeover: true}
	o.Subprotocols = []string{"echo"}
	return &ws.Handler{Options: o, Handle: func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			// Write waits for a client that does not read: nothing piles up here.
			return c.Write(c.Context(), t, p)
		}})
	}}
}
