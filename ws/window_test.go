package ws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// kinds are the kinds of content; window is the one that they are hard for.
var kinds = []struct {
	name string
	make func(rng *rand.Rand, n, window int) []byte
}{
	{"json", func(rng *rand.Rand, n, _ int) []byte {
		var b []byte
		for i := 0; len(b) < n; i++ {
			line, _ := json.Marshal(map[string]any{"id": rng.IntN(1e6), "user": fmt.Sprint("user", rng.IntN(50)), "price": rng.Float64(), "ok": i%2 == 0})
			b = append(append(b, line...), ',')
		}
		return b[:n]
	}},
	{"random", func(rng *rand.Rand, n, _ int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}},
	{"period below the window", func(rng *rand.Rand, n, window int) []byte { return periodic(rng, n, window-1-rng.IntN(3)) }},
	{"period of the window", func(rng *rand.Rand, n, window int) []byte { return periodic(rng, n, window) }},
	{"period above the window", func(rng *rand.Rand, n, window int) []byte { return periodic(rng, n, window+1+rng.IntN(3)) }},
	{"runs", func(rng *rand.Rand, n, _ int) (b []byte) {
		for len(b) < n {
			b = append(b, bytes.Repeat([]byte{byte('a' + rng.IntN(3))}, 1+rng.IntN(2000))...)
		}
		return b[:n]
	}},
	{"text", func(rng *rand.Rand, n, _ int) (b []byte) {
		words := strings.Fields("the window slides over what was said before and no word beyond it may be named again größer Ελληνικά")
		for len(b) < n {
			b = append(append(b, words[rng.IntN(len(words))]...), ' ')
		}
		return bytes.ToValidUTF8(b[:n], nil)
	}},
}

func periodic(rng *rand.Rand, n, period int) []byte {
	b := make([]byte, n)
	for i := range b {
		if i < period {
			b[i] = byte(rng.Uint32())
		} else {
			b[i] = b[i-period]
		}
	}
	return b
}

// senders are the ways to send a message; each is tried with every kind of content.
var senders = []struct {
	name string
	send func(ctx context.Context, rng *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error
}{
	{"Write", func(ctx context.Context, _ *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error {
		return c.Write(ctx, typ, p)
	}},
	{"TryWrite", func(_ context.Context, _ *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error {
		return c.TryWrite(typ, p)
	}},
	{"WritePrepared", func(ctx context.Context, _ *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error {
		return c.WritePrepared(ctx, ws.Prepare(typ, p))
	}},
	{"TryWritePrepared", func(_ context.Context, _ *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error {
		return c.TryWritePrepared(ws.Prepare(typ, p))
	}},
	{"Writer", func(ctx context.Context, rng *rand.Rand, c *ws.Conn, typ ws.Type, p []byte) error {
		w, err := c.Writer(ctx, typ)
		for err == nil && len(p) > 0 {
			n := min(len(p), 1+rng.IntN(1<<rng.IntN(17)))
			_, err = w.Write(p[:n])
			p = p[n:]
		}
		if err != nil {
			return err
		}
		return w.Close()
	}},
}

// deflateSide is what one side sends with: its window, and the rest.
type deflateSide struct {
	client   bool
	bits     int
	takeover bool
	level    int
}

func (d deflateSide) options() ws.ConnOptions {
	p := &ws.DeflateParams{ServerMaxWindowBits: d.bits, ServerNoContextTakeover: !d.takeover, ClientNoContextTakeover: d.takeover}
	if d.client {
		p = &ws.DeflateParams{ClientMaxWindowBits: d.bits, ClientNoContextTakeover: !d.takeover, ServerNoContextTakeover: d.takeover}
	}
	return ws.ConnOptions{
		Client: d.client, Deflate: p, Compression: &ws.Compression{Level: d.level},
		Options: ws.Options{QueueLimit: 1 << 30, PingInterval: -1},
	}
}

func (d deflateSide) inflater() *strictInflater {
	return &strictInflater{window: 1 << d.bits, takeover: d.takeover}
}

// receiveMessage reads one message, decoding it with s if it is compressed.
func receiveMessage(peer *wstest.Peer, s *strictInflater) (typ ws.Type, p []byte, compressed bool, err error) {
	for {
		f, err := peer.Next()
		if err != nil {
			return 0, nil, false, err
		}
		if f.Opcode >= wstest.OpClose {
			return 0, nil, false, fmt.Errorf("a control frame: %v", f)
		}
		if (f.Opcode == 0) != (typ != 0) || f.RSV1 && f.Opcode == 0 {
			return 0, nil, false, fmt.Errorf("frame out of place: %v", f)
		}
		if typ == 0 {
			typ, compressed = ws.Type(f.Opcode), f.RSV1
		}
		p = append(p, f.Payload...)
		if f.Fin {
			break
		}
	}
	if compressed {
		p, err = s.message(p)
	}
	return typ, p, compressed, err
}

// RFC 7692 §7.1.1 and §7.1.2: whatever is sent, in whichever way, needs no more than the agreed window.
func TestWindowIsHonoured(t *testing.T) {
	for _, client := range []bool{false, true} {
		for bits := 8; bits <= 15; bits++ {
			for _, takeover := range []bool{false, true} {
				for level := 1; level <= 9; level++ {
					if bits < 15 && level != 1 && level != 9 {
						continue // a small window has one effort
					}
					d := deflateSide{client, bits, takeover, level}
					t.Run(fmt.Sprintf("client=%v/bits=%d/takeover=%v/level=%d", client, bits, takeover, level), func(t *testing.T) {
						t.Parallel()
						d.testMixed(t)
					})
				}
			}
		}
	}
}

// testMixed sends every kind of content by every way, in sizes from nothing to 200 KiB.
func (d deflateSide) testMixed(t *testing.T) {
	c, peer := wstest.ConnAndPeer(d.options())
	defer c.CloseNow()
	defer peer.Close()
	rng := rand.New(rand.NewPCG(uint64(d.bits), uint64(d.level)))
	s := d.inflater()
	squeezed := 0
	var last []byte // what was compressed last
	rounds := 2
	if raceEnabled {
		rounds = 1
	}
	for i := range len(kinds) * len(senders) * rounds {
		kind, way := kinds[i%len(kinds)], senders[i%len(senders)]
		n := rng.IntN(1 << (7 + rng.IntN(10)))
		if i%15 == 3 {
			n = 200<<10 - rng.IntN(100)
		}
		want := kind.make(rng, n, 1<<d.bits)
		typ := ws.Binary
		if kind.name == "text" || kind.name == "json" {
			typ = ws.Text
		}
		if i%5 == 4 && len(last) > 0 {
			want, typ = slices.Concat(last[max(0, len(last)-100):], want), ws.Binary
			n = len(want)
		}
		sent := make(chan error, 1)
		go func() { sent <- way.send(t.Context(), rng, c, typ, want) }()
		gotTyp, got, compressed, err := receiveMessage(peer, s)
		if err != nil || gotTyp != typ || !bytes.Equal(got, want) {
			t.Fatalf("message %d, %s by %s, %d bytes: got %v of %d bytes, %v", i, kind.name, way.name, len(want), gotTyp, len(got), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if compressed {
			squeezed++
			last = want
		}
		switch {
		case way.name == "Writer" && !compressed:
			t.Errorf("message %d: a streamed message is not compressed", i)
		case way.name != "Writer" && compressed != (n >= 512) && kind.name != "random" && !strings.HasPrefix(kind.name, "period"):
			t.Errorf("message %d, %s by %s, %d bytes: compressed is %v", i, kind.name, way.name, n, compressed)
		}
	}
	// Otherwise the test would show nothing.
	if s.farthest < 1<<d.bits/2 || squeezed < len(kinds) || (s.earlier > 0) != d.takeover {
		t.Errorf("%d compressed messages, largest distance %d, %d references to earlier messages", squeezed, s.farthest, s.earlier)
	}
}

// With takeover, what is compressed first is sent first, whoever sends it.
func TestCompressionFollowsTheWire(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, bits := range []int{8, 11, 15} {
			t.Run(fmt.Sprintf("client=%v/bits=%d", client, bits), func(t *testing.T) {
				d := deflateSide{client, bits, true, 1}
				c, peer := wstest.ConnAndPeer(d.options())
				defer c.CloseNow()
				defer peer.Close()
				const goroutines, each = 8, 40
				var wg sync.WaitGroup
				for g := range goroutines {
					wg.Go(func() {
						rng := rand.New(rand.NewPCG(uint64(g), 0))
						for i := range each {
							p := fmt.Appendf(nil, "%d/%d ", g, i)
							p = append(p, kinds[0].make(rng, rng.IntN(5000), 0)...)
							if err := senders[rng.IntN(len(senders))].send(t.Context(), rng, c, ws.Binary, p); err != nil {
								t.Error(err)
							}
						}
					})
				}
				s := d.inflater()
				var next [goroutines]int
				for range goroutines * each {
					_, p, _, err := receiveMessage(peer, s)
					if err != nil {
						t.Fatal(err)
					}
					var g, i int
					if _, err := fmt.Sscanf(string(p[:min(20, len(p))]), "%d/%d ", &g, &i); err != nil || i != next[g] {
						t.Fatalf("goroutine %d: message %d, want %d, %v", g, i, next[g], err)
					}
					next[g]++
				}
				wg.Wait()
				if s.earlier == 0 {
					t.Error("nothing referred to an earlier message")
				}
			})
		}
	}
}

// A streamed message is compressed before what is queued while it waits to begin, for that follows it on the wire.
func TestStreamedMessageKnowsOnlyWhatIsSent(t *testing.T) {
	for _, client := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 100})
			d := deflateSide{client, 15, true, 1}
			c := ws.NewConn(near, d.options())
			defer c.CloseNow()
			peer := wstest.ClientPeer(far)
			if client {
				peer = wstest.ServerPeer(far)
			}
			defer peer.Close()
			rng := rand.New(rand.NewPCG(1, 1))
			var want [][]byte
			for range 4 {
				want = append(want, kinds[0].make(rng, 2000, 0))
			}
			for i := range 2 { // the first is being sent, the second waits
				if err := c.TryWrite(ws.Binary, want[i]); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			streamed := make(chan error)
			go func() { streamed <- senders[4].send(t.Context(), rng, c, ws.Binary, want[3]) }()
			synctest.Wait()
			s := d.inflater()
			var got [][]byte
			receive := func() {
				t.Helper()
				_, p, _, err := receiveMessage(peer, s)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p)
			}
			receive()
			synctest.Wait() // now the streamed message has its turn, and sends what waited
			if err := c.TryWrite(ws.Binary, want[3]); err != nil {
				t.Fatal(err)
			}
			receive()
			receive()
			receive()
			if err := <-streamed; err != nil {
				t.Fatal(err)
			}
			for i, j := range []int{0, 1, 3, 3} {
				if !bytes.Equal(got[i], want[j]) {
					t.Errorf("message %d is not what was sent", i)
				}
			}
			receivesNothing(t, c, peer)
		})
	}
}

// receivesNothing ends a test: the connection is in order, and sends no more.
func receivesNothing(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
	t.Helper()
	closed := make(chan error)
	go func() { closed <- c.Close(t.Context(), ws.CodeNormal, "") }()
	peer.ExpectClose(t, ws.CodeNormal)
	peer.MustSend(t, wstest.Close(ws.CodeNormal, ""))
	if err := <-closed; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
