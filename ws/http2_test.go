package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	_ "github.com/parley-ws/parley/ws/extendedconnect"
)

// h2Serve starts net/http's server for HTTP/2, over TLS or with prior knowledge, and returns how to dial it.
func h2Serve(t testing.TB, secure bool, h http.Handler) (url string, o *ws.DialOptions) {
	t.Helper()
	return h2ServeWith(t, secure, h, func(*http.Server) {})
}

func h2ServeWith(t testing.TB, secure bool, h http.Handler, with func(*http.Server)) (url string, o *ws.DialOptions) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	with(s.Config)
	o = &ws.DialOptions{HTTPVersion: 2}
	if secure {
		s.EnableHTTP2 = true
		s.Config.Protocols.SetHTTP2(true)
		s.StartTLS()
		o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http"), o
}

// h2Kinds runs a test for both ways to HTTP/2.
func h2Kinds(t *testing.T, test func(t *testing.T, secure bool)) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "h2c", true: "TLS"}[secure], func(t *testing.T) { test(t, secure) })
	}
}

// h2Pair connects a client and a server, whose end the handler gives out.
func h2Pair(t *testing.T, secure bool, client, server ws.Options) (c, s *ws.Conn) {
	t.Helper()
	conns, over := make(chan *ws.Conn, 1), make(chan struct{})
	url, o := h2Serve(t, secure, ws.Handler{
		Options: ws.AcceptOptions{Options: server, Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true}},
		Handle: func(c *ws.Conn) error {
			conns <- c
			select {
			case <-over:
			case <-c.Context().Done():
			}
			return nil
		},
	})
	t.Cleanup(func() { close(over) }) // before the server is closed
	o.Options = client
	o.Compression = &ws.Compression{ServerTakeover: true, ClientTakeover: true}
	c, err := ws.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	s = <-conns
	t.Cleanup(func() {
		c.CloseNow()
		s.CloseNow()
	})
	return c, s
}

func TestHTTP2Echo(t *testing.T) {
	for _, compression := range []*ws.Compression{nil, {}, {ServerTakeover: true, ClientTakeover: true, ClientWindowBits: 10}} {
		h2Kinds(t, func(t *testing.T, secure bool) {
			o := ws.AcceptOptions{Options: ws.Options{MessageLimit: -1}, Compression: compression}
			url, dial := h2Serve(t, secure, ws.Handler{Options: o, Handle: echo})
			dial.MessageLimit, dial.Compression = -1, compression
			c, err := ws.Dial(t.Context(), url, dial)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			for _, size := range []int{0, 1, 125, 126, 4095, 4096, 16 << 10, 65535, 65536, 100_000, 1 << 20, 4 << 20} {
				p := []byte(strings.Repeat("hellö ", size/7+1))[:size]
				sent := make(chan error, 1)
				go func() { sent <- c.Write(t.Context(), ws.Binary, p) }()
				typ, q, err := c.Read(t.Context())
				if err != nil || typ != ws.Binary || !bytes.Equal(p, q) {
					t.Fatalf("%d bytes: got %d bytes of %v, %v", size, len(q), typ, err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			if (compression == nil) != (c.Extensions() == "") {
				t.Errorf("extensions %q", c.Extensions())
			}
			if r := c.Response(); r.StatusCode != 200 || r.ProtoMajor != 2 || secure != (r.TLS != nil) {
				t.Errorf("Response is %v", r)
			}
			if err := c.Close(t.Context(), ws.CodeNormal, "bye"); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// A message in fragments, with control frames between them, in both directions.
func TestHTTP2Fragments(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		c, s := h2Pair(t, secure, patient, patient)
		for _, pair := range [][2]*ws.Conn{{c, s}, {s, c}} {
			from, to := pair[0], pair[1]
			got := make(chan []byte, 1)
			go func() {
				_, p, err := to.Read(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- p
			}()
			w, err := from.Writer(t.Context(), ws.Text)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			for i := range 20 {
				part := strings.Repeat(fmt.Sprint(i), i*1000)
				want += part
				if _, err := io.WriteString(w, part); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if p := <-got; string(p) != want {
				t.Errorf("got %d bytes, want %d", len(p), len(want))
			}
		}
	})
}

func TestHTTP2Ping(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		c, s := h2Pair(t, secure, patient, patient)
		c.CloseRead(context.Background())
		s.CloseRead(context.Background())
		for _, end := range []*ws.Conn{c, s} {
			if rtt, err := end.Ping(t.Context()); err != nil || rtt <= 0 {
				t.Errorf("ping: %v, %v", rtt, err)
			}
		}
	})
}

// The closing handshake from either side reaches the other one with code and reason, and both sides are done.
func TestHTTP2Close(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		for _, clientFirst := range []bool{false, true} {
			c, s := h2Pair(t, secure, patient, patient)
			first, second := s, c
			if clientFirst {
				first, second = c, s
			}
			read := make(chan error, 1)
			go func() {
				_, _, err := second.Read(t.Context())
				read <- err
			}()
			if err := first.Close(t.Context(), 4001, "enough"); err != nil {
				t.Errorf("client first %v: Close: %v", clientFirst, err)
			}
			ce, ok := errors.AsType[*ws.CloseError](<-read)
			if !ok || ce.Code != 4001 || ce.Reason != "enough" || !ce.Remote {
				t.Errorf("client first %v: the other side got %v", clientFirst, ce)
			}
		}
	})
}

// What ends without a close frame is 1006 with its cause, on the other side.
func TestHTTP2CloseNow(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		for _, clientFirst := range []bool{false, true} {
			c, s := h2Pair(t, secure, patient, patient)
			first, second := s, c
			if clientFirst {
				first, second = c, s
			}
			if err := first.CloseNow(); err != nil {
				t.Error(err)
			}
			_, _, err := second.Read(t.Context())
			ce, ok := errors.AsType[*ws.CloseError](err)
			if !ok || ce.Code != ws.CodeAbnormal || ce.Err == nil || !ce.Remote {
				t.Errorf("client first %v: the other side got %v", clientFirst, err)
			}
			if clientFirst && !strings.Contains(err.Error(), "CANCEL") { // RFC 8441 §5
				t.Errorf("the server got %v", err)
			}
		}
	})
}

// A read whose context ends loses nothing, half a message included.
func TestHTTP2ReadCancelled(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		c, s := h2Pair(t, secure, patient, patient)
		for _, pair := range [][2]*ws.Conn{{c, s}, {s, c}} {
			from, to := pair[0], pair[1]
			w, err := from.Writer(t.Context(), ws.Binary)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Repeat("x", 50_000)
			if _, err := io.WriteString(w, want[:30_000]); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
				if _, _, err := to.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("read: %v", err)
				}
				cancel()
			}
			if _, err := io.WriteString(w, want[30_000:]); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			wantMessage(t, to, []byte(want))
		}
	})
}

// A write that waits because nobody reads ends by its context, or by WriteTimeout, or by CloseNow, and the connection with it.
func TestHTTP2WriteBlocked(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		for _, client := range []bool{false, true} {
			for _, way := range []string{"context", "timeout", "CloseNow"} {
				t.Run(fmt.Sprintf("client %v/%s", client, way), func(t *testing.T) {
					o := patient
					if way == "timeout" {
						o.WriteTimeout = 50 * time.Millisecond
					}
					from, to := h2Pair(t, secure, o, o)
					if !client {
						from, to = to, from
					}
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					wrote := make(chan error, 1)
					go func() { wrote <- from.Write(ctx, ws.Binary|ws.Uncompressed, make([]byte, 32<<20)) }()
					// It begins, and stops where the windows and buffers end.
					for from.Stats().Buffered == 0 {
						time.Sleep(time.Millisecond)
					}
					select {
					case err := <-wrote:
						if way != "timeout" {
							t.Fatalf("it returned: %v", err)
						}
						wrote <- err
					case <-time.After(20 * time.Millisecond):
					}
					switch way {
					case "context":
						cancel(errMine)
						wantBroken(t, from, <-wrote)
					case "timeout":
						if err := <-wrote; !errors.Is(err, ws.ErrWriteTimeout) {
							t.Errorf("got %v", err)
						}
					case "CloseNow":
						from.CloseNow()
						if err := <-wrote; ws.CloseCode(err) != ws.CodeAbnormal {
							t.Errorf("got %v", err)
						}
					}
					if err := to.CloseNow(); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
}

// Both sides send much at the same time, and each reads what the other sends.
func TestHTTP2BothWays(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		c, s := h2Pair(t, secure, ws.Options{}, ws.Options{})
		const n = 200
		var working sync.WaitGroup
		for _, end := range []*ws.Conn{c, s} {
			working.Go(func() {
				for i := range n {
					if err := end.Write(t.Context(), ws.Binary, numbered(0, i, i*400)); err != nil {
						t.Errorf("write %d: %v", i, err)
						return
					}
				}
			})
			working.Go(func() {
				for i := range n {
					if _, p, err := end.Read(t.Context()); err != nil || !bytes.Equal(p, numbered(0, i, i*400)) {
						t.Errorf("read %d: %d bytes, %v", i, len(p), err)
						return
					}
				}
			})
		}
		working.Wait()
	})
}

// What is used in every way from many goroutines, and ended at any moment, leaves nothing.
func TestHTTP2Stress(t *testing.T) {
	conns := 24
	slow := ws.Options{CloseTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, PingTimeout: time.Minute} // machines may be
	h2Kinds(t, func(t *testing.T, secure bool) {
		var group ws.Group
		both := &ws.Compression{ServerTakeover: true, ClientTakeover: true}
		url, o := h2Serve(t, secure, ws.Handler{Options: ws.AcceptOptions{Options: slow, Group: &group, Compression: both}, Handle: echo})
		o.Options, o.Compression = slow, both
		var using sync.WaitGroup
		for id := range conns {
			c, err := ws.Dial(context.Background(), url, o)
			if err != nil {
				t.Fatal(err)
			}
			for g := range 8 {
				using.Go(func() { stressOne(t, c, id, g, time.Second) })
			}
		}
		using.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := group.Shutdown(ctx); err != nil || group.Len() != 0 {
			t.Errorf("shutdown: %v, %d connections left", err, group.Len())
		}
	})
}

// An http.Server's limits for requests are not for connections.
func TestHTTP2ServerTimeouts(t *testing.T) {
	url, o := h2ServeWith(t, false, ws.Handler{Handle: echo}, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	c, err := ws.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	time.Sleep(150 * time.Millisecond) // longer than what the server allows
	checkEcho(t, c)
}

// A ring of redirects, cookies, credentials and a subprotocol: what leads to a connection is the same as with HTTP/1.1.
func TestHTTP2Handshake(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		seen := make(chan *http.Request, 2)
		mux := http.NewServeMux()
		mux.HandleFunc("/from", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/to?q=1", http.StatusTemporaryRedirect)
		})
		mux.Handle("/to", ws.Handler{
			Options: ws.AcceptOptions{
				Subprotocols: []string{"two"}, AnyOrigin: true, Header: http.Header{"X-Answer": {"yes"}},
				Check: func(r *http.Request) error { seen <- r; return nil },
			},
			Handle: func(c *ws.Conn) error {
				if r := c.Request(); r.Method != "CONNECT" || r.ProtoMajor != 2 || r.Header.Get(":protocol") != "websocket" || r.URL.Path != "/to" {
					t.Errorf("Request is %v", r)
				}
				return echo(c)
			},
		})
		url, o := h2Serve(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Middleware", "1")
			mux.ServeHTTP(w, r)
		}))
		scheme, host, _ := strings.Cut(url, "://")
		o.MaxRedirects, o.Subprotocols = 1, []string{"one", "two"}
		o.Header = http.Header{"Origin": {"https://page.test"}, "Cookie": {"a=b"}, "X-Long": {strings.Repeat("x", 40_000)}, "Keep-Alive": {"5"}}
		c, err := ws.Dial(t.Context(), scheme+"://ada:secret@"+host+"/from", o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		r := <-seen
		user, password, _ := r.BasicAuth()
		if user != "ada" || password != "secret" || r.Header.Get("Cookie") != "a=b" || r.Header.Get("Origin") != "https://page.test" ||
			r.RequestURI != "/to?q=1" || r.Host != host || len(r.Header.Get("X-Long")) != 40_000 || r.Header["Sec-Websocket-Key"] != nil || r.Header["Upgrade"] != nil {
			t.Errorf("the request is %v", r)
		}
		if h := c.Response().Header; c.Subprotocol() != "two" || h.Get("X-Answer") != "yes" || h.Get("X-Middleware") != "1" {
			t.Errorf("subprotocol %q, answer %v", c.Subprotocol(), h)
		}
		checkEcho(t, c)
	})
}

// Through a proxy, the tunnel is opened with HTTP/1.1.
func TestHTTP2Proxy(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		url, o := h2Serve(t, secure, ws.Handler{Handle: echo})
		proxy := &connectProxy{}
		p := httptest.NewServer(proxy)
		defer p.Close()
		o.Proxy = http.ProxyURL(withUser(p.URL, "", ""))
		c, err := ws.Dial(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
		proxy.tunnels.Wait()
		if _, host, _ := strings.Cut(url, "://"); proxy.seen() != host {
			t.Errorf("the proxy was asked for %s", proxy.seen())
		}
	})
}

// A refusal carries status, header and body.
func TestHTTP2Refused(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		url, o := h2Serve(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Why", "because")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, strings.Repeat("no!", 50_000))
		}))
		_, err := ws.Dial(t.Context(), url, o)
		he, ok := errors.AsType[*ws.HandshakeError](err)
		if !ok || he.Status != 403 || he.Header.Get("X-Why") != "because" || string(he.Body) != strings.Repeat("no!", 50_000)[:64<<10] {
			t.Errorf("%v", err)
		}
	})
}

// Servers that do not speak HTTP/2 are told from those that take no WebSockets over it.
func TestHTTP2NotSpoken(t *testing.T) {
	plain := httptest.NewServer(ws.Handler{Handle: echo})
	defer plain.Close()
	secure := httptest.NewUnstartedServer(ws.Handler{Handle: echo})
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	secure.StartTLS()
	defer secure.Close()
	for url, want := range map[string]string{plain.URL: "does not speak HTTP/2", secure.URL: "ALPN h2"} {
		_, err := ws.Dial(t.Context(), url, &ws.DialOptions{HTTPVersion: 2, TLS: &tls.Config{InsecureSkipVerify: true}})
		he, ok := errors.AsType[*ws.HandshakeError](err)
		if !ok || he.Status != 0 || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "use HTTP/1.1") {
			t.Errorf("%v", err)
		}
	}
	if _, err := ws.Dial(t.Context(), plain.URL, &ws.DialOptions{HTTPVersion: 3}); err == nil || !strings.Contains(err.Error(), "HTTP/3") {
		t.Error(err)
	}
}
