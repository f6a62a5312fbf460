package ws_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// stages are the points where the other side may fall silent: a URL, and what it still says there.
var stages = map[string]struct{ url, proxy, says string }{
	"TLS handshake":          {url: "wss://host.test/"},
	"proxy":                  {url: "ws://host.test/", proxy: "http://proxy.test"},
	"answer of the proxy":    {url: "ws://host.test/", proxy: "http://proxy.test", says: "HTTP/1.1 200"},
	"TLS of the proxy":       {url: "ws://host.test/", proxy: "https://proxy.test"},
	"TLS through the proxy":  {url: "wss://host.test/", proxy: "http://proxy.test", says: "HTTP/1.1 200 OK\r\n\r\n"},
	"SOCKS5":                 {url: "ws://host.test/", proxy: "socks5://proxy.test"},
	"SOCKS5, after greeting": {url: "ws://host.test/", proxy: "socks5://proxy.test", says: "\x05\x00"},
	"answer":                 {url: "ws://host.test/"},
	"status line":            {url: "ws://host.test/", says: "HTTP/1.1 101 Switching"},
	"header":                 {url: "ws://host.test/", says: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConn"},
	"informational answer":   {url: "ws://host.test/", says: "HTTP/1.1 103 Early Hints\r\n\r\n"},
	"body of a refusal":      {url: "ws://host.test/", says: "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\npart"},
}

// dialStage dials in a bubble and returns how long it took until the stage was given up.
func dialStage(t *testing.T, name string, ctx context.Context, timeout time.Duration) (took time.Duration, err error) {
	t.Helper()
	stage := stages[name]
	a, b := wstest.Pipe(nil)
	defer b.Close()
	o := &ws.DialOptions{
		HandshakeTimeout: timeout,
		NetDial:          func(context.Context, string, string) (net.Conn, error) { return a, nil },
		Proxy:            http.ProxyURL(nil),
	}
	if stage.proxy != "" {
		o.Proxy = http.ProxyURL(withUser(stage.proxy, "", ""))
	}
	if _, err := b.Write([]byte(stage.says)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	c, err := ws.Dial(ctx, stage.url, o)
	if err == nil {
		c.CloseNow()
		t.Fatal("connected")
	}
	took = time.Since(begun)
	if _, ok := errors.AsType[*ws.HandshakeError](err); !ok {
		t.Errorf("%T: %v", err, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection is left open: %v", err)
	}
	return took, err
}

// One deadline bounds the whole handshake, whatever it waits for.
func TestDialTimeout(t *testing.T) {
	for name := range stages {
		for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, -1: 30 * time.Second, 7 * time.Second: 7 * time.Second} {
			t.Run(name+"/"+timeout.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					took, err := dialStage(t, name, t.Context(), timeout)
					if took != want {
						t.Errorf("given up after %v, want %v: %v", took, want, err)
					}
					he, _ := errors.AsType[*ws.HandshakeError](err)
					if name == "body of a refusal" { // what was said matters more than that it was cut
						if he.Status != 500 || string(he.Body) != "part" {
							t.Errorf("%v with body %q", err, he.Body)
						}
						return
					}
					if !errors.Is(err, context.DeadlineExceeded) || he.Status != 0 {
						t.Errorf("%v is no timeout", err)
					}
				})
			})
		}
	}
}

// The end of the context is heard at once.
func TestDialCancelled(t *testing.T) {
	for name := range stages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(3*time.Second, func() { cancel(errMine) })
				took, err := dialStage(t, name, ctx, 0)
				if took != 3*time.Second {
					t.Errorf("given up after %v: %v", took, err)
				}
				if strings.HasPrefix(stages[name].says, "HTTP/1.1 500") {
					return
				}
				if !errors.Is(err, context.Canceled) || !errors.Is(err, errMine) {
					t.Errorf("%v is not the cancellation, with its cause", err)
				}
			})
		})
	}
}

// Once the handshake is done, the context means nothing but its values.
func TestDialContextEnds(t *testing.T) {
	type key struct{}
	for _, end := range []string{"cancelled", "deadline", "timeout of the handshake"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := wstest.NewServer(t, ws.Handler{Handle: echo})
				ctx := context.WithValue(t.Context(), key{}, "value")
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				if end == "deadline" {
					ctx, cancel = context.WithTimeout(ctx, time.Second)
					defer cancel()
				}
				c, err := srv.Dial(ctx, &ws.DialOptions{HandshakeTimeout: 2 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				if end == "cancelled" {
					cancel()
				}
				time.Sleep(5 * time.Second)
				if c.Context().Err() != nil || c.Context().Value(key{}) != "value" {
					t.Error("the connection's context ended with Dial's, or lacks its values")
				}
				checkEcho(t, c)
				if c.Context().Err() == nil {
					t.Error("the connection's context outlives it")
				}
			})
		})
	}
}

// A context that has ended already opens nothing.
func TestDialContextOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ws.Dial(ctx, "ws://127.0.0.1:1/", nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
