package ws_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// Ends without a closing handshake, and CloseNow where there is one.

// CloseNow interrupts whatever is under way, takes no time, and sends nothing.
func TestCloseNow(t *testing.T) {
	for _, tc := range []struct {
		name string
		call func(c *ws.Conn) error
		sent int // frames that had left before
	}{
		{"Read", func(c *ws.Conn) error { return reading(c)() }, 0},
		{"Run", func(c *ws.Conn) error { return c.Run(context.Background(), ws.Events{}) }, 0},
		{"Messages", func(c *ws.Conn) error {
			for _, err := range c.Messages(context.Background()) {
				return err
			}
			return nil
		}, 0},
		{"Reader", func(c *ws.Conn) error { _, _, err := c.Reader(context.Background()); return err }, 0},
		{"CloseRead", func(c *ws.Conn) error {
			ctx := c.CloseRead(context.Background())
			<-ctx.Done()
			return context.Cause(ctx)
		}, 0},
		{"Ping", func(c *ws.Conn) error { _, err := c.Ping(context.Background()); return err }, 1},
		{"Close", func(c *ws.Conn) error { return c.Close(context.Background(), 1000, "") }, 1},
		{"Read of its own context", func(c *ws.Conn) error { _, _, err := c.Read(c.Context()); return err }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				begun := time.Now()
				call := async(func() error { return tc.call(c) })
				if err := c.CloseNow(); err != nil {
					t.Error(err)
				}
				var ce *ws.CloseError
				if err := <-call; !errors.As(err, &ce) || ce.Code != ws.CodeAbnormal || ce.Remote {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begun); took != 0 {
					t.Errorf("it took %v", took)
				}
				for range tc.sent {
					peer.MustNext(t)
				}
				peer.ExpectEnd(t)
				wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: ce.Err})
				if err := errors.Join(c.CloseNow(), c.CloseNow()); err != nil {
					t.Error(err)
				}
				if err := c.Close(t.Context(), 1000, ""); ws.CloseCode(err) != ws.CodeAbnormal {
					t.Errorf("Close afterwards: %v", err)
				}
			})
		})
	}
}

// A transport that is full holds nobody who wants to end.
func TestCloseNowWhileWriting(t *testing.T) {
	for name, write := range map[string]func(c *ws.Conn) error{
		"Write": func(c *ws.Conn) error { return c.Write(context.Background(), ws.Text, make([]byte, 300_000)) },
		"Write of its own context": func(c *ws.Conn) error {
			return c.Write(c.Context(), ws.Text, make([]byte, 300_000))
		},
		"Writer": func(c *ws.Conn) error {
			w, err := c.Writer(context.Background(), ws.Binary)
			for err == nil {
				_, err = w.Write(make([]byte, 10_000))
			}
			return err
		},
		"two Writes": func(c *ws.Conn) error {
			go c.Write(context.Background(), ws.Text, make([]byte, 300_000))
			return c.Write(context.Background(), ws.Text, make([]byte, 300_000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				begun := time.Now()
				done := async(func() error { return write(c) })
				c.CloseNow()
				if err := <-done; ws.CloseCode(err) != ws.CodeAbnormal || time.Since(begun) != 0 {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}

// A full transport under TLS: the alert that ends TLS would have to wait, but nobody waits for it.
func TestCloseNowTLS(t *testing.T) {
	for name, end := range map[string]func(c *ws.Conn, g *ws.Group){
		"CloseNow": func(c *ws.Conn, _ *ws.Group) { c.CloseNow() },
		"Shutdown": func(_ *ws.Conn, g *ws.Group) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			g.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := wstest.Pipe(nil)
				client, server := tlsOver(t, a, b)
				defer client.NetConn().Close()
				var group ws.Group
				c := ws.NewConn(server, ws.ConnOptions{Group: &group})
				b.Stall()
				begun := time.Now()
				end(c, &group)
				if took := time.Since(begun); took != 0 || group.Len() != 0 {
					t.Errorf("it took %v and left %d connections", took, group.Len())
				}
			})
		})
	}
}

// The answer to the peer's close frame reaches it, although CloseNow follows at once. So does the reason of a failure.
func TestCloseNowAfterRead(t *testing.T) {
	for _, tr := range transports {
		for code, frame := range map[ws.Code]wstest.Frame{3000: wstest.Close(3000, "bye"), ws.CodeProtocolError: raw(7, true, "")} {
			t.Run(tr.name, func(t *testing.T) {
				a, b := tr.pair(t)
				peer := wstest.ClientPeer(a)
				defer peer.Close()
				c := ws.NewConn(b, ws.ConnOptions{})
				peer.MustSend(t, frame, wstest.Binary(make([]byte, 10_000))) // what follows is never read
				_, _, err := c.Read(t.Context())
				c.CloseNow()
				if ws.CloseCode(err) != code {
					t.Error(err)
				}
				peer.ExpectClose(t, code)
				peer.ExpectEnd(t)
			})
		}
	}
}

// Replies that Write has accepted are handed to the transport even if CloseNow follows at once.
func TestCloseNowAfterWrite(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a, b := tr.pair(t)
			peer := wstest.ClientPeer(a)
			defer peer.Close()
			c := ws.NewConn(b, ws.ConnOptions{})
			peer.MustSend(t, wstest.Text("one"), wstest.Text("two"), wstest.Text("three"))
			for _, want := range []string{"one", "two", "three"} { // nothing is left unread, or TCP would reset
				_, p, err := c.Read(t.Context())
				if err != nil || string(p) != want {
					t.Fatalf("read %q, %v", p, err)
				}
				if err := c.Write(t.Context(), ws.Text, p); err != nil {
					t.Fatal(err)
				}
			}
			c.CloseNow()
			peer.Expect(t, wstest.Text("one"), wstest.Text("two"), wstest.Text("three"))
			if _, err := peer.Next(); err == nil {
				t.Error("the stream goes on")
			}
		})
	}
}

// The stream ends without a close frame: that is 1006, from the peer's side (RFC 6455 §7.1.5).
func TestEndWithoutCloseFrame(t *testing.T) {
	text := wstest.Bytes(wstest.Text("hello, world"))
	for _, tc := range []struct {
		name string
		sent []byte
	}{
		{"7.1.5 at once", nil},
		{"7.1.5 inside a header", text[:1]},
		{"7.1.5 inside a payload", text[:5]},
		{"7.1.5 inside a large payload", wstest.Bytes(wstest.Binary(make([]byte, 100_000)))[:50_000]},
		{"7.1.5 between fragments", wstest.Bytes(raw(1, false, "a"))},
		{"7.1.5 inside a close frame", wstest.Bytes(wstest.Close(1000, "bye"))[:3]},
	} {
		for _, way := range ways {
			for _, end := range []struct {
				name string
				call func(*wstest.PipeConn)
				want error
			}{
				{"half closed", func(p *wstest.PipeConn) { p.CloseWrite() }, io.ErrUnexpectedEOF},
				{"closed", func(p *wstest.PipeConn) { p.Close() }, io.ErrUnexpectedEOF},
				{"reset", (*wstest.PipeConn).Reset, syscall.ECONNRESET},
			} {
				t.Run(strings.Join([]string{tc.name, way.name, end.name}, "/"), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
						defer c.CloseNow()
						defer peer.Close()
						read := async(func() error { _, err := way.read(context.Background(), c); return err })
						peer.MustSendRaw(t, tc.sent)
						synctest.Wait()
						end.call(peer.Stream.(*wstest.PipeConn))
						if err := <-read; ws.CloseCode(err) != ws.CodeAbnormal || !errors.Is(err, end.want) {
							t.Errorf("%s: %v", way.name, err)
						}
						wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Remote: true, Err: end.want})
						if end.name == "half closed" {
							peer.ExpectEnd(t) // 1006 is never sent
						}
					})
				})
			}
		}
	}
}

// The parent's end is the connection's, and its cause is told; its values are there all the time.
func TestParentContext(t *testing.T) {
	type key struct{}
	for _, when := range []string{"before", "after"} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "value"))
			if when == "before" {
				cancel(errMine)
			}
			var group ws.Group
			c, peer := wstest.ConnAndPeer(ws.ConnOptions{Context: parent, Group: &group})
			defer c.CloseNow()
			defer peer.Close()
			if v := c.Context().Value(key{}); v != "value" {
				t.Errorf("value %v", v)
			}
			read := async(reading(c))
			cancel(errMine)
			if err := <-read; !errors.Is(err, errMine) {
				t.Errorf("read: %v", err)
			}
			synctest.Wait()
			wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: errMine})
			peer.ExpectEnd(t)
			if n := group.Len(); n != 0 {
				t.Errorf("the group holds %d", n)
			}
			ctx, stop := context.WithTimeout(context.Background(), time.Minute)
			defer stop()
			if err := group.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
