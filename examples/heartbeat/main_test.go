package main

import (
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
