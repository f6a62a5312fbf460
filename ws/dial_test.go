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
	"testing/synctest"
	"time"

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

// What Dial refuses to send.
func TestDialBadOptions(t *testing.T) {
	for name, o := range map[string]ws.DialOptions{
		"handshake field": {Header: http.Header{"Sec-WebSocket-Key": {"x"}}},
		"upgrade":         {Header: http.Header{"Upgrade": {"h2c"}}},
		"field name":      {Header: http.Header{"A b": {"x"}}},
		"field value":     {Header: http.Header{"A": {"x\r\nInjected: 1"}}},
		"subprotocol":     {Subprotocols: []string{"a b"}},
		"injected":        {Subprotocols: []string{"a\r\nInjected: 1"}},
		"twice":           {Subprotocols: []string{"a", "a"}},
	} {
		o.NetDial = func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%s: dialled", name)
			return nil, errMine
		}
		if _, err := ws.Dial(t.Context(), "ws://host/", &o); err == nil || errors.Is(err, errMine) {
			t.Errorf("%s: %v", name, err)
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

// Answers that are no valid upgrade (RFC 6455 §4.1, §4.2.2; RFC 7692 §7.1).
func TestDialBadAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		head    wstest.Head
		offer   bool // one subprotocol, and compression without takeover
		status  int
		because string
	}{
		"4.1 status 200":                {head: wstest.Head{Line: "HTTP/1.1 200 OK", Lines: []string{"Content-Length: 4"}, After: []byte("page")}, status: 200, because: "refused"},
		"4.1 no Upgrade":                {head: wstest.Head{Without: []string{"Upgrade"}}, status: 101, because: "Upgrade: websocket"},
		"4.1 other Upgrade":             {head: wstest.Head{Lines: []string{"Upgrade: h2c"}}, status: 101, because: "Upgrade: websocket"},
		"4.1 no Connection":             {head: wstest.Head{Without: []string{"Connection"}}, status: 101, because: "Connection: Upgrade"},
		"4.1 other Connection":          {head: wstest.Head{Lines: []string{"Connection: close"}}, status: 101, because: "Connection: Upgrade"},
		"4.1 no accept":                 {head: wstest.Head{Without: []string{"Sec-WebSocket-Accept"}}, status: 101, because: "Sec-WebSocket-Accept"},
		"4.1 wrong accept":              {head: wstest.Head{Lines: []string{"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}}, status: 101, because: "Sec-WebSocket-Accept"},
		"4.1 subprotocol not asked for": {head: wstest.Head{Lines: []string{"Sec-WebSocket-Protocol: x"}}, status: 101, because: "subprotocol"},
		"4.1 other subprotocol":         {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Protocol: two"}}, status: 101, because: "subprotocol"},
		"4.1 extension not asked for":   {head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: permessage-deflate"}}, status: 101, because: "not offered"},
		"4.1 unknown extension":         {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: x-mux"}}, status: 101, because: "not offered"},
		"4.1 malformed extension":       {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: ;;"}}, status: 101, because: "malformed"},
		"7.1 takeover not agreed":       {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: permessage-deflate"}}, status: 101, because: "server_no_context_takeover"},
		"7.1 window of 16":              {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=16"}}, status: 101, because: "invalid parameters"},
		"7.1 unknown parameter":         {offer: true, head: wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; x"}}, status: 101, because: "invalid parameters"},
		"too many interim answers":      {head: wstest.Head{Line: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 6) + "HTTP/1.1 101 Switching Protocols"}, because: "informational"},
		"header too large":              {head: wstest.Head{Lines: []string{"X: " + strings.Repeat("x", 70000)}}, because: "larger than 65536"},
		"not HTTP":                      {head: wstest.Head{Line: "SSH-2.0-OpenSSH_9.2"}, because: "reading the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			o := &ws.DialOptions{HandshakeTimeout: 10 * time.Second}
			if tc.offer {
				o.Subprotocols, o.Compression = []string{"one"}, &ws.Compression{}
			}
			_, err := dialPeer(t, o, func(p *wstest.Peer, r *http.Request) {
				p.Answer(r, tc.head)
				p.Close()
			})
			var he *ws.HandshakeError
			if !errors.As(err, &he) || he.Status != tc.status || !strings.Contains(err.Error(), tc.because) {
				t.Errorf("%v, want status %d and %q", err, tc.status, tc.because)
			}
		})
	}
}

// A refusal carries status, header and the first 64 KiB of the body.
func TestDialRefusal(t *testing.T) {
	body := strings.Repeat("no ", 50000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, body)
	}))
	defer s.Close()
	_, err := ws.Dial(t.Context(), s.URL, nil)
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != 418 || he.Header.Get("X-Why") != "because" || string(he.Body) != body[:64<<10] {
		t.Errorf("%v", err)
	}
}

// Informational answers before the 101 are passed over.
func TestDialInterimAnswers(t *testing.T) {
	c, err := dialPeer(t, nil, func(p *wstest.Peer, r *http.Request) {
		p.SendRaw([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"))
		p.Answer(r, wstest.Head{})
	})
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
}

// A server that never answers, or stops in the middle, is given up in time; cancelling is heard at once.
func TestDialTimeout(t *testing.T) {
	for _, part := range []string{"", "HTTP/1.1 101 Switching", "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\npart"} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			dial := func(ctx context.Context, timeout time.Duration) error {
				a, b := wstest.Pipe(nil)
				defer b.Close()
				go b.Write([]byte(part))
				_, err := ws.Dial(ctx, "ws://host.test/", &ws.DialOptions{HandshakeTimeout: timeout, NetDial: func(context.Context, string, string) (net.Conn, error) {
					return a, nil
				}})
				return err
			}
			err := dial(t.Context(), 0)
			if err == nil || time.Since(begun) != 30*time.Second {
				t.Errorf("%q: %v after %v", part, err, time.Since(begun))
			}
			if !strings.Contains(part, "500") && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			begun = time.Now()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errMine)
			defer cancel()
			if err := dial(ctx, 0); err == nil || time.Since(begun) != time.Second || part == "" && !errors.Is(err, errMine) {
				t.Errorf("%q: %v after %v", part, err, time.Since(begun))
			}
		})
	}
}

// Once Dial has returned, its context means nothing.
func TestDialContextEnds(t *testing.T) {
	s := httptest.NewServer(ws.Handler{Handle: echo})
	defer s.Close()
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	c, err := ws.Dial(ctx, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if c.Context().Err() != nil || c.Context().Value(key{}) != "value" {
		t.Error("the connection's context ended with Dial's, or lacks its values")
	}
	checkEcho(t, c)
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
