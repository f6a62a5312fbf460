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

// A queue takes messages up to its limit, in bytes; what it refuses is counted; what it took is sent.
func TestTryWriteLimit(t *testing.T) {
	for _, tc := range []struct {
		limit, size int
		want        int // messages accepted while the transport takes nothing
	}{
		{0, 1000, 1 << 20 / 1000},
		{10_000, 1000, 10},
		{10_000, 990, 10},
		{10_000, 5, 10_000 / 8}, // with headers
		{10_000, 10_000, 1},
		{10_000, 50_000, 1}, // one is taken, however large
	} {
		for _, prepared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d of %d/prepared %v", tc.limit, tc.size, prepared), func(t *testing.T) {
				inBothRoles(t, ws.ConnOptions{Options: ws.Options{QueueLimit: tc.limit}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
					p := strings.Repeat("x", tc.size)
					m := ws.Prepare(ws.Text, []byte(p))
					try := func() error {
						if prepared {
							return c.TryWritePrepared(m)
						}
						return c.TryWrite(ws.Text, []byte(p))
					}
					// A message that fills the pipe, so that all others wait.
					filler := wstest.Binary(make([]byte, 70_000))
					go c.Write(context.Background(), ws.Binary, filler.Payload)
					synctest.Wait()
					limit := tc.limit
					if limit == 0 {
						limit = 1 << 20
					}
					held := int(c.Stats().Buffered) // of the filler
					accepted := 0
					for ; accepted < 3000; accepted++ {
						if err := try(); err != nil {
							if !errors.Is(err, ws.ErrSlowConsumer) {
								t.Fatal(err)
							}
							break
						}
					}
					if buffered := int(c.Stats().Buffered); accepted > 1 && buffered > limit+14 {
						t.Errorf("%d bytes wait, the limit is %d", buffered, limit)
					}
					if room := limit - held; accepted < min(room/(tc.size+14), tc.want) || accepted > max(tc.want, 1) {
						t.Errorf("%d messages were accepted, want about %d", accepted, tc.want)
					}
					try()
					try()
					if n := c.Stats().Dropped; n != 3 {
						t.Errorf("%d were dropped, want 3", n)
					}
					peer.Expect(t, filler)
					for range accepted {
						peer.ExpectMessage(t, wstest.OpText, p)
					}
					synctest.Wait()
					if err := try(); err != nil {
						t.Errorf("when all is sent: %v", err)
					}
					peer.ExpectMessage(t, wstest.OpText, p)
					synctest.Wait()
					if s := c.Stats(); s.Buffered != 0 || s.MessagesOut != int64(accepted)+2 {
						t.Errorf("at the end: %+v", s)
					}
				})
			})
		}
	}
}

// TryWrite takes no time whatever else is going on.
func TestTryWriteNeverWaits(t *testing.T) {
	for name, busy := range map[string]func(c *ws.Conn){
		"nothing":        func(*ws.Conn) {},
		"a stalled peer": func(c *ws.Conn) { go c.Write(context.Background(), ws.Binary, make([]byte, 300_000)) },
		"a stream":       func(c *ws.Conn) { c.Writer(context.Background(), ws.Binary) },
		"a closing":      func(c *ws.Conn) { go c.Close(context.Background(), 1000, "") },
		"an end":         func(c *ws.Conn) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				busy(c)
				synctest.Wait()
				begun := time.Now()
				for range 2000 {
					c.TryWrite(ws.Binary, make([]byte, 1000))
				}
				if took := time.Since(begun); took != 0 {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Nobody has to do anything for what TryWrite has accepted to leave.
func TestTryWriteLeaves(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		for i := range 100 {
			for j := range i % 4 {
				if err := c.TryWrite(ws.Binary, numbered(i, j, 3000*j)); err != nil {
					t.Fatal(err)
				}
			}
			for j := range i % 4 {
				peer.ExpectMessage(t, wstest.OpBinary, string(numbered(i, j, 3000*j)))
			}
			synctest.Wait()
		}
	})
}

// The bytes given to TryWrite may change as soon as it returns, and those given to Write when that does.
func TestWriteKeepsNothing(t *testing.T) {
	for _, size := range []int{10, 1000, 9000, 40_000, 100_000} {
		inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
			p := []byte(strings.Repeat("x", size))
			want := string(p)
			if err := c.TryWrite(ws.Text, p); err != nil {
				t.Fatal(err)
			}
			clear(p)
			peer.ExpectMessage(t, wstest.OpText, want)
			p = []byte(want)
			done := async(func() error {
				defer clear(p)
				return c.Write(context.Background(), ws.Text, p)
			})
			peer.ExpectMessage(t, wstest.OpText, want)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// What is refused for its own sake does no harm.
func TestWriteRefused(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		for name, err := range map[string]error{
			"5.6 text that is not UTF-8": c.Write(t.Context(), ws.Text, []byte("\xff")),
			"5.6 queued":                 c.TryWrite(ws.Text, []byte("\xff")),
			"5.6 prepared":               c.TryWritePrepared(ws.Prepare(ws.Text, []byte("\xff"))),
			"no type":                    c.Write(t.Context(), 0, nil),
			"a control frame":            c.TryWrite(9, nil),
			"a type of a stream":         func() error { _, err := c.Writer(t.Context(), 8); return err }(),
		} {
			if err == nil || ws.CloseCode(err) != 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := c.Write(t.Context(), ws.Binary, []byte("\xff")); err != nil {
			t.Error(err)
		}
		peer.Expect(t, wstest.Binary([]byte("\xff")))
		if n := c.Stats().Dropped; n != 0 {
			t.Errorf("%d are counted as dropped", n)
		}
	})
}
