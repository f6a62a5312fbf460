package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A read whose context ends leaves what has arrived of a message to the next read, whichever way it reads.
func TestCancelledReadKeepsPartialMessage(t *testing.T) {
	first := map[string]func(context.Context, *ws.Conn) error{
		"Read": func(ctx context.Context, c *ws.Conn) error { _, _, err := c.Read(ctx); return err },
		"Run":  func(ctx context.Context, c *ws.Conn) error { return c.Run(ctx, ws.Events{}) },
		"Messages": func(ctx context.Context, c *ws.Conn) error {
			for _, err := range c.Messages(ctx) {
				return err
			}
			return nil
		},
	}
	// What arrives before and after the context ends.
	frame := wstest.Bytes(clientFrame(wstest.Text("hello, wörld")))
	large := wstest.Bytes(clientFrame(wstest.Text(strings.Repeat("ö", 50000))))
	fragments := wstest.Bytes(clientFrame(raw(1, false, "hello, w\xc3")), clientFrame(raw(0, true, "\xb6rld")))
	for name, read := range first {
		for _, tc := range []struct {
			name  string
			bytes []byte
			cut   int
			want  string
		}{
			{"inside the header", frame, 1, "hello, wörld"},
			{"inside the mask", frame, 4, "hello, wörld"},
			{"inside a rune", frame, 6 + 9, "hello, wörld"},
			{"inside a large frame", large, 70001, strings.Repeat("ö", 50000)},
			{"between fragments", fragments, 6 + 9, "hello, wörld"},
			{"inside the second header", fragments, 6 + 9 + 1, "hello, wörld"},
		} {
			for then, next := range map[string]readAll{"Read": ways[0].read, "Messages": ways[1].read, "Run": ways[2].read, "Reader": ways[3].read} {
				t.Run(name+"/"+tc.name+"/"+then, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
						defer c.CloseNow()
						defer peer.Close()
						go peer.SendRaw(tc.bytes[:tc.cut])
						for range 2 { // nothing comes between the first and the second
							ctx, cancel := context.WithTimeout(t.Context(), time.Second)
							if err := read(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
								t.Fatalf("cancelled read: %v", err)
							}
							cancel()
						}
						go peer.SendRaw(append(bytes.Clone(tc.bytes[tc.cut:]), wstest.Bytes(clientFrame(wstest.Close(1000, "")))...))
						got, err := next(t.Context(), c)
						if len(got) != 1 || got[0] != "text:"+tc.want || ws.CloseCode(err) != 1000 {
							t.Errorf("got %d messages, %v", len(got), err)
						}
					})
				})
			}
		}
	}
}

func clientFrame(f wstest.Frame) wstest.Frame {
	f.Masked = true
	f.Mask = [4]byte{1, 2, 3, 4}
	return f
}

// The same holds on plain TCP, which waits in another way, and over TLS.
func TestCancelledReadOnTCP(t *testing.T) {
	a, b := tcpPair(t)
	c := ws.NewConn(a, ws.ConnOptions{})
	defer c.CloseNow()
	peer := wstest.ClientPeer(b)
	defer peer.Close()
	frame := wstest.Bytes(clientFrame(wstest.Text(strings.Repeat("x", 60000))))
	for i := range 50 {
		cut := i * 1201
		peer.MustSendRaw(t, frame[:cut])
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(i%5)*time.Millisecond, errMine)
		_, _, err := c.Read(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errMine) {
			t.Fatal(err)
		}
		cancel()
		peer.MustSendRaw(t, frame[cut:])
		if _, p, err := c.Read(t.Context()); err != nil || len(p) != 60000 {
			t.Fatal(i, len(p), err)
		}
	}
}

var errMine = errors.New("mine")

func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// A second reader is refused and does no harm.
func TestConcurrentRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer peer.Close()
		got := make(chan string)
		go func() {
			_, p, _ := c.Read(t.Context())
			got <- string(p)
		}()
		synctest.Wait()
		if _, _, err := c.Read(t.Context()); err != ws.ErrConcurrentRead {
			t.Error(err)
		}
		if _, _, err := c.Reader(t.Context()); err != ws.ErrConcurrentRead {
			t.Error(err)
		}
		if err := c.Run(t.Context(), ws.Events{}); err != ws.ErrConcurrentRead {
			t.Error(err)
		}
		for _, err := range c.Messages(t.Context()) {
			if err != ws.ErrConcurrentRead {
				t.Error(err)
			}
		}
		peer.MustSend(t, wstest.Text("one"))
		if s := <-got; s != "one" {
			t.Errorf("first reader got %q", s)
		}
	})
}

// Leaving a Messages loop, or a callback's error, leaves the connection readable.
func TestReadGoesOnAfterLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer peer.Close()
		peer.MustSend(t, wstest.Text("one"), wstest.Text("two"), wstest.Text("three"), wstest.Text("four"))
		for m := range c.Messages(t.Context()) {
			if string(m.Data) != "one" {
				t.Errorf("got %q", m.Data)
			}
			break
		}
		err := c.Run(t.Context(), ws.Events{Message: func(_ *ws.Conn, _ ws.Type, p []byte) error {
			if string(p) != "two" {
				t.Errorf("got %q", p)
			}
			return errMine
		}})
		if err != errMine {
			t.Error(err)
		}
		_, r, err := c.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, 2)); err != nil { // and leave the rest
			t.Error(err)
		}
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "four" {
			t.Errorf("got %q, %v", p, err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("a reader that was left: %v", err)
		}
	})
}

// The loops end silently after 1000, 1001 and an empty close frame, and only then.
func TestOrdinaryEnd(t *testing.T) {
	for code, silent := range map[ws.Code]bool{1000: true, 1001: true, ws.CodeNoStatus: true, 1002: false, 1011: false, 4000: false} {
		for _, loop := range []string{"Messages", "Run"} {
			synctest.Test(t, func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
				defer c.CloseNow()
				defer peer.Close()
				peer.MustSend(t, wstest.Close(code, ""))
				var err error
				if loop == "Run" {
					err = c.Run(t.Context(), ws.Events{})
				} else {
					for _, err = range c.Messages(t.Context()) {
					}
				}
				if (err == nil) != silent || !silent && ws.CloseCode(err) != code {
					t.Errorf("%s, code %d: %v", loop, code, err)
				}
				if got := ws.CloseCode(context.Cause(c.Context())); got != code {
					t.Errorf("cause of the context: %d, want %d", got, code)
				}
			})
		}
	}
}

// Ping and Pong callbacks get the payloads.
func TestRunEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer peer.Close()
		peer.MustSend(t, wstest.Ping("a"), wstest.Pong("b"), wstest.Text("c"), wstest.Close(1000, ""))
		var got []string
		note := func(s string, p []byte) { got = append(got, s+string(p)) }
		err := c.Run(t.Context(), ws.Events{
			Message: func(_ *ws.Conn, _ ws.Type, p []byte) error { note("message ", p); return nil },
			Ping:    func(_ *ws.Conn, p []byte) { note("ping ", p) },
			Pong:    func(_ *ws.Conn, p []byte) { note("pong ", p) },
		})
		if s := strings.Join(got, ", "); err != nil || s != "ping a, pong b, message c" {
			t.Errorf("got %s, %v", s, err)
		}
		peer.Expect(t, wstest.Pong("a"), wstest.Close(1000, ""))
	})
}

// Read gives bytes that stay as they are, the others lend theirs.
func TestReadOwnsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer peer.Close()
		var want, got [][]byte
		for i := range 20 {
			p := bytes.Repeat([]byte{byte(i)}, 1<<i%3000)
			want = append(want, p)
			peer.MustSend(t, wstest.Binary(p))
			_, q, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, q)
		}
		for i := range want {
			if !bytes.Equal(want[i], got[i]) {
				t.Errorf("message %d changed after Read", i)
			}
		}
	})
}
