package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// trace counts handshakes, gives back the places of connections, and logs them if the logger wants to know.
func (s *Server) trace() *ws.Trace {
	debug := func() bool { return s.log.Enabled(context.Background(), slog.LevelDebug) } // the level may change
	return &ws.Trace{
		Handshake: func(i ws.HandshakeInfo) {
			s.metrics.Handshake(i.Status, i.Duration)
			switch {
			case !debug():
			case i.Err != nil:
				s.log.Debug("handshake refused", "url", i.URL, "status", i.Status, "error", i.Err)
			default:
				s.log.Debug("open", "url", i.URL, "subprotocol", i.Subprotocol, "extensions", i.Extensions,
					"after", i.Duration.Round(time.Microsecond))
			}
		},
		Close: func(c *ws.Conn, err error) {
			closed(c)
			if ws.CloseCode(err) == ws.CodeMessageTooBig {
				s.metrics.Refused("message_bytes")
			}
			if debug() {
				st := c.Stats()
				s.log.Debug("close", "remote", c.RemoteAddr(), "how", err, "in", st.MessagesIn, "out", st.MessagesOut)
			}
		},
	}
}

// hubTrace is that of the metrics, with a log line for each session that comes or goes.
func (s *Server) hubTrace() *hub.Trace {
	t := s.metrics.Trace()
	both := *t
	both.Connected = func(i hub.SessionInfo) {
		t.Connected(i)
		s.log.Debug("session", "session", i.ID, "user", i.User, "name", i.Name, "dialect", i.Dialect, "transport", i.Transport, "remote", i.Remote)
	}
	both.Disconnected = func(i hub.SessionInfo, why hub.Reason) {
		t.Disconnected(i, why)
		s.log.Debug("session ended", "session", i.ID, "user", i.User, "why", why.Code, "text", why.Text, "after", time.Since(i.Since).Round(time.Millisecond))
	}
	return &both
}
