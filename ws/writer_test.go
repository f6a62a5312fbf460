package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// writerModes are the connections on which a streamed message is tried.
var writerModes = []struct {
	name    string
	client  bool
	deflate *ws.DeflateParams
}{
	{"server", false, nil},
	{"client", true, nil},
	{"server, compressed", false, &noTakeover},
	{"client, compressed with takeover", true, &takeover},
}

// withWriterModes runs f in a bubble for each mode, with the reading side of the connection kept going.
func withWriterModes(t *testing.T, f func(t *testing.T, c *ws.Conn, peer *streamPeer)) {
	for _, m := range writerModes {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := wstest.ConnAndPeer(ws.ConnOptions{Client: m.client, Deflate: m.deflate, Options: ws.Options{PingInterval: -1}})
				ended := make(chan error, 1)
				go func() { ended <- c.Run(context.Background(), ws.Events{}) }()
				f(t, c, &streamPeer{peer, strictInflater{window: 1 << 15, takeover: m.deflate == &takeover}, m.deflate != nil})
				peer.Close()
				c.CloseNow()
				<-ended
			})
		})
	}
}

// streamPeer reads what is sent frame by frame.
type streamPeer struct {
	*wstest.Peer
	inflater strictInflater
	deflate  bool
}

// expectFragments reads a message and ends the test unless it has this content and so many frames; 0 means any number.
func (p *streamPeer) expectFragments(t *testing.T, opcode byte, content string, frames int) {
	t.Helper()
	var got []byte
	n := 0
	for {
		f := p.MustNext(t)
		if want := byte(0); n == 0 && f.Opcode != opcode || n > 0 && f.Opcode != want || f.RSV1 != (p.deflate && n == 0) {
			t.Fatalf("frame %d: %v", n, f)
		}
		n++
		if got = append(got, f.Payload...); f.Fin {
			break
		}
	}
	if p.deflate {
		var err error
		if got, err = p.inflater.message(got); err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != content || frames != 0 && n != frames {
		t.Errorf("%s in %d frames, want %s in %d", short(string(got)), n, short(content), frames)
	}
}

// RFC 6455 §5.4: fragments, as many as it takes, and one for what fits.
func TestWriterFragments(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		for _, size := range []int{0, 1, 125, 126, 16384, 16385, 16384 * 3, 100000} {
			for _, step := range []int{1, 1000, 1 << 20} {
				content := noise(size)
				frames := max(1, (size+16383)/16384)
				if peer.deflate {
					frames = 0
				}
				sent := make(chan error)
				go func() {
					w, err := c.Writer(t.Context(), ws.Binary)
					for p := content; err == nil && len(p) > 0; {
						n := min(step, len(p))
						var k int
						if k, err = io.WriteString(w, p[:n]); err == nil && k != n {
							err = io.ErrShortWrite
						}
						p = p[n:]
					}
					sent <- errors.Join(err, w.Close())
				}()
				peer.expectFragments(t, wstest.OpBinary, content, frames)
				if err := <-sent; err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// begun starts a message whose first fragment is sent; content is what was written so far.
func begun(t *testing.T, ctx context.Context, c *ws.Conn, typ ws.Type) (w io.WriteCloser, content string) {
	t.Helper()
	w, err := c.Writer(ctx, typ)
	if err != nil {
		t.Fatal(err)
	}
	content = strings.ToValidUTF8(noise(150000), "?")
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	return w, content
}

// frameLog is what was received, in order.
type frameLog chan wstest.Frame

// log receives on another goroutine, so that writers never wait for the peer.
func (p *streamPeer) log() frameLog {
	ch := make(frameLog, 1000)
	go func() {
		defer close(ch)
		for {
			f, err := p.Next()
			if err != nil {
				return
			}
			ch <- f
		}
	}()
	return ch
}

// message takes the frames of one message; control frames on the way go to between.
func (l frameLog) message(p *streamPeer) (content string, between []string, err error) {
	var b []byte
	compressed, n := false, 0
	for f := range l {
		if f.Opcode >= wstest.OpClose {
			between = append(between, f.String())
			continue
		}
		if (n > 0) != (f.Opcode == 0) {
			return "", between, fmt.Errorf("frame %d: %v", n, f)
		}
		compressed = compressed || f.RSV1
		n++
		if b = append(b, f.Payload...); f.Fin {
			if compressed {
				b, err = p.inflater.message(b)
			}
			return string(b), between, err
		}
	}
	return string(b), between, io.ErrUnexpectedEOF
}

// RFC 6455 §5.4: control frames pass between the fragments; other messages do not.
func TestWriterLetsControlFramesPass(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		frames := peer.log()
		w, content := begun(t, t.Context(), c, ws.Text)
		peer.MustSend(t, wstest.Ping("are you there?"))
		synctest.Wait()
		pinged := make(chan error, 1)
		go func() {
			_, err := c.Ping(t.Context())
			pinged <- err
		}()
		synctest.Wait()
		var got []wstest.Frame // all that was sent up to here
		for len(frames) > 0 {
			got = append(got, <-frames)
		}
		pong, ping := got[len(got)-2], got[len(got)-1]
		if pong.String() != wstest.Pong("are you there?").String() || ping.Opcode != wstest.OpPing || got[0].Opcode != wstest.OpText {
			t.Fatalf("%d frames, the last are %v and %v", len(got), pong, ping)
		}
		peer.MustSend(t, wstest.Pong(string(ping.Payload)))
		if err := <-pinged; err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(w, "the end"); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		whole := make(frameLog, 1000)
		for _, f := range got {
			whole <- f
		}
		synctest.Wait()
		for len(frames) > 0 {
			whole <- <-frames
		}
		if s, _, err := whole.message(peer); err != nil || s != content+"the end" {
			t.Errorf("%s, %v", short(s), err)
		}
	})
}

// While a message is streamed, others wait, in order; those that cannot wait give up unharmed.
func TestWriterHoldsOthersBack(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		frames := peer.log()
		w, content := begun(t, t.Context(), c, ws.Text)
		long := strings.Repeat("long ", 200)
		if err := c.TryWrite(ws.Text, []byte(long+"1")); err != nil {
			t.Error(err)
		}
		if err := c.TryWritePrepared(ws.Prepare(ws.Text, []byte(long+"2"))); err != nil {
			t.Error(err)
		}
		sent := make(chan error, 2)
		go func() { sent <- c.Write(t.Context(), ws.Text, []byte(long+"3")) }()
		synctest.Wait()
		go func() {
			w, err := c.Writer(t.Context(), ws.Text)
			if err == nil {
				_, err = io.WriteString(w, long+"4")
			}
			sent <- errors.Join(err, w.Close())
		}()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errMine)
		defer cancel()
		if err := c.Write(ctx, ws.Text, []byte("never")); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errMine) {
			t.Errorf("Write: %v", err)
		}
		if _, err := c.Writer(ctx, ws.Text); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Writer: %v", err)
		}
		if len(sent) > 0 {
			t.Error("a message did not wait")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		var got []string
		for range 5 {
			s, _, err := frames.message(peer)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		slices.Sort(got[3:]) // the two that waited may come in any order
		for i, want := range []string{content, long + "1", long + "2", long + "3", long + "4"} {
			if got[i] != want {
				t.Errorf("message %d: %s", i, short(got[i]))
			}
		}
		for range 2 {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
	})
}

// What was queued meanwhile leaves after the message, also if nobody else writes; also if the message is given up.
func TestWriterLeavesNothingQueued(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		frames := peer.log()
		w, content := begun(t, t.Context(), c, ws.Text)
		if err := c.TryWrite(ws.Text, []byte("queued")); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		w, err := c.Writer(t.Context(), ws.Text)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.TryWrite(ws.Text, []byte("queued again")); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(w, "\xff"); err == nil {
			t.Error("text that is not UTF-8 was accepted")
		}
		for i, want := range []string{content, "queued", "queued again"} {
			if s, _, err := frames.message(peer); err != nil || s != want {
				t.Errorf("message %d: %s, %v", i, short(s), err)
			}
		}
	})
}

// RFC 6455 §5.5.1: a close frame may come between fragments, and nothing after it; the handshake goes its way.
func TestCloseDuringWriter(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		frames := peer.log()
		w, _ := begun(t, t.Context(), c, ws.Binary)
		closed := make(chan error, 1)
		go func() { closed <- c.Close(t.Context(), ws.CodeGoingAway, "enough") }()
		synctest.Wait()
		for range 3 {
			if _, err := io.WriteString(w, noise(100000)); ws.CloseCode(err) != ws.CodeGoingAway {
				t.Errorf("writing after the close frame: %v", err)
			}
		}
		if err := w.Close(); ws.CloseCode(err) != ws.CodeGoingAway {
			t.Errorf("closing the message after the close frame: %v", err)
		}
		synctest.Wait()
		var last wstest.Frame
		for len(frames) > 0 {
			last = <-frames
		}
		if !last.Equal(wstest.Close(ws.CodeGoingAway, "enough")) {
			t.Errorf("the last frame is %v", last)
		}
		peer.MustSend(t, wstest.Close(ws.CodeGoingAway, ""))
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// If the peer closes, or is gone, the writer is told, and so is whoever waits for it.
func TestWriterWhenThePeerCloses(t *testing.T) {
	withWriterModes(t, func(t *testing.T, c *ws.Conn, peer *streamPeer) {
		peer.log()
		w, _ := begun(t, t.Context(), c, ws.Binary)
		waits := make(chan error, 1)
		go func() { waits <- c.Write(t.Context(), ws.Text, []byte("x")) }()
		synctest.Wait()
		peer.MustSend(t, wstest.Close(4321, "bye"))
		if err := <-waits; ws.CloseCode(err) != 4321 {
			t.Errorf("Write that waited: %v", err)
		}
		if _, err := io.WriteString(w, noise(100000)); ws.CloseCode(err) != 4321 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write of the message: %v", err)
		}
		if err := w.Close(); ws.CloseCode(err) != 4321 {
			t.Errorf("Close of the message: %v", err)
		}
	})
}
