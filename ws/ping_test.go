package ws_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// The round-trip time is measured by Ping and by the keepalive, and told everywhere.
func TestPingRTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var traced []time.Duration
		o := ws.Options{Trace: &ws.Trace{PingRTT: func(_ *ws.Conn, d time.Duration) { traced = append(traced, d) }}}
		a, b := wstest.Pipe(&wstest.PipeOptions{Latency: 30 * time.Millisecond})
		c := ws.NewConn(a, ws.ConnOptions{Client: true, Options: o})
		defer c.CloseNow()
		other := ws.NewConn(b, ws.ConnOptions{Options: ws.Options{PingInterval: -1}})
		defer other.CloseNow()
		c.CloseRead(context.Background())
		other.CloseRead(context.Background())
		if c.RTT() != 0 {
			t.Errorf("RTT %v before the first ping", c.RTT())
		}
		const want = 60 * time.Millisecond
		if got, err := c.Ping(t.Context()); err != nil || got != want || c.RTT() != want {
			t.Errorf("Ping %v, %v, RTT %v", got, err, c.RTT())
		}
		time.Sleep(26 * time.Second) // the keepalive's own
		synctest.Wait()
		if len(traced) != 2 || traced[0] != want || traced[1] != want {
			t.Errorf("traced %v", traced)
		}
	})
}

// Pongs that answer, and some that do not (RFC 6455 §5.5.3).
func TestPingAnswers(t *testing.T) {
	ping := func(c *ws.Conn) func() error {
		return func() error { _, err := c.Ping(context.Background()); return err }
	}
	answer := func(f wstest.Frame) wstest.Frame { return wstest.Pong(string(f.Payload)) }
	pending := func(t *testing.T, call <-chan error) {
		t.Helper()
		synctest.Wait()
		select {
		case err := <-call:
			t.Errorf("the ping has ended: %v", err)
		default:
		}
	}
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		c.CloseRead(context.Background())
		one, two, three := async(ping(c)), async(ping(c)), async(ping(c))
		f1, f2, f3 := peer.MustNext(t), peer.MustNext(t), peer.MustNext(t)
		if string(f1.Payload) == string(f2.Payload) || len(f1.Payload) > 125 {
			t.Errorf("payloads %v, %v", f1, f2)
		}
		peer.MustSend(t, wstest.Pong(""), wstest.Pong("12345678"), wstest.Pong(strings.Repeat("x", 125)))
		pending(t, one)
		peer.MustSend(t, answer(f2)) // stands for the one before it, too
		if err := errors.Join(<-one, <-two); err != nil {
			t.Error(err)
		}
		peer.MustSend(t, answer(f1), answer(f2)) // late and double
		pending(t, three)
		peer.MustSend(t, answer(f3))
		if err := <-three; err != nil {
			t.Error(err)
		}

		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errMine)
		defer cancel()
		if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errMine) {
			t.Errorf("cancelled ping: %v", err)
		}
		if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ping of an ended context: %v", err)
		}
		given := peer.MustNext(t)
		last := async(ping(c))
		peer.MustSend(t, answer(given)) // for nobody
		pending(t, last)
		peer.MustSend(t, answer(peer.MustNext(t)))
		if err := <-last; err != nil {
			t.Error(err)
		}
		ended := async(ping(c))
		c.CloseNow()
		if err := <-ended; ws.CloseCode(err) != ws.CodeAbnormal {
			t.Errorf("ping when the connection ends: %v", err)
		}
	})
}

// Pongs go out at 10/s after a burst of 100; beyond, only the latest ping is answered (RFC 6455 §5.5.3).
func TestPongRate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		every time.Duration
		count int
		want  int // pongs, within one
	}{
		{"a burst", 0, 100, 100},
		{"a larger burst", 0, 5000, 101},
		{"slow enough", 100 * time.Millisecond, 500, 500},
		{"1,000/s for 10 s", time.Millisecond, 10_000, 200},
		{"11/s", time.Second / 11, 110, 110},
		{"15/s for 100 s", time.Second / 15, 1500, 1100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				var pongs []string
				done := make(chan struct{})
				defer func() { <-done }()
				defer peer.Close()
				go func() {
					defer close(done)
					for {
						f, err := peer.Next()
						if err != nil {
							return
						}
						pongs = append(pongs, string(f.Payload))
					}
				}()
				c.CloseRead(context.Background())
				for i := range tc.count {
					peer.MustSend(t, wstest.Ping(fmt.Sprintf("%06d", i)))
					if tc.every > 0 {
						time.Sleep(tc.every)
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if n := len(pongs); n < tc.want-1 || n > tc.want+1 {
					t.Errorf("%d pongs, want %d", n, tc.want)
				}
				for i := 1; i < len(pongs); i++ {
					if pongs[i] <= pongs[i-1] {
						t.Errorf("%s after %s", pongs[i], pongs[i-1])
					}
				}
				if last := pongs[len(pongs)-1]; last != fmt.Sprintf("%06d", tc.count-1) {
					t.Errorf("the last pong is for %s", last)
				}
			})
		})
	}
}

// A peer that sends pings and takes nothing costs no memory, and does not stop the reader.
func TestPingFlood(t *testing.T) {
	for _, tr := range transports {
		for _, backlog := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/backlog %v", tr.name, backlog), func(t *testing.T) {
				if tr.name == "HTTP/2" && backlog {
					t.Skip("net/http gives back no window of a stream whose DATA waits for one: WriteTimeout ends this")
				}
				a, b := tr.pair(t)
				defer a.Close()
				c := ws.NewConn(b, ws.ConnOptions{Options: ws.Options{WriteTimeout: time.Minute}})
				defer c.CloseNow()
				if backlog { // the transport is full from the beginning
					for c.TryWrite(ws.Binary, make([]byte, 50_000)) == nil {
						runtime.Gosched()
					}
				}
				c.CloseRead(context.Background())
				block := wstest.Bytes(clientFrame(wstest.Ping(strings.Repeat("p", 119)))) // 125 bytes
				for len(block) < 125<<10 {
					block = append(block, block...)
				}
				before := settled().HeapAlloc
				const blocks = 100 // 102,400 pings
				a.SetWriteDeadline(time.Now().Add(30 * time.Second))
				for i := range blocks {
					if _, err := a.Write(block); err != nil {
						t.Fatalf("block %d: %v", i, err)
					}
				}
				if grown := int64(settled().HeapAlloc - before); grown > 1<<20 {
					t.Errorf("the heap grew by %d bytes", grown)
				}
				deadline := time.Now().Add(20 * time.Second)
				for c.Stats().WireIn < blocks*int64(len(block)) {
					if err := context.Cause(c.Context()); err != nil || time.Now().After(deadline) {
						t.Fatalf("%d of %d bytes were read: %v", c.Stats().WireIn, blocks*len(block), err)
					}
					runtime.Gosched()
				}
			})
		}
	}
}

// Pongs pass between the fragments of a streamed message, and by messages that wait.
func TestPongPasses(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		c.CloseRead(context.Background())
		w, err := c.Writer(t.Context(), ws.Binary)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
		if err := c.TryWrite(ws.Text, []byte("after the stream")); err != nil {
			t.Fatal(err)
		}
		if f := peer.MustNext(t); f.Opcode != wstest.OpBinary || f.Fin {
			t.Errorf("first %v", f)
		}
		peer.MustSend(t, wstest.Ping("1"))
		peer.Expect(t, wstest.Pong("1")) // while the application does nothing
		go c.Ping(t.Context())
		if f := peer.MustNext(t); f.Opcode != wstest.OpPing {
			t.Errorf("then %v", f)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if f := peer.MustNext(t); f.Opcode != wstest.OpContinuation || !f.Fin {
			t.Errorf("last %v", f)
		}
		peer.Expect(t, wstest.Text("after the stream"))
	})
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		c.CloseRead(context.Background())
		// More than the pipe takes: whoever sends it waits, and what comes later waits in the queue.
		if err := c.TryWrite(ws.Text, []byte(strings.Repeat("f", 200_000))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		p := []byte(strings.Repeat("x", 1000))
		for c.TryWrite(ws.Text, p) == nil {
		}
		peer.MustSend(t, wstest.Ping("now"))
		synctest.Wait()
		if f := peer.MustNext(t); f.Opcode != wstest.OpText || len(f.Payload) != 200_000 {
			t.Errorf("first %v", f)
		}
		peer.Expect(t, wstest.Pong("now"))
	})
}

// What replies in the order of what caused it does so for pings, too, where nothing hinders it.
func TestPongOrder(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		go c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
			return c.Write(context.Background(), typ, p)
		}})
		sent := []wstest.Frame{wstest.Text("a"), wstest.Ping("1"), wstest.Text("b"), wstest.Ping("2"), wstest.Ping("3"), wstest.Text("c")}
		peer.MustSend(t, sent...)
		peer.Expect(t, wstest.Text("a"), wstest.Pong("1"), wstest.Text("b"), wstest.Pong("2"), wstest.Pong("3"), wstest.Text("c"))
	})
}

// Close returns as soon as its frame is sent from the callbacks for control frames, too: the loop that calls them finishes
// the handshake.
func TestCloseInsideControlCallback(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		begun := time.Now()
		closed := make(chan error, 1)
		done := make(chan error, 1)
		go func() {
			done <- c.Run(context.Background(), ws.Events{Ping: func(c *ws.Conn, _ []byte) {
				closed <- c.Close(context.Background(), ws.CodeNormal, "enough")
			}})
		}()
		peer.MustSend(t, wstest.Ping("p"))
		peer.Expect(t, wstest.Pong("p"), wstest.Close(ws.CodeNormal, "enough"))
		if err := <-closed; err != nil || time.Since(begun) != 0 {
			t.Errorf("Close: %v after %v", err, time.Since(begun))
		}
		peer.MustSend(t, wstest.Close(ws.CodeNormal, ""))
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
