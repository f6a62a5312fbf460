package ws

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// checkExtended checks an extended CONNECT (RFC 8441 §4, §5), which net/http delivers as a request whose header has :protocol.
func (in *opening) checkExtended() *refusal {
	switch {
	case len(in.protocol) == 0:
		return badRequest("a WebSocket handshake over HTTP/2 needs :protocol (RFC 8441 §4)")
	case len(in.protocol) != 1 || in.protocol[0] != "websocket":
		return refuse(http.StatusNotImplemented, ":protocol must be websocket", nil)
	case in.host == "":
		return badRequest(":authority is missing")
	case !validHost(in.host):
		return badRequest(":authority must be a host, with or without a port")
	case len(in.version) != 1 || in.version[0] != "13":
		no := badRequest("Sec-WebSocket-Version must be 13")
		no.header = http.Header{"Sec-Websocket-Version": {"13"}}
		return no
	case !in.body:
		return badRequest("the stream is closed for sending already")
	}
	return nil
}

// acceptStream accepts an extended CONNECT. The stream stays in the hands of net/http, through which everything goes.
//
//go:noinline
func acceptStream(w http.ResponseWriter, r *http.Request, o *AcceptOptions, agreed *agreement) (*Conn, error) {
	inner := innermost(w)
	control := http.NewResponseController(inner)
	// What the http.Server allows a request is not for a connection.
	err := errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Now().Add(o.withDefaults().WriteTimeout)))
	if err != nil {
		return nil, refuse(http.StatusInternalServerError,
			"the ResponseWriter cannot be used for a stream; middleware needs an Unwrap method", err).write(w)
	}
	agreed.setAnswer(inner.Header(), w.Header(), o.Header)
	inner.WriteHeader(http.StatusOK)
	if err := errors.Join(control.Flush(), control.SetWriteDeadline(time.Time{})); err != nil {
		return nil, &HandshakeError{Reason: "writing the answer", Err: err, accept: true}
	}
	s := newHandlerStream(inner, control, r)
	var opt ConnOptions
	agreed.connOptions(&opt, o)
	opt.RemoteAddr, opt.Context, opt.request = s.RemoteAddr(), valuesOf(r.Context()), keepWhole(r)
	return newConn(s, &opt), nil
}

// innermost returns the ResponseWriter of the server, behind those of middleware, which know no streams.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

// setAnswer puts into h what the answer to an extended CONNECT says (RFC 8441 §5), with the header fields that are set.
func (a *agreement) setAnswer(h http.Header, set ...http.Header) {
	fields := make(http.Header)
	for _, from := range set {
		for name, values := range from {
			if !httpguts.ValidHeaderFieldName(name) || handshakeField(name) {
				continue
			}
			for _, v := range values {
				if httpguts.ValidHeaderFieldValue(v) {
					fields[name] = append(fields[name], strings.TrimSpace(v))
				}
			}
		}
	}
	clear(h)
	for name, values := range fields {
		h[name] = slices.Clip(values)
	}
	if a.subprotocol != "" {
		h["Sec-Websocket-Protocol"] = []string{a.subprotocol}
	}
	if a.deflate != nil {
		h["Sec-Websocket-Extensions"] = []string{a.deflate.String()}
	}
}
