package wstest_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws/wstest"
)

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wstest.Listen(&wstest.PipeOptions{Chop: 1})
		go func() {
			far, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			mustWrite(t, far, "hi")
			far.Close()
		}()
		near, err := l.Dial(t.Context(), "tcp", "anything:80")
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		wantRead(t, near, "h")
		wantRead(t, near, "i")
		if l.Addr().String() != near.RemoteAddr().String() {
			t.Errorf("connected to %v, want %v", near.RemoteAddr(), l.Addr())
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, "tcp", "anything:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial that nobody accepts: %v", err)
		}

		time.AfterFunc(time.Second, func() { l.Close() })
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept when closed: %v", err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "anything:80"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Dial when closed: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}
