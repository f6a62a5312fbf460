package limit

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// clientKey is the key of a netip.Addr in the context of a request that came through a trusted proxy.
type clientKey struct{}

// Forwarded finds out for whom a trusted proxy asks, before next: Remote tells it then. If the peer is none, what it says of others is
// not believed.
func (l *Limiter) Forwarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, l.Resolve(r)) })
}

// Resolve is Forwarded for where there is no http.Handler around: it returns the request with the client's address in its context.
func (l *Limiter) Resolve(r *http.Request) *http.Request {
	o := l.options.Load()
	peer, unix := peerOf(r)
	if trusted := unix && o.TrustUnix || peer.IsValid() && o.trusts(peer); !trusted {
		return r
	}
	client, ok := clientOf(r.Header.Values(o.Header), o)
	if !ok {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), clientKey{}, client))
}

// Remote returns the address of the client that made a request, without a port: the one forwarded if the request has been through
// Limiter.Forwarded and came from a trusted proxy, else the peer's; unix for the peer of a unix socket.
func Remote(r *http.Request) string {
	if a, ok := r.Context().Value(clientKey{}).(netip.Addr); ok {
		return a.String()
	}
	a, unix := peerOf(r)
	switch {
	case unix:
		return "unix"
	case a.IsValid():
		return a.String()
	}
	return "unknown"
}

// peerOf returns the address of whoever sent a request, invalid if it has none, and whether it came by a unix socket.
func peerOf(r *http.Request) (a netip.Addr, unix bool) {
	s := r.RemoteAddr
	if s == "" || s[0] == '@' || s[0] == '/' {
		return a, true
	}
	if p, err := netip.ParseAddrPort(s); err == nil {
		a = p.Addr()
	} else if a, err = netip.ParseAddr(s); err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), false
}

// Enter takes a place among those of the client's address for a request that stays: an upgraded or streaming one, until leave is called.
// If a limit is against it, leave is nil.
//
// It is for requests that came through a trusted proxy, and have been through Forwarded: the connections of others are counted when
// they are accepted, so that Enter lets these through.
func (l *Limiter) Enter(r *http.Request) (leave func(), no *Refusal) {
	from, ok := r.Context().Value(clientKey{}).(netip.Addr)
	o := l.options.Load()
	if !ok || o.exempts(from) {
		return func() {}, nil
	}
	a, limit := l.enter(from, o)
	if limit != "" {
		o.Refused(limit)
		return nil, refuse(limit)
	}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		a.entered--
	}), nil
}

// enter counts a request of an address, or returns the limit that is against it.
func (l *Limiter) enter(from netip.Addr, o *Options) (a *address, limit string) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.addresses)+l.open >= l.sweepAt {
		l.sweep(now, o)
	}
	key := accountOf(from)
	a = l.account(key, now, o)
	if limit := l.against(a, now, o); limit != "" {
		return nil, limit
	}
	a.tokens--
	a.entered++
	l.addresses[key] = a
	return a, ""
}

// Streams counts the requests that next answers, for as long as it does, and refuses those that Enter refuses. A handler that returns
// before the connection has ended, as that of a WebSocket may, calls Enter itself.
func (l *Limiter) Streams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, no := l.Enter(r)
		if no != nil {
			no.ServeHTTP(w, r)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}
