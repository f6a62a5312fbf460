package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// patient connections do nothing by themselves, and wait.
var patient = ws.Options{PingInterval: -1, WriteTimeout: time.Hour}

// stalledPair returns a connection whose transport takes nothing before near.Resume, and its peer.
func stalledPair(t *testing.T, o ws.ConnOptions) (c, peer *ws.Conn, near *wstest.PipeConn) {
	near, far := wstest.Pipe(nil)
	near.Stall()
	o.Options = patient
	c = ws.NewConn(near, o)
	o.Client = !o.Client
	peer = ws.NewConn(far, o)
	t.Cleanup(func() {
		c.CloseNow()
		peer.CloseNow()
	})
	return c, peer, near
}

// wantTakenBack ends the test unless err is a cancellation by errMine that has left the connection as it was.
func wantTakenBack(t *testing.T, c *ws.Conn, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errMine) || ws.CloseCode(err) != 0 {
		t.Fatalf("cancelled: %v", err)
	}
	if c.Context().Err() != nil {
		t.Fatalf("that has ended the connection: %v", context.Cause(c.Context()))
	}
}

// wantBroken fails the test unless err is a cancellation by errMine that has ended the connection.
func wantBroken(t *testing.T, c *ws.Conn, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) || !errors.Is(err, errMine) || ws.CloseCode(err) != ws.CodeAbnormal {
		t.Errorf("cancelled: %v", err)
	}
	if err := context.Cause(c.Context()); !errors.Is(err, errMine) {
		t.Errorf("how the connection ended: %v", err)
	}
}

// wantMessage ends the test unless this is the next message.
func wantMessage(t *testing.T, c *ws.Conn, want []byte) {
	t.Helper()
	if _, p, err := c.Read(t.Context()); err != nil || string(p) != string(want) {
		t.Fatalf("got %d bytes that begin with %x, %v; want %d", len(p), p[:min(len(p), 12)], err, len(want))
	}
}

// A Write that is cancelled before the transport has accepted a byte of it has not happened. What was queued behind it
// leaves, and the next one arrives whole.
func TestWriteTakenBack(t *testing.T) {
	for _, way := range allWays {
		if way.name != "Write" && way.name != "WritePrepared" {
			continue
		}
		for _, client := range []bool{false, true} {
			for _, deflate := range []bool{false, true} {
				for _, size := range []int{12, 1000, 10_000, 200_000} {
					t.Run(fmt.Sprintf("%s/client %v/deflate %v/%d", way.name, client, deflate, size), func(t *testing.T) {
						o := ws.ConnOptions{Client: client}
						if deflate {
							o.Deflate = &ws.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
						}
						synctest.Test(t, func(t *testing.T) {
							c, peer, near := stalledPair(t, o)
							for n := range 3 {
								ctx, cancel := context.WithCancelCause(t.Context())
								p := numbered(1, n, size)
								done := async(func() error { return way.send(ctx, c, p) })
								cancel(errMine)
								wantTakenBack(t, c, <-done)
								clear(p)
								if s := c.Stats(); s != (ws.Stats{}) {
									t.Errorf("counted: %+v", s)
								}
							}
							ctx, cancel := context.WithCancelCause(t.Context())
							done := async(func() error { return way.send(ctx, c, numbered(1, 9, size)) })
							if err := c.TryWrite(ws.Text, []byte("queued")); err != nil {
								t.Error(err)
							}
							c.CloseRead(context.Background()) // answers the ping
							pinged := async(func() error { _, err := peer.Ping(t.Context()); return err })
							cancel(errMine)
							wantTakenBack(t, c, <-done)
							next := async(func() error { return way.send(context.Background(), c, numbered(2, 0, size)) })
							near.Resume()
							wantMessage(t, peer, []byte("queued"))
							wantMessage(t, peer, numbered(2, 0, size))
							if err := errors.Join(<-next, <-pinged); err != nil {
								t.Error(err)
							}
							synctest.Wait()
							if s := c.Stats(); s.MessagesOut != 2 || s.BytesOut != int64(6+size) || s.WireOut != peer.Stats().WireIn || s.Buffered != 0 {
								t.Errorf("at the end: %+v, and at the peer: %+v", s, peer.Stats())
							}
						})
					})
				}
			}
		}
	}
}

// What the peer may have seen of a message, or needs for the next one, cannot be taken back.
func TestWriteNotTakenBack(t *testing.T) {
	message := numbered(1, 0, 1000)
	cancelled := func(t *testing.T, c *ws.Conn, p []byte) error {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := async(func() error { return c.Write(ctx, ws.Binary, p) })
		cancel(errMine)
		return <-done
	}
	for _, room := range []int{1, 1003} {
		t.Run(fmt.Sprintf("%d of 1004 bytes accepted", room), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: room})
				defer far.Close()
				c := ws.NewConn(near, ws.ConnOptions{Options: patient})
				wantBroken(t, c, cancelled(t, c, message))
			})
		})
	}
	t.Run("the first piece of a client's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 14 + 64<<10})
			defer far.Close()
			c := ws.NewConn(near, ws.ConnOptions{Client: true, Options: patient})
			wantBroken(t, c, cancelled(t, c, numbered(1, 0, 200_000)))
		})
	})
	t.Run("context takeover", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := stalledPair(t, ws.ConnOptions{Deflate: &ws.DeflateParams{}})
			wantTakenBack(t, c, cancelled(t, c, message[:100])) // below the threshold, it enters no window
			wantBroken(t, c, cancelled(t, c, message))
		})
	})
	t.Run("behind others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := stalledPair(t, ws.ConnOptions{})
			first, cancelFirst := context.WithCancelCause(t.Context())
			second, cancelSecond := context.WithCancelCause(t.Context())
			one := async(func() error { return c.Write(first, ws.Binary, message) })
			if err := c.TryWrite(ws.Text, []byte("accepted")); err != nil {
				t.Error(err)
			}
			two := async(func() error { return c.Write(second, ws.Binary, message) })
			cancelFirst(errMine)
			wantTakenBack(t, c, <-one)
			synctest.Wait() // the second sends what was accepted, too
			cancelSecond(errMine)
			wantBroken(t, c, <-two)
		})
	})
	t.Run("TLS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := wstest.Pipe(nil)
			_, server := tlsOver(t, near, far)
			defer near.Close()
			far.Stall()
			c := ws.NewConn(server, ws.ConnOptions{Options: patient})
			wantBroken(t, c, cancelled(t, c, message))
		})
	})
	t.Run("accepted, with an error", func(t *testing.T) {
		for _, way := range allWays {
			if way.name == "TryWrite" || way.name == "TryWritePrepared" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.Pipe(nil)
				defer far.Close()
				c := ws.NewConn(&lateStream{PipeConn: near}, ws.ConnOptions{Options: patient})
				ctx, cancel := context.WithCancelCause(t.Context())
				done := async(func() error { return way.send(ctx, c, message) })
				cancel(errMine)
				wantBroken(t, c, <-done)
			})
		}
	})
}

// lateStream takes what is written, and does not return before a deadline interrupts it.
type lateStream struct {
	*wstest.PipeConn
}

func (s *lateStream) Write(p []byte) (int, error) {
	n, err := s.PipeConn.Write(p)
	if err != nil {
		return n, err
	}
	s.Stall()
	defer s.Resume()
	_, err = s.PipeConn.Write([]byte{0})
	return n, err
}

// After a Write that was taken back the connection closes as any other.
func TestCloseAfterTakenBack(t *testing.T) {
	inBothRoles := func(test func(t *testing.T, o ws.ConnOptions)) {
		for _, client := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { test(t, ws.ConnOptions{Client: client}) })
		}
	}
	inBothRoles(func(t *testing.T, o ws.ConnOptions) {
		c, peer, near := stalledPair(t, o)
		ctx, cancel := context.WithCancelCause(t.Context())
		done := async(func() error { return c.Write(ctx, ws.Binary, numbered(1, 0, 1000)) })
		closed := async(closing(c, ws.CodeNormal, "bye"))
		cancel(errMine)
		wantTakenBack(t, c, <-done)
		near.Resume()
		if _, p, err := peer.Read(t.Context()); ws.CloseCode(err) != ws.CodeNormal {
			t.Errorf("got %d bytes, %v", len(p), err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
	// The peer closes while nothing leaves: the answer is what it gets.
	inBothRoles(func(t *testing.T, o ws.ConnOptions) {
		c, peer, near := stalledPair(t, o)
		ctx, cancel := context.WithCancelCause(t.Context())
		done := async(func() error { return c.Write(ctx, ws.Binary, numbered(1, 0, 1000)) })
		c.CloseRead(context.Background())
		closed := async(closing(peer, ws.CodeGoingAway, ""))
		cancel(errMine)
		if err := <-done; !errors.Is(err, errMine) {
			t.Errorf("cancelled: %v", err)
		}
		near.Resume()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// Many write, with little patience, to a transport that stalls again and again: those that gave up have not happened,
// and all others arrive, in order.
func TestWriteTakenBackAmongMany(t *testing.T) {
	for _, client := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 1 << 20}) // takes a message as a whole, or nothing of it
			c := ws.NewConn(near, ws.ConnOptions{Client: client, Options: patient})
			peer := ws.NewConn(far, ws.ConnOptions{Client: !client, Options: patient})
			defer c.CloseNow()
			defer peer.CloseNow()

			const writers, each = 20, 30
			var gaveUp int
			var mu sync.Mutex
			var sending sync.WaitGroup
			for who := range writers {
				r := rand.New(rand.NewPCG(uint64(who), 11))
				sending.Go(func() {
					for n := 0; n < each; {
						ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(r.IntN(20_000))*time.Microsecond, errMine)
						err := c.Write(ctx, ws.Binary, numbered(who, n, r.IntN(5000)))
						cancel()
						switch {
						case err == nil:
							n++
							time.Sleep(time.Duration(r.IntN(5000)) * time.Microsecond)
						case !errors.Is(err, errMine) || ws.CloseCode(err) != 0:
							t.Errorf("%d of %d: %v", n, who, err)
							return
						default:
							mu.Lock()
							gaveUp++
							mu.Unlock()
						}
					}
				})
			}
			stop := make(chan struct{})
			var stalling sync.WaitGroup
			stalling.Go(func() {
				for {
					near.Stall()
					time.Sleep(15 * time.Millisecond)
					near.Resume()
					select {
					case <-time.After(3 * time.Millisecond):
					case <-stop:
						return
					}
				}
			})
			next := make(map[int]int)
			for range writers * each {
				_, p, err := peer.Read(t.Context())
				if err == nil {
					err = checkNumbered(p, next)
				}
				if err != nil {
					t.Error(err)
					break
				}
			}
			sending.Wait()
			close(stop)
			stalling.Wait()
			if n := c.Stats().MessagesOut; n != writers*each {
				t.Errorf("%d messages are counted, want %d", n, writers*each)
			}
			if gaveUp < writers {
				t.Errorf("only %d gave up", gaveUp)
			}
		})
	}
}

// The same on plain TCP, which waits in another way.
func TestWriteTakenBackTCP(t *testing.T) {
	for _, client := range []bool{false, true} {
		tries := 1
		for !takenBackTCP(t, client) {
			if tries++; tries > 10 {
				t.Fatal("the sockets' buffers are never full")
			}
		}
	}
}

// takenBackTCP reports whether full buffers have taken no byte of a message. Sometimes the kernel still finds room; then
// the connection has to end.
func takenBackTCP(t *testing.T, client bool) bool {
	const size = 500_000
	a, b := tcpPair(t)
	defer a.Close()
	filled := fillTCP(t, a.(*net.TCPConn), b.(*net.TCPConn))
	c := ws.NewConn(b, ws.ConnOptions{Client: client, Options: patient})
	defer c.CloseNow()
	for n := range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Write(ctx, ws.Binary, numbered(1, n, size)) }()
		for c.Stats().Buffered == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel(errMine)
		err := <-done
		if ws.CloseCode(err) == ws.CodeAbnormal {
			wantBroken(t, c, err)
			if got, err := io.Copy(io.Discard, a); err != nil || got <= filled {
				t.Fatalf("the connection has ended; the peer got %d bytes more than before, %v", got-filled, err)
			}
			return false
		}
		wantTakenBack(t, c, err)
		if s := c.Stats(); s != (ws.Stats{}) {
			t.Errorf("counted: %+v", s)
		}
	}
	next := make(chan error, 1)
	go func() { next <- c.Write(context.Background(), ws.Binary, numbered(2, 0, size)) }()
	if _, err := io.CopyN(io.Discard, a, filled); err != nil {
		t.Fatal(err)
	}
	peer := ws.NewConn(a, ws.ConnOptions{Client: !client, Options: patient})
	defer peer.CloseNow()
	wantMessage(t, peer, numbered(2, 0, size))
	if err := <-next; err != nil {
		t.Error(err)
	}
	return true
}

// fillTCP writes from b to a until the sockets' buffers take no byte for a while, and returns how many they took.
func fillTCP(t *testing.T, a, b *net.TCPConn) (total int64) {
	t.Helper()
	// Of a fixed size, else the kernel makes them larger when they are full.
	if err := errors.Join(a.SetReadBuffer(32<<10), b.SetWriteBuffer(32<<10)); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 64<<10)
	for {
		if err := b.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := b.Write(p)
		total += int64(n)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		if err != nil && n == 0 {
			if err := b.SetWriteDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			return total
		}
	}
}
