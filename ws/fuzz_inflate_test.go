package ws_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// standardInflate decodes a compressed message with the standard library; the window goes before it.
func standardInflate(p, window []byte) ([]byte, error) {
	r := bytes.NewReader(append(bytes.Clone(p), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...))
	out := bytes.Clone(window)
	for {
		z := flate.NewReaderDict(r, out[max(0, len(out)-1<<15):])
		b, err := io.ReadAll(io.LimitReader(z, 128<<10))
		out = append(out, b...)
		if err != nil || len(out) > 128<<10 || r.Len() == 0 || r.Len() == 9 {
			return out[len(window):], err
		}
	}
}

// FuzzInflate sends any bytes as the second compressed message on a connection with takeover. It never panics, costs no
// more than the limit, and gives what the standard library gives.
func FuzzInflate(f *testing.F) {
	for _, tc := range inflateCases() {
		for _, fr := range tc.frames {
			if len(fr.Payload) < 300 && fr.RSV1 {
				f.Add(fr.Payload, false, int64(1000))
			}
		}
	}
	f.Add([]byte(squeeze(string(bytes.Repeat([]byte("abcd"), 20000)))), true, int64(40000))
	f.Add([]byte(squeeze("κόσμε")), true, int64(0))
	first := kinds[0].make(rand.New(rand.NewPCG(1, 1)), 2000, 0)
	before := newStdDeflate(6, true)
	begin := squeezed(wstest.OpBinary, true, before.message(first))
	f.Add([]byte(before.message(first[500:])), true, int64(5000))
	f.Fuzz(func(t *testing.T, p []byte, text bool, limit int64) {
		limit = 2000 + max(0, limit)%(64<<10)
		want, wantErr := standardInflate(p, first)
		opcode := wstest.OpBinary
		if text {
			opcode = wstest.OpText
		}
		frames := wstest.Bytes(begin, squeezed(opcode, true, string(p)), wstest.Close(ws.CodeNormal, ""))
		for _, way := range []int{0, 3} {
			a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: len(frames) + 1000})
			if _, err := b.Write(frames); err != nil {
				t.Fatal(err)
			}
			c := ws.NewConn(a, ws.ConnOptions{Client: true, Deflate: &takeover, Options: ws.Options{MessageLimit: limit, PingInterval: -1}})
			if _, got, err := c.Read(context.Background()); err != nil || !bytes.Equal(got, first) {
				t.Fatalf("the first message: %d bytes, %v", len(got), err)
			}
			var m, n runtime.MemStats
			runtime.ReadMemStats(&m)
			got, err := ways[way].read(context.Background(), c)
			runtime.ReadMemStats(&n)
			b.Close()
			c.CloseNow()
			// The content may be there several times: in parts, joined, copied by the test's reader; but never more than
			// the limit of it. The compressed bytes are there, too.
			if size := n.TotalAlloc - m.TotalAlloc; size > 8*uint64(limit)+8*uint64(len(p))+1<<20 {
				t.Errorf("%d bytes allocated for %d, limit %d", size, len(p), limit)
			}
			checkInflated(t, got, err, want, wantErr, limit)
		}
	})
}

// checkInflated compares what was delivered, if anything, with what should have been.
func checkInflated(t *testing.T, got []string, err error, want []byte, wantErr error, limit int64) {
	t.Helper()
	var le *ws.LimitError
	switch code := ws.CloseCode(err); {
	case len(got) == 1 && code == ws.CodeNormal:
		_, content, _ := bytes.Cut([]byte(got[0]), []byte(":"))
		if wantErr != nil || !bytes.Equal(content, want) || int64(len(content)) > limit {
			t.Errorf("delivered %d bytes, want %d, %v, limit %d", len(content), len(want), wantErr, limit)
		}
	case len(got) != 0:
		t.Errorf("%d messages, %v", len(got), err)
	case errors.As(err, &le) && code == ws.CodeMessageTooBig:
		if int64(len(want)) <= limit && wantErr == nil {
			t.Errorf("too big: %d bytes, limit %d", len(want), limit)
		}
	case code == ws.CodeInvalidPayload:
		if wantErr == nil && utf8.Valid(want) {
			t.Errorf("%v, want %d bytes", err, len(want))
		}
	default:
		t.Errorf("ended with %v", err)
	}
}

// FuzzDeflateRoundTrip sends messages cut from any bytes with any window, level and takeover, by every way.
func FuzzDeflateRoundTrip(f *testing.F) {
	f.Add([]byte("a"), uint64(0), uint64(0))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 100), uint64(1), uint64(300))
	f.Add(kinds[0].make(rand.New(rand.NewPCG(1, 1)), 1000, 0), uint64(12345), uint64(77))
	f.Add(kinds[2].make(rand.New(rand.NewPCG(1, 1)), 1000, 256), uint64(99), uint64(5))
	f.Fuzz(func(t *testing.T, p []byte, seed, other uint64) {
		rng := rand.New(rand.NewPCG(seed, other))
		d := deflateSide{client: rng.IntN(2) == 0, bits: 8 + rng.IntN(8), takeover: rng.IntN(4) > 0, level: 1 + rng.IntN(9)}
		o := d.options()
		o.Compression.Threshold = []int{-1, -1, 0, 100}[rng.IntN(4)]
		near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 64 << 10}) // room for each message, so that nobody waits
		c, peer := ws.NewConn(near, o), wstest.ClientPeer(far)
		if d.client {
			peer = wstest.ServerPeer(far)
		}
		defer c.CloseNow()
		defer peer.Close()
		s := d.inflater()
		for i := range 1 + rng.IntN(8) {
			// A part, often again and again, so that there is something to refer to.
			from := rng.IntN(len(p) + 1)
			want := bytes.Repeat(p[from:from+rng.IntN(len(p)-from+1)], 1+rng.IntN(1<<rng.IntN(8)))
			want = want[:min(len(want), 20000)]
			way := senders[rng.IntN(len(senders))]
			if err := way.send(t.Context(), rng, c, ws.Binary, want); err != nil {
				t.Fatal(err)
			}
			_, got, _, err := receiveMessage(peer, s)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%+v, message %d by %s: got %d bytes of %d, %v", d, i, way.name, len(got), len(want), err)
			}
		}
	})
}
