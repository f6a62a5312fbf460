package ws_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// Closing while something else goes on.

// Close inside a callback or a loop sends its frame and returns; the loop finishes the handshake, also if it is left.
func TestCloseInsideLoop(t *testing.T) {
	for _, tc := range []struct {
		name string
		loop func(c *ws.Conn) error
	}{
		{"Run goes on", func(c *ws.Conn) error {
			return c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error {
				return c.Close(context.Background(), 3000, string(p))
			}})
		}},
		{"Run is left", func(c *ws.Conn) error {
			c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, _ ws.Type, p []byte) error {
				if err := c.Close(context.Background(), 3000, string(p)); err != nil {
					return err
				}
				return errMine
			}})
			return nil
		}},
		{"Messages goes on", func(c *ws.Conn) error {
			for m, err := range c.Messages(context.Background()) {
				if err == nil {
					err = c.Close(context.Background(), 3000, string(m.Data))
				}
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"Messages is left", func(c *ws.Conn) error {
			for m := range c.Messages(context.Background()) {
				return c.Close(context.Background(), 3000, string(m.Data))
			}
			return nil
		}},
		{"Messages is left, Close again", func(c *ws.Conn) error {
			for m := range c.Messages(context.Background()) {
				c.Close(context.Background(), 3000, string(m.Data))
				break
			}
			return c.Close(context.Background(), 1000, "")
		}},
		{"Messages is left, Read", func(c *ws.Conn) error {
			for m := range c.Messages(context.Background()) {
				c.Close(context.Background(), 3000, string(m.Data))
				break
			}
			return reading(c)()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
				begun := time.Now()
				done := async(func() error { return tc.loop(c) })
				peer.MustSend(t, wstest.Text("bye"))
				if reason := peer.ExpectClose(t, 3000); reason != "bye" {
					t.Errorf("reason %q", reason)
				}
				peer.MustSend(t, wstest.Text("what comes now"), wstest.Ping("is"), wstest.Text("not delivered"))
				peer.ExpectSilence(t, time.Second)
				peer.MustSend(t, wstest.Close(3000, ""))
				if err := <-done; err != nil && ws.CloseCode(err) != 3000 {
					t.Error(err)
				}
				synctest.Wait()
				wantEnd(t, c, ws.CloseError{Code: 3000, Reason: "bye"})
				wantStreamEnd(t, isClient(c, t), peer)
				if n := c.Stats().MessagesIn; n != 1 {
					t.Errorf("%d messages were delivered", n)
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Close while another goroutine reads, or has read a part of a message.
func TestCloseWhileReading(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		read := async(reading(c))
		done := async(closing(c, 1000, ""))
		peer.ExpectClose(t, 1000)
		peer.MustSend(t, wstest.Text("discarded"), wstest.Close(1000, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
		var ce *ws.CloseError
		if err := <-read; !errors.As(err, &ce) || ce.Remote || ce.Code != 1000 {
			t.Errorf("Read: %v", err)
		}
	})
	for _, tc := range []struct {
		name         string
		first, later []wstest.Frame
	}{
		{"a frame half-way", []wstest.Frame{raw(1, false, "first")}, []wstest.Frame{raw(0, true, "last")}},
		{"and a message after it", []wstest.Frame{raw(1, false, "first")}, []wstest.Frame{raw(0, true, "last"), wstest.Text("another")}},
		{"and fragments after it", []wstest.Frame{raw(1, false, "first")},
			append([]wstest.Frame{raw(0, false, "\xff"), raw(0, true, "")}, wstest.Fragments(wstest.OpBinary, "a", "b", "c")...)},
		{"and never its end", []wstest.Frame{raw(2, false, "first")}, []wstest.Frame{wstest.Ping("p")}},
		{"a message read", []wstest.Frame{wstest.Text("first")}, []wstest.Frame{wstest.Text("another")}},
	} {
		for _, who := range []string{"nobody", "the reader"} {
			t.Run(tc.name+"/"+who+" reads on", func(t *testing.T) {
				inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
					peer.MustSend(t, tc.first...)
					_, r, err := c.Reader(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(r, make([]byte, 5)); err != nil {
						t.Fatal(err)
					}
					var read <-chan error
					if who == "the reader" {
						read = async(func() error {
							if _, err := io.Copy(io.Discard, r); err != nil {
								return err
							}
							return reading(c)()
						})
					}
					done := async(closing(c, 1000, ""))
					peer.ExpectClose(t, 1000)
					for _, f := range tc.later {
						peer.MustSend(t, f)
						synctest.Wait()
					}
					peer.MustSend(t, wstest.Close(1000, ""))
					if err := <-done; err != nil {
						t.Error(err)
					}
					if read != nil {
						if err := <-read; ws.CloseCode(err) != 1000 {
							t.Errorf("the reader got %v", err)
						}
					}
					if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil {
						t.Errorf("the message goes on after the end: %d, %v", n, err)
					}
				})
			})
		}
	}
}

// A reader that comes while Close reads waits with it, and can give up.
func TestReadWhileClosing(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		done := async(closing(c, 1000, ""))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		read := async(reading(c))
		peer.MustSend(t, wstest.Close(1000, ""))
		if err := <-read; ws.CloseCode(err) != 1000 || errors.Is(err, ws.ErrConcurrentRead) {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Two at once: one frame, and both know when it is over.
func TestCloseTwice(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		first, second := async(closing(c, 3001, "")), async(closing(c, 3002, ""))
		peer.ExpectClose(t, 3001)
		peer.ExpectSilence(t, time.Second)
		peer.MustSend(t, wstest.Close(3001, ""))
		if err := errors.Join(<-first, <-second); err != nil {
			t.Error(err)
		}
		wantStreamEnd(t, isClient(c, t), peer)
		wantEnd(t, c, ws.CloseError{Code: 3001})
	})
}

// Everything that was accepted before Close arrives before its frame, and nothing after it.
func TestCloseAfterWrites(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		var want []wstest.Frame
		for i := range 200 { // more than the pipe holds
			p := strings.Repeat(string(rune('a'+i%26)), 1000)
			if err := c.TryWrite(ws.Text, []byte(p)); err != nil {
				t.Fatal(err)
			}
			want = append(want, wstest.Text(p))
		}
		done := async(closing(c, 1000, ""))
		wantClosed := func(err error) {
			if ws.CloseCode(err) != 1000 {
				t.Errorf("after Close: %v", err)
			}
		}
		peer.Expect(t, want...)
		peer.ExpectClose(t, 1000)
		wantClosed(c.Write(t.Context(), ws.Text, nil))
		wantClosed(c.TryWrite(ws.Text, nil))
		wantClosed(c.WritePrepared(t.Context(), ws.Prepare(ws.Text, nil)))
		_, err := c.Writer(t.Context(), ws.Text)
		wantClosed(err)
		_, err = c.Ping(t.Context())
		wantClosed(err)
		peer.MustSend(t, wstest.Ping("no answer is due"))
		peer.ExpectSilence(t, time.Second)
		peer.MustSend(t, wstest.Close(1000, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantStreamEnd(t, isClient(c, t), peer)
	})
}

// Close behind a Write that the peer does not take: in time if it goes on, without a handshake if not.
func TestCloseWhileWriting(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		p := strings.Repeat("x", 300_000)
		write := async(func() error { return c.Write(context.Background(), ws.Text, []byte(p)) })
		done := async(closing(c, 1000, ""))
		time.Sleep(4 * time.Second)
		peer.ExpectMessage(t, wstest.OpText, p)
		peer.ExpectClose(t, 1000)
		peer.MustSend(t, wstest.Close(1000, ""))
		if err := errors.Join(<-write, <-done); err != nil {
			t.Error(err)
		}
	})
	inBothRoles(t, ws.ConnOptions{Options: ws.Options{WriteTimeout: time.Hour}}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		write := async(func() error { return c.Write(context.Background(), ws.Text, make([]byte, 300_000)) })
		begun := time.Now()
		if err := closing(c, 1000, "")(); !errors.Is(err, ws.ErrCloseTimeout) || time.Since(begun) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if err := <-write; ws.CloseCode(err) != ws.CodeAbnormal {
			t.Error(err)
		}
	})
}

// A handler that writes with the connection's own context: the peer's close frame ends that context, and yet the message
// that is being sent arrives whole, and the answer after it.
func TestPeerClosesWhileWriting(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		p := strings.Repeat("x", 300_000)
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		write := async(func() error { return c.Write(ctx, ws.Text, []byte(p)) })
		read := async(reading(c))
		peer.MustSend(t, wstest.Close(1000, ""))
		if err := <-read; ws.CloseCode(err) != 1000 {
			t.Error(err)
		}
		c.CloseNow() // does nothing: the connection ends by itself
		time.Sleep(4 * time.Second)
		peer.ExpectMessage(t, wstest.OpText, p)
		peer.ExpectClose(t, 1000)
		if err := <-write; err != nil {
			t.Error(err)
		}
		wantStreamEnd(t, isClient(c, t), peer)
	})
}

// A streamed message that Close interrupts fails, and the handshake goes on.
func TestCloseWhileStreaming(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		w, err := c.Writer(t.Context(), ws.Binary)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
		waiting := async(func() error { return c.Write(context.Background(), ws.Text, nil) })
		done := async(closing(c, 1000, ""))
		if f := peer.MustNext(t); f.Fin || f.Opcode != wstest.OpBinary {
			t.Fatalf("got %v", f)
		}
		peer.ExpectClose(t, 1000)
		if err := w.Close(); ws.CloseCode(err) != 1000 {
			t.Errorf("Close of the message: %v", err)
		}
		if err := <-waiting; ws.CloseCode(err) != 1000 {
			t.Errorf("a message behind it: %v", err)
		}
		peer.MustSend(t, wstest.Close(1000, ""))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What was replied to before a message that breaks the protocol arrives before the close frame.
func TestRepliesBeforeFailure(t *testing.T) {
	inBothRoles(t, ws.ConnOptions{}, func(t *testing.T, c *ws.Conn, peer *wstest.Peer) {
		peer.MustSend(t, wstest.Text("one"), wstest.Ping("p"), wstest.Text("two"), wstest.Text("\xff"), wstest.Text("late"))
		err := c.Run(t.Context(), ws.Events{Message: func(c *ws.Conn, typ ws.Type, p []byte) error {
			return c.Write(t.Context(), typ, p)
		}})
		if ws.CloseCode(err) != ws.CodeInvalidPayload {
			t.Error(err)
		}
		peer.Expect(t, wstest.Text("one"), wstest.Pong("p"), wstest.Text("two"))
		peer.ExpectClose(t, ws.CodeInvalidPayload)
		peer.ExpectEnd(t)
	})
}

// The close frame that says why reaches a peer on TCP that has sent more than was read: no reset overtakes it.
func TestCloseFrameBeatsReset(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(c *ws.Conn) error
		code ws.Code
	}{
		{"7.1.7 protocol error", func(c *ws.Conn) error { return reading(c)() }, ws.CodeProtocolError},
		{"Close", func(c *ws.Conn) error { return c.Close(context.Background(), 1000, "") }, 1000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := tcpPair(t)
			c := ws.NewConn(a, ws.ConnOptions{Options: ws.Options{CloseTimeout: time.Second}})
			defer c.CloseNow()
			peer := wstest.ClientPeer(b)
			defer peer.Close()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				if tc.code == ws.CodeProtocolError {
					peer.Send(raw(3, true, ""))
				}
				peer.Stream.SetWriteDeadline(time.Now().Add(10 * time.Second))
				for range 100 { // much more than anybody has room for
					if _, err := peer.Stream.Write(wstest.Bytes(clientFrame(wstest.Binary(make([]byte, 100_000))))); err != nil {
						break
					}
				}
			}()
			if err := tc.end(c); err == nil && tc.code != 1000 {
				t.Error("no error")
			}
			<-sent
			peer.ExpectClose(t, tc.code)
		})
	}
}
