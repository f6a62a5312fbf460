package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// One Prepared is sent at once to thousands of connections of every kind: with each window, with and without takeover and
// compression, in both roles.
func TestPreparedIsShared(t *testing.T) {
	contents := [][]byte{nil, []byte("short"), kinds[0].make(rand.New(rand.NewPCG(1, 1)), 3000, 0), kinds[6].make(rand.New(rand.NewPCG(2, 2)), 60000, 0), []byte(noise(20000))}
	var messages []*ws.Prepared
	for i, p := range contents {
		own := bytes.Clone(p)
		messages = append(messages, ws.Prepare([]ws.Type{ws.Text, ws.Binary}[i/4], own))
		for j := range own {
			own[j] = 'X' // it was copied
		}
	}
	conns := 2000
	if raceEnabled {
		conns = 200
	}
	var wg sync.WaitGroup
	for i := range conns {
		d := deflateSide{client: i%3 == 0, bits: 8 + i/3%8, takeover: i%2 == 0, level: 1 + i%9}
		o := d.options()
		o.WriteTimeout = time.Minute // the peers are many and inflate slowly
		if i%7 == 0 {
			o.Deflate = nil
		}
		c, peer := wstest.ConnAndPeer(o)
		defer c.CloseNow()
		defer peer.Close()
		wg.Go(func() {
			for _, m := range messages {
				if err := c.WritePrepared(t.Context(), m); err != nil {
					t.Error(err)
				}
				if err := c.TryWritePrepared(m); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			s := d.inflater()
			for j := range 2 * len(messages) {
				typ, p, compressed, err := receiveMessage(peer, s)
				if err != nil || typ != messages[j/2].Type() || !bytes.Equal(p, contents[j/2]) {
					t.Errorf("%+v, message %d: %v of %d bytes, %v", d, j/2, typ, len(p), err)
					return
				}
				if want := o.Deflate != nil && (j/2 == 2 || j/2 == 3); compressed != want {
					t.Errorf("%+v, message %d: compressed is %v", d, j/2, compressed)
				}
			}
		})
	}
	wg.Wait()
	for i, m := range messages {
		p := m.Bytes()
		if !bytes.Equal(p, contents[i]) {
			t.Errorf("message %d has changed", i)
		}
		for j := range p {
			p[j] = 'X' // it is a copy
		}
		if !bytes.Equal(m.Bytes(), contents[i]) {
			t.Errorf("message %d can be changed", i)
		}
	}
}

// It is the same for every connection: it never refers to what came before, even with takeover, but what comes after
// may refer to it.
func TestPreparedRefersToNothing(t *testing.T) {
	content := string(kinds[0].make(rand.New(rand.NewPCG(1, 1)), 2000, 0))
	prepared := true
	n := payloadSizes(t, deflateSide{false, 15, true, 1}, func(c *ws.Conn, p []byte) error {
		if prepared {
			return c.WritePrepared(t.Context(), ws.Prepare(ws.Text, p))
		}
		return c.Write(t.Context(), ws.Text, p)
	}, content, content)
	if n[0] != n[1] {
		t.Errorf("%d bytes, then %d", n[0], n[1])
	}
	c, peer := wstest.ConnAndPeer(deflateSide{false, 15, true, 1}.options())
	defer c.CloseNow()
	defer peer.Close()
	go func() {
		c.WritePrepared(t.Context(), ws.Prepare(ws.Text, []byte(content)))
		c.Write(t.Context(), ws.Text, []byte(content))
	}()
	if first, second := peer.MustNext(t), peer.MustNext(t); len(first.Payload) != n[0] || len(second.Payload) > n[0]/4 {
		t.Errorf("%d bytes, then %d by reference", len(first.Payload), len(second.Payload))
	}
}

// A large one is not copied for each connection that is slow to take it.
func TestPreparedIsNotCopied(t *testing.T) {
	const conns, size = 300, 1 << 20
	m := ws.Prepare(ws.Binary, make([]byte, size))
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	synctest.Test(t, func(t *testing.T) {
		before := heap()
		for i := range conns {
			near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 1})
			o := ws.ConnOptions{Options: ws.Options{QueueLimit: 3 * size}}
			if i%2 == 0 {
				o.Deflate, o.Compression = &takeover, &ws.Compression{Threshold: 2 * size}
			}
			c := ws.NewConn(near, o)
			defer c.CloseNow()
			defer far.Close()
			for range 2 {
				if err := c.TryWritePrepared(m); err != nil {
					t.Fatal(err)
				}
			}
		}
		synctest.Wait()
		if per := (heap() - before) / conns; per > 32<<10 {
			t.Errorf("%d bytes for each connection that two messages of 1 MiB wait on", per)
		}
	})
	runtime.KeepAlive(m)
}

// What Write refuses is refused, and what does not fit the queue.
func TestPreparedErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 10})
		c := ws.NewConn(near, ws.ConnOptions{Options: ws.Options{QueueLimit: 1000}})
		defer c.CloseNow()
		peer := wstest.ClientPeer(far)
		defer peer.Close()
		for _, tc := range []struct {
			m    *ws.Prepared
			want string
		}{{ws.Prepare(ws.Text, []byte("a\xff")), "UTF-8"}, {ws.Prepare(3, nil), "type 3"}} {
			if err := c.WritePrepared(t.Context(), tc.m); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("WritePrepared: %v, want %q", err, tc.want)
			}
			if err := c.TryWritePrepared(tc.m); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("TryWritePrepared: %v, want %q", err, tc.want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m := ws.Prepare(ws.Text, []byte(strings.Repeat("x", 600)))
		if err := c.WritePrepared(ctx, m); !errors.Is(err, context.Canceled) {
			t.Errorf("with a cancelled context: %v", err)
		}
		for i, want := range []error{nil, ws.ErrSlowConsumer, ws.ErrSlowConsumer} {
			if err := c.TryWritePrepared(m); err != want {
				t.Errorf("message %d: %v, want %v", i, err, want)
			}
			synctest.Wait()
		}
		peer.ExpectMessage(t, wstest.OpText, strings.Repeat("x", 600))
		if err := c.TryWritePrepared(m); err != nil {
			t.Error(err)
		}
		peer.ExpectMessage(t, wstest.OpText, strings.Repeat("x", 600))
	})
}

func BenchmarkWritePreparedCompressed(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := ws.Prepare(ws.Text, kinds[0].make(rand.New(rand.NewPCG(1, 1)), size, 0))
			c := ws.NewConn(&loopStream{in: []byte{0}}, deflateSide{false, 15, false, 1}.options())
			defer c.CloseNow()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.WritePrepared(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
