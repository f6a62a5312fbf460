package ws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// The tests that every net.Conn should pass. The transport takes everything, for a write deadline that interrupts a
// message half-way ends the connection, which a net.Conn would survive.
func TestNetConnLikeOthers(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 1 << 30})
		client, server := ws.NewConn(near, ws.ConnOptions{Client: true}), ws.NewConn(far, ws.ConnOptions{})
		a = ws.NetConn(context.Background(), client, ws.Binary)
		b = ws.NetConn(context.Background(), server, ws.Binary)
		return a, b, func() {
			// The tests do not wait for every Close: it must not fail because of the end of the test.
			var closing sync.WaitGroup
			for _, n := range []net.Conn{a, b} {
				closing.Go(func() { n.Close() })
			}
			closing.Wait()
		}, nil
	})
}

// netConnAndPeer returns a net.Conn over a server, and its peer.
func netConnAndPeer(ctx context.Context, typ ws.Type) (net.Conn, *ws.Conn, *wstest.Peer) {
	c, peer := wstest.ConnAndPeer(ws.ConnOptions{Options: ws.Options{PingInterval: -1, ProgressTimeout: -1}})
	return ws.NetConn(ctx, c, typ), c, peer
}

// The messages' contents are one stream, however they are cut; every Write is a message.
func TestNetConnStream(t *testing.T) {
	for _, typ := range []ws.Type{ws.Text, ws.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n, _, peer := netConnAndPeer(t.Context(), typ)
			defer n.Close()
			defer peer.Close()
			op := byte(typ)
			frames := append(wstest.Fragments(op, "he", "", "llo"), raw(op, true, ""), raw(op, true, ", "), wstest.Ping("p"), raw(op, true, "world"))
			peer.MustSend(t, frames...)
			p := make([]byte, 12)
			if _, err := io.ReadFull(n, p[:4]); err != nil {
				t.Fatal(err)
			}
			if k, err := n.Read(nil); k != 0 || err != nil {
				t.Errorf("read of nothing: %d, %v", k, err)
			}
			if _, err := io.ReadFull(n, p[4:]); err != nil || string(p) != "hello, world" {
				t.Errorf("got %q, %v", p, err)
			}
			peer.Expect(t, wstest.Pong("p"))
			for _, s := range []string{"a", "", "bc"} {
				if k, err := n.Write([]byte(s)); k != len(s) || err != nil {
					t.Errorf("write %q: %d, %v", s, k, err)
				}
				peer.Expect(t, raw(op, true, s))
			}
			if n.LocalAddr().String() != "a" || n.RemoteAddr().String() != "b" {
				t.Errorf("addresses %v, %v", n.LocalAddr(), n.RemoteAddr())
			}
		})
	}
}

// The end is io.EOF if the peer closes in the ordinary way, and an error otherwise.
func TestNetConnEnd(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(peer *wstest.Peer)
		code ws.Code // 0: io.EOF
	}{
		{"7.4.1 normal", func(p *wstest.Peer) { p.Send(wstest.Close(1000, "")) }, 0},
		{"7.4.1 going away", func(p *wstest.Peer) { p.Send(wstest.Close(1001, "")) }, 0},
		{"7.1.5 no code", func(p *wstest.Peer) { p.Send(wstest.Close(ws.CodeNoStatus, "")) }, 0},
		{"7.4.1 internal error", func(p *wstest.Peer) { p.Send(wstest.Close(1011, "")) }, 1011},
		{"7.1.5 no close frame", func(p *wstest.Peer) { p.CloseWrite() }, ws.CodeAbnormal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, _, peer := netConnAndPeer(t.Context(), ws.Binary)
				defer peer.Close()
				peer.MustSend(t, wstest.Binary([]byte("last words")))
				tc.end(peer)
				got, err := io.ReadAll(n)
				if string(got) != "last words" || ws.CloseCode(err) != tc.code || tc.code == 0 && err != nil {
					t.Errorf("got %q, %v", got, err)
				}
				_, err = n.Write([]byte("x"))
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("write afterwards: %v", err)
				}
				if err := n.Close(); (err == nil) != (tc.code == 0) {
					t.Errorf("Close afterwards: %v", err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // our own
		n, _, peer := netConnAndPeer(t.Context(), ws.Binary)
		defer peer.Close()
		read := async(func() error { _, err := n.Read(make([]byte, 1)); return err })
		done := async(n.Close)
		peer.ExpectClose(t, 1000)
		peer.MustSend(t, wstest.Binary([]byte("late")), wstest.Close(1000, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the read under way: %v", err)
		}
		if _, err := n.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read afterwards: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// A message of the other type is refused with 1003 (RFC 6455 §7.4.1).
func TestNetConnWrongType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, peer := netConnAndPeer(t.Context(), ws.Binary)
		defer peer.Close()
		peer.MustSend(t, wstest.Binary([]byte("right")), wstest.Text("wrong"), wstest.Binary([]byte("late")))
		p := make([]byte, 100)
		if k, err := n.Read(p); err != nil || string(p[:k]) != "right" {
			t.Errorf("read %q, %v", p[:k], err)
		}
		read := async(func() error { _, err := n.Read(p); return err })
		if reason := peer.ExpectClose(t, ws.CodeUnsupportedData); !strings.Contains(reason, "text") {
			t.Errorf("reason %q", reason)
		}
		peer.MustSend(t, wstest.Close(1003, ""))
		if err := <-read; err == nil || err == io.EOF {
			t.Errorf("read: %v", err)
		}
		if _, err := n.Read(p); ws.CloseCode(err) != ws.CodeUnsupportedData {
			t.Errorf("read afterwards: %v", err)
		}
	})
}

// Deadlines interrupt, move, and come off; after a read that was interrupted nothing is lost.
func TestNetConnDeadlines(t *testing.T) {
	wantTimeout := func(t *testing.T, begun time.Time, want time.Duration, err error) {
		t.Helper()
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v is no timeout", err)
		}
		if _, ok := err.(net.Error); !ok {
			t.Errorf("a %T is not a net.Error by itself", err)
		}
		if took := time.Since(begun); took != want {
			t.Errorf("after %v, want %v", took, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		n, c, peer := netConnAndPeer(t.Context(), ws.Binary)
		defer peer.Close()
		p := make([]byte, 20)
		begun := time.Now()
		read := func() error { _, err := n.Read(p); return err }

		n.SetReadDeadline(begun.Add(time.Second))
		wantTimeout(t, begun, time.Second, read())
		wantTimeout(t, begun, time.Second, read()) // still
		n.SetReadDeadline(begun.Add(3 * time.Second))
		peer.MustSend(t, raw(2, false, "half a "))
		if k, err := n.Read(p); err != nil || string(p[:k]) != "half a " {
			t.Errorf("got %q, %v", p[:k], err)
		}
		peer.MustSendRaw(t, wstest.Bytes(clientFrame(raw(0, true, "message")))[:8])
		for k := 0; k < 2; { // and what comes of a frame that is not complete
			m, err := n.Read(p[:2])
			if err != nil {
				t.Fatal(err)
			}
			k += m
		}
		wantTimeout(t, begun, 3*time.Second, read())

		moved := async(read)
		n.SetReadDeadline(time.Time{})
		synctest.Wait()
		select {
		case err := <-moved:
			wantTimeout(t, begun, 3*time.Second, err) // the deadline had passed before
		default:
			t.Error("a read with a deadline in the past waits")
		}
		moved = async(read)
		n.SetDeadline(begun.Add(time.Hour))
		time.Sleep(time.Minute)
		n.SetDeadline(begun.Add(2 * time.Hour)) // both while the read waits
		wantTimeout(t, begun, 2*time.Hour, <-moved)

		n.SetDeadline(time.Time{})
		peer.MustSendRaw(t, wstest.Bytes(clientFrame(raw(0, true, "message")))[8:])
		if k, err := io.ReadFull(n, p[:5]); err != nil || string(p[:k]) != "ssage" {
			t.Errorf("got %q, %v", p[:k], err)
		}
		if _, err := n.Write([]byte("still there")); err != nil {
			t.Error(err)
		}
		peer.Expect(t, wstest.Binary([]byte("still there")))

		// A deadline in the past stops a Write before it begins, one that comes later ends the connection.
		begun = time.Now()
		n.SetWriteDeadline(begun.Add(-time.Second))
		_, err := n.Write([]byte("not sent"))
		wantTimeout(t, begun, 0, err)
		n.SetWriteDeadline(begun.Add(time.Second))
		if _, err := n.Write([]byte("sent")); err != nil {
			t.Error(err)
		}
		peer.Expect(t, wstest.Binary([]byte("sent")))
		_, err = n.Write(make([]byte, 300_000))
		wantTimeout(t, begun, time.Second, err)
		if ws.CloseCode(context.Cause(c.Context())) != ws.CodeAbnormal {
			t.Errorf("the connection goes on: %v", context.Cause(c.Context()))
		}
		for _, err := range []error{read(), func() error { _, err := n.Write(nil); return err }()} {
			if ne, ok := err.(net.Error); ok && ne.Timeout() || !errors.Is(err, net.ErrClosed) {
				t.Errorf("after the end: %v", err) // no invitation to try again
			}
		}
	})
}

// A write deadline that passes before a byte of a message was accepted leaves the connection usable.
func TestNetConnWriteDeadlineTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer, near := stalledPair(t, ws.ConnOptions{})
		n := ws.NetConn(t.Context(), c, ws.Binary)
		for range 2 {
			n.SetWriteDeadline(time.Now().Add(time.Second))
			k, err := n.Write([]byte("too late"))
			if ne, ok := err.(net.Error); k != 0 || !ok || !ne.Timeout() || ws.CloseCode(err) != 0 {
				t.Errorf("%d, %v", k, err)
			}
		}
		n.SetWriteDeadline(time.Time{})
		near.Resume()
		if _, err := n.Write([]byte("in time")); err != nil {
			t.Error(err)
		}
		wantMessage(t, peer, []byte("in time"))
	})
}

// The context is the connection's.
func TestNetConnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		n, c, peer := netConnAndPeer(ctx, ws.Binary)
		defer peer.Close()
		read := async(func() error { _, err := n.Read(make([]byte, 1)); return err })
		cancel(errMine)
		if err := <-read; !errors.Is(err, errMine) {
			t.Errorf("the read under way: %v", err)
		}
		<-c.Context().Done()
		if err := context.Cause(c.Context()); !errors.Is(err, errMine) {
			t.Errorf("cause %v", err)
		}
		if _, err := n.Write([]byte("x")); !errors.Is(err, errMine) {
			t.Errorf("write: %v", err)
		}
	})
}

// Megabytes each way at the same time, over everything.
func TestNetConnCopy(t *testing.T) {
	const size = 2 << 20
	content := bytes.Repeat(pattern[:1000], size/1000+1)[:size]
	want := sha256.Sum256(content)
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			a, b := tr.pair(t)
			client, server := connsOver(t, a, b, ws.Options{})
			near, far := ws.NetConn(t.Context(), client, ws.Binary), ws.NetConn(t.Context(), server, ws.Binary)
			done := make(chan error, 4)
			for _, n := range []net.Conn{near, far} {
				go func() {
					_, err := io.CopyBuffer(onlyWriter{n}, onlyReader{bytes.NewReader(content)}, make([]byte, 50_000))
					done <- err
				}()
				go func() {
					h := sha256.New()
					_, err := io.CopyN(h, n, size)
					if err == nil && [32]byte(h.Sum(nil)) != want {
						err = fmt.Errorf("what arrived is not what was sent")
					}
					done <- err
				}()
			}
			for range 4 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			closed := make(chan error, 1)
			go func() { closed <- near.Close() }()
			if k, err := io.Copy(io.Discard, far); k != 0 || err != nil {
				t.Errorf("at the end: %d bytes, %v", k, err)
			}
			if err := errors.Join(far.Close(), <-closed); err != nil {
				t.Error(err)
			}
		})
	}
}

// onlyWriter keeps io.Copy from asking for more than a Writer.
type onlyWriter struct{ w io.Writer }

func (o onlyWriter) Write(p []byte) (int, error) { return o.w.Write(p) }
