package ws_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A Write that is cancelled before the transport has accepted a byte of it has not happened; the next one arrives whole.
func TestWriteTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wstest.Pipe(&wstest.PipeOptions{Buffer: 16})
		c := ws.NewConn(near, ws.ConnOptions{Options: ws.Options{PingInterval: -1, WriteTimeout: time.Hour}})
		peer := ws.NewConn(far, ws.ConnOptions{Client: true, Options: ws.Options{PingInterval: -1}})
		defer peer.CloseNow()
		defer c.CloseNow()
		if err := c.Write(t.Context(), ws.Text, make([]byte, 14)); err != nil { // fills the pipe
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Write(ctx, ws.Text, []byte("taken back")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a cancelled Write: %v", err)
		}
		sent := make(chan error, 1)
		go func() { sent <- c.Write(t.Context(), ws.Text, []byte("stays")) }()
		for _, want := range []string{string(make([]byte, 14)), "stays"} {
			if _, p, err := peer.Read(t.Context()); err != nil || string(p) != want {
				t.Errorf("read %q, %v, want %q", p, err, want)
			}
		}
		if err := <-sent; err != nil {
			t.Errorf("the next Write: %v", err)
		}
		if s := c.Stats(); s.MessagesOut != 2 {
			t.Errorf("%d messages were counted, want 2", s.MessagesOut)
		}
	})
}
