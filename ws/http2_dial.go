package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// errNoExtendedConnect is the cause of a Dial to a server that does not take WebSockets over HTTP/2.
var errNoExtendedConnect = errors.New("the server speaks HTTP/2 but takes no WebSockets over it " +
	"(its settings lack SETTINGS_ENABLE_CONNECT_PROTOCOL = 1, RFC 8441 §3): use HTTP/1.1, or enable it on the server")

// extendedConnect opens an HTTP/2 connection on conn and a stream on that (RFC 8441 §4, §5).
func (d *dialer) extendedConnect(conn net.Conn, req *http.Request, values context.Context, t *target) (*upgraded, error) {
	s := newH2Stream(conn)
	u, err := d.openStream(s, req, values, t)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = s.Close() // the handshake failed already
		if _, ok := errors.AsType[*HandshakeError](err); !ok {
			err = &HandshakeError{Reason: "HTTP/2", Err: err}
		}
		return nil, err
	}
	return u, nil
}

func (d *dialer) openStream(s *h2Stream, req *http.Request, values context.Context, t *target) (*upgraded, error) {
	p := &s.peer
	for !p.settled || p.extended && p.maxStreams == 0 {
		if err := s.step(); err != nil {
			return nil, s.because(err)
		}
	}
	if !p.extended {
		return nil, errNoExtendedConnect
	}
	if err := s.request(req); err != nil {
		return nil, err
	}
	for p.answer == nil {
		if err := s.step(); err != nil {
			return nil, s.because(err)
		}
	}
	resp := p.answer
	if tc, ok := s.conn.(*tls.Conn); ok {
		state := tc.ConnectionState()
		resp.TLS = &state
	}
	d.keepCookies(resp, t)
	params, reason := d.checkAgreed(resp.Header)
	if resp.StatusCode > 299 {
		reason = "the server refused the extended CONNECT"
	}
	if reason != "" {
		he := &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Reason: reason}
		if resp.StatusCode > 299 {
			he.Body = s.body(maxErrorBody)
		}
		return nil, he
	}
	return d.agreed(s, resp, params, values), nil
}

// because is why a step of the handshake failed, in the words of the server if it has said goodbye.
func (s *h2Stream) because(err error) error {
	s.fail(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readErr
}

// body reads what the server sends behind a refusal, at most n bytes. An error here explains nothing.
func (s *h2Stream) body(n int) []byte {
	for {
		s.mu.Lock()
		have, over := s.w-s.r, s.readErr != nil
		s.mu.Unlock()
		if over || have >= n || s.step() != nil {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == s.w {
		return nil
	}
	b := s.buf.b[s.r:s.w]
	return append([]byte(nil), b[:min(len(b), n)]...)
}

// request sends the request, which opens the stream.
func (s *h2Stream) request(req *http.Request) error {
	block, err := s.encodeRequest(req)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer.opened = true
	s.peer.backlog += len(block)
	first := block[:min(len(block), h2MaxFrame)]
	block = block[len(first):]
	_ = s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: h2StreamID, BlockFragment: first, EndHeaders: len(block) == 0})
	for len(block) > 0 {
		next := block[:min(len(block), h2MaxFrame)]
		block = block[len(next):]
		_ = s.fr.WriteContinuation(h2StreamID, len(block) == 0, next)
	}
	s.kick()
	return nil
}

// headerBlock encodes header fields, and adds up their size as the server counts it (RFC 9113 §6.5.2).
type headerBlock struct {
	b    strings.Builder
	enc  *hpack.Encoder
	size uint64
}

func (h *headerBlock) add(name, value string) {
	f := hpack.HeaderField{Name: name, Value: value}
	switch name {
	case "authorization", "cookie", "proxy-authorization":
		f.Sensitive = true
	}
	h.size += uint64(f.Size())
	_ = h.enc.WriteField(f) // to memory
}

// encodeRequest encodes the header of an extended CONNECT (RFC 8441 §4).
func (s *h2Stream) encodeRequest(req *http.Request) ([]byte, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil || !httpguts.ValidHostHeader(host) {
		return nil, &HandshakeError{Reason: fmt.Sprintf("invalid host %q", host), Err: err}
	}
	h := &headerBlock{}
	h.enc = hpack.NewEncoder(&h.b)
	h.enc.SetMaxDynamicTableSizeLimit(s.peer.table)
	h.add(":method", http.MethodConnect)
	h.add(":protocol", "websocket")
	h.add(":scheme", req.URL.Scheme)
	h.add(":path", req.URL.RequestURI())
	h.add(":authority", withoutZone(host))
	if _, ok := req.Header["User-Agent"]; !ok {
		h.add("user-agent", "Go-http-client/2.0") // as net/http has it
	}
	for name, values := range req.Header {
		name = strings.ToLower(name)
		switch name {
		case "keep-alive", "proxy-connection": // of a connection of HTTP/1.1 (RFC 9113 §8.2.2)
			continue
		}
		for _, v := range values {
			if name != "user-agent" || v != "" {
				h.add(name, strings.TrimSpace(v))
			}
		}
	}
	if h.size > uint64(s.peer.maxHeader) {
		return nil, &HandshakeError{Reason: fmt.Sprintf("the request's header has %d bytes, the server takes %d", h.size, s.peer.maxHeader)}
	}
	return []byte(h.b.String()), nil
}

// withoutZone drops the zone of an IPv6 address, which concerns this machine alone (RFC 6874).
func withoutZone(host string) string {
	zone, end := strings.LastIndexByte(host, '%'), strings.LastIndexByte(host, ']')
	if host[0] != '[' || zone < 0 || zone > end {
		return host
	}
	return host[:zone] + host[end:]
}
