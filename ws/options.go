package ws

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Options holds the settings that every connection has, whichever way it came to be. The zero value is ready to use.
type Options struct {
	// MessageLimit is the size in bytes, after inflation, that a received message may have. Beyond it the
	// connection ends with 1009. If this value is zero, the limit is 1 MiB; if negative, there is none.
	MessageLimit int64
	// PingInterval is the silence after which a ping is sent. If zero, 25 seconds; if negative, no ping is sent
	// and a silent peer is never given up.
	PingInterval time.Duration
	// PingTimeout is how long, after a ping, the peer may stay silent while a read is pending. If zero or negative, 20 seconds.
	PingTimeout time.Duration
	// ProgressTimeout is how long a message may stand still half-way while a read is pending. If zero,
	// 30 seconds; if negative, for ever.
	ProgressTimeout time.Duration
	// WriteTimeout is how long a write may wait without the transport accepting a single byte. If zero or negative, 5 seconds.
	WriteTimeout time.Duration
	// CloseTimeout is how long a close handshake may take. If zero or negative, 5 seconds.
	CloseTimeout time.Duration
	// QueueLimit is how many bytes TryWrite and TryWritePrepared let wait. If zero or negative, 1 MiB.
	QueueLimit int
	// Logger receives what nobody is told otherwise, such as a panic in Handler.Handle. If nil, nothing is logged.
	Logger *slog.Logger
	// Trace holds hooks that observe the connection. May be nil.
	Trace *Trace
}

// withDefaults returns o with every zero replaced by its documented default, and what makes no sense below it, too.
func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if o.MessageLimit == 0 {
		o.MessageLimit = 1 << 20
	}
	if o.QueueLimit <= 0 {
		o.QueueLimit = 1 << 20
	}
	def(&o.PingInterval, 25*time.Second)
	def(&o.ProgressTimeout, 30*time.Second)
	for _, d := range []*time.Duration{&o.PingTimeout, &o.WriteTimeout, &o.CloseTimeout} {
		*d = max(*d, 0)
	}
	def(&o.PingTimeout, 20*time.Second)
	def(&o.WriteTimeout, 5*time.Second)
	def(&o.CloseTimeout, 5*time.Second)
	if o.Logger == nil {
		o.Logger = discard
	}
	return o
}

// discard is the logger of those who want none.
var discard = slog.New(slog.DiscardHandler)

// lastShared are the options of the connection made last.
var lastShared atomic.Pointer[Options]

// shared returns o with the defaults in place. The connections of a server, made one after the other with the same
// options, share them.
func (o Options) shared() *Options {
	o = o.withDefaults()
	if last := lastShared.Load(); last != nil && *last == o {
		return last
	}
	lastShared.Store(&o)
	return &o
}

// AcceptOptions configures Accept and Handler. The zero value, and nil, accept requests from the same origin.
type AcceptOptions struct {
	Options
	// Origins lists what may connect beside the request's own host: patterns for "scheme://host[:port]" or
	// "host[:port]" in which * stands for any run of characters but "/", such as "https://*.example.com".
	// The word "null" allows the opaque origin.
	Origins []string
	// AnyOrigin turns the origin check off. Do so only where no cookie and no network position authorises a request.
	AnyOrigin bool
	// Subprotocols lists what the server speaks, most preferred first. The first one that the client offered is chosen.
	Subprotocols []string
	// SelectSubprotocol chooses instead of the list. It returns one of the offered names, or "" for none.
	SelectSubprotocol func(r *http.Request, offered []string) string
	// Header holds fields to add to the 101 answer, beside those that were set on the ResponseWriter.
	Header http.Header
	// Check may refuse a request after the handshake's own checks: any error is a refusal, a *RejectError
	// chooses status, header fields and body; otherwise the answer is a 403.
	Check func(r *http.Request) error
	// Compression enables permessage-deflate. If nil, it is declined.
	Compression *Compression
	// Group registers the connection, so that Group.Shutdown ends it. May be nil.
	Group *Group
}

// DialOptions configures Dial. The zero value, and nil, are ready to use.
type DialOptions struct {
	Options
	// Header holds fields to add to the request. Those of the handshake itself are refused.
	Header http.Header
	// Host replaces the host of the URL in the Host header field.
	Host string
	// Subprotocols are offered in this order.
	Subprotocols []string
	// Compression offers permessage-deflate. If nil, it is not offered.
	Compression *Compression
	// Jar provides cookies for the request and takes those of the answer. May be nil.
	Jar http.CookieJar
	// TLS configures wss. If nil, the defaults of crypto/tls hold.
	TLS *tls.Config
	// Proxy chooses a proxy: http, https, socks5 or socks5h. If nil, http.ProxyFromEnvironment does.
	Proxy func(*http.Request) (*url.URL, error)
	// NetDial opens the network connection. If nil, a net.Dialer does. With ws+unix, network is "unix".
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// HandshakeTimeout bounds the whole of Dial: name resolution, connection, TLS, proxy, redirects.
	// If zero or negative, 30 seconds.
	HandshakeTimeout time.Duration
	// HTTPVersion is the version of HTTP that carries the connection: 1, or 2 for HTTP/2 (RFC 8441). If zero, 1. There is no
	// falling back: a server that does not offer WebSockets over HTTP/2 is a *HandshakeError that says so.
	HTTPVersion int
	// MaxRedirects is how many redirects are followed. If zero, none is: a redirect is a *HandshakeError.
	MaxRedirects int
}

// ConnOptions configures NewConn: settings, and what the handshake agreed.
type ConnOptions struct {
	Options
	// Client is this side's role: a client masks what it sends and takes only what is not masked.
	Client bool
	// Subprotocol is the subprotocol agreed upon.
	Subprotocol string
	// Deflate holds the permessage-deflate parameters agreed upon. If nil, there is no compression.
	Deflate *DeflateParams
	// Compression tunes what Deflate allows; only Level and Threshold matter. May be nil.
	Compression *Compression
	// Buffered holds bytes that were read from the stream after the handshake. They are copied.
	Buffered []byte
	// Request is the handshake's request on a server. May be nil.
	Request *http.Request
	// Response is the handshake's answer on a client. May be nil.
	Response *http.Response
	// Group registers the connection. May be nil.
	Group *Group
	// RemoteAddr is the peer's address. If nil, the stream's own RemoteAddr method is asked.
	RemoteAddr net.Addr
	// Context is the parent of Conn.Context: it gives values, and its end ends the connection. May be nil.
	Context context.Context

	extensions string   // the words of the handshake, where they say more than Deflate
	request    *request // instead of Request
}

// Compression configures permessage-deflate (RFC 7692). Its zero value compresses messages of 512 bytes and more
// at level 1, with no memory kept from message to message.
//
// Compressing secrets together with text that somebody else chooses reveals the secrets' content by the
// size of what is sent (CRIME, BREACH), most of all with takeover. Text|Uncompressed exempts a message.
type Compression struct {
	// Level is the effort from 1 (fastest) to 9. If zero, 1. A window smaller than 15 bits has one effort only.
	Level int
	// Threshold is the size in bytes from which a message is compressed. If zero, 512; if negative, every message is.
	Threshold int
	// ServerTakeover and ClientTakeover let the server's, the client's, messages refer to earlier ones: better
	// compression for up to 48 KiB of memory for each connection. Both sides must want it. Small messages
	// gain by it only with a Threshold below their size.
	ServerTakeover, ClientTakeover bool
	// ServerWindowBits and ClientWindowBits limit the windows: 8 to 15. If zero, 15.
	ServerWindowBits, ClientWindowBits int
}
