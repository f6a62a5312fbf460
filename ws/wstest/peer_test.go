package wstest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// withPeers runs a test of a client peer and a server peer that talk to each other in a bubble.
func withPeers(t *testing.T, test func(t *testing.T, client, server *wstest.Peer)) {
	t.Helper()
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		test(t, wstest.ClientPeer(a), wstest.ServerPeer(b))
	})
}

func TestPeerMasksByRole(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		client.MustSend(t, wstest.Text("one"), wstest.Text("two"))
		one, two := server.MustNext(t), server.MustNext(t)
		if !one.Masked || !two.Masked || one.Mask == two.Mask || one.Mask == [4]byte{} {
			t.Errorf("masks of the client: %v % x and %v % x", one.Masked, one.Mask, two.Masked, two.Mask)
		}
		if string(one.Payload)+string(two.Payload) != "onetwo" {
			t.Errorf("got %v and %v", one, two)
		}

		masked := wstest.Text("with this mask")
		masked.Mask = [4]byte{1, 2, 3, 4}
		client.MustSend(t, masked)
		if f := server.MustNext(t); f.Mask != masked.Mask {
			t.Errorf("mask % x, want % x", f.Mask, masked.Mask)
		}

		server.MustSend(t, wstest.Text("plain"))
		if f := client.MustNext(t); f.Masked {
			t.Error("the server masked")
		}
	})
}

func TestPeerSendsWhatIsWrong(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		wrong := wstest.Text("x")
		wrong.WrongMask = true
		client.MustSend(t, wrong)
		if f, err := server.Next(); err == nil || f.Masked || string(f.Payload) != "x" {
			t.Errorf("got %v, %v; want an unmasked frame and an error", f, err)
		}
		server.MustSend(t, wrong)
		if f, err := client.Next(); err == nil || !f.Masked || string(f.Payload) != "x" {
			t.Errorf("got %v, %v; want a masked frame and an error", f, err)
		}
		server.MustSendRaw(t, []byte("\x83\x00"))
		if _, err := client.Next(); err == nil || !strings.Contains(err.Error(), "opcode 0x3") {
			t.Errorf("got %v, want an error about the opcode", err)
		}
	})
}

// Frames sent together arrive together: one Write carries them.
func TestPeerSendsInOneWrite(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		wstest.ServerPeer(a).MustSend(t, wstest.Text("one"), wstest.Ping("two"))
		wantRead(t, b, "\x81\x03one\x89\x03two")
	})
}

func TestPeerTimeout(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		start := time.Now()
		if _, err := client.Next(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Next: %v after %v, want the deadline after 1m", err, time.Since(start))
		}
		start = time.Now()
		client.Timeout = time.Second
		if err := client.SendRaw(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("SendRaw: %v after %v, want the deadline after 1s", err, time.Since(start))
		}
	})
}

func TestPeerEnds(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		client.MustSend(t, wstest.Close(1000, "done"))
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if reason := server.ExpectClose(t, ws.CodeNormal); reason != "done" {
			t.Errorf("reason %q", reason)
		}
		server.ExpectEnd(t)
		server.MustSend(t, wstest.Close(ws.CodeNoStatus, ""))
		client.ExpectClose(t, ws.CodeNoStatus)
		server.Close()
		client.ExpectEnd(t)
		if err := server.Send(wstest.Text("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		if _, err := server.Next(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
	})
}

func TestPeerEndByReset(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		b.Reset()
		wstest.ClientPeer(a).ExpectEnd(t)
	})
}

func TestPeerCloseWriteNeedsTheStream(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := wstest.ClientPeer(a).CloseWrite(); err == nil {
		t.Error("CloseWrite over a net.Pipe succeeded")
	}
}

func TestPeerOverTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server := wstest.ClientPeer(near), wstest.ServerPeer(far)
	defer client.Close()
	defer server.Close()
	client.MustSend(t, wstest.Text("hello"))
	server.ExpectMessage(t, wstest.OpText, "hello")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	server.ExpectEnd(t)
}

func TestPeerExpectations(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		client.MustSend(t, wstest.Fragments(wstest.OpText, "a", "", "bc")...)
		server.ExpectMessage(t, wstest.OpText, "abc")
		client.MustSend(t, wstest.Ping("p"), wstest.Binary([]byte{1}))
		server.Expect(t, wstest.Ping("p"), wstest.Binary([]byte{1}))
		start := time.Now()
		server.ExpectSilence(t, time.Hour)
		if d := time.Since(start); d != time.Hour {
			t.Errorf("silence of %v, want 1h", d)
		}
		client.MustSend(t, wstest.Pong(""))
		server.Expect(t, wstest.Pong(""))
	})
}

// fakeT is a test that may fail.
type fakeT struct {
	testing.TB
	failure string
}

func (f *fakeT) Helper()                           {}
func (f *fakeT) Fatal(args ...any)                 { f.failure = fmt.Sprint(args...); runtime.Goexit() }
func (f *fakeT) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

// failureOf runs an expectation and returns what it failed with.
func failureOf(expect func(t testing.TB)) string {
	var f fakeT
	done := make(chan struct{})
	go func() {
		defer close(done)
		expect(&f)
	}()
	<-done
	return f.failure
}

// An expectation that cannot fail is worth nothing.
func TestPeerExpectationsFail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		send   []byte // by a server, that then closes
		expect func(t testing.TB, p *wstest.Peer)
		want   string // in the failure
	}{
		{"next at the end", nil, func(t testing.TB, p *wstest.Peer) { p.MustNext(t) }, "EOF"},
		{"frame at the end", nil, func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, "EOF"},
		{"other payload", wstest.Bytes(wstest.Text("b")),
			func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, `got text fin "b", want text fin "a"`},
		{"other opcode", wstest.Bytes(wstest.Binary([]byte("a"))),
			func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, "got binary"},
		{"without fin", []byte("\x01\x01a"), func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, `got text "a"`},
		{"compressed", []byte("\xC1\x01a"), func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, "rsv1"},
		{"illegal frame", []byte("\x81\x7e\x00\x01a"), func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a")) }, "16 bits"},
		{"second frame", wstest.Bytes(wstest.Text("a"), wstest.Text("b")),
			func(t testing.TB, p *wstest.Peer) { p.Expect(t, wstest.Text("a"), wstest.Text("c")) }, "frame 2 of 2"},
		{"other message", wstest.Bytes(wstest.Fragments(wstest.OpText, "a", "b")...),
			func(t testing.TB, p *wstest.Peer) { p.ExpectMessage(t, wstest.OpText, "a") }, `"ab"`},
		{"message of another type", wstest.Bytes(wstest.Binary([]byte("a"))),
			func(t testing.TB, p *wstest.Peer) { p.ExpectMessage(t, wstest.OpText, "a") }, "got binary"},
		{"ping in a message", wstest.Bytes(wstest.Fragments(wstest.OpText, "a", "b")[0], wstest.Ping("")),
			func(t testing.TB, p *wstest.Peer) { p.ExpectMessage(t, wstest.OpText, "ab") }, "want a continuation"},
		{"close at the end", nil, func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1000) }, "EOF"},
		{"close of another code", wstest.Bytes(wstest.Close(1001, "")),
			func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1000) }, "got close fin 1001"},
		{"close without a code", wstest.Bytes(wstest.Close(1005, "")),
			func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1000) }, "got close fin"},
		{"close with a code", wstest.Bytes(wstest.Close(1000, "")),
			func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1005) }, "got close fin 1000"},
		{"close of one byte", []byte("\x88\x01\x03"), func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1005) }, "got close"},
		{"no close", wstest.Bytes(wstest.Ping("\x03\xe8")), func(t testing.TB, p *wstest.Peer) { p.ExpectClose(t, 1000) }, "got ping"},
		{"no end", wstest.Bytes(wstest.Ping("")), func(t testing.TB, p *wstest.Peer) { p.ExpectEnd(t) }, "got ping"},
		{"end in a frame", []byte{0x81}, func(t testing.TB, p *wstest.Peer) { p.ExpectEnd(t) }, "unexpected EOF"},
		{"a byte, not silence", []byte{0x81}, func(t testing.TB, p *wstest.Peer) { p.ExpectSilence(t, time.Second) }, "0x81"},
		{"an end, not silence", nil, func(t testing.TB, p *wstest.Peer) { p.ExpectSilence(t, time.Second) }, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
				mustWrite(t, b, string(tt.send))
				b.Close()
				got := failureOf(func(t testing.TB) { tt.expect(t, wstest.ClientPeer(a)) })
				if !strings.Contains(got, tt.want) {
					t.Errorf("failed with %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestPeerSendFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a, b *wstest.PipeConn) {
		b.Close()
		p := wstest.ClientPeer(a)
		if err := p.Send(wstest.Text("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Send: %v", err)
		}
		for _, f := range []func(testing.TB){
			func(t testing.TB) { p.MustSend(t, wstest.Text("x")) },
			func(t testing.TB) { p.MustSendRaw(t, []byte("x")) },
		} {
			if failureOf(f) == "" {
				t.Error("a send to a closed pipe did not end the test")
			}
		}
		p.Close()
		for _, f := range []func(testing.TB){
			func(t testing.TB) { p.ExpectSilence(t, time.Second) },
			func(t testing.TB) { p.ExpectEnd(t) },
		} {
			if failureOf(f) == "" {
				t.Error("an expectation held on a stream that this side had closed")
			}
		}
	})
}

func TestPeerSendsWhileItReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wstest.Pipe(&wstest.PipeOptions{Buffer: 16, Chop: 3})
		client, server := wstest.ClientPeer(a), wstest.ServerPeer(b)
		defer client.Close()
		defer server.Close()
		go func() { // an echo
			for {
				f, err := server.Next()
				if err != nil {
					return
				}
				server.Send(f)
			}
		}()
		go func() {
			for i := range 100 {
				client.MustSend(t, wstest.Text(fmt.Sprint(i)))
			}
			client.CloseWrite()
		}()
		for i := range 100 {
			client.Expect(t, wstest.Text(fmt.Sprint(i)))
		}
	})
}

func TestHandshake(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		go func() {
			r, err := server.ReadRequest()
			if err != nil {
				t.Error(err)
				return
			}
			if r.Method != "GET" || r.Host != "server.test" || r.Header.Get("Origin") != "https://a.test" {
				t.Errorf("request %v %v %v", r.Method, r.Host, r.Header)
			}
			server.Expect(t, wstest.Text("early")) // sent with the request
			if err := server.Answer(r, wstest.Head{Lines: []string{"Sec-WebSocket-Protocol: chat"}, After: wstest.Bytes(wstest.Text("hello"))}); err != nil {
				t.Error(err)
			}
		}()
		early := wstest.Text("early")
		early.Masked, early.Mask = true, [4]byte{1, 2, 3, 4}
		resp, err := client.Upgrade(wstest.Head{Lines: []string{"Origin: https://a.test"}, After: early.Append(nil)})
		if err != nil {
			t.Fatal(err)
		}
		// The example of RFC 6455 §1.3.
		if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
			resp.Header.Get("Sec-WebSocket-Protocol") != "chat" || resp.Content != nil {
			t.Errorf("answer %v %v %q", resp.StatusCode, resp.Header, resp.Content)
		}
		client.Expect(t, wstest.Text("hello"))
	})
}

func TestHandshakeRefused(t *testing.T) {
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		const head = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n"
		server.MustSendRaw(t, []byte(head+"no"))
		resp, err := client.Upgrade(wstest.Head{})
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 403 || resp.Head != head || string(resp.Content) != "no" {
			t.Errorf("answer %d %q %q", resp.StatusCode, resp.Head, resp.Content)
		}
	})
}

func TestHandshakeGarbage(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 101 Switching Protocols\r\nUpgr", "garbage\r\n\r\n", strings.Repeat("x: y\r\n", 200_000),
		"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n"} {
		withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
			go func() {
				server.SendRaw([]byte(answer))
				server.CloseWrite()
			}()
			if resp, err := client.Upgrade(wstest.Head{}); err == nil {
				t.Errorf("answer %.40q: %v", answer, resp)
			}
		})
	}
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		client.MustSendRaw(t, []byte("garbage\r\n\r\n"))
		if r, err := server.ReadRequest(); err == nil {
			t.Errorf("request %v", r)
		}
		server.Close()
		if _, err := client.Upgrade(wstest.Head{}); err == nil {
			t.Error("an upgrade on a closed pipe succeeded")
		}
		if _, err := server.ReadRequest(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("request on a closed pipe: %v", err)
		}
	})
	withPeers(t, func(t *testing.T, client, server *wstest.Peer) {
		if _, err := client.Upgrade(wstest.Head{}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("no answer: %v", err)
		}
	})
}

func TestHeadWithMistakes(t *testing.T) {
	got := string(wstest.Head{
		Line:    "POST /x HTTP/1.0",
		Lines:   []string{"upgrade: h2c", "Upgrade: again", "no colon"},
		Without: []string{"Host", "sec-websocket-key"},
		After:   []byte("body"),
	}.Request())
	want := "POST /x HTTP/1.0\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nupgrade: h2c\r\nUpgrade: again\r\nno colon\r\n\r\nbody"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

var _ io.Closer = (*wstest.Peer)(nil)
