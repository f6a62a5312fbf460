package raw

import (
	"net"
	"net/http"
	"strings"

	"github.com/parley-ws/parley/hub"
)

// The subprotocols of a WebSocket: that of the dialect, and the one in which a browser, which cannot set header fields, shows its token.
const (
	subprotocol = "parley.raw"
	bearer      = "parley.bearer."
)

// credentials are those of a request.
func (h *Handler) credentials(r *http.Request, transport string) hub.Credentials {
	return hub.Credentials{
		Token:     token(r, transport == "websocket"),
		Dialect:   "raw",
		Transport: transport,
		Remote:    h.o.Remote(r),
		Header:    r.Header,
	}
}

// token returns what Authorization says, or for a WebSocket the subprotocol.
func token(r *http.Request, socket bool) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if !socket {
		return ""
	}
	for _, name := range offered(r) {
		if token, ok := strings.CutPrefix(name, bearer); ok {
			return token
		}
	}
	return ""
}

// offered are the subprotocols of a request.
func offered(r *http.Request) []string {
	var names []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, strings.Trim(name, " \t"))
		}
	}
	return names
}

// remote is the address of the client without its port.
func remote(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
