package ws_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// countedStream counts what passes through a stream.
type countedStream struct {
	ws.Stream
	read, written int64
}

func (s *countedStream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.read += int64(n)
	return n, err
}

func (s *countedStream) Write(p []byte) (int, error) {
	n, err := s.Stream.Write(p)
	s.written += int64(n)
	return n, err
}

// statsModes are the connections on which everything is counted.
var statsModes = []struct {
	name    string
	client  bool
	deflate *ws.DeflateParams
}{
	{"server", false, nil}, {"client", true, nil}, {"server, compressed", false, &takeover}, {"client, compressed", true, &noTakeover},
}

// tracedWire adds up the payload of the frames and that of the messages.
func tracedWire() (*ws.Trace, func() (frames, messages int64)) {
	var frames, messages int64
	add := func(_ *ws.Conn, f ws.FrameInfo) {
		if f.Opcode < wstest.OpClose {
			frames += f.Len
		}
	}
	return &ws.Trace{FrameIn: add, FrameOut: add, Message: func(_ *ws.Conn, m ws.MessageInfo) { messages += m.Wire }},
		func() (int64, int64) { return frames, messages }
}

// Messages and their content are counted as the application sees them, the wire to the byte.
func TestStats(t *testing.T) {
	for _, m := range statsModes {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 8 << 20})
				counted := &countedStream{Stream: near}
				trace, traced := tracedWire()
				c := ws.NewConn(counted, ws.ConnOptions{Client: m.client, Deflate: m.deflate, Options: ws.Options{PingInterval: -1, Trace: trace}})
				defer c.CloseNow()
				peer := wstest.ClientPeer(far)
				if m.client {
					peer = wstest.ServerPeer(far)
				}
				defer peer.Close()
				var want ws.Stats
				check := func(after string) {
					t.Helper()
					synctest.Wait()
					want.WireIn, want.WireOut = counted.read, counted.written
					if got := c.Stats(); got != want {
						t.Errorf("after %s: %s", after, cmp.Diff(want, got))
					}
					if frames, messages := traced(); frames != messages {
						t.Errorf("after %s: %d bytes in frames, %d in messages", after, frames, messages)
					}
				}
				check("nothing")

				for i, way := range senders {
					for _, size := range []int{0, 1, 125, 126, 700, 65535, 65536, 200000} {
						if err := way.send(t.Context(), rand.New(rand.NewPCG(uint64(i), 0)), c, ws.Binary, []byte(strings.Repeat("x", size))); err != nil {
							t.Fatal(err)
						}
						want.MessagesOut++
						want.BytesOut += int64(size)
						check(fmt.Sprint(way.name, " of ", size))
					}
				}
				if m.deflate == nil && !m.client {
					// RFC 6455 5.2: headers of 2, 4 and 10 bytes by four ways; streamed, one for each 16 KiB.
					headers := int64(4*(3*2+3*4+2*10) + 3*2 + 2*4 + (4+4+13)*4)
					if got := counted.written - want.BytesOut; got != headers {
						t.Errorf("%d bytes of headers, want %d", got, headers)
					}
				}

				// The content is refused: nothing is sent, nothing counts.
				_ = c.Write(t.Context(), ws.Text, []byte("\xff"))
				_ = c.TryWrite(9, nil)
				check("what was refused")

				ctx, cancel := context.WithCancel(t.Context())
				pinged := make(chan error)
				go func() {
					_, err := c.Ping(ctx)
					pinged <- err
				}()
				check("a ping")
				cancel()
				<-pinged

				in := []wstest.Frame{wstest.Text("hello"), wstest.Binary(nil), raw(1, false, "a"), wstest.Ping("ping"), raw(0, true, "bc"), wstest.Binary(make([]byte, 70000))}
				want.MessagesIn, want.BytesIn = 4, 5+0+3+70000
				if m.deflate != nil {
					in = append(in, squeezed(1, true, squeeze(strings.Repeat("y", 50000))))
					want.MessagesIn++
					want.BytesIn += 50000
				}
				peer.MustSend(t, in...)
				for i := range want.MessagesIn {
					if i%2 == 0 {
						if _, _, err := c.Read(t.Context()); err != nil {
							t.Fatal(err)
						}
					} else if _, r, err := c.Reader(t.Context()); err != nil {
						t.Fatal(err)
					} else if _, err := io.Copy(io.Discard, r); err != nil {
						t.Fatal(err)
					}
				}
				check("reading")

				// A streamed message counts when it is whole.
				w, err := c.Writer(t.Context(), ws.Binary)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(w, noise(100000)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				want.WireOut = counted.written
				if got := c.Stats(); got != want {
					t.Errorf("inside a message: %s", cmp.Diff(want, got))
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				want.MessagesOut++
				want.BytesOut += 100000
				check("the whole message")

				go c.Close(t.Context(), ws.CodeNormal, "bye")
				check("the close frame")
				peer.MustSend(t, wstest.Close(ws.CodeNormal, ""))
				check("the closing handshake")
			})
		})
	}
}

// Buffered is what the transport has not taken yet, Dropped what was refused for it.
func TestStatsOfSlowPeer(t *testing.T) {
	for _, m := range statsModes[:2] {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 1000})
				c := ws.NewConn(near, ws.ConnOptions{Client: m.client, Options: ws.Options{QueueLimit: 5000, PingInterval: -1, WriteTimeout: 1 << 40}})
				defer c.CloseNow()
				defer far.Close()
				header := int64(4)
				if m.client {
					header = 8
				}
				const size = 1200
				frame := header + size
				check := func(after string, sent, dropped, buffered int64) {
					t.Helper()
					synctest.Wait()
					want := ws.Stats{MessagesOut: sent, BytesOut: sent * size, WireOut: sent * frame, Dropped: dropped, Buffered: buffered}
					if got := c.Stats(); got != want {
						t.Errorf("after %s: %s", after, cmp.Diff(want, got))
					}
				}
				// The transport takes 1000 bytes, but tells only when it has taken all that it was given. A message is refused
				// if with it more than the limit would wait.
				for i := range int64(6) {
					err := c.TryWrite(ws.Binary, make([]byte, size))
					if waiting := i * frame; i > 0 && waiting+size > 5000 {
						if err != ws.ErrSlowConsumer {
							t.Errorf("message %d: %v", i, err)
						}
						check("a message too many", i, 1, waiting)
						break
					} else if err != nil {
						t.Fatal(err)
					}
					check("TryWrite", i+1, 0, (i+1)*frame)
				}
				if err := c.TryWritePrepared(ws.Prepare(ws.Binary, make([]byte, size))); err != ws.ErrSlowConsumer {
					t.Error(err)
				}
				sent := c.Stats().MessagesOut
				check("a prepared message too many", sent, 2, sent*frame)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- c.Write(ctx, ws.Binary, make([]byte, size)) }()
				check("a Write that waits", sent, 2, sent*frame)
				cancel()
				<-done
				if _, err := io.ReadFull(far, make([]byte, 500)); err != nil {
					t.Fatal(err)
				}
				check("the peer read 500 bytes", sent, 2, (sent-1)*frame)
				if _, err := io.ReadFull(far, make([]byte, sent*frame-500)); err != nil {
					t.Fatal(err)
				}
				check("the peer read everything", sent, 2, 0)
			})
		})
	}
}

// Messages that arrived together are counted even if they are read by different loops.
func TestStatsOfMessagesReadApart(t *testing.T) {
	a, b := tcpPair(t)
	c := ws.NewConn(b, ws.ConnOptions{})
	defer c.CloseNow()
	defer a.Close()
	if err := wstest.ClientPeer(a).Send(wstest.Text("one"), wstest.Text("two")); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		for _, err := range c.Messages(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if s := c.Stats(); s.MessagesIn != int64(n+1) || s.BytesIn != 3*int64(n+1) {
			t.Errorf("after %d: %+v", n+1, s)
		}
	}
}
