package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
)

const (
	// maxAnswerHeader bounds the header of a server's answer; maxErrorBody is how much of a refusal's body is kept.
	maxAnswerHeader = 64 << 10
	maxErrorBody    = 64 << 10
)

// Dial opens a connection to a ws or wss URL (http and https mean the same). ws+unix:///path/to/socket:/path?query goes
// through a Unix socket. Userinfo in the URL becomes basic authentication.
//
// ctx and DialOptions.HandshakeTimeout bound the handshake; once Dial has returned, the end of ctx does nothing. Every
// error is a *HandshakeError; for an answer that is not a valid upgrade it has status, header and the beginning of the body.
//
// With DialOptions.HTTPVersion 2 the connection is a stream of HTTP/2 (RFC 8441): a wss URL has it chosen by TLS (ALPN h2), a
// ws URL takes for granted that the server speaks it. Each Dial opens an HTTP/2 connection for itself, which ends with the Conn.
func Dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, error) {
	if o == nil {
		o = &DialOptions{}
	}
	begun := time.Now()
	c, err := dial(ctx, rawURL, o)
	if t := o.Trace; t != nil && t.Handshake != nil {
		info := HandshakeInfo{Client: true, URL: withoutUserinfo(rawURL), Duration: time.Since(begun), Err: err}
		var he *HandshakeError
		if errors.As(err, &he) {
			info.Status = he.Status
		} else if err == nil {
			info.Status, info.Subprotocol, info.Extensions = c.response.StatusCode, c.subprotocol, c.Extensions()
		}
		t.Handshake(info)
	}
	return c, err
}

func withoutUserinfo(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// dialer is one Dial, through its redirects.
type dialer struct {
	o      *DialOptions
	header http.Header
	host   string // replaces the URL's host in the Host field
}

func dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, error) {
	timeout := o.HandshakeTimeout
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	values := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	t, err := parseTarget(rawURL)
	if err != nil {
		return nil, &HandshakeError{Reason: "invalid URL", Err: err}
	}
	d := &dialer{o: o, header: o.Header.Clone(), host: o.Host}
	if d.header == nil {
		d.header = http.Header{}
	}
	if h := d.header.Get("Host"); h != "" && d.host == "" {
		d.host = h
	}
	d.header.Del("Host")
	if err := d.check(); err != nil {
		return nil, err
	}
	for redirects := 0; ; redirects++ {
		c, err := d.attempt(ctx, values, t)
		if err == nil {
			return c, nil
		}
		var he *HandshakeError
		if !errors.As(err, &he) || !isRedirect(he.Status) || o.MaxRedirects <= redirects {
			return nil, err
		}
		next, why := t.redirect(he.Header.Get("Location"))
		if why != nil {
			he.Err = why
			return nil, he
		}
		if !next.sameOrigin(t) {
			// Credentials belong to the origin that they were given for.
			for name := range d.header { // in any case, which Header.Del does not see
				switch http.CanonicalHeaderKey(name) {
				case "Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "Www-Authenticate":
					delete(d.header, name)
				}
			}
			d.host = ""
		}
		t = next
	}
}

// isRedirect reports whether an answer's Location is where to try again.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// check refuses options that would break the handshake.
func (d *dialer) check() error {
	if v := d.o.HTTPVersion; v < 0 || v > 2 {
		return &HandshakeError{Reason: fmt.Sprintf("HTTP/%d is not spoken here: DialOptions.HTTPVersion may be 1 or 2", v)}
	}
	for name, values := range d.header {
		if handshakeField(name) {
			return &HandshakeError{Reason: "header field " + name + " belongs to the handshake: DialOptions has an option for it"}
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return &HandshakeError{Reason: fmt.Sprintf("invalid header field name %q", name)}
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return &HandshakeError{Reason: "invalid value of header field " + name}
			}
		}
	}
	for _, s := range d.o.Subprotocols {
		if !isToken(s) {
			return &HandshakeError{Reason: fmt.Sprintf("subprotocol %q is not a token", s)}
		}
	}
	if hasDuplicate(d.o.Subprotocols) {
		return &HandshakeError{Reason: "a subprotocol is offered twice"}
	}
	return nil
}

// attempt does one handshake.
func (d *dialer) attempt(ctx, values context.Context, t *target) (*Conn, error) {
	req, key, err := d.request(ctx, t)
	if err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, t, req)
	if err != nil {
		if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
			<-ctx.Done() // a deadline on the connection can be noticed a moment earlier
		}
		if ctx.Err() != nil { // what it came out as depends on where the time ran out
			err = cancelled("dial", ctx)
		}
		return nil, &HandshakeError{Reason: "connecting to " + t.address, Err: err}
	}
	// A deadline in the past interrupts the handshake when ctx ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo) })
	var c *upgraded
	if d.h2() {
		c, err = d.extendedConnect(conn, req, values, t)
	} else {
		c, err = d.upgrade(conn, req, key, values, t)
	}
	if !stop() && err == nil {
		err = &HandshakeError{Reason: "handshake", Err: ctx.Err()}
	}
	if err != nil {
		_ = conn.Close() // the handshake failed already
		if ctx.Err() != nil {
			var he *HandshakeError
			if !errors.As(err, &he) || he.Status == 0 {
				err = &HandshakeError{Reason: "handshake", Err: cancelled("dial", ctx)}
			}
		}
		return nil, err
	}
	return c.conn(), nil
}

// h2 reports whether the handshake is that of HTTP/2.
func (d *dialer) h2() bool { return d.o.HTTPVersion == 2 }

// request builds the request: with a fresh key (RFC 6455 §4.1), or for HTTP/2, which needs none (RFC 8441 §5).
func (d *dialer) request(ctx context.Context, t *target) (req *http.Request, key string, err error) {
	method := http.MethodGet
	if d.h2() {
		method = http.MethodConnect
	}
	req, err = http.NewRequestWithContext(ctx, method, t.http.String(), nil)
	if err != nil {
		return nil, "", &HandshakeError{Reason: "invalid URL", Err: err}
	}
	req.Header = d.header.Clone()
	h := req.Header
	if !d.h2() {
		var nonce [16]byte
		_, _ = randRead(nonce[:]) // never fails: it ends the program instead
		key = base64.StdEncoding.EncodeToString(nonce[:])
		h["Upgrade"] = []string{"websocket"}
		h["Connection"] = []string{"Upgrade"}
		h["Sec-WebSocket-Key"] = []string{key}
	}
	h["Sec-WebSocket-Version"] = []string{"13"}
	if len(d.o.Subprotocols) > 0 {
		h["Sec-WebSocket-Protocol"] = []string{strings.Join(d.o.Subprotocols, ", ")}
	}
	if d.o.Compression != nil {
		h["Sec-WebSocket-Extensions"] = []string{offerDeflate(d.o.Compression)}
	}
	if d.o.Jar != nil {
		for _, c := range d.o.Jar.Cookies(t.http) {
			req.AddCookie(c)
		}
	}
	if t.user != nil && h.Get("Authorization") == "" {
		password, _ := t.user.Password()
		req.SetBasicAuth(t.user.Username(), password)
	}
	if d.host != "" {
		req.Host = d.host
	}
	return req, key, nil
}

// upgraded is a handshake that succeeded, whose Conn is made once its deadline is off.
type upgraded struct {
	s   Stream
	opt ConnOptions
}

func (u *upgraded) conn() *Conn {
	if s, ok := u.s.(*h2Stream); ok {
		s.start()
	}
	return NewConn(u.s, u.opt)
}

// upgrade sends the request and checks the answer.
func (d *dialer) upgrade(conn net.Conn, req *http.Request, key string, values context.Context, t *target) (*upgraded, error) {
	if err := req.Write(conn); err != nil {
		return nil, &HandshakeError{Reason: "sending the request", Err: err}
	}
	limited := &io.LimitedReader{R: conn, N: maxAnswerHeader}
	br := bufio.NewReader(limited)
	resp, err := readAnswer(br, req)
	if err != nil {
		if limited.N == 0 {
			err = fmt.Errorf("the header is larger than %d bytes", maxAnswerHeader)
		}
		return nil, &HandshakeError{Reason: "reading the answer", Err: err}
	}
	d.keepCookies(resp, t)
	params, reason := d.checkAnswer(resp, key)
	if reason != "" {
		he := &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Reason: reason}
		if resp.StatusCode != http.StatusSwitchingProtocols {
			limited.N = maxErrorBody
			// What can be had of the body explains the refusal; an error here explains nothing.
			he.Body, _ = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		}
		return nil, he
	}
	resp.Body = http.NoBody
	resp.Request = nil
	if tc, ok := conn.(*tls.Conn); ok {
		state := tc.ConnectionState()
		resp.TLS = &state
	}
	u := d.agreed(conn, resp, params, values)
	buffered, err := bufferedBytes(br)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, &HandshakeError{Reason: "handshake", Err: err}
	}
	u.opt.Buffered = buffered
	return u, nil
}

// agreed is a handshake whose answer is good.
func (d *dialer) agreed(s Stream, resp *http.Response, params *DeflateParams, values context.Context) *upgraded {
	return &upgraded{s: s, opt: ConnOptions{
		Options: d.o.Options, Client: true, Subprotocol: resp.Header.Get("Sec-WebSocket-Protocol"),
		Deflate: params, Compression: d.o.Compression, Response: resp, Context: values,
		extensions: strings.Join(resp.Header.Values("Sec-WebSocket-Extensions"), ", "),
	}}
}

func (d *dialer) keepCookies(resp *http.Response, t *target) {
	if d.o.Jar != nil {
		if cookies := resp.Cookies(); len(cookies) > 0 {
			d.o.Jar.SetCookies(t.http, cookies)
		}
	}
}

// readAnswer reads the answer behind a few informational ones.
func readAnswer(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range 5 {
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("too many informational answers")
}

// checkAnswer checks what RFC 6455 §4.1 asks of an answer.
func (d *dialer) checkAnswer(resp *http.Response, key string) (*DeflateParams, string) {
	h := resp.Header
	accept := h["Sec-Websocket-Accept"]
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, "the server refused the upgrade"
	case !resp.ProtoAtLeast(1, 1) || resp.ProtoMajor > 1: // HTTP/1.0 has no 101 (RFC 9110 §15.2)
		return nil, "the answer is " + resp.Proto + ", not HTTP/1.1"
	case len(h["Upgrade"]) != 1 || len(h["Upgrade"][0]) != len("websocket") || !strings.EqualFold(h["Upgrade"][0], "websocket"): // not a list (RFC 6455 §4.1)
		return nil, "the answer lacks Upgrade: websocket"
	case !hasToken(h["Connection"], "upgrade"):
		return nil, "the answer lacks Connection: Upgrade"
	case len(accept) != 1 || strings.TrimSpace(accept[0]) != acceptKey(key):
		return nil, "the answer's Sec-WebSocket-Accept does not fit the key"
	}
	return d.checkAgreed(h)
}

// checkAgreed checks that an answer chooses only what was offered.
func (d *dialer) checkAgreed(h http.Header) (*DeflateParams, string) {
	if chosen := h["Sec-Websocket-Protocol"]; len(chosen) > 0 {
		if len(chosen) > 1 || !slices.Contains(d.o.Subprotocols, chosen[0]) {
			return nil, "the server chose a subprotocol that was not offered"
		}
	}
	params, err := deflateAgreed(h["Sec-Websocket-Extensions"], d.o.Compression)
	if err != nil {
		return nil, err.Error()
	}
	return params, ""
}

// connect opens the stream: network connection, proxy, TLS.
func (d *dialer) connect(ctx context.Context, t *target, req *http.Request) (net.Conn, error) {
	dial := d.o.NetDial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var conn net.Conn
	var err error
	if t.network == "unix" {
		conn, err = dial(ctx, "unix", t.address)
	} else {
		var proxy *url.URL
		if proxy, err = d.proxy(req); err != nil {
			return nil, err
		}
		if proxy != nil {
			conn, err = dialProxy(ctx, dial, proxy, t.address, d.o.TLS)
		} else {
			conn, err = dial(ctx, "tcp", t.address)
		}
	}
	if err != nil || t.http.Scheme != "https" {
		return conn, err
	}
	if !d.h2() {
		return startTLS(ctx, conn, t.http.Hostname(), d.o.TLS, "http/1.1")
	}
	tc, err := startTLS(ctx, conn, t.http.Hostname(), d.o.TLS, http2.NextProtoTLS)
	switch {
	case err != nil && strings.Contains(err.Error(), "no application protocol"): // an alert, which has no type
		return nil, fmt.Errorf("%w: %w", errNoALPN, err)
	case err == nil && tc.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS:
		_ = tc.Close() // it is of no use
		return nil, errNoALPN
	case err != nil:
		return nil, err
	}
	return tc, nil
}

var errNoALPN = errors.New("the server does not choose HTTP/2 (ALPN h2): use HTTP/1.1, or enable HTTP/2 on the server")

func (d *dialer) proxy(req *http.Request) (*url.URL, error) {
	if d.o.Proxy != nil {
		return d.o.Proxy(req)
	}
	return http.ProxyFromEnvironment(req)
}

// startTLS does the TLS handshake on conn, which it closes on error, for the protocol that is to be spoken through it (ALPN).
func startTLS(ctx context.Context, conn net.Conn, host string, config *tls.Config, protocol string) (*tls.Conn, error) {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{protocol}
	tc := tls.Client(conn, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake failed already
		return nil, err
	}
	return tc, nil
}
