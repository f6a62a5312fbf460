package server

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/server/limit"
	"github.com/parley-ws/parley/ws"
)

// stay is the place of a session among those of its address, from its request to the end of its connection. A WebSocket outlives its
// request: then the place is given back when the connection ends.
type stay struct {
	http.ResponseWriter
	leave    func()
	hijacked bool
}

type stayKey struct{}

// Unwrap is for http.ResponseController.
func (s *stay) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Hijack notes that the request becomes a WebSocket.
func (s *stay) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(s.ResponseWriter).Hijack()
	s.hijacked = err == nil
	return c, rw, err
}

// staying takes a place for a stream or a WebSocket that came through a proxy, for as long as it lasts.
func (s *Server) staying(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" && !streams(r) {
			next.ServeHTTP(w, r)
			return
		}
		leave, no := s.limits.Enter(r)
		if no != nil {
			no.ServeHTTP(w, r)
			return
		}
		stay := &stay{ResponseWriter: w, leave: leave}
		next.ServeHTTP(stay, r.WithContext(context.WithValue(r.Context(), stayKey{}, stay)))
		if !stay.hijacked {
			leave()
		}
	})
}

// streams reports whether a request asks for an event stream.
func streams(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream") || strings.HasSuffix(r.URL.Path, "/sse")
}

// closed gives back the place of a WebSocket that has ended.
func closed(c *ws.Conn) {
	if s, ok := c.Context().Value(stayKey{}).(*stay); ok {
		s.leave()
	}
}

// limitOptions are those of the limits on connections and requests.
func (s *Server) limitOptions(cfg *config.Config) limit.Options {
	l := &cfg.Limits
	o := limit.Options{
		Connections:    l.Connections,
		PerAddress:     l.PerAddress,
		Rate:           rateOrNone(l.HandshakeRate),
		Burst:          l.HandshakeBurst,
		Accepts:        rateOrNone(l.Accepts),
		TrustedProxies: cfg.TrustedProxies,
		TrustUnix:      len(cfg.TrustedProxies) > 0,
		Refused:        s.metrics.Refused,
	}
	switch {
	case o.Connections == config.Default().Limits.Connections:
		o.Connections = 0 // as many as the process may have files, but for some
	case o.Connections == 0:
		o.Connections = -1
	}
	if o.PerAddress == 0 {
		o.PerAddress = -1
	}
	return o
}

// limited returns a listener that turns away what is too much. Operators must get in when nobody else does.
func (s *Server) limited(l *listener) net.Listener {
	if l.private {
		return l
	}
	if l.tls != nil {
		return s.limits.Listen(l, limit.Opaque)
	}
	return s.limits.Listen(l, limit.PlainHTTP)
}
