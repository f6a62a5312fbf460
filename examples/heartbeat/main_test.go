package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A peer that answers nothing any more has vanished after two intervals; one that does stays.
func TestVanishedPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		vanished := make(chan time.Duration, 2)
		s := wstest.NewServer(t, handler(2*time.Second, func(*ws.Conn) { vanished <- time.Since(begun) }))

		alive, err := s.Dial(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer alive.CloseNow()
		_, p, err := alive.Read(t.Context())
		if err != nil || !strings.HasPrefix(string(p), "round trip ") {
			t.Fatalf("got %q, %v", p, err)
		}
		ctx := alive.CloseRead(t.Context())

		// This one does its handshake and then neither reads nor writes, as if the cable were pulled.
		gone, err := s.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer gone.Close()
		if _, err := gone.Upgrade(wstest.Head{}); err != nil {
			t.Fatal(err)
		}
		if after := <-vanished; after != 4*time.Second {
			t.Errorf("noticed after %v, want 4s", after)
		}
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Error("the peer that answered was given up, too")
		}
	})
}

// The same over real TCP: a connection that stops answering stays open, and only the pings tell.
func TestVanishedPeerOverTCP(t *testing.T) {
	vanished := make(chan *ws.Conn, 1)
	s := httptest.NewServer(handler(50*time.Millisecond, func(c *ws.Conn) { vanished <- c }))
	defer s.Close()
	peer, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := peer.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	request := "GET / HTTP/1.1\r\nHost: " + s.Listener.Addr().String() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(peer, request); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(peer)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	select {
	case c := <-vanished:
		if c.RemoteAddr().String() != peer.LocalAddr().String() {
			t.Errorf("%v has vanished, not %v", c.RemoteAddr(), peer.LocalAddr())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
	// The server has let go of the connection: what it had sent comes, and then the end.
	if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server still holds the connection")
	}
}
