package server

import (
	"net/http"

	"github.com/parley-ws/parley/ws"
)

// echoLimit is the largest message that /echo takes.
const echoLimit = 16 << 20

// acceptOptions returns what every endpoint of the server has in common.
func (s *Server) acceptOptions() ws.AcceptOptions {
	return ws.AcceptOptions{
		Options: ws.Options{Logger: s.options.Logger, Trace: s.trace()},
		Group:   &s.group,
		// Takeover is the client's choice: both sides must want it.
		Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true},
	}
}

// echo returns the endpoint that sends every message back.
func (s *Server) echo() http.Handler {
	o := s.acceptOptions()
	o.MessageLimit = echoLimit
	o.Subprotocols = []string{"echo"}
	return &ws.Handler{Options: o, Handle: func(c *ws.Conn) error {
		return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			// Write waits for a client that does not read: nothing piles up here.
			return c.Write(c.Context(), t, p)
		}})
	}}
}
