package ws_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// squeezed is the first frame of a compressed message.
func squeezed(opcode byte, fin bool, payload string) wstest.Frame {
	return wstest.Frame{Opcode: opcode, Fin: fin, RSV1: true, Payload: []byte(payload)}
}

// stdDeflate is a peer that compresses with the standard library.
type stdDeflate struct {
	b        bytes.Buffer
	w        *flate.Writer
	takeover bool
}

func newStdDeflate(level int, takeover bool) *stdDeflate {
	d := &stdDeflate{takeover: takeover}
	d.w, _ = flate.NewWriter(&d.b, level) // every level used here is valid
	return d
}

// message compresses p. Without takeover it begins anew.
func (d *stdDeflate) message(p []byte) string {
	d.b.Reset()
	if !d.takeover {
		d.w.Reset(&d.b)
	}
	_, _ = d.w.Write(p) // a bytes.Buffer does not fail
	_ = d.w.Flush()
	return string(d.b.Bytes()[:d.b.Len()-4])
}

// final compresses p as one DEFLATE stream that ends (BFINAL).
func final(p string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write([]byte(p))
	_ = w.Close()
	return b.String()
}

func squeeze(p string) string { return newStdDeflate(9, false).message([]byte(p)) }

// stored is a DEFLATE block without compression (RFC 1951 §3.2.4).
func stored(p string) string {
	n := len(p)
	return string([]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}) + p
}

// noise cannot be compressed.
func noise(n int) string { return string(kinds[1].make(rand.New(rand.NewPCG(9, 9)), n, 0)) }

const (
	hello      = "\xf2\x48\xcd\xc9\xc9\x07\x00" // "Hello" in one block, as in RFC 7692 §7.2.3.1
	helloAgain = "\xf2\x00\x11\x00\x00"         // the same by reference to it
)

var (
	takeover   = ws.DeflateParams{}
	noTakeover = ws.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	window8    = ws.DeflateParams{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8}
	window15   = ws.DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
)

// inflateCases are what a peer sends with permessage-deflate, and what must come of it; the names give the section of RFC 7692.
func inflateCases() []frameCase {
	return []frameCase{
		{name: "7.2.3.1 one block", frames: []wstest.Frame{squeezed(1, true, hello)}, want: "text:Hello"},
		{name: "7.2.3.1 fragmented", frames: []wstest.Frame{squeezed(1, false, hello[:3]), raw(0, true, hello[3:])}, want: "text:Hello"},
		{name: "7.2.3.2 takeover", frames: []wstest.Frame{squeezed(1, true, hello), squeezed(2, true, helloAgain)}, want: "text:Hello binary:Hello"},
		{name: "7.2.3.2 no takeover", deflate: &noTakeover, frames: []wstest.Frame{squeezed(1, true, hello), squeezed(1, true, helloAgain)}, want: "text:Hello", code: 1007, cause: "corrupt"},
		{name: "7.2.3.3 stored", frames: []wstest.Frame{squeezed(1, true, stored("Hello")+"\x00")}, want: "text:Hello"},
		{name: "7.2.3.3 stored, fragmented", frames: []wstest.Frame{squeezed(1, false, stored("Hello")[:7]), raw(0, true, "llo\x00")}, want: "text:Hello"},
		{name: "7.2.3.4 BFINAL", frames: []wstest.Frame{squeezed(1, true, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, want: "text:Hello"},
		{name: "7.2.3.4 BFINAL without the last byte", frames: []wstest.Frame{squeezed(1, true, "\xf3\x48\xcd\xc9\xc9\x07\x00")}, want: "text:Hello"},
		{name: "7.2.3.4 several BFINAL", frames: []wstest.Frame{squeezed(1, true, final("one, ")+final("two, ")+final("three")+"\x00")}, want: "text:one, two, three"},
		{name: "7.2.3.4 BFINAL, then an ordinary block", frames: []wstest.Frame{squeezed(1, true, final("one, ")+squeeze("two"))}, want: "text:one, two"},
		{name: "7.2.3.4 BFINAL and takeover", frames: []wstest.Frame{squeezed(1, true, final("Hello")+"\x00"), squeezed(1, true, helloAgain)}, want: "text:Hello text:Hello"},
		{name: "7.2.3.4 empty BFINAL", frames: []wstest.Frame{squeezed(1, true, final("")+"\x00")}, want: "text:"},
		{name: "7.2.3.5 two blocks", frames: []wstest.Frame{squeezed(1, true, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")}, want: "text:Hello"},
		{name: "7.2.3.5 stored, fixed and dynamic blocks", frames: []wstest.Frame{squeezed(2, true, stored("a")+hello+"\x00\x00\xff\xff"+squeeze(strings.Repeat("b c d ", 99)))}, want: "binary:aHello" + strings.Repeat("b c d ", 99)},
		{name: "7.2.3.6 empty", frames: []wstest.Frame{squeezed(1, true, "\x00"), squeezed(2, true, "\x02\x00")}, want: "text: binary:"},
		{name: "7.2.1 no payload at all", frames: []wstest.Frame{squeezed(1, true, "")}, code: 1007, cause: "corrupt"},

		{name: "6 RSV1 on a continuation", frames: []wstest.Frame{squeezed(1, false, hello[:3]), squeezed(0, true, hello[3:])}, code: 1002, cause: "RSV1"},
		{name: "6 RSV1 on a continuation of a plain message", frames: []wstest.Frame{raw(1, false, "a"), squeezed(0, true, hello)}, code: 1002, cause: "RSV1"},
		{name: "6 RSV1 on a ping", frames: []wstest.Frame{squeezed(9, true, "")}, code: 1002, cause: "RSV1"},
		{name: "6 RSV2", frames: []wstest.Frame{with(squeezed(1, true, hello), func(f *wstest.Frame) { f.RSV2 = true })}, code: 1002, cause: "RSV2"},
		{name: "6 plain messages stay plain", frames: []wstest.Frame{raw(2, true, hello)}, want: "binary:" + hello},
		{name: "6 plain messages do not enter the window", frames: []wstest.Frame{squeezed(1, true, hello), wstest.Text("plain"), squeezed(1, true, helloAgain)}, want: "text:Hello text:plain text:Hello"},
		{name: "6 control frames between fragments", frames: []wstest.Frame{squeezed(1, false, hello[:1]), wstest.Ping("a"), raw(0, false, ""), wstest.Pong(""), raw(0, false, hello[1:6]), wstest.Ping("b"), raw(0, true, hello[6:])}, want: "text:Hello"},

		{name: "7.1.2 the end of a window of 8 bits", deflate: &window8, frames: []wstest.Frame{squeezed(2, true, stored(noise(300))+"\x00"), squeezed(2, true, string(copyBlock(256)))}, want: "binary:" + noise(300) + " binary:" + noise(300)[44:47]},
		{name: "7.1.2 beyond a window of 8 bits", deflate: &window8, frames: []wstest.Frame{squeezed(2, true, stored(noise(300))+"\x00"), squeezed(2, true, string(copyBlock(257)))}, want: "binary:" + noise(300), code: 1007, cause: "corrupt"},
		{name: "7.1.2 the end of a window of 15 bits", deflate: &window15, frames: []wstest.Frame{squeezed(2, true, stored(noise(40000))+"\x00"), squeezed(2, true, string(copyBlock(32768)))}, want: "binary:" + noise(40000) + " binary:" + noise(40000)[7232:7235]},

		{name: "7.2.2 block of the reserved type", frames: []wstest.Frame{squeezed(1, true, "\x06")}, code: 1007, cause: "corrupt"},
		{name: "7.2.2 lengths that differ", frames: []wstest.Frame{squeezed(1, true, "\x00\x05\x00\xfb\xffHello\x00")}, code: 1007, cause: "corrupt"},
		{name: "7.2.2 before the beginning", frames: []wstest.Frame{squeezed(1, true, helloAgain)}, code: 1007, cause: "corrupt"},
		{name: "7.2.2 truncated", frames: []wstest.Frame{squeezed(1, true, hello[:5])}, code: 1007, cause: "corrupt"},
		{name: "7.2.2 truncated stored block", frames: []wstest.Frame{squeezed(2, true, stored(noise(5000))[:4000])}, code: 1007, cause: "corrupt"},
		{name: "7.2.2 text as it is", frames: []wstest.Frame{squeezed(1, true, "Hello, World")}, code: 1007, cause: "corrupt"},

		{name: "RFC 6455 8.1 UTF-8", frames: []wstest.Frame{squeezed(1, true, squeeze("κόσμε"))}, want: "text:κόσμε"},
		{name: "RFC 6455 8.1 a rune split over blocks and frames", frames: []wstest.Frame{squeezed(1, false, stored("\xf0\x9f")), raw(0, true, stored("\x98\x80!")+"\x00")}, want: "text:\U0001f600!"},
		{name: "RFC 6455 8.1 invalid", frames: []wstest.Frame{squeezed(1, true, squeeze("a\xffb"))}, code: 1007, cause: "not UTF-8"},
		{name: "RFC 6455 8.1 invalid far inside", frames: []wstest.Frame{squeezed(1, true, squeeze(strings.Repeat("é", 50000)+"\xc3\x28"))}, code: 1007, cause: "not UTF-8"},
		{name: "RFC 6455 8.1 cut at the end", frames: []wstest.Frame{squeezed(1, true, squeeze("abc\xe2\x82"))}, code: 1007, cause: "inside"},
		{name: "RFC 6455 8.1 binary is any bytes", frames: []wstest.Frame{squeezed(2, true, squeeze("abc\xe2\x82"))}, want: "binary:abc\xe2\x82"},

		{name: "RFC 6455 10.4 limit exactly", limit: 1000, frames: []wstest.Frame{squeezed(2, true, squeeze(strings.Repeat("x", 1000)))}, want: "binary:" + strings.Repeat("x", 1000)},
		{name: "RFC 6455 10.4 limit plus one", limit: 1000, frames: []wstest.Frame{squeezed(2, true, squeeze(strings.Repeat("x", 1001)))}, code: 1009, cause: "MessageLimit"},
		{name: "RFC 6455 10.4 limit exactly, incompressible", limit: 4096, frames: []wstest.Frame{squeezed(2, true, stored(noise(4096))+"\x00")}, want: "binary:" + noise(4096)},
		{name: "RFC 6455 10.4 limit plus one, incompressible", limit: 4096, frames: []wstest.Frame{squeezed(2, true, stored(noise(4097))+"\x00")}, code: 1009, cause: "MessageLimit"},
		{name: "RFC 6455 10.4 1 MiB by default, incompressible", frames: []wstest.Frame{squeezed(2, true, newStdDeflate(0, false).message([]byte(noise(1<<20))))}, want: "binary:" + noise(1<<20)},
		{name: "RFC 6455 10.4 1 MiB plus one", frames: []wstest.Frame{squeezed(2, true, squeeze(strings.Repeat("x", 1<<20+1)))}, code: 1009, cause: "MessageLimit"},
		{name: "RFC 6455 10.4 endless empty blocks", limit: 1000, frames: []wstest.Frame{squeezed(2, true, strings.Repeat(stored(""), 1000)+"\x00")}, code: 1009, cause: "MessageLimit"},
		{name: "RFC 6455 10.4 no limit", limit: -1, frames: []wstest.Frame{squeezed(2, true, squeeze(strings.Repeat("x", 3<<20)))}, want: "binary:" + strings.Repeat("x", 3<<20)},
	}
}

// Every rule holds in both roles, however the bytes arrive, whichever way one reads.
func TestInflateRules(t *testing.T) {
	for _, tc := range inflateCases() {
		if tc.deflate == nil {
			tc.deflate = &takeover
		}
		for _, client := range []bool{false, true} {
			for _, chop := range []int{0, 1} {
				for _, way := range ways {
					if chop == 1 && tc.size() > 5000 {
						continue
					}
					t.Run(fmt.Sprintf("%s/client=%v/chop=%d/%s", tc.name, client, chop, way.name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { tc.run(t, client, chop, way.read) })
					})
				}
			}
		}
	}
}

// What the standard library compresses is read, at all its levels, by every way, in any fragments.
func TestInflateStandardLibrary(t *testing.T) {
	for level := -2; level <= 9; level++ {
		for _, keep := range []bool{false, true} {
			for _, client := range []bool{false, true} {
				way := ways[(level+2)%len(ways)]
				t.Run(fmt.Sprintf("level=%d/takeover=%v/client=%v/%s", level, keep, client, way.name), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(uint64(level+2), 0))
					d := newStdDeflate(level, keep)
					p := noTakeover
					if keep {
						p = takeover
					}
					c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: client, Deflate: &p, Options: ws.Options{PingInterval: -1}})
					defer c.CloseNow()
					defer peer.Close()
					var want []string
					var frames [][]wstest.Frame
					for i := range 2 * len(kinds) {
						p := kinds[i%len(kinds)].make(rng, rng.IntN(1<<rng.IntN(18)), 1<<15)
						want = append(want, "binary:"+string(p))
						frames = append(frames, pieces(rng, d.message(p)))
					}
					go func() {
						for _, f := range frames {
							_ = peer.Send(f...) // the reader sees that it failed
						}
						_ = peer.Send(wstest.Close(ws.CodeNormal, ""))
					}()
					got, err := way.read(t.Context(), c)
					if ws.CloseCode(err) != ws.CodeNormal || len(got) != len(want) {
						t.Fatalf("%d messages of %d, %v", len(got), len(want), err)
					}
					for i := range got {
						if got[i] != want[i] {
							t.Fatalf("message %d: %s, want %s", i, short(got[i]), short(want[i]))
						}
					}
				})
			}
		}
	}
}

// pieces cuts a compressed message into frames.
func pieces(rng *rand.Rand, payload string) []wstest.Frame {
	var frames []wstest.Frame
	for range rng.IntN(4) {
		n := rng.IntN(len(payload) + 1)
		frames = append(frames, raw(wstest.OpContinuation, false, payload[:n]))
		payload = payload[n:]
	}
	frames = append(frames, raw(wstest.OpContinuation, true, payload))
	frames[0].Opcode, frames[0].RSV1 = wstest.OpBinary, true
	return frames
}

// No part of a message passes for the whole (RFC 7692 §7.2.2).
func TestInflateTruncated(t *testing.T) {
	content := string(kinds[0].make(rand.New(rand.NewPCG(3, 3)), 700, 0))
	for _, whole := range []string{squeeze(content), hello, stored(content)} {
		for cut := range len(whole) - 1 {
			if _, err := (&strictInflater{window: 1 << 15}).message([]byte(whole[:cut])); err == nil {
				continue // the first byte of a stored block is an empty message
			}
			synctest.Test(t, func(t *testing.T) {
				tc := frameCase{frames: []wstest.Frame{squeezed(2, true, whole[:cut])}, deflate: &takeover, code: ws.CodeInvalidPayload, cause: "corrupt"}
				tc.run(t, false, 0, ways[cut%len(ways)].read)
			})
		}
	}
}

// A reader may take any part of a message, or none, and leave: the next message is whole, and refers to what was left.
func TestAbandonedReaderKeepsTheWindow(t *testing.T) {
	content := kinds[0].make(rand.New(rand.NewPCG(4, 4)), 60000, 0)
	for _, take := range []int{0, 1, 100, 32768, 59999, 60000} {
		for _, cut := range []int{1, 5000, 1 << 20} { // what arrives before it leaves
			for _, way := range ways {
				t.Run(fmt.Sprintf("take=%d/arrived=%d/%s", take, cut, way.name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						c, peer := wstest.ConnAndPeer(ws.ConnOptions{Deflate: &takeover})
						defer c.CloseNow()
						defer peer.Close()
						d := newStdDeflate(6, true)
						first := d.message(content)
						cut := min(cut, len(first))
						second := d.message(content[40000:])
						go func() {
							peer.Send(squeezed(2, false, first[:cut]))
							synctest.Wait()
							peer.Send(raw(0, true, first[cut:]), squeezed(2, true, second), wstest.Close(ws.CodeNormal, ""))
						}()
						_, r, err := c.Reader(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						p := make([]byte, take)
						if _, err := io.ReadFull(r, p); err != nil || !bytes.Equal(p, content[:take]) {
							t.Fatalf("the part taken: %v", err)
						}
						got, err := way.read(t.Context(), c)
						if len(got) != 1 || got[0] != "binary:"+string(content[40000:]) || ws.CloseCode(err) != ws.CodeNormal {
							t.Errorf("then %d messages, %v", len(got), err)
						}
						if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF {
							t.Errorf("the reader that was left: %v", err)
						}
						if s := c.Stats(); s.MessagesIn != 2 || s.BytesIn != int64(len(content)+20000) {
							t.Errorf("stats: %+v", s)
						}
					})
				})
			}
		}
	}
}

// Reading in parts gives the same bytes, and the window grows by them, however small they are.
func TestInflateInParts(t *testing.T) {
	for _, part := range []int{3, 512, 5000, 1 << 16} {
		for _, p := range []ws.DeflateParams{takeover, noTakeover, window8} {
			t.Run(fmt.Sprintf("%d/%s", part, p), func(t *testing.T) {
				sender := deflateSide{client: true, bits: 15, takeover: !p.ClientNoContextTakeover, level: 6}
				if p.ClientMaxWindowBits != 0 {
					sender.bits = p.ClientMaxWindowBits
				}
				c, s := wstest.Conns(sender.options(), ws.ConnOptions{Deflate: &p})
				defer c.CloseNow()
				defer s.CloseNow()
				rng := rand.New(rand.NewPCG(6, 6))
				for i := range 4 {
					want := kinds[i*i%len(kinds)].make(rng, 33000+part%1000, 1<<sender.bits)
					go c.Write(t.Context(), ws.Binary, want)
					_, r, err := s.Reader(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					var got []byte
					b := make([]byte, part)
					for err == nil {
						var n int
						n, err = r.Read(b)
						got = append(got, b[:n]...)
					}
					if err != io.EOF || !bytes.Equal(got, want) {
						t.Fatalf("message %d: %d bytes, %v", i, len(got), err)
					}
				}
			})
		}
	}
}

// A read that is cancelled inside a compressed message goes on later.
func TestCancelledReadOfCompressedMessage(t *testing.T) {
	content := strings.Repeat("Ελληνικά ", 5000)
	whole := squeeze(content)
	for cut := 0; cut <= len(whole); cut += 1 + len(whole)/10 {
		for i, way := range ways {
			first := ways[i%3] // another Reader would leave the message
			synctest.Test(t, func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{Deflate: &takeover})
				defer c.CloseNow()
				defer peer.Close()
				go peer.Send(squeezed(1, false, whole[:cut]))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := first.read(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				go peer.Send(raw(0, true, whole[cut:]), wstest.Close(ws.CodeNormal, ""))
				got, err := way.read(t.Context(), c)
				if len(got) != 1 || got[0] != "text:"+content || ws.CloseCode(err) != ws.CodeNormal {
					t.Errorf("cut at %d, %s: %d messages, %v", cut, way.name, len(got), err)
				}
			})
		}
	}
}

// 48 KB that would become 48 MiB end at the limit, and cost little more than it (as in CVE-2026-27571 of others).
func TestDecompressionBomb(t *testing.T) {
	bomb := squeeze(strings.Repeat("\x00", 48<<20))
	if len(bomb) > 50000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for _, limit := range []int64{1 << 20, 1<<20 + 1, 1_500_000, 100_000} {
		for _, way := range ways {
			if way.name == "Reader" {
				way.read = func(ctx context.Context, c *ws.Conn) ([]string, error) {
					_, r, err := c.Reader(ctx)
					if err == nil {
						_, err = io.Copy(io.Discard, r)
					}
					return nil, err
				}
			}
			t.Run(fmt.Sprintf("%d/%s", limit, way.name), func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{Deflate: &noTakeover, Options: ws.Options{MessageLimit: limit}})
				defer c.CloseNow()
				defer peer.Close()
				go peer.Send(squeezed(2, true, bomb))
				runtime.GC() // twice, so that the pools are empty: whatever is needed is allocated anew
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got, err := way.read(t.Context(), c)
				runtime.ReadMemStats(&after)
				var le *ws.LimitError
				if len(got) != 0 || ws.CloseCode(err) != ws.CodeMessageTooBig || !errors.As(err, &le) || le.Max != limit {
					t.Errorf("%d messages, %v", len(got), err)
				}
				// The content up to the limit; the compressed bytes, while they are collected and after; the decompressor's
				// own 80 KiB; the pipe and the rest of the test. All that is below 2 × limit for the default one.
				if size, most := int64(after.TotalAlloc-before.TotalAlloc), limit+384<<10; size > most {
					t.Errorf("%d bytes allocated, want %d at most", size, most)
				}
				peer.ExpectClose(t, ws.CodeMessageTooBig)
			})
		}
	}
}
