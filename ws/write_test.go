package ws_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// numbered is a message that says who sent it and as the how manieth, and is easy to check.
func numbered(who, n, size int) []byte {
	p := make([]byte, max(size, 12))
	binary.BigEndian.PutUint32(p, uint32(who))
	binary.BigEndian.PutUint32(p[4:], uint32(n))
	binary.BigEndian.PutUint32(p[8:], uint32(len(p)))
	copy(p[12:], pattern[(who+n)%256:])
	return p
}

// pattern is what fills numbered messages.
var pattern = func() []byte {
	p := make([]byte, 1<<20)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}()

// checkNumbered checks that p is whole and the next of its sender.
func checkNumbered(p []byte, next map[int]int) error {
	if len(p) < 12 || int(binary.BigEndian.Uint32(p[8:])) != len(p) {
		return fmt.Errorf("a message of %d bytes that begins with %x", len(p), p[:min(len(p), 12)])
	}
	who, n := int(binary.BigEndian.Uint32(p)), int(binary.BigEndian.Uint32(p[4:]))
	if at := (who + n) % 256; !bytes.Equal(p[12:], pattern[at:at+len(p)-12]) {
		return fmt.Errorf("message %d of %d is damaged", n, who)
	}
	if n != next[who] {
		return fmt.Errorf("message %d of %d came instead of %d", n, who, next[who])
	}
	next[who]++
	return nil
}

// allWays are all the ways to send a message.
var allWays = []struct {
	name string
	send func(ctx context.Context, c *ws.Conn, p []byte) error
}{
	{"Write", func(ctx context.Context, c *ws.Conn, p []byte) error { return c.Write(ctx, ws.Binary, p) }},
	{"TryWrite", func(ctx context.Context, c *ws.Conn, p []byte) error {
		if err := c.TryWrite(ws.Binary, p); !errors.Is(err, ws.ErrSlowConsumer) {
			return err
		}
		return c.Write(ctx, ws.Binary, p)
	}},
	{"WritePrepared", func(ctx context.Context, c *ws.Conn, p []byte) error {
		return c.WritePrepared(ctx, ws.Prepare(ws.Binary, p))
	}},
	{"TryWritePrepared", func(ctx context.Context, c *ws.Conn, p []byte) error {
		if err := c.TryWritePrepared(ws.Prepare(ws.Binary, p)); !errors.Is(err, ws.ErrSlowConsumer) {
			return err
		}
		return c.Write(ctx, ws.Binary, p)
	}},
	{"Writer", func(ctx context.Context, c *ws.Conn, p []byte) error {
		w, err := c.Writer(ctx, ws.Binary)
		if err != nil {
			return err
		}
		if _, err := w.Write(p[:len(p)/3]); err != nil {
			return err
		}
		if _, err := w.Write(p[len(p)/3:]); err != nil {
			return err
		}
		return w.Close()
	}},
}

// Whatever way they are sent, messages arrive whole, and those of one goroutine in their order: from one, and from ten at
// the same time, in both roles.
func TestWriteOrder(t *testing.T) {
	sizes := []int{0, 100, 1000, 5000, 9000, 20_000, 70_000, 150_000}
	for _, tr := range transports {
		for _, goroutines := range []int{1, 10} {
			for _, client := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d goroutines/client %v", tr.name, goroutines, client), func(t *testing.T) {
					a, b := tr.pair(t)
					from, to := connsOver(t, a, b, ws.Options{})
					if !client {
						from, to = to, from
					}
					const each = 40
					var sending sync.WaitGroup
					for who := range goroutines {
						sending.Go(func() {
							r := rand.New(rand.NewPCG(uint64(who), 7))
							for n := range each {
								way := allWays[r.IntN(len(allWays))]
								if err := way.send(context.Background(), from, numbered(who, n, sizes[r.IntN(len(sizes))])); err != nil {
									t.Errorf("%s: %v", way.name, err)
									return
								}
							}
						})
					}
					from.CloseRead(context.Background())
					next := make(map[int]int)
					for range goroutines * each {
						_, p, err := to.Read(t.Context())
						if err == nil {
							err = checkNumbered(p, next)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					sending.Wait()
				})
			}
		}
	}
}

// A Write that is cancelled while it waits for its turn has not happened.
func TestWriteCancelledWaiting(t *testing.T) {
	for _, way := range allWays {
		if strings.HasPrefix(way.name, "Try") {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				first := numbered(1, 0, 200_000)
				write := async(func() error { return way.send(context.Background(), c, first) })
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errMine)
				defer cancel()
				var waiting []<-chan error
				for _, w := range allWays {
					if !strings.HasPrefix(w.name, "Try") {
						waiting = append(waiting, async(func() error { return w.send(ctx, c, numbered(2, 0, 100)) }))
					}
				}
				for _, done := range waiting {
					if err := <-done; !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errMine) || ws.CloseCode(err) != 0 {
						t.Errorf("cancelled: %v", err)
					}
				}
				if err := way.send(ctx, c, nil); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("with a context that had ended: %v", err)
				}
				next := async(func() error { return way.send(context.Background(), c, numbered(3, 0, 100)) })
				peer.ExpectMessage(t, wstest.OpBinary, string(first))
				peer.ExpectMessage(t, wstest.OpBinary, string(numbered(3, 0, 100)))
				if err := errors.Join(<-write, <-next); err != nil {
					t.Error(err)
				}
				if n := c.Stats().MessagesOut; n != 2 {
					t.Errorf("%d messages were sent", n)
				}
			})
		})
	}
}

// A Write that is cancelled after a part of it was sent ends the connection, with the context's cause.
func TestWriteCancelledHalfway(t *testing.T) {
	for _, way := range allWays {
		for _, tr := range transports {
			if strings.HasPrefix(way.name, "Try") {
				continue
			}
			t.Run(way.name+"/"+tr.name, func(t *testing.T) {
				a, b := tr.pair(t)
				defer a.Close()
				c := ws.NewConn(b, ws.ConnOptions{})
				ctx, cancel := context.WithCancelCause(t.Context())
				go func() {
					for c.Stats().Buffered == 0 {
						time.Sleep(time.Millisecond)
					}
					cancel(errMine)
				}()
				err := way.send(ctx, c, make([]byte, 20<<20))
				if ws.CloseCode(err) != ws.CodeAbnormal || !errors.Is(err, context.Canceled) || !errors.Is(err, errMine) {
					t.Error(err)
				}
				if err := context.Cause(c.Context()); !errors.Is(err, errMine) {
					t.Errorf("cause: %v", err)
				}
				if err := c.Write(t.Context(), ws.Text, nil); ws.CloseCode(err) != ws.CodeAbnormal {
					t.Errorf("the next one: %v", err)
				}
			})
		}
	}
}

// A transport that takes nothing ends the connection after WriteTimeout; one that takes a little now and then does not,
// however long the whole takes.
func TestWriteTimeout(t *testing.T) {
	for _, tc := range []struct {
		name    string
		timeout time.Duration
		want    time.Duration
	}{
		{"default", 0, 5 * time.Second},
		{"set", 300 * time.Millisecond, 300 * time.Millisecond},
	} {
		for _, way := range allWays {
			t.Run(tc.name+"/"+way.name, func(t *testing.T) {
				inBothRoles(t, ws.ConnOptions{Options: ws.Options{WriteTimeout: tc.timeout}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
					begun := time.Now()
					err := way.send(context.Background(), c, make([]byte, 300_000))
					if strings.HasPrefix(way.name, "Try") && err == nil {
						<-c.Context().Done()
						err = context.Cause(c.Context())
					}
					// A part of the last piece may have been accepted at any moment of the first wait.
					if took := time.Since(begun); took != tc.want && took != 2*tc.want || !errors.Is(err, ws.ErrWriteTimeout) || ws.CloseCode(err) != ws.CodeAbnormal {
						t.Errorf("%v after %v", err, took)
					}
					wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: ws.ErrWriteTimeout})
				})
			})
		}
	}
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow but moving/TLS %v", tls), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var near, far net.Conn
				near, far = wstest.Pipe(nil)
				if tls {
					near, far = tlsOver(t, near, far)
				}
				c := ws.NewConn(near, ws.ConnOptions{Options: ws.Options{PingInterval: -1}})
				defer c.CloseNow()
				defer far.Close()
				begun := time.Now()
				p := make([]byte, 1_000_000)
				done := async(func() error { return c.Write(context.Background(), ws.Binary, p) })
				buf := make([]byte, 40_000)      // TLS has to take a whole record of 16 KiB in time
				for got := 0; got < 10+len(p); { // a header of 10 bytes
					time.Sleep(4 * time.Second)
					n, err := io.ReadFull(far, buf[:min(len(buf), 10+len(p)-got)])
					if err != nil {
						t.Fatalf("after %v: %v, %v", time.Since(begun), err, <-done)
					}
					got += n
				}
				if err := <-done; err != nil || time.Since(begun) < time.Minute {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
		})
	}
}

// The same on plain TCP, which waits in another way.
func TestWriteTimeoutTCP(t *testing.T) {
	const timeout = 400 * time.Millisecond
	pair := func(t *testing.T) (*ws.Conn, *net.TCPConn) {
		a, b := tcpPair(t)
		t.Cleanup(func() { a.Close() })
		a.(*net.TCPConn).SetReadBuffer(32 << 10)
		b.(*net.TCPConn).SetWriteBuffer(32 << 10)
		c := ws.NewConn(b, ws.ConnOptions{Options: ws.Options{WriteTimeout: timeout}})
		t.Cleanup(func() { c.CloseNow() })
		return c, a.(*net.TCPConn)
	}
	t.Run("stalled", func(t *testing.T) {
		c, _ := pair(t)
		begun := time.Now()
		err := c.Write(t.Context(), ws.Binary, make([]byte, 20<<20))
		if took := time.Since(begun); !errors.Is(err, ws.ErrWriteTimeout) || took < timeout || took > 20*timeout {
			t.Errorf("%v after %v", err, took)
		}
	})
	t.Run("slow but moving", func(t *testing.T) {
		c, far := pair(t)
		begun := time.Now()
		const size = 2 << 20
		done := make(chan error, 1)
		go func() { done <- c.Write(context.Background(), ws.Binary, make([]byte, size)) }()
		buf := make([]byte, 64<<10)
		for got := 0; got < size+10; {
			n, err := far.Read(buf)
			if err != nil {
				t.Fatalf("after %v: %v", time.Since(begun), err)
			}
			got += n
			time.Sleep(25 * time.Millisecond)
		}
		if err := <-done; err != nil || time.Since(begun) < 2*timeout {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}
