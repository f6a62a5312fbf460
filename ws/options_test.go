package ws_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// A negative bound that cannot be switched off is the default, not one that has passed already.
func TestNegativeBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.ConnAndPeer(ws.ConnOptions{Options: ws.Options{
			PingTimeout: -1, WriteTimeout: -1, CloseTimeout: -1, QueueLimit: -1,
		}})
		defer c.CloseNow()
		defer peer.Close()
		if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := c.TryWrite(ws.Binary, nil); err != nil {
				t.Fatal(err)
			}
		}
		peer.Expect(t, wstest.Text("hello"), wstest.Binary(nil), wstest.Binary(nil))

		read := make(chan error, 1)
		go func() {
			_, _, err := c.Read(t.Context())
			read <- err
		}()
		time.Sleep(25 * time.Second)
		if f := peer.MustNext(t); f.Opcode != wstest.OpPing {
			t.Fatalf("got %s, want a ping", f)
		}
		time.Sleep(19 * time.Second) // in the bubble: the timeout is not over yet
		peer.MustSend(t, wstest.Text("still here"))
		if err := <-read; err != nil {
			t.Fatal(err)
		}

		begun := time.Now()
		if err := c.Close(t.Context(), ws.CodeNormal, ""); !errors.Is(err, ws.ErrCloseTimeout) {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("close took %v", took)
		}
	})
}

// Response tells a client what TLS agreed on, as Request does on a server.
func TestResponseTLS(t *testing.T) {
	echo := ws.Handler{Handle: echo}
	plain, secure := httptest.NewServer(echo), httptest.NewTLSServer(echo)
	defer plain.Close()
	defer secure.Close()
	trust := secure.Client().Transport.(*http.Transport).TLSClientConfig

	c, err := ws.Dial(t.Context(), secure.URL, &ws.DialOptions{TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	if state := c.Response().TLS; state == nil || !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		t.Errorf("over TLS: %+v", state)
	}
	checkEcho(t, c)

	if c, err = ws.Dial(t.Context(), plain.URL, nil); err != nil {
		t.Fatal(err)
	}
	if state := c.Response().TLS; state != nil {
		t.Errorf("without TLS: %+v", state)
	}
	checkEcho(t, c)
}
