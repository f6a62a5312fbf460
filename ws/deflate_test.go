package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// Both ends are ours, with a window, takeover and level of their own in each direction.
func TestDeflateRoundTrip(t *testing.T) {
	for i := range 32 {
		p := ws.DeflateParams{
			ServerMaxWindowBits: 8 + i%8, ClientMaxWindowBits: 15 - i*3%8,
			ServerNoContextTakeover: i&8 != 0, ClientNoContextTakeover: i&16 != 0,
		}
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			o := ws.ConnOptions{Deflate: &p, Compression: &ws.Compression{Level: 1 + i%9, Threshold: []int{-1, 0, 100}[i%3]}}
			client, server := wstest.Conns(o, o)
			defer client.CloseNow()
			defer server.CloseNow()
			echoed := make(chan error, 1)
			go func() {
				echoed <- server.Run(t.Context(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
					return c.Write(t.Context(), typ, p)
				}})
			}()
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			for j := range 4 * len(kinds) {
				kind := kinds[j%len(kinds)]
				want := kind.make(rng, rng.IntN(1<<rng.IntN(18)), 1<<p.ClientMaxWindowBits)
				sent := make(chan error, 1)
				go func() { sent <- client.Write(t.Context(), ws.Binary, want) }()
				typ, got, err := client.Read(t.Context())
				if err != nil || typ != ws.Binary || !bytes.Equal(got, want) {
					t.Fatalf("message %d, %s: %v of %d bytes, %v", j, kind.name, typ, len(got), err)
				}
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Close(t.Context(), ws.CodeNormal, ""); err != nil {
				t.Error(err)
			}
			if err := <-echoed; err != nil {
				t.Error(err)
			}
		})
	}
}

// What is compressed, and how it looks.
func TestDeflateChoice(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("0", n) }
	for _, tc := range []struct {
		name       string
		threshold  int
		content    string
		compressed bool
		payload    string // if it matters
		dense      bool   // compressed only if later messages may then refer to it
	}{
		{name: "below the default threshold", content: zeros(511)},
		{name: "at the default threshold", content: zeros(512), compressed: true},
		{name: "below one's own", threshold: 100, content: zeros(99)},
		{name: "at one's own", threshold: 100, content: zeros(100), compressed: true},
		{name: "a threshold above the default", threshold: 5000, content: zeros(4999)},
		{name: "every message", threshold: -1, content: zeros(100), compressed: true},
		{name: "empty, 7.2.3.6", threshold: -1, compressed: true, payload: "\x00"},
		{name: "empty", content: ""},
		{name: "would not become smaller", threshold: -1, content: "abc", dense: true},
		{name: "noise", content: noise(1000), dense: true},
		{name: "a lot of noise", content: noise(300000), dense: true},
	} {
		for _, d := range []deflateSide{{false, 15, false, 1}, {true, 15, true, 9}, {false, 8, true, 1}, {true, 10, false, 1}} {
			for _, way := range senders[:4] {
				t.Run(fmt.Sprintf("%s/%+v/%s", tc.name, d, way.name), func(t *testing.T) {
					o := d.options()
					o.Compression.Threshold = tc.threshold
					c, peer := wstest.ConnAndPeer(o)
					defer c.CloseNow()
					defer peer.Close()
					go way.send(t.Context(), nil, c, ws.Binary, []byte(tc.content))
					f := peer.MustNext(t)
					prepared := !d.client && strings.Contains(way.name, "Prepared")
					enters := tc.dense && d.takeover && !prepared && len(tc.content) <= min(8<<10, 1<<d.bits)
					if f.RSV1 != (tc.compressed || enters) || !f.Fin || f.Opcode != wstest.OpBinary {
						t.Fatalf("got %v", f)
					}
					content := f.Payload
					if f.RSV1 {
						if f.Payload[0]&1 != 0 {
							t.Error("the first block is final")
						}
						if bytes.HasSuffix(f.Payload, []byte("\x00\x00\xff\xff")) {
							t.Error("RFC 7692 7.2.1: the tail of the flush is sent")
						}
						var err error
						if content, err = d.inflater().message(f.Payload); err != nil {
							t.Fatal(err)
						}
					}
					if string(content) != tc.content || tc.payload != "" && string(f.Payload) != tc.payload {
						t.Errorf("content %s, payload %s", short(string(content)), short(string(f.Payload)))
					}
				})
			}
		}
	}
}

// payloadSizes sends the contents on one connection and returns the length of each payload.
func payloadSizes(t *testing.T, d deflateSide, send func(*ws.Conn, []byte) error, contents ...string) (n []int) {
	t.Helper()
	c, peer := wstest.ConnAndPeer(d.options())
	defer c.CloseNow()
	defer peer.Close()
	for _, s := range contents {
		go send(c, []byte(s))
		size := 0
		for {
			f := peer.MustNext(t)
			if f.Opcode != 0 && !f.RSV1 {
				t.Fatal("the message is not compressed: the test shows nothing")
			}
			if size += len(f.Payload); f.Fin {
				break
			}
		}
		n = append(n, size)
	}
	return n
}

// Without takeover the size of a message tells nothing of any other one (CRIME): not on the same connection, and not
// on another that used the same compressor. With takeover it does, which shows that the test can tell.
func TestLengthOracle(t *testing.T) {
	filler := string(kinds[6].make(rand.New(rand.NewPCG(1, 1)), 600, 0))
	secret := filler + "Cookie: session=7f3a9c51d2e84b06; user=alice"
	other := filler + "Cookie: session=0123456789abcdef; user=mallo"
	guess := string(kinds[0].make(rand.New(rand.NewPCG(2, 2)), 600, 0)) + "session=7f3a9c51d2e84b06"
	for _, d := range []deflateSide{
		{false, 15, false, 1}, {false, 15, false, 3}, {false, 15, false, 6}, {false, 15, false, 9}, {false, 8, false, 1}, {false, 12, false, 1}, {true, 15, false, 1}, {true, 10, false, 1},
	} {
		for _, way := range senders {
			t.Run(fmt.Sprintf("%+v/%s", d, way.name), func(t *testing.T) {
				send := func(c *ws.Conn, p []byte) error {
					return way.send(t.Context(), rand.New(rand.NewPCG(0, 0)), c, ws.Text, p)
				}
				want := payloadSizes(t, d, send, guess)[0]
				for _, before := range []string{secret, other} {
					payloadSizes(t, d, send, before)
					if got := payloadSizes(t, d, send, guess)[0]; got != want {
						t.Errorf("%d bytes after another connection's message, %d alone", got, want)
					}
					if got := payloadSizes(t, d, send, before, guess)[1]; got != want {
						t.Errorf("%d bytes after another message, %d alone", got, want)
					}
				}
			})
		}
	}
	d := deflateSide{false, 15, true, 6}
	write := func(c *ws.Conn, p []byte) error { return c.Write(t.Context(), ws.Text, p) }
	if a, b := payloadSizes(t, d, write, secret, guess), payloadSizes(t, d, write, other, guess); a[1] >= b[1] {
		t.Errorf("with takeover: %d bytes if the guess is right, %d if it is wrong", a[1], b[1])
	}
}

// agreements are handshakes whose windows must be honoured in what is sent (RFC 7692 §7.1.2).
var agreements = []struct {
	name   string
	server ws.Compression // of our server
	offer  string
	answer string
	bits   int // of the server's window
	keep   bool
}{
	{"the client asks for a window", ws.Compression{ServerTakeover: true}, "permessage-deflate; server_max_window_bits=9", "permessage-deflate; client_no_context_takeover; server_max_window_bits=9", 9, true},
	{"the smaller one counts", ws.Compression{ServerTakeover: true, ServerWindowBits: 8}, "permessage-deflate; server_max_window_bits=12", "permessage-deflate; client_no_context_takeover; server_max_window_bits=8", 8, true},
	{"unasked", ws.Compression{ServerTakeover: true, ServerWindowBits: 10}, "permessage-deflate", "permessage-deflate; client_no_context_takeover; server_max_window_bits=10", 10, true},
	{"without takeover", ws.Compression{ServerWindowBits: 11}, "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11", 11, false},
	{"the client refuses takeover", ws.Compression{ServerTakeover: true, ClientTakeover: true}, "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover", 15, false},
}

func TestAgreedWindowIsHonoured(t *testing.T) {
	for _, tc := range agreements {
		t.Run(tc.name, func(t *testing.T) {
			tc.server.Level = 6
			content := kinds[2].make(rand.New(rand.NewPCG(1, 1)), 100000, 1<<tc.bits+2)
			srv := wstest.NewServer(t, &ws.Handler{Options: ws.AcceptOptions{Compression: &tc.server}, Handle: func(c *ws.Conn) error {
				for range 2 {
					if err := c.Write(context.Background(), ws.Binary, content); err != nil {
						return err
					}
				}
				return c.Close(context.Background(), ws.CodeNormal, "")
			}})
			peer, err := srv.Peer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			res, err := peer.Upgrade(wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: " + tc.offer}})
			if err != nil {
				t.Fatal(err)
			}
			if got := res.Header.Get("Sec-WebSocket-Extensions"); got != tc.answer {
				t.Errorf("answer %q, want %q", got, tc.answer)
			}
			s := deflateSide{bits: tc.bits, takeover: tc.keep}.inflater()
			for range 2 {
				if _, got, _, err := receiveMessage(peer, s); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}

// Beyond the bound for all connections, new ones agree on no takeover; when others have ended, they do again.
func TestTakeoverMemory(t *testing.T) {
	defer ws.SetTakeoverMemory(256 << 20)
	o := &ws.Compression{ServerTakeover: true, ClientTakeover: true}
	srv := wstest.NewServer(t, &ws.Handler{Options: ws.AcceptOptions{Compression: o}, Handle: func(c *ws.Conn) error {
		return c.Run(context.Background(), ws.Events{})
	}})
	dial := func() *ws.Conn {
		t.Helper()
		c, err := srv.Dial(t.Context(), &ws.DialOptions{Compression: o})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		return c
	}
	const with, without = "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	first := dial()
	if got := first.Extensions(); got != with {
		t.Errorf("with room: %q", got)
	}
	ws.SetTakeoverMemory(1)
	if got := dial().Extensions(); got != without {
		t.Errorf("without room: %q", got)
	}
	// Both ends of the first connection lie in this process: their windows are what is in use.
	if err := first.Close(t.Context(), ws.CodeNormal, ""); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); dial().Extensions() != with; runtime.Gosched() {
		if time.Since(start) > 20*time.Second {
			t.Fatal("the memory was not given back")
		}
	}
}

// A client, too, keeps to the window that the server's answer allows it, and to its own.
func TestDialedWindowIsHonoured(t *testing.T) {
	for _, tc := range []struct {
		own    ws.Compression
		answer string
		bits   int
		keep   bool
	}{
		{ws.Compression{ClientTakeover: true}, "permessage-deflate; server_no_context_takeover; client_max_window_bits=9", 9, true},
		{ws.Compression{ClientTakeover: true}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8", 8, false},
		{ws.Compression{ClientTakeover: true, ClientWindowBits: 10}, "permessage-deflate; server_no_context_takeover; client_max_window_bits=12", 10, true},
		{ws.Compression{ClientWindowBits: 11}, "permessage-deflate; server_no_context_takeover", 11, false},
	} {
		t.Run(tc.answer, func(t *testing.T) {
			near, far := wstest.Pipe(nil)
			peer := wstest.ServerPeer(far)
			defer peer.Close()
			answered := make(chan error, 1)
			go func() {
				r, err := peer.ReadRequest()
				if err == nil {
					err = peer.Answer(r, wstest.Head{Lines: []string{"Sec-WebSocket-Extensions: " + tc.answer}})
				}
				answered <- err
			}()
			c, err := ws.Dial(t.Context(), "ws://server.test", &ws.DialOptions{
				Compression: &tc.own,
				NetDial:     func(context.Context, string, string) (net.Conn, error) { return near, nil },
			})
			if err := errors.Join(err, <-answered); err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			content := kinds[2].make(rand.New(rand.NewPCG(1, 1)), 100000, 1<<tc.bits+2)
			s := deflateSide{bits: tc.bits, takeover: tc.keep}.inflater()
			for range 2 {
				go c.Write(t.Context(), ws.Binary, content)
				if _, got, _, err := receiveMessage(peer, s); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}

// loopStream gives the same bytes again and again, and takes anything.
type loopStream struct {
	in []byte
	at int
}

func (s *loopStream) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], s.in[s.at:])
		n += k
		s.at = (s.at + k) % len(s.in)
	}
	return n, nil
}

func (s *loopStream) Write(p []byte) (int, error)        { return len(p), nil }
func (s *loopStream) Close() error                       { return nil }
func (s *loopStream) SetReadDeadline(_ time.Time) error  { return nil }
func (s *loopStream) SetWriteDeadline(_ time.Time) error { return nil }

// compressedPaths write and read messages of 1 KiB, on a server and on a client, in all that changes how.
func compressedPaths(run func(name string, write func() error, read func(n int) error)) {
	content := kinds[0].make(rand.New(rand.NewPCG(1, 1)), 1<<10, 0)
	squeezedContent := squeeze(string(content))
	ctx := context.Background()
	for _, client := range []bool{false, true} {
		for _, d := range []deflateSide{{client, 15, false, 1}, {client, 15, true, 1}, {client, 10, false, 1}, {client, 10, true, 1}} {
			o := d.options()
			frame := squeezed(wstest.OpBinary, true, squeezedContent)
			if !client {
				frame = clientFrame(frame)
			}
			c := ws.NewConn(&loopStream{in: wstest.Bytes(frame)}, o)
			run(fmt.Sprintf("client=%v/bits=%d/takeover=%v", client, d.bits, d.takeover),
				func() error { return c.Write(ctx, ws.Binary, content) },
				func(n int) error {
					err := c.Run(ctx, ws.Events{Message: func(_ *ws.Conn, _ ws.Type, p []byte) error {
						if n--; n == 0 || len(p) != len(content) {
							return errMine
						}
						return nil
					}})
					if err == errMine && n == 0 {
						return nil
					}
					return err
				})
			c.CloseNow()
		}
	}
}

// Neither compressing nor inflating allocates anything for a message.
func TestCompressedAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	compressedPaths(func(name string, write func() error, read func(n int) error) {
		t.Run(name, func(t *testing.T) {
			write20 := func() (err error) {
				for i := 0; i < 20 && err == nil; i++ {
					err = write()
				}
				return err
			}
			for what, f := range map[string]func() error{"write": write20, "read": func() error { return read(20) }} {
				if got := testing.AllocsPerRun(200, func() {
					if err := f(); err != nil {
						t.Fatal(err)
					}
				}); got > 4 { // reading is a loop of 20, which itself costs a few
					t.Errorf("%s: %v allocations, want none for a message", what, got)
				}
			}
		})
	})
}
