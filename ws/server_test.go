package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// opened returns a client's end of a new connection to l.
func opened(t *testing.T, l dialer) *wstest.Peer {
	t.Helper()
	peer, err := l.Peer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if resp, err := peer.Upgrade(wstest.Head{}); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	return peer
}

// A request has the same form whether Check sees it, or Conn.Request, and whoever has read it.
func TestServerRequest(t *testing.T) {
	h := wstest.Head{Line: "GET /a%2Fb?c=d HTTP/1.1", Lines: []string{"Host: other.test:80", "Cookie: a=1", "cookie: b=2", "Pragma: no-cache"}}
	for name, o := range map[string]*ws.AcceptOptions{
		"nobody asked": nil,
		"Check": {Check: func(r *http.Request) error {
			*r = *r.WithContext(context.WithValue(r.Context(), acceptKey{}, "value"))
			r.Header.Set("X-Checked", "yes")
			return nil
		}},
		"SelectSubprotocol": {SelectSubprotocol: func(r *http.Request, _ []string) string { return "" }},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			tryUpgrade(t, o, h, nil, func(t *testing.T, u *upgrade) {
				if u.conn == nil {
					t.Fatalf("refused: %v", u.err)
				}
				r := u.conn.Request()
				if u.conn.Request().Header.Set("X-Mine", "yes"); r.Header.Get("X-Mine") != "" || u.conn.Request().Header.Get("X-Mine") != "" {
					t.Error("copies share their header")
				}
				if _, err := r.Body.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("reading the body: %v", err)
				}
				for what, ctx := range map[string]context.Context{"Request": r.Context(), "Conn": u.conn.Context()} {
					if ctx.Err() != nil {
						t.Errorf("%s: the context is over", what)
					}
					if a, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr); !ok || a.Network() != "pipe" {
						t.Errorf("%s: the context has the local address %v", what, a)
					}
					if v, _ := ctx.Value(acceptKey{}).(string); (v == "value") != (name == "Check") {
						t.Errorf("%s: the context has the value %q", what, v)
					}
				}
				if (r.Header.Get("X-Checked") == "yes") != (name == "Check") {
					t.Error("what Check did is lost")
				}
				seen = append(seen, fmt.Sprint(r.Method, r.URL, r.URL.RawPath, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Header,
					r.Host, r.RemoteAddr != "", r.ContentLength, r.TransferEncoding, r.Close, r.TLS))
			})
			if len(seen) != 2 || seen[0] != seen[1] {
				t.Errorf("requests differ: %q", seen)
			}
		})
	}
}

// With a Fallback, one connection may carry requests of all kinds, and a handshake in the end.
func TestServerFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fallback := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %d %v", r.Method, r.URL, len(b), err)
		})
		l := serving(t, &ws.Server{Handler: ws.Handler{Handle: echoes}, Fallback: fallback})
		peer, err := l.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		plain := func(method string, body int, lines ...string) wstest.Head {
			h := wstest.Head{Line: method + " /plain HTTP/1.1", Lines: lines, Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}}
			h.After = bytes.Repeat([]byte("x"), body)
			if body > 0 {
				h.Lines = append(h.Lines, fmt.Sprintf("Content-Length: %d", body))
			}
			return h
		}
		for _, step := range []struct {
			head   wstest.Head
			status int
			want   string
		}{
			{plain("POST", 100_000), 200, "POST /plain 100000 <nil>"},
			{plain("GET", 0), 200, "GET /plain 0 <nil>"},
			{plain("GET", 0, "Upgrade: h2c", "Connection: Upgrade"), 200, "GET /plain 0 <nil>"},
			{plain("GET", 0, "Upgrade: websocket"), 200, "GET /plain 0 <nil>"},
			{header("Sec-WebSocket-Version: 8"), 426, "Sec-WebSocket-Version must be 13\n"},
			{plain("DELETE", 0), 200, "DELETE /plain 0 <nil>"},
			{wstest.Head{}, 101, ""},
		} {
			resp, err := peer.Upgrade(step.head)
			if err != nil || resp.StatusCode != step.status || string(resp.Content) != step.want {
				t.Fatalf("%s: %v, %v", step.head.Request()[:20], resp, err)
			}
		}
		peer.MustSend(t, wstest.Text("hello"))
		peer.ExpectMessage(t, wstest.OpText, "hello")
	})
}

// A refusal does not end the connection: the client may try again.
func TestServerTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := 0
		l := serving(t, &ws.Server{Handler: ws.Handler{Handle: echoes, Options: ws.AcceptOptions{Check: func(r *http.Request) error {
			checks++
			if r.Header.Get("Authorization") == "" {
				return &ws.RejectError{Status: 401, Body: "who?"}
			}
			return nil
		}}}})
		peer, err := l.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		for i, step := range []struct {
			head   wstest.Head
			status int
		}{{wstest.Head{}, 401}, {without("Upgrade"), 426}, {header("Authorization: me"), 101}} {
			if resp, err := peer.Upgrade(step.head); err != nil || resp.StatusCode != step.status {
				t.Fatalf("step %d: %v, %v", i, resp, err)
			}
		}
		if checks != 2 {
			t.Errorf("Check was called %d times, want once for each right request", checks)
		}
		// And who does not is not waited for for ever.
		peer, err = l.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		if _, err := peer.Upgrade(wstest.Head{}); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		peer.ExpectEnd(t)
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("disconnected after %v", d)
		}
	})
}

// Shutdown ends everything gently, and waits.
func TestServerShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 0
		inside, leave := make(chan struct{}), make(chan struct{})
		srv := &ws.Server{
			Handler: ws.Handler{Handle: func(c *ws.Conn) error {
				err := echoes(c)
				time.Sleep(time.Second)
				left++
				return err
			}},
			Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(inside)
				<-leave
				io.WriteString(w, "done")
			}),
		}
		l := wstest.Listen(nil)
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		peer := opened(t, listening{l})
		silent, err := l.Dial(t.Context(), "tcp", "server.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		plain, err := listening{l}.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		answered := make(chan string, 1)
		go func() {
			resp, err := plain.Upgrade(without("Upgrade"))
			if err != nil {
				t.Error(err)
			}
			answered <- string(resp.Content)
		}()
		<-inside
		down := make(chan error, 1)
		go func() { down <- srv.Shutdown(t.Context()) }()
		if err := <-served; err != ws.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
		if b, err := io.ReadAll(silent); len(b) > 0 {
			t.Errorf("a client that had sent nothing got %q, %v", b, err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "server.test:80"); err == nil {
			t.Error("the listener is still open")
		}
		peer.ExpectClose(t, ws.CodeGoingAway)
		peer.MustSend(t, wstest.Close(ws.CodeGoingAway, ""))
		peer.ExpectEnd(t)
		synctest.Wait()
		select {
		case err := <-down:
			t.Errorf("Shutdown did not wait: %v", err)
		default:
		}
		close(leave)
		if got := <-answered; got != "done" {
			t.Errorf("Fallback answered %q", got)
		}
		if err := <-down; err != nil || left != 1 {
			t.Errorf("Shutdown returned %v, %d handlers done", err, left)
		}
		if err := srv.Serve(wstest.Listen(nil)); err != ws.ErrServerClosed {
			t.Errorf("Serve after Shutdown returned %v", err)
		}
	})
}

// When the time is over, Shutdown cuts; and so does Close at once.
func TestServerCut(t *testing.T) {
	for _, way := range []string{"Shutdown", "Close"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var group ws.Group
				inside := make(chan struct{}, 2)
				srv := &ws.Server{
					Handler: ws.Handler{Handle: echoes, Options: ws.AcceptOptions{
						Group: &group, Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))},
						Check: func(r *http.Request) error {
							if r.URL.Path == "/slow" {
								inside <- struct{}{}
								<-r.Context().Done()
								return r.Context().Err()
							}
							return nil
						},
					}},
					Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						inside <- struct{}{}
						<-r.Context().Done()
					}),
				}
				l := wstest.Listen(nil)
				served := make(chan error, 1)
				go func() { served <- srv.Serve(l) }()
				peer := opened(t, listening{l})
				for _, h := range []wstest.Head{without("Upgrade"), {Line: "GET /slow HTTP/1.1"}} {
					conn, err := l.Dial(t.Context(), "tcp", "server.test:80")
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					if _, err := conn.Write(h.Request()); err != nil {
						t.Fatal(err)
					}
					<-inside
				}
				synctest.Wait()
				if group.Len() != 1 {
					t.Errorf("the group has %d connections", group.Len())
				}
				if way == "Close" {
					if err := srv.Close(); err != nil {
						t.Error(err)
					}
				} else {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Shutdown returned %v", err)
					}
					peer.ExpectClose(t, ws.CodeGoingAway)
				}
				peer.ExpectEnd(t)
				if err := <-served; err != ws.ErrServerClosed {
					t.Errorf("Serve returned %v", err)
				}
				synctest.Wait()
				if group.Len() > 0 || log.Len() > 0 {
					t.Errorf("%d connections left; logged %q", group.Len(), &log)
				}
			})
		})
	}
}

// failing is a listener that fails before it accepts.
type failing struct {
	net.Listener
	errs []error
}

func (l *failing) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

func TestServerAcceptErrors(t *testing.T) {
	full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	t.Run("temporary", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			begun := time.Now()
			l := wstest.Listen(nil)
			servingOn(t, &ws.Server{Handler: ws.Handler{Handle: echoes, Options: ws.AcceptOptions{
				Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}}}, &failing{l, []error{full, full, full}})
			opened(t, listening{l})
			if d := time.Since(begun); d != 35*time.Millisecond || strings.Count(log.String(), "too many open files") != 3 {
				t.Errorf("accepted after %v; logged %q", d, &log)
			}
		})
	})
	t.Run("for good", func(t *testing.T) {
		l, broken := wstest.Listen(nil), errors.New("broken")
		if err := new(ws.Server).Serve(&failing{l, []error{broken}}); err != broken {
			t.Errorf("Serve returned %v", err)
		}
		if _, err := l.Dial(t.Context(), "", ""); err == nil {
			t.Error("the listener is still open")
		}
	})
	t.Run("closed while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			servingOn(t, new(ws.Server), &failing{wstest.Listen(nil), []error{full, full, full, full, full, full, full, full, full}})
			time.Sleep(time.Second)
			synctest.Wait()
		})
	})
}

// A panic in a hook ends its connection and no other.
func TestServerPanic(t *testing.T) {
	for name, value := range map[string]any{"any": "out of cheese", "http.ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				l := serving(t, &ws.Server{Handler: ws.Handler{Handle: echoes, Options: ws.AcceptOptions{
					Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))},
					Check: func(r *http.Request) error {
						if r.URL.Path == "/panic" {
							panic(value)
						}
						return nil
					},
				}}})
				peer := opened(t, l)
				other, err := l.Dial(t.Context(), "tcp", "server.test:80")
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				other.Write(wstest.Head{Line: "GET /panic HTTP/1.1"}.Request())
				if b, err := io.ReadAll(other); len(b) > 0 {
					t.Errorf("answer %q, %v", b, err)
				}
				if logged := strings.Contains(log.String(), "out of cheese"); logged != (name == "any") {
					t.Errorf("logged %q", &log)
				}
				peer.MustSend(t, wstest.Text("hello"))
				peer.ExpectMessage(t, wstest.OpText, "hello")
			})
		})
	}
}

// A group that shuts down refuses with 503 here, too.
func TestServerGroupClosed(t *testing.T) {
	var group ws.Group
	if err := group.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	tryUpgrade(t, &ws.AcceptOptions{Group: &group}, wstest.Head{}, nil, func(t *testing.T, u *upgrade) {
		if u.StatusCode != 503 || u.Header.Get("Retry-After") != "1" || !errors.Is(u.err, ws.ErrGroupClosed) {
			t.Errorf("%v, %v", u.Response, u.err)
		}
	})
}

// The refusals of both ways are the same to the last byte, but for the date.
func TestServerRefusals(t *testing.T) {
	for name, h := range map[string]wstest.Head{
		"method": {Line: "POST / HTTP/1.1"}, "version": header("Sec-WebSocket-Version: 8"), "plain": without("Upgrade", "Connection"),
		"key": without("Sec-WebSocket-Key"), "origin": header("Origin: null"), "HTTP/1.0": {Line: "GET / HTTP/1.0"},
		"two hosts": header("Host: a", "Host: b"), "coding": header("Transfer-Encoding: gzip"), "body": {Lines: []string{"Content-Length: 3"}, After: []byte("abc")},
	} {
		t.Run(name, func(t *testing.T) {
			var heads []string
			tryUpgrade(t, nil, h, nil, func(t *testing.T, u *upgrade) {
				var head strings.Builder
				for line := range strings.Lines(u.Head) {
					if !strings.HasPrefix(line, "Date: ") {
						head.WriteString(line)
					}
				}
				head.Write(u.Content)
				heads = append(heads, head.String())
			})
			if name == "two hosts" { // net/http says more about it
				for i, h := range heads {
					heads[i] = h[:len("HTTP/1.1 400 Bad Request")]
				}
			}
			if len(heads) != 2 || heads[0] != heads[1] {
				t.Errorf("answers differ: %q", heads)
			}
		})
	}
}

func TestServerTLS(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{testCertificate()}, NextProtos: []string{"h2"}}
	fallback := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.ProtoMajor != 1 {
			t.Errorf("%s, TLS %v", r.Proto, r.TLS)
		}
		io.WriteString(w, "plain")
	})
	requests := make(chan *http.Request, 10)
	handle := func(c *ws.Conn) error {
		requests <- c.Request()
		return echoes(c)
	}
	for name, start := range map[string]func(l net.Listener) (net.Listener, *ws.Server){
		"TLSConfig": func(l net.Listener) (net.Listener, *ws.Server) { return l, &ws.Server{TLSConfig: config} },
		"a listener of package tls": func(l net.Listener) (net.Listener, *ws.Server) {
			config := config.Clone()
			config.NextProtos = nil
			return tls.NewListener(l, config), &ws.Server{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			listener, srv := start(l)
			srv.Handler.Handle, srv.Fallback = handle, fallback
			servingOn(t, srv, listener)
			client := &tls.Config{InsecureSkipVerify: true}
			c, err := ws.Dial(t.Context(), "wss://"+l.Addr().String(), &ws.DialOptions{TLS: client})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if r := <-requests; r.TLS == nil || !r.TLS.HandshakeComplete {
				t.Errorf("TLS is %v", r.TLS)
			}
			if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
				t.Errorf("%q, %v", p, err)
			}
			// A page of a plain origin is another site.
			_, err = ws.Dial(t.Context(), "wss://"+l.Addr().String(), &ws.DialOptions{TLS: client, Header: http.Header{"Origin": {"http://" + l.Addr().String()}}})
			if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != 403 {
				t.Errorf("Dial with a plain origin: %v", err)
			}
			transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "plain" {
				t.Errorf("%q, %v", b, err)
			}
			// Who speaks no TLS is told.
			plain, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			fmt.Fprint(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if line, err := bufio.NewReader(plain).ReadString('\n'); line != "HTTP/1.0 400 Bad Request\r\n" {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}
