// Package limit turns connections and requests away before they cost anything: too many in all, too many or too often from one
// address, or while memory runs out.
//
//	l := limit.New(limit.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
//	listener = l.Listen(listener, limit.PlainHTTP)
//	handler = l.Forwarded(handler) // from here on limit.Remote(r) is the client's address, also behind a proxy
//
// A Limiter keeps one account for all listeners of a server. What it lets through is the very connection that was accepted, without
// anything around it, so that whoever serves it can still see that it is TCP; that it has ended is found out when somebody asks for its
// place. The package has no goroutine or timer of its own while nothing arrives.
//
// It knows neither WebSocket nor sessions: limits on what a session does are the hub's.
package limit
