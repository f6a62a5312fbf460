package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-ws/parley/ws"
)

// trace logs connections as they come and go, if the logger wants to know.
func (s *Server) trace() *ws.Trace {
	log := s.options.Logger
	if !log.Enabled(context.Background(), slog.LevelDebug) {
		return nil
	}
	return &ws.Trace{
		Handshake: func(i ws.HandshakeInfo) {
			if i.Err != nil {
				log.Debug("handshake refused", "url", i.URL, "status", i.Status, "error", i.Err)
				return
			}
			log.Debug("open", "url", i.URL, "subprotocol", i.Subprotocol, "extensions", i.Extensions,
				"after", i.Duration.Round(time.Microsecond))
		},
		Close: func(c *ws.Conn, err error) {
			st := c.Stats()
			log.Debug("close", "remote", c.RemoteAddr(), "how", err, "in", st.MessagesIn, "out", st.MessagesOut)
		},
	}
}
