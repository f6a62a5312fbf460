package ws_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// diary notes what a peer receives and when, as "25s ping, 45s end", and answers pings if told to.
type diary struct {
	entries []string
	done    chan struct{}
}

func keepDiary(peer *wstest.Peer, answer bool) *diary {
	peer.Timeout = 1000 * time.Hour
	begun := time.Now()
	d := &diary{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for len(d.entries) < 100 {
			f, err := peer.Next()
			what := "end"
			if err == nil {
				what = strings.Fields(f.String())[0]
			}
			d.entries = append(d.entries, fmt.Sprint(time.Since(begun), " ", what))
			if err != nil {
				return
			}
			if answer && f.Opcode == wstest.OpPing {
				peer.Send(wstest.Pong(string(f.Payload)))
			}
		}
	}()
	return d
}

// soFar returns the entries once everything has come to rest.
func (d *diary) soFar() string {
	synctest.Wait()
	return strings.Join(d.entries, ", ")
}

// A silent peer is asked once, and is gone when it stays silent.
func TestKeepaliveTimeout(t *testing.T) {
	for _, tc := range []struct {
		interval, timeout time.Duration
		want              string
	}{
		{0, 0, "25s ping, 45s end"},
		{10 * time.Second, 3 * time.Second, "10s ping, 13s end"},
		{time.Second, time.Minute, "1s ping, 1m1s end"},
		{time.Hour, 0, "1h0m0s ping, 1h0m20s end"},
	} {
		inBothRoles(t, ws.ConnOptions{Options: ws.Options{PingInterval: tc.interval, PingTimeout: tc.timeout}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
			d := keepDiary(peer, false)
			if err := reading(c)(); !errors.Is(err, ws.ErrPingTimeout) {
				t.Error(err)
			}
			if got := d.soFar(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			wantEnd(t, c, ws.CloseError{Code: ws.CodeAbnormal, Err: ws.ErrPingTimeout})
		})
	}
}

// Any byte is a sign of life, and the next ping comes when the silence after it is long enough.
func TestKeepaliveSignsOfLife(t *testing.T) {
	for _, tc := range []struct {
		name string
		sent []byte
	}{
		{"5.5.3 another pong", wstest.Bytes(wstest.Pong("x"))},
		{"5.5.3 a pong that nobody asked for", wstest.Bytes(wstest.Pong(""))},
		{"5.6 a message", wstest.Bytes(wstest.Text("x"))},
		{"half of a header", []byte{0x81}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
				defer c.CloseNow()
				defer peer.Close()
				d := keepDiary(peer, false)
				c.CloseRead(context.Background())
				time.Sleep(40 * time.Second)
				peer.SendRaw(tc.sent)
				<-c.Context().Done()
				if got, want := d.soFar(), "25s ping, 1m5s ping, 1m25s end"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		d := keepDiary(peer, true)
		c.CloseRead(context.Background())
		time.Sleep(110 * time.Second)
		if got, want := d.soFar(), "25s ping, 50s ping, 1m15s ping, 1m40s ping"; got != want {
			t.Errorf("with pongs: %s, want %s", got, want)
		}
	})
}

// While something arrives, nothing is asked.
func TestKeepaliveQuiet(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		d := keepDiary(peer, false)
		c.CloseRead(context.Background())
		for range 100 {
			time.Sleep(24 * time.Second)
			peer.MustSend(t, wstest.Text("x"))
		}
		if got := d.soFar(); got != "" {
			t.Errorf("got %s", got)
		}
	})
	inBothRoles(t, ws.ConnOptions{Options: ws.Options{PingInterval: -1}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		d := keepDiary(peer, false)
		c.CloseRead(context.Background())
		time.Sleep(24 * time.Hour)
		if got := d.soFar(); got != "" || c.Context().Err() != nil {
			t.Errorf("turned off: %s, %v", got, context.Cause(c.Context()))
		}
	})
}

// The silence counts only while somebody reads: else it may be ours.
func TestKeepaliveWithoutReader(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		d := keepDiary(peer, false)
		time.Sleep(10 * time.Minute)
		if got := d.soFar(); got != "25s ping" {
			t.Fatalf("nobody reads: %s", got)
		}
		begun := time.Now()
		if err := reading(c)(); !errors.Is(err, ws.ErrPingTimeout) {
			t.Error(err)
		}
		if took := time.Since(begun); took < 20*time.Second || took > 40*time.Second {
			t.Errorf("given up after %v of reading, want 20s to 40s", took)
		}
	})
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		keepDiary(peer, true) // its pong waits in the transport
		time.Sleep(10 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the peer had answered: %v", err)
		}
	})
}

// Reads that are given up and repeated are as good as a long one.
func TestKeepalivePolled(t *testing.T) {
	poll := func(c *ws.Conn, each, pause time.Duration) error {
		for range 1000 {
			ctx, cancel := context.WithTimeout(context.Background(), each)
			_, _, err := c.Read(ctx)
			cancel()
			if ws.CloseCode(err) != 0 {
				return err
			}
			time.Sleep(pause)
		}
		return nil
	}
	for _, each := range []time.Duration{300 * time.Millisecond, 7 * time.Second, 19 * time.Second} {
		inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
			d := keepDiary(peer, false)
			if err := poll(c, each, 0); !errors.Is(err, ws.ErrPingTimeout) {
				t.Errorf("every %v: %v", each, err)
			}
			if got := d.soFar(); got != "25s ping, 45s end" && got != "25s ping, 1m5s end" { // later if nobody reads at that moment
				t.Errorf("every %v: %s", each, got)
			}
		})
	}
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		keepDiary(peer, true)
		if err := poll(c, 3*time.Second, 40*time.Second); err != nil {
			t.Errorf("a living peer, seldom asked: %v", err)
		}
	})
}

// A message that stands still half-way ends the connection with 1008, unless nobody waits for it.
func TestProgressTimeout(t *testing.T) {
	large := wstest.Bytes(wstest.Binary(make([]byte, 200_000)))
	for _, tc := range []struct {
		name    string
		sent    []byte
		between bool // pongs can follow
	}{
		{"5.4 after a fragment", wstest.Bytes(raw(1, false, "a")), true},
		{"5.4 after an empty fragment", wstest.Bytes(raw(2, false, "")), true},
		{"5.4 inside the second header", append(wstest.Bytes(raw(1, false, "a")), 0), false},
		{"5.2 after a header", wstest.Bytes(with(raw(1, true, ""), declared(9))), false},
		{"5.2 inside a frame", wstest.Bytes(wstest.Text("abc"))[:4], false},
		{"5.2 inside a large frame", large[:100_000], false},
	} {
		for _, answers := range []bool{false, true} {
			if answers && !tc.between {
				continue
			}
			t.Run(fmt.Sprintf("%s/pongs %v", tc.name, answers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: true})
					defer c.CloseNow()
					defer peer.Close()
					d := keepDiary(peer, answers)
					go peer.SendRaw(tc.sent)
					if err := reading(c)(); !errors.Is(err, ws.ErrProgressTimeout) {
						t.Error(err)
					}
					if got := d.soFar(); got != "25s ping, 30s close, 30s end" {
						t.Error(got)
					}
					wantEnd(t, c, ws.CloseError{Code: ws.CodePolicyViolation, Reason: "no progress inside a message", Err: ws.ErrProgressTimeout})
				})
			})
		}
	}
	quiet := ws.Options{PingInterval: -1}
	forever := ws.Options{PingInterval: -1, ProgressTimeout: -1}
	short := ws.Options{PingInterval: -1, ProgressTimeout: 2 * time.Second}
	fragment := wstest.Frame{Opcode: wstest.OpContinuation, Payload: []byte("b")}
	for _, tc := range []struct {
		name string
		o    ws.Options
		run  func(c *ws.Conn, peer *wstest.Peer) // while nobody else reads
		want string
	}{
		{"slow but moving", quiet, func(c *ws.Conn, peer *wstest.Peer) {
			c.CloseRead(context.Background())
			for range 20 {
				time.Sleep(29 * time.Second)
				peer.Send(fragment)
			}
		}, ""},
		{"one after the other", quiet, func(c *ws.Conn, peer *wstest.Peer) {
			c.CloseRead(context.Background())
			for range 20 {
				time.Sleep(29 * time.Second)
				peer.Send(raw(0, true, ""), raw(1, false, "a"))
			}
		}, ""},
		{"nobody reads", quiet, func(*ws.Conn, *wstest.Peer) { time.Sleep(time.Hour) }, ""},
		{"turned off", forever, func(c *ws.Conn, _ *wstest.Peer) {
			c.CloseRead(context.Background())
			time.Sleep(time.Hour)
		}, ""},
		{"shorter", short, func(c *ws.Conn, _ *wstest.Peer) { reading(c)() }, "2s close, 2s end"},
		{"polled", short, func(c *ws.Conn, _ *wstest.Peer) {
			for range 1000 {
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				c.Read(ctx)
				cancel()
			}
		}, "2s close, 2s end"},
		{"read now and then", quiet, func(c *ws.Conn, _ *wstest.Peer) {
			for range 50 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				c.Read(ctx)
				cancel()
				time.Sleep(59 * time.Second)
			}
		}, ""},
		{"a slow reader of a stream", quiet, func(c *ws.Conn, peer *wstest.Peer) {
			_, r, _ := c.Reader(context.Background())
			for range 20 {
				r.Read(make([]byte, 10))
				peer.Send(fragment)
				time.Sleep(29*time.Second + 999*time.Millisecond)
			}
		}, ""},
		{"inside Close", ws.Options{PingInterval: -1, CloseTimeout: time.Minute}, func(c *ws.Conn, _ *wstest.Peer) {
			c.Close(context.Background(), 1000, "")
		}, "0s close, 30s end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{Options: tc.o}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				d := keepDiary(peer, false)
				peer.MustSend(t, raw(1, false, "a"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if tc.want == "" {
					c.Read(ctx) // so that it is known to be half-way
				}
				tc.run(c, peer)
				if got := d.soFar(); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			})
		})
	}
}
