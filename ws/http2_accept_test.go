package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// h2Client is a client that says what it likes to a server of net/http.
type h2Client struct {
	*http2.Framer
	conn net.Conn
}

func newH2Client(t *testing.T, url string) *h2Client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &h2Client{http2.NewFramer(conn, conn), conn}
	c.AllowIllegalWrites = true
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	io.WriteString(conn, http2.ClientPreface)
	c.WriteSettings()
	return c
}

// request sends a request on a stream.
func (c *h2Client) request(stream uint32, end bool, words ...string) {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for i := 0; i < len(words); i += 2 {
		enc.WriteField(hpack.HeaderField{Name: words[i], Value: words[i+1]})
	}
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndHeaders: true, EndStream: end})
}

// answer reads up to the answer for a stream. A reset is the status 0.
func (c *h2Client) answer(t *testing.T, stream uint32) (status string, h http.Header) {
	t.Helper()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if f.Header().StreamID != stream {
			continue
		}
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			return "reset: " + f.ErrCode.String(), nil
		case *http2.MetaHeadersFrame:
			h := http.Header{}
			for _, field := range f.RegularFields() {
				h.Add(field.Name, field.Value)
			}
			return f.PseudoValue("status"), h
		}
	}
}

// extended is a good request, with some fields replaced; "" leaves them out.
func extended(change ...string) (words []string) {
	words = []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "server.test",
		"sec-websocket-version", "13"}
	for i := 0; i < len(change); i += 2 {
		at := slices.Index(words, change[i])
		switch {
		case at < 0:
			words = append(words, change[i], change[i+1])
		case change[i+1] == "":
			words = slices.Delete(words, at, at+2)
		default:
			words[at+1] = change[i+1]
		}
	}
	return words
}

func TestHTTP2Accept(t *testing.T) {
	group := &ws.Group{}
	closed := &ws.Group{}
	closed.Shutdown(t.Context())
	url, _ := h2Serve(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := ws.Handler{Handle: echo, Options: ws.AcceptOptions{Group: group, Subprotocols: []string{"chat"}, Compression: &ws.Compression{}}}
		switch r.URL.Path {
		case "/checked":
			h.Options.Check = func(*http.Request) error {
				return &ws.RejectError{Status: 401, Header: http.Header{"Www-Authenticate": {"Basic"}}}
			}
		case "/closed":
			h.Options.Group = closed
		}
		h.ServeHTTP(w, r)
	}))
	c := newH2Client(t, url)
	stream := uint32(1)
	for _, tc := range []struct {
		name   string
		words  []string
		status string
		want   []string // a field of the answer
	}{
		{"RFC 8441 §5.1 the example", extended("sec-websocket-protocol", "chat, superchat", "origin", "http://server.test"), "200", []string{"Sec-Websocket-Protocol", "chat"}},
		{"RFC 8441 §5 no key", extended("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), "200", []string{"Sec-Websocket-Accept", ""}},
		{"RFC 7692 §5", extended("sec-websocket-extensions", "permessage-deflate"), "200", []string{"Sec-Websocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"}},
		{"RFC 8441 §4 another protocol", extended(":protocol", "connect-udp"), "501", nil},
		{"RFC 8441 §4 spelt otherwise", extended(":protocol", "WebSocket"), "501", nil},
		{"RFC 8441 §4 GET", extended(":method", "GET", ":protocol", ""), "400", nil},
		{"RFC 8441 §4 POST", extended(":method", "POST", ":protocol", ""), "405", nil},
		{"RFC 9113 §8.5 CONNECT", []string{":method", "CONNECT", ":authority", "server.test"}, "400", nil},
		{"RFC 6455 §4.4 another version", extended("sec-websocket-version", "8"), "400", []string{"Sec-Websocket-Version", "13"}},
		{"RFC 6455 §4.4 no version", extended("sec-websocket-version", ""), "400", []string{"Sec-Websocket-Version", "13"}},
		{"RFC 8441 §4 no authority", extended(":authority", ""), "400", nil},
		{"RFC 6455 §10.2 another origin", extended("origin", "http://evil.test"), "403", nil},
		{"RFC 6455 §10.2 another scheme", extended("origin", "https://server.test"), "200", nil},
		{"RFC 6455 §11.3.4 twice", extended("sec-websocket-protocol", "a, a"), "400", nil},
		{"RFC 9113 §8.2.2 Upgrade", extended("upgrade", "websocket"), "400", nil},
		{"Check", extended(":path", "/checked"), "401", []string{"Www-Authenticate", "Basic"}},
		{"Group", extended(":path", "/closed"), "503", []string{"Retry-After", "1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defer func() { stream += 2 }()
			c.request(stream, false, tc.words...)
			status, h := c.answer(t, stream)
			if status != tc.status {
				t.Errorf("answered with %s %v, want %s", status, h, tc.status)
			}
			if tc.want != nil && h.Get(tc.want[0]) != tc.want[1] {
				t.Errorf("%s is %q", tc.want[0], h.Get(tc.want[0]))
			}
			c.WriteRSTStream(stream, http2.ErrCodeCancel)
		})
	}
	c.request(stream, true, extended()...)
	if status, _ := c.answer(t, stream); status != "400" {
		t.Errorf("a stream that is closed for sending: %s", status)
	}
	shutDown(t, group)
}

// masked is the bytes of a frame as a client sends it.
func masked(f wstest.Frame) []byte {
	f.Masked, f.Mask = true, [4]byte{1, 2, 3, 4}
	return wstest.Bytes(f)
}

// shutDown ends what is left of a group.
func shutDown(t *testing.T, g *ws.Group) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// How a client may leave, and what the server learns of it.
func TestHTTP2ClientLeaves(t *testing.T) {
	hello := masked(wstest.Text("hello"))
	for name, tc := range map[string]struct {
		leave   func(*h2Client)
		because string
	}{
		"RFC 8441 §5 RST_STREAM CANCEL": {func(c *h2Client) { c.WriteRSTStream(1, http2.ErrCodeCancel) }, "CANCEL"},
		"RFC 8441 §5 END_STREAM":        {func(c *h2Client) { c.WriteData(1, true, nil) }, "EOF"},
		"inside a message":              {func(c *h2Client) { c.WriteData(1, true, hello[:5]) }, "EOF"},
		"cut":                           {func(c *h2Client) { c.conn.Close() }, ""},
		"GOAWAY, then cut":              {func(c *h2Client) { c.WriteGoAway(0, http2.ErrCodeNo, nil); c.conn.Close() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			began, ended := make(chan struct{}), make(chan error, 1)
			url, _ := h2Serve(t, false, ws.Handler{Handle: func(c *ws.Conn) error {
				close(began)
				_, p, err := c.Read(context.Background())
				if err != nil || string(p) != "hello" {
					t.Errorf("got %q, %v", p, err)
				}
				_, _, err = c.Read(context.Background())
				ended <- err
				return err
			}})
			c := newH2Client(t, url)
			c.request(1, false, extended()...)
			if status, _ := c.answer(t, 1); status != "200" {
				t.Fatal(status)
			}
			<-began
			c.WriteData(1, false, hello)
			tc.leave(c)
			err := <-ended
			ce, ok := errors.AsType[*ws.CloseError](err)
			if !ok || ce.Code != ws.CodeAbnormal || ce.Err == nil || !strings.Contains(err.Error(), tc.because) {
				t.Errorf("the server got %v, want %q", err, tc.because)
			}
		})
	}
}

// Accept in a handler of one's own, which stays until the connection is over.
func TestHTTP2AcceptInHandler(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		var info ws.HandshakeInfo
		returned := make(chan error, 1)
		url, o := h2Serve(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := ws.Accept(w, r, &ws.AcceptOptions{Options: ws.Options{Trace: &ws.Trace{Handshake: func(i ws.HandshakeInfo) { info = i }}}})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			if c.RemoteAddr() == nil || c.RemoteAddr().Network() != "tcp" || c.RemoteAddr().String() != r.RemoteAddr {
				t.Errorf("remote address %v", c.RemoteAddr())
			}
			returned <- echo(c)
		}))
		c, err := ws.Dial(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
		if err := <-returned; err != nil {
			t.Error(err)
		}
		if info.Status != 200 || info.Err != nil {
			t.Errorf("Trace.Handshake got %+v", info)
		}
	})
}

// A handler that returns too early ends its connection, and nothing else.
func TestHTTP2HandlerReturns(t *testing.T) {
	conns := make(chan *ws.Conn, 1)
	url, o := h2Serve(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
		}
		conns <- c
	}))
	c, err := ws.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeAbnormal {
		t.Errorf("the client got %v", err)
	}
	s := <-conns
	if _, _, err := s.Read(t.Context()); ws.CloseCode(err) != ws.CodeAbnormal {
		t.Errorf("the server's read: %v", err)
	}
	if err := s.Write(t.Context(), ws.Text, []byte("late")); ws.CloseCode(err) != ws.CodeAbnormal {
		t.Errorf("the server's write: %v", err)
	}
}

// A panic in Handle is a 1011, as ever, and the server goes on.
func TestHTTP2HandlerPanics(t *testing.T) {
	url, o := h2Serve(t, false, ws.Handler{Handle: func(*ws.Conn) error { panic("oops") }})
	for range 2 {
		c, err := ws.Dial(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeInternalError {
			t.Errorf("got %v", err)
		}
		c.CloseNow()
	}
}

// wrapped is a ResponseWriter of middleware.
type wrapped struct{ http.ResponseWriter }

// unwrapped is one that says what it wraps.
type unwrapped struct{ wrapped }

func (w unwrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w unwrapped) Write(p []byte) (int, error) { panic("a message went through the middleware") }

func TestHTTP2Middleware(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"Unwrap":    func(w http.ResponseWriter) http.ResponseWriter { return unwrapped{wrapped{unwrapped{wrapped{w}}}} },
		"no Unwrap": func(w http.ResponseWriter) http.ResponseWriter { return wrapped{w} },
	} {
		url, o := h2Serve(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws.Handler{Handle: echo}.ServeHTTP(wrap(w), r)
		}))
		c, err := ws.Dial(t.Context(), url, o)
		if name == "Unwrap" {
			if err != nil {
				t.Fatal(err)
			}
			checkEcho(t, c)
			continue
		}
		if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != 500 || !strings.Contains(string(he.Body), "Unwrap") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many streams of one connection are many WebSockets, and a group ends them all with 1001.
func TestHTTP2ManyStreams(t *testing.T) {
	var group ws.Group
	url, _ := h2ServeWith(t, false, ws.Handler{Options: ws.AcceptOptions{Group: &group}, Handle: echo},
		func(s *http.Server) {
			s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
			s.ErrorLog = log.New(io.Discard, "", 0)
		})
	c := newH2Client(t, url)
	for i := range 100 {
		c.request(uint32(2*i+1), false, extended()...)
	}
	for i := range 100 {
		c.WriteData(uint32(2*i+1), false, masked(wstest.Text(fmt.Sprint(i))))
	}
	got := map[uint32]string{}
	opened := 0
	for len(got) < 100 {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			opened++
		case *http2.DataFrame:
			got[f.StreamID] += string(f.Data())
		}
	}
	for id, text := range got {
		if want := string(wstest.Bytes(wstest.Text(fmt.Sprint(id / 2)))); text != want {
			t.Errorf("stream %d: %q", id, text)
		}
	}
	if opened != 100 || group.Len() != 100 {
		t.Errorf("%d streams are open, %d connections in the group", opened, group.Len())
	}
	done := make(chan error, 1)
	go func() { done <- group.Shutdown(context.Background()) }()
	closed := 0
	for closed < 100 {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := f.(*http2.DataFrame); ok && len(f.Data()) > 2 {
			closed++
			c.WriteData(f.StreamID, true, masked(wstest.Close(1001, "")))
		}
	}
	if err := <-done; err != nil || group.Len() != 0 {
		t.Errorf("%v, %d connections left", err, group.Len())
	}
}
