package ws

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// maxSubprotocols is how many subprotocols a client may offer.
const maxSubprotocols = 32

// acceptKey is the Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2).
func acceptKey(key string) string {
	h := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(h[:])
}

// Accept answers a WebSocket handshake (RFC 6455 §4.2) and takes the network connection over from the http.Server. On
// error it has answered the request, and the error is a *HandshakeError. It works behind middleware whose ResponseWriter
// has an Unwrap method. Header fields that were set on w go into the answer.
//
// The request's context does not end the connection: use Conn.Context, which has the same values.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if o == nil {
		o = &AcceptOptions{}
	}
	begun := time.Now()
	c, err := accept(w, r, o)
	if t := o.Trace; t != nil && t.Handshake != nil {
		info := HandshakeInfo{URL: r.URL.RequestURI(), Status: http.StatusSwitchingProtocols, Duration: time.Since(begun), Err: err}
		if err != nil {
			var he *HandshakeError
			if errors.As(err, &he) {
				info.Status = he.Status
			}
		} else {
			info.Subprotocol, info.Extensions = c.subprotocol, c.extensions
		}
		t.Handshake(info)
	}
	return c, err
}

func accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	if err := checkRequest(w, r); err != nil {
		return nil, refuse(w, err)
	}
	if why := checkOrigin(r, o); why != "" {
		return nil, refuse(w, &HandshakeError{Status: http.StatusForbidden, Reason: why})
	}
	o.Group.enter() // a Shutdown from now on waits for the connection
	defer o.Group.exit()
	if o.Group != nil && !o.Group.open() {
		w.Header().Set("Retry-After", "1")
		return nil, refuse(w, &HandshakeError{Status: http.StatusServiceUnavailable, Reason: "shutting down", Err: ErrGroupClosed})
	}
	offered, ok := tokenList(r.Header["Sec-Websocket-Protocol"])
	if !ok || len(offered) > maxSubprotocols || hasDuplicate(offered) {
		return nil, refuse(w, badRequest("Sec-WebSocket-Protocol must list at most 32 different tokens"))
	}
	offers, err := parseExtensions(r.Header["Sec-Websocket-Extensions"])
	if err != nil {
		return nil, refuse(w, badRequest(err.Error()))
	}
	if o.Check != nil {
		if err := o.Check(r); err != nil {
			return nil, refuseChecked(w, err)
		}
	}
	subprotocol, err := chooseSubprotocol(r, o, offered)
	if err != nil {
		return nil, refuse(w, &HandshakeError{Status: http.StatusInternalServerError, Reason: "subprotocol", Err: err})
	}
	params := acceptDeflate(offers, o.Compression)

	answer := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	answer = append(answer, acceptKey(r.Header.Get("Sec-Websocket-Key"))...)
	if subprotocol != "" {
		answer = append(append(answer, "\r\nSec-WebSocket-Protocol: "...), subprotocol...)
	}
	if params != nil {
		answer = append(append(answer, "\r\nSec-WebSocket-Extensions: "...), params.String()...)
	}
	answer = append(answer, "\r\n"...)
	answer = appendHeader(answer, w.Header())
	answer = appendHeader(answer, o.Header)
	answer = append(answer, "\r\n"...)

	conn, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, refuse(w, &HandshakeError{Status: http.StatusInternalServerError, Reason: "the ResponseWriter cannot be hijacked; middleware needs an Unwrap method", Err: err})
	}
	opt := ConnOptions{
		Options: o.Options, Subprotocol: subprotocol, Deflate: params, Compression: o.Compression,
		Group: o.Group, RemoteAddr: conn.RemoteAddr(), Context: context.WithoutCancel(r.Context()),
	}
	if opt.Buffered, err = bufferedBytes(brw.Reader); err == nil {
		err = writeAnswer(conn, answer, o.Options.withDefaults().WriteTimeout)
	}
	if err != nil {
		_ = conn.Close() // the handshake failed already
		return nil, &HandshakeError{Reason: "writing the answer", Err: err, accept: true}
	}
	opt.request = keepRequest(r)
	return NewConn(conn, opt), nil
}

// writeAnswer writes the 101 answer within the time.
func writeAnswer(conn net.Conn, answer []byte, timeout time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// bufferedBytes returns what was read past the request.
func bufferedBytes(r *bufio.Reader) ([]byte, error) {
	if r == nil || r.Buffered() == 0 {
		return nil, nil
	}
	return r.Peek(r.Buffered())
}

// checkRequest checks what RFC 6455 §4.2.1 asks of a request.
func checkRequest(w http.ResponseWriter, r *http.Request) *HandshakeError {
	h := r.Header
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		return &HandshakeError{Status: http.StatusMethodNotAllowed, Reason: "a WebSocket handshake is a GET request"}
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return badRequest("a WebSocket handshake needs HTTP/1.1, not " + r.Proto)
	case r.Host == "":
		return badRequest("Host is missing")
	case !validHost(r.Host):
		return badRequest("Host must be a host, with or without a port")
	case !hasToken(h["Upgrade"], "websocket"):
		return upgradeRequired(w, "this is a WebSocket endpoint: Upgrade must be websocket")
	case !hasToken(h["Connection"], "upgrade"):
		return upgradeRequired(w, "Connection must hold Upgrade")
	case len(h["Sec-Websocket-Version"]) != 1 || h["Sec-Websocket-Version"][0] != "13":
		return upgradeRequired(w, "Sec-WebSocket-Version must be 13")
	case len(h["Sec-Websocket-Key"]) != 1:
		return badRequest("Sec-WebSocket-Key must be there once")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return badRequest("a WebSocket handshake has no body")
	}
	key := h["Sec-Websocket-Key"][0]
	if raw, err := base64.StdEncoding.Strict().DecodeString(key); err != nil || len(raw) != 16 || len(key) != 24 {
		return badRequest("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return nil
}

func badRequest(reason string) *HandshakeError {
	return &HandshakeError{Status: http.StatusBadRequest, Reason: reason}
}

func upgradeRequired(w http.ResponseWriter, reason string) *HandshakeError {
	h := w.Header()
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Version", "13")
	return &HandshakeError{Status: http.StatusUpgradeRequired, Reason: reason}
}

// refuse answers a request that is not accepted.
func refuse(w http.ResponseWriter, e *HandshakeError) error {
	e.accept = true
	http.Error(w, e.Reason, e.Status)
	return e
}

// refuseChecked answers a request that AcceptOptions.Check refuses.
func refuseChecked(w http.ResponseWriter, err error) error {
	e := &HandshakeError{Status: http.StatusForbidden, Reason: "refused by Check", Err: err, accept: true}
	body := http.StatusText(e.Status)
	var re *RejectError
	if errors.As(err, &re) {
		if re.Status >= 300 && re.Status <= 599 {
			e.Status = re.Status
		}
		if body = re.Body; body == "" {
			body = http.StatusText(e.Status)
		}
		for name, values := range re.Header {
			w.Header()[name] = slices.Clone(values)
		}
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	// The client has gone if this fails; the request is refused either way.
	_, _ = w.Write([]byte(body))
	return e
}

// chooseSubprotocol returns what the server chooses among the offered ones.
func chooseSubprotocol(r *http.Request, o *AcceptOptions, offered []string) (string, error) {
	if o.SelectSubprotocol != nil {
		s := o.SelectSubprotocol(r, slices.Clone(offered))
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
