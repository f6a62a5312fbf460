package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxSubprotocols is how many subprotocols a client may offer.
const maxSubprotocols = 32

// opening is a request for an opening handshake, as its rules see it, whoever has read it from the network.
type opening struct {
	method, proto, host string
	recent              bool // proto is HTTP/1.1 or, as nobody has seen yet, one that is newer and like it
	secure              bool // it came over TLS
	body                bool // it has, or may have, a body
	h2                  bool // proto is HTTP/2

	// The values of the fields that count.
	upgrade, connection, origin, key, version, protocols, extensions, protocol []string

	request func() *http.Request // the whole request, for the application
}

// agreement is what an opening handshake came to.
type agreement struct {
	subprotocol string
	deflate     *DeflateParams
}

// judge decides about a request. The Group of o must have been entered.
func (in *opening) judge(o *AcceptOptions) (agreement, *refusal) {
	if no := in.check(); no != nil {
		return agreement{}, no
	}
	if why := checkOrigin(in, o); why != "" {
		return agreement{}, refuse(http.StatusForbidden, why, nil)
	}
	if o.Group != nil && !o.Group.open() {
		no := refuse(http.StatusServiceUnavailable, "shutting down", ErrGroupClosed)
		no.header = http.Header{"Retry-After": {"1"}}
		return agreement{}, no
	}
	offered, ok := tokenList(in.protocols)
	if !ok || len(offered) > maxSubprotocols || hasDuplicate(offered) {
		return agreement{}, badRequest("Sec-WebSocket-Protocol must list at most 32 different tokens")
	}
	offers, err := parseExtensions(in.extensions)
	if err != nil {
		return agreement{}, badRequest(err.Error())
	}
	if o.Check != nil {
		if err := o.Check(in.request()); err != nil {
			return agreement{}, refuseChecked(err)
		}
	}
	subprotocol, err := in.chooseSubprotocol(o, offered)
	if err != nil {
		return agreement{}, refuse(http.StatusInternalServerError, "subprotocol", err)
	}
	return agreement{strings.Clone(subprotocol), acceptDeflate(offers, o.Compression)}, nil
}

// check checks what RFC 6455 §4.2.1 asks of a request.
func (in *opening) check() *refusal {
	if in.h2 && in.method == http.MethodConnect {
		return in.checkExtended()
	}
	switch {
	case in.method != http.MethodGet:
		no := refuse(http.StatusMethodNotAllowed, "a WebSocket handshake is a GET request", nil)
		no.header = http.Header{"Allow": {http.MethodGet}}
		return no
	case in.h2:
		return badRequest("over HTTP/2 a WebSocket handshake is an extended CONNECT (RFC 8441)")
	case !in.recent:
		return badRequest("a WebSocket handshake needs HTTP/1.1, not " + in.proto)
	case in.host == "":
		return badRequest("Host is missing")
	case !validHost(in.host):
		return badRequest("Host must be a host, with or without a port")
	case !hasToken(in.upgrade, "websocket"):
		return upgradeRequired("this is a WebSocket endpoint: Upgrade must be websocket")
	case !hasToken(in.connection, "upgrade"):
		return upgradeRequired("Connection must hold Upgrade")
	case len(in.version) != 1 || in.version[0] != "13":
		return upgradeRequired("Sec-WebSocket-Version must be 13")
	case len(in.key) != 1:
		return badRequest("Sec-WebSocket-Key must be there once")
	case in.body:
		return badRequest("a WebSocket handshake has no body")
	case !validKey(in.key[0]):
		return badRequest("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return nil
}

// keyEncoding is that of Sec-WebSocket-Key.
var keyEncoding = base64.StdEncoding.Strict()

func validKey(key string) bool {
	var text [24]byte
	var raw [18]byte
	if copy(text[:], key) != len(key) || len(key) != len(text) {
		return false
	}
	n, err := keyEncoding.Decode(raw[:], text[:])
	return err == nil && n == 16
}

// chooseSubprotocol returns what the server chooses among the offered ones.
func (in *opening) chooseSubprotocol(o *AcceptOptions, offered []string) (string, error) {
	if o.SelectSubprotocol != nil {
		s := o.SelectSubprotocol(in.request(), slices.Clone(offered))
		if s != "" && !slices.Contains(offered, s) {
			return "", fmt.Errorf("SelectSubprotocol returned %q, which the client did not offer", s)
		}
		return s, nil
	}
	for _, s := range o.Subprotocols {
		if slices.Contains(offered, s) {
			return s, nil
		}
	}
	return "", nil
}

func hasDuplicate(list []string) bool {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return true
		}
	}
	return false
}

// connOptions sets the options of the connection that was agreed upon.
func (a *agreement) connOptions(opt *ConnOptions, o *AcceptOptions) {
	opt.Options, opt.Subprotocol, opt.Deflate, opt.Compression, opt.Group = o.Options, a.subprotocol, a.deflate, o.Compression, o.Group
}

// appendAnswer appends the answer that accepts a request (RFC 6455 §4.2.2), with the header fields that are set.
func (a agreement) appendAnswer(b []byte, in *opening, set ...http.Header) []byte {
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = appendAcceptKey(b, in.key[0])
	if a.subprotocol != "" {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), a.subprotocol...)
	}
	if a.deflate != nil {
		b = append(append(b, "\r\nSec-WebSocket-Extensions: "...), a.deflate.String()...)
	}
	b = append(b, "\r\n"...)
	for _, h := range set {
		b = appendHeader(b, h)
	}
	return append(b, "\r\n"...)
}

// appendAcceptKey appends the Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2).
func appendAcceptKey(b []byte, key string) []byte {
	var space [64]byte
	sum := sha1.Sum(append(append(space[:0], key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

func acceptKey(key string) string { return string(appendAcceptKey(nil, key)) }

// appendHeader appends fields to an answer. Those that belong to the handshake or to HTTP's framing are left out, and so
// are names and values that would break out of their line.
func appendHeader(b []byte, h http.Header) []byte {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) || handshakeField(name) {
			continue
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				continue
			}
			b = append(append(append(append(b, name...), ": "...), strings.TrimSpace(v)...), "\r\n"...)
		}
	}
	return b
}

// handshakeField reports whether a header field is the handshake's own.
func handshakeField(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Host":
		return true
	}
	return len(name) >= 14 && strings.EqualFold(name[:14], "Sec-WebSocket-")
}
