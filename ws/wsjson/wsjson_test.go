package wsjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wsjson"
	"github.com/parley-ws/parley/ws/wstest"
)

type point struct{ X, Y int }

// withPeer runs a test of a server's connection whose client is a frame-level peer, in a bubble.
func withPeer(t *testing.T, test func(t *testing.T, c *ws.Conn, p *wstest.Peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, p := wstest.ConnAndPeer(ws.ConnOptions{})
		defer c.CloseNow()
		defer p.Close()
		test(t, c, p)
	})
}

func TestReadAndWrite(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		if err := wsjson.Write(t.Context(), c, point{1, 2}); err != nil {
			t.Fatal(err)
		}
		p.Expect(t, wstest.Text(`{"X":1,"Y":2}`))

		p.MustSend(t, wstest.Fragments(wstest.OpText, "  {\"X\":3,", "\"y\":4,\"extra\":[]}\n")...)
		if got, err := wsjson.Read[point](t.Context(), c); got != (point{3, 4}) || err != nil {
			t.Errorf("Read = %v, %v", got, err)
		}
		p.MustSend(t, wstest.Text(`"s"`), wstest.Text(`null`), wstest.Text(`[1,"a"]`))
		if got, err := wsjson.Read[string](t.Context(), c); got != "s" || err != nil {
			t.Errorf("Read = %q, %v", got, err)
		}
		if got, err := wsjson.Read[*point](t.Context(), c); got != nil || err != nil {
			t.Errorf("Read = %v, %v", got, err)
		}
		if got, err := wsjson.Read[any](t.Context(), c); len(got.([]any)) != 2 || err != nil {
			t.Errorf("Read = %v, %v", got, err)
		}
	})
}

func TestRefused(t *testing.T) {
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	for _, tt := range []struct {
		name   string
		send   wstest.Frame
		code   ws.Code
		reason string // in the close frame's
		cause  any    // for errors.As, or nil
	}{
		{"binary message", wstest.Binary([]byte(`{"X":1}`)), ws.CodeUnsupportedData, "binary message", nil},
		{"empty message", wstest.Text(""), ws.CodeInvalidPayload, "unexpected end of JSON input", &syntax},
		{"broken off", wstest.Text(`{"X":1`), ws.CodeInvalidPayload, "unexpected end of JSON input", &syntax},
		{"not JSON", wstest.Text("hello"), ws.CodeInvalidPayload, "invalid character 'h'", &syntax},
		{"something after the value", wstest.Text(`{"X":1} x`), ws.CodeInvalidPayload, "invalid character 'x' after top-level value", &syntax},
		{"two values", wstest.Text(`{"X":1}{"X":2}`), ws.CodeInvalidPayload, "invalid character '{' after top-level value", &syntax},
		{"another form", wstest.Text(`{"X":"one"}`), ws.CodeInvalidPayload, "JSON of another form", &form},
		{"a number out of range", wstest.Text(`{"X":1e99}`), ws.CodeInvalidPayload, "JSON of another form", &form},
	} {
		check := func(t *testing.T, got point, err error) {
			t.Helper()
			if got != (point{}) {
				t.Errorf("value %v beside the error", got)
			}
			var ce *ws.CloseError
			if !errors.As(err, &ce) || ce.Code != tt.code || ce.Remote {
				t.Errorf("error %v, want a CloseError of this side with %v", err, tt.code)
			}
			if tt.cause != nil && !errors.As(err, tt.cause) {
				t.Errorf("error %v has no %T in its chain", err, tt.cause)
			}
			if !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "wsjson: read: ") {
				t.Errorf("error %v", err)
			}
		}
		// answer plays the peer's part of the close handshake.
		answer := func(t *testing.T, p *wstest.Peer) {
			p.MustSend(t, tt.send, wstest.Text(`{"X":7}`))
			reason := p.ExpectClose(t, tt.code)
			if !strings.Contains(reason, tt.reason) || strings.Contains(reason, "point") {
				t.Errorf("reason %q, want %q and no name of a type", reason, tt.reason)
			}
			p.MustSend(t, wstest.Close(tt.code, ""))
			p.ExpectEnd(t)
		}
		t.Run(tt.name+"/Read", func(t *testing.T) {
			withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
				var peer sync.WaitGroup
				defer peer.Wait()
				peer.Go(func() { answer(t, p) })
				start := time.Now()
				got, err := wsjson.Read[point](t.Context(), c)
				check(t, got, err)
				if d := time.Since(start); d != 0 {
					t.Errorf("took %v though the peer answered at once", d)
				}
				if _, err := wsjson.Read[point](t.Context(), c); ws.CloseCode(err) != tt.code {
					t.Errorf("the next Read: %v", err)
				}
			})
		})
		t.Run(tt.name+"/Messages", func(t *testing.T) {
			withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
				var peer sync.WaitGroup
				defer peer.Wait()
				peer.Go(func() {
					p.MustSend(t, wstest.Text(`{"X":1}`))
					answer(t, p)
				})
				turns := 0
				for got, err := range wsjson.Messages[point](t.Context(), c) {
					turns++
					if turns == 1 {
						if got != (point{X: 1}) || err != nil {
							t.Errorf("first value %v, %v", got, err)
						}
						continue
					}
					check(t, got, err)
				}
				if turns != 2 {
					t.Errorf("%d turns, want 2", turns)
				}
			})
		})
	}
}

type picky struct{}

var errPicky = errors.New("secret")

func (*picky) UnmarshalJSON([]byte) error { return errPicky }

func TestUnmarshalerRefuses(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		var peer sync.WaitGroup
		defer peer.Wait()
		peer.Go(func() {
			p.MustSend(t, wstest.Text("1"))
			if reason := p.ExpectClose(t, ws.CodeInvalidPayload); strings.Contains(reason, "secret") {
				t.Errorf("the peer was told %q", reason)
			}
			p.MustSend(t, wstest.Close(ws.CodeInvalidPayload, ""))
		})
		if _, err := wsjson.Read[picky](t.Context(), c); !errors.Is(err, errPicky) {
			t.Errorf("Read: %v", err)
		}
	})
}

// A peer that does not answer the close frame holds Read for no longer than Close.
func TestRefusedPeerIsSilent(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		start := time.Now()
		p.MustSend(t, wstest.Text("{"))
		_, err := wsjson.Read[point](t.Context(), c)
		if ws.CloseCode(err) != ws.CodeInvalidPayload || time.Since(start) != 5*time.Second {
			t.Errorf("Read: %v after %v, want 1007 after 5s", err, time.Since(start))
		}
	})
}

func TestEnd(t *testing.T) {
	for _, tt := range []struct {
		name     string
		end      func(p *wstest.Peer)
		code     ws.Code
		messages bool // whether Messages yields it
	}{
		{"1000", func(p *wstest.Peer) { p.Send(wstest.Close(1000, "")) }, 1000, false},
		{"1001", func(p *wstest.Peer) { p.Send(wstest.Close(1001, "")) }, 1001, false},
		{"1005", func(p *wstest.Peer) { p.Send(wstest.Close(ws.CodeNoStatus, "")) }, 1005, false},
		{"1011", func(p *wstest.Peer) { p.Send(wstest.Close(1011, "")) }, 1011, true},
		{"broken off", func(p *wstest.Peer) { p.Close() }, 1006, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
				go tt.end(p)
				var ce *ws.CloseError
				if _, err := wsjson.Read[any](t.Context(), c); !errors.As(err, &ce) || ce.Code != tt.code || !ce.Remote {
					t.Errorf("Read: %v, want the peer's %v", err, tt.code)
				}
			})
			withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
				go tt.end(p)
				var errs []error
				for _, err := range wsjson.Messages[any](t.Context(), c) {
					errs = append(errs, err)
				}
				if tt.messages != (len(errs) == 1 && ws.CloseCode(errs[0]) == tt.code) || !tt.messages && len(errs) > 0 {
					t.Errorf("Messages: %v", errs)
				}
			})
		})
	}
}

func TestCancelledReadLeavesTheConnection(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		first, rest := wstest.Fragments(wstest.OpText, `{"X":`, `1}`)[0], wstest.Fragments(wstest.OpText, `{"X":`, `1}`)[1]
		p.MustSend(t, first)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := wsjson.Read[point](ctx, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read: %v", err)
		}
		for _, err := range wsjson.Messages[point](ctx, c) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Messages: %v", err)
			}
		}
		p.MustSend(t, rest)
		if got, err := wsjson.Read[point](t.Context(), c); got != (point{X: 1}) || err != nil {
			t.Errorf("Read = %v, %v", got, err)
		}
	})
}

func TestLoopLeftEarly(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		p.MustSend(t, wstest.Text("1"), wstest.Text("2"))
		for got, err := range wsjson.Messages[int](t.Context(), c) {
			if got != 1 || err != nil {
				t.Errorf("first value %v, %v", got, err)
			}
			break
		}
		if got, err := wsjson.Read[int](t.Context(), c); got != 2 || err != nil {
			t.Errorf("Read = %v, %v", got, err)
		}
	})
}

// Values outlive the buffer that they were decoded from.
func TestValuesMayBeKept(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		type value struct {
			S string
			B []byte
			R json.RawMessage
		}
		go func() {
			for _, s := range []string{"YWFh", "YmJi", "Y2Nj"} {
				p.MustSend(t, wstest.Text(`{"S":"`+s+`","B":"`+s+`","R":"`+s+`"}`))
			}
			p.MustSend(t, wstest.Close(1000, ""))
		}()
		var kept []string
		var values []value
		for v, err := range wsjson.Messages[value](t.Context(), c) {
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		for _, v := range values {
			kept = append(kept, v.S, string(v.B), string(v.R))
		}
		want := []string{"YWFh", "aaa", `"YWFh"`, "YmJi", "bbb", `"YmJi"`, "Y2Nj", "ccc", `"Y2Nj"`}
		if !slices.Equal(kept, want) {
			t.Errorf("kept %q, want %q", kept, want)
		}
	})
}

func TestWriteFails(t *testing.T) {
	withPeer(t, func(t *testing.T, c *ws.Conn, p *wstest.Peer) {
		var unsupported *json.UnsupportedTypeError
		if err := wsjson.Write(t.Context(), c, make(chan int)); !errors.As(err, &unsupported) {
			t.Errorf("Write of a channel: %v", err)
		}
		if err := wsjson.Write(t.Context(), c, "still open"); err != nil {
			t.Error(err)
		}
		p.Expect(t, wstest.Text(`"still open"`))

		c.CloseNow()
		if err := wsjson.Write(t.Context(), c, 1); !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "wsjson: write: ") {
			t.Errorf("Write after CloseNow: %v", err)
		}
	})
}

// JSON is decoded where it was received: a large message costs no second buffer.
func TestReadDoesNotCopy(t *testing.T) {
	const size = 128 << 10
	a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: 2 * size})
	c := ws.NewConn(a, ws.ConnOptions{})
	p := wstest.ClientPeer(b)
	defer c.CloseNow()
	defer p.Close()
	big := wstest.Text("[" + strings.Repeat(" ", size) + "]")
	least := uint64(math.MaxUint64)
	for range 20 { // pools fill, and a collection may empty them: the best run counts
		p.MustSend(t, big)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := wsjson.Read[[]int](t.Context(), c); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if least >= size { // what a copy would take
		t.Errorf("at least %d bytes allocated to read a message of %d", least, size)
	}
}

func BenchmarkMessages(b *testing.B) {
	near, far := wstest.Pipe(nil)
	c := ws.NewConn(near, ws.ConnOptions{})
	p := wstest.ClientPeer(far)
	defer c.CloseNow()
	b.ReportAllocs()
	done := make(chan struct{})
	go func() {
		defer close(done)
		batch := slices.Repeat([]wstest.Frame{wstest.Text(`{"X":1,"Y":2}`)}, 100)
		for p.Send(batch...) == nil {
		}
	}()
	for _, err := range wsjson.Messages[point](b.Context(), c) {
		if err != nil {
			b.Fatal(err)
		}
		if !b.Loop() {
			break
		}
	}
	p.Close()
	<-done
}

func BenchmarkWrite(b *testing.B) {
	near, far := wstest.Pipe(nil)
	c := ws.NewConn(near, ws.ConnOptions{})
	defer c.CloseNow()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, far)
	}()
	b.ReportAllocs()
	for b.Loop() {
		if err := wsjson.Write(b.Context(), c, point{1, 2}); err != nil {
			b.Fatal(err)
		}
	}
	c.CloseNow()
	<-done
	far.Close()
}
