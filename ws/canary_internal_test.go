package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// canary is what poison writes, too.
const canary = 0xdb

// fillPools puts buffers full of canaries where connections take theirs.
func fillPools() {
	for bits := minBufferBits; bits <= 17; bits++ {
		for range 4 {
			bufferPools[bits].Put(&buffer{b: bytes.Repeat([]byte{canary}, 1<<bits)})
		}
	}
}

// tapStream keeps what is written; reading waits for its end.
type tapStream struct {
	net.Conn // for the deadlines
	written  bytes.Buffer
}

func (s *tapStream) Write(p []byte) (int, error)      { return s.written.Write(p) }
func (s *tapStream) SetWriteDeadline(time.Time) error { return nil }

// What is sent holds not one byte of a pooled buffer beyond what was written there (as ws 8.20.1 of others did): every
// byte belongs to a header or to a payload, and no payload has canaries: no message has any.
func TestPooledBytesAreNotSent(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, p := range []*DeflateParams{nil, {}, {ServerMaxWindowBits: 9, ClientMaxWindowBits: 9, ServerNoContextTakeover: true, ClientNoContextTakeover: true}} {
			t.Run(fmt.Sprintf("client=%v/%v", client, p), func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				tap := &tapStream{Conn: near}
				c := NewConn(tap, ConnOptions{Client: client, Deflate: p, Compression: &Compression{Threshold: 100}})
				defer c.CloseNow()
				rng := rand.New(rand.NewPCG(1, 1))
				for i := range 100 {
					fillPools()
					sendSomething(t, rng, c, i)
				}
				fillPools()
				c.mu.Lock()
				c.putCtl(opPing, []byte("ping"))
				c.putCtl(opPong, []byte("a pong"))
				c.mu.Unlock()
				c.kick()
				go io.Copy(io.Discard, far)
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_ = c.Close(ctx, CodeNormal, "bye") // nobody answers
				checkNoCanaries(t, tap.written.Bytes())
			})
		}
	}
}

// sendSomething sends a message without canaries, by one of the ways.
func sendSomething(t *testing.T, rng *rand.Rand, c *Conn, i int) {
	ctx := t.Context()
	p := []byte("no bird here; "[:rng.IntN(14)])
	p = append(p, bytes.Repeat([]byte{byte(i % 100), 'x', byte(rng.IntN(100))}, rng.IntN(1<<rng.IntN(15)))...)
	if i%3 == 0 {
		for j := range p {
			p[j] = byte(rng.IntN(canary)) // hardly to be compressed
		}
	}
	var err error
	switch i % 5 {
	case 0:
		err = c.Write(ctx, Binary, p)
	case 1:
		err = c.TryWrite(Binary, p)
	case 2:
		err = c.WritePrepared(ctx, Prepare(Binary, p))
	case 3:
		err = c.TryWritePrepared(Prepare(Binary, p))
	case 4:
		var w io.WriteCloser
		if w, err = c.Writer(ctx, Binary); err == nil {
			for len(p) > 0 && err == nil {
				n := 1 + rng.IntN(len(p))
				_, err = w.Write(p[:n])
				p = p[n:]
			}
			err = w.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkNoCanaries takes the frames apart.
func checkNoCanaries(t *testing.T, b []byte) {
	t.Helper()
	frames, compressed := 0, false
	for ; len(b) > 0; frames++ {
		h, ok, bad := parseHeader(b)
		if !ok || bad != "" || uint64(len(b)-h.size) < h.length {
			t.Fatalf("after %d frames: %d bytes are not a frame: %x %s", frames, len(b), b[:min(16, len(b))], bad)
		}
		p := b[h.size : h.size+int(h.length)]
		b = b[h.size+int(h.length):]
		if h.masked {
			if h.key == binary.LittleEndian.Uint32([]byte{canary, canary, canary, canary}) {
				t.Errorf("frame %d: the masking key is the pool's", frames)
			}
			mask(p, h.key)
		}
		if !h.control() && h.opcode() != opContinuation {
			compressed = h.rsv1()
		}
		leak := []byte{canary}
		if compressed {
			leak = []byte{canary, canary, canary} // one may be there by chance
		}
		if at := bytes.Index(p, leak); at >= 0 {
			t.Errorf("frame %d of %d bytes, opcode %d: pooled bytes at %d", frames, len(p), h.opcode(), at)
		}
	}
	if frames < 100 {
		t.Errorf("only %d frames", frames)
	}
}
