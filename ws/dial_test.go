package ws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// echo answers every message with itself.
func echo(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
		return c.Write(c.Context(), t, p)
	}})
}

func checkEcho(t *testing.T, c *ws.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
		t.Fatalf("got %q, %v", p, err)
	}
	if err := c.Close(t.Context(), ws.CodeNormal, ""); err != nil {
		t.Error(err)
	}
}

func TestDialURLs(t *testing.T) {
	plain := httptest.NewServer(ws.Handler{Handle: echo})
	defer plain.Close()
	secure := httptest.NewTLSServer(ws.Handler{Handle: echo})
	defer secure.Close()
	socket := filepath.Join(t.TempDir(), "s.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	paths := make(chan string, 10)
	unix := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.Host + " " + r.RequestURI
		ws.Handler{Handle: echo}.ServeHTTP(w, r)
	})}
	served := make(chan error)
	go func() { served <- unix.Serve(ln) }()
	defer func() {
		unix.Close()
		<-served
	}()
	trust := secure.Client().Transport.(*http.Transport).TLSClientConfig
	for _, u := range []string{
		plain.URL, "ws" + strings.TrimPrefix(plain.URL, "http"), "WS" + strings.TrimPrefix(plain.URL, "http") + "/path?q=1",
		secure.URL, "wss" + strings.TrimPrefix(secure.URL, "https"),
		"ws+unix://" + socket, "ws+unix:" + socket, "ws+unix://" + socket + ":/chat?room=1",
	} {
		c, err := ws.Dial(t.Context(), u, &ws.DialOptions{TLS: trust})
		if err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		if c.Response().StatusCode != 101 || c.Request() != nil || c.RemoteAddr() == nil {
			t.Errorf("%s: %+v", u, c.Response())
		}
		checkEcho(t, c)
	}
	for _, want := range []string{"localhost /", "localhost /", "localhost /chat?room=1"} {
		if got := <-paths; got != want {
			t.Errorf("over the Unix socket: %q, want %q", got, want)
		}
	}
}

func TestDialBadURL(t *testing.T) {
	for u, why := range map[string]string{
		"":                        "no scheme",
		"localhost:8080":          "unknown scheme",
		"//host/":                 "no scheme",
		"ftp://host/":             "unknown scheme",
		"ws://":                   "no host",
		"ws:///path":              "no host",
		"ws://host/#part":         "fragment",
		"ws://host/#":             "fragment",
		"ws://ho st/":             "invalid",
		"ws://host:port/":         "invalid",
		"ws+unix://":              "socket",
		"ws+unix:///sock:no/path": "want ws+unix",
	} {
		var he *ws.HandshakeError
		if _, err := ws.Dial(t.Context(), u, nil); !errors.As(err, &he) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", u, err, why)
		}
	}
}

// What Dial refuses to send, before it opens a connection.
func TestDialBadOptions(t *testing.T) {
	field := func(name, value string) ws.DialOptions {
		return ws.DialOptions{Header: http.Header{name: {value}}}
	}
	protocols := func(names ...string) ws.DialOptions { return ws.DialOptions{Subprotocols: names} }
	for name, tc := range map[string]struct {
		o   ws.DialOptions
		why string
	}{
		"RFC 6455 §4.1 (7) key":               {field("Sec-WebSocket-Key", "x"), "Sec-WebSocket-Key"},
		"RFC 6455 §4.1 (5) Upgrade":           {field("Upgrade", "h2c"), "Upgrade"},
		"RFC 6455 §4.1 (6) Connection":        {field("connection", "close"), "connection"},
		"RFC 6455 §4.1 (9) version":           {field("sec-websocket-version", "8"), "version"},
		"RFC 6455 §4.1 (10) subprotocol":      {field("SEC-WEBSOCKET-PROTOCOL", "x"), "PROTOCOL"},
		"RFC 6455 §4.1 (11) extension":        {field("Sec-Websocket-Extensions", "x"), "Extensions"},
		"RFC 9112 §6 Content-Length":          {field("Content-Length", "5"), "Content-Length"},
		"RFC 9112 §6 Transfer-Encoding":       {field("transfer-encoding", "chunked"), "transfer-encoding"},
		"RFC 9110 §7.2 Host besides ours":     {field("host", "other.test"), "host"},
		"RFC 9110 §5.1 space in a name":       {field("A b", "x"), "name"},
		"RFC 9110 §5.1 empty name":            {field("", "x"), "name"},
		"RFC 9110 §5.1 line break in a name":  {field("A: x\r\nX-Injected", "x"), "name"},
		"RFC 9110 §5.5 line break in a value": {field("A", "x\r\nX-Injected: 1"), "value"},
		"RFC 9110 §5.5 line feed in a value":  {field("A", "x\nX-Injected: 1"), "value"},
		"RFC 9110 §5.5 NUL in a value":        {field("A", "x\x00"), "value"},
		"RFC 6455 §4.1 (10) two words":        {protocols("a b"), "subprotocol"},
		"RFC 6455 §4.1 (10) a list as one":    {protocols("a,b"), "subprotocol"},
		"RFC 6455 §4.1 (10) empty":            {protocols("a", ""), "subprotocol"},
		"RFC 6455 §4.1 (10) line break":       {protocols("a\r\nX-Injected: 1"), "subprotocol"},
		"RFC 6455 §4.1 (10) twice":            {protocols("a", "b", "a"), "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.NetDial = func(context.Context, string, string) (net.Conn, error) {
				t.Error("a connection is opened")
				return nil, errMine
			}
			_, err := ws.Dial(t.Context(), "ws://host.test/", &tc.o)
			if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != 0 || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("%v, want %q", err, tc.why)
			}
		})
	}
}

// What is smuggled into the path or the host stays there, escaped, or is refused.
func TestDialInjection(t *testing.T) {
	for _, host := range []string{"", "a.test\r\nX-Injected: 1", "a.test X-Injected: 1", "a.test/\r\n\r\nGET /evil HTTP/1.1"} {
		for _, u := range []string{"ws://host.test/a%0d%0aX-Injected:%201", "ws://host.test/?a%0aX-Injected:1", "ws://x%0d%0aX-Injected:y@host.test/"} {
			sent, answered := wstest.Pipe(nil)
			_, err := ws.Dial(t.Context(), u, &ws.DialOptions{Host: host, NetDial: func(context.Context, string, string) (net.Conn, error) {
				answered.CloseWrite()
				return sent, nil
			}})
			if err == nil {
				t.Fatal("connected")
			}
			sent.Close()
			request, _ := io.ReadAll(answered)
			for line := range strings.SplitSeq(string(request), "\n") {
				if strings.HasPrefix(line, "X-Injected") || strings.HasPrefix(line, "GET /evil") {
					t.Errorf("%s with host %q: sent %q", u, host, request)
				}
			}
			answered.Close()
		}
	}
}

// dialPeer dials a server that is a Peer: it sees the request and answers with what serve makes.
func dialPeer(t *testing.T, o *ws.DialOptions, serve func(*wstest.Peer, *http.Request)) (*ws.Conn, error) {
	t.Helper()
	if o == nil {
		o = &ws.DialOptions{}
	}
	done := make(chan struct{})
	o.NetDial = func(context.Context, string, string) (net.Conn, error) {
		a, b := wstest.Pipe(nil)
		go func() {
			defer close(done)
			peer := wstest.ServerPeer(b)
			r, err := peer.ReadRequest()
			if err != nil {
				t.Error(err)
				return
			}
			serve(peer, r)
		}()
		return a, nil
	}
	c, err := ws.Dial(t.Context(), "ws://user:pa%20ss@host.test:8080/path?q=1", o)
	<-done
	return c, err
}

// The request is as RFC 6455 §4.1 asks, with what the options add.
func TestDialRequest(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	here := &url.URL{Scheme: "http", Host: "host.test:8080", Path: "/"}
	jar.SetCookies(here, []*http.Cookie{{Name: "a", Value: "1"}})
	o := &ws.DialOptions{
		Header: http.Header{"X-Mine": {"1", "2"}, "Origin": {"https://page.test"}}, Host: "other.test", Jar: jar,
		Subprotocols: []string{"one", "two"}, Compression: &ws.Compression{ClientTakeover: true, ServerWindowBits: 10},
	}
	var got *http.Request
	c, err := dialPeer(t, o, func(p *wstest.Peer, r *http.Request) {
		got = r
		p.Answer(r, wstest.Head{
			Lines: []string{"Sec-WebSocket-Protocol: two", "Set-Cookie: b=2",
				"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_max_window_bits=9"},
			After: wstest.Bytes(wstest.Text("early")),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	user, password, _ := got.BasicAuth()
	for name, pair := range map[string][2]string{
		"line":        {got.Method + " " + got.RequestURI + " " + got.Proto, "GET /path?q=1 HTTP/1.1"},
		"host":        {got.Host, "other.test"},
		"upgrade":     {got.Header.Get("Upgrade"), "websocket"},
		"connection":  {got.Header.Get("Connection"), "Upgrade"},
		"version":     {got.Header.Get("Sec-Websocket-Version"), "13"},
		"user":        {user + ":" + password, "user:pa ss"},
		"cookie":      {got.Header.Get("Cookie"), "a=1"},
		"origin":      {got.Header.Get("Origin"), "https://page.test"},
		"mine":        {strings.Join(got.Header["X-Mine"], ","), "1,2"},
		"subprotocol": {got.Header.Get("Sec-Websocket-Protocol"), "one, two"},
		"extensions": {got.Header.Get("Sec-Websocket-Extensions"),
			"permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits"},
		"chosen":     {c.Subprotocol(), "two"},
		"negotiated": {c.Extensions(), "permessage-deflate; server_no_context_takeover; server_max_window_bits=9"},
		"new cookie": {jar.Cookies(here)[1].String(), "b=2"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", name, pair[0], pair[1])
		}
	}
	if len(got.Header.Get("Sec-Websocket-Key")) != 24 {
		t.Errorf("key %q", got.Header.Get("Sec-Websocket-Key"))
	}
	// What came in the same packet as the answer is there.
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != "early" {
		t.Errorf("got %q, %v", p, err)
	}
}

// The certificate is checked.
func TestDialUntrusted(t *testing.T) {
	s := httptest.NewTLSServer(ws.Handler{Handle: echo})
	defer s.Close()
	var ce *tls.CertificateVerificationError
	if _, err := ws.Dial(t.Context(), s.URL, nil); !errors.As(err, &ce) {
		t.Error(err)
	}
}
