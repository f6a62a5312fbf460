package wstest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := wstest.Conns(ws.ConnOptions{Subprotocol: "chat"}, ws.ConnOptions{Client: true})
		defer c.CloseNow()
		defer s.CloseNow()
		if c.Subprotocol() != "chat" || s.Subprotocol() != "" {
			t.Errorf("subprotocols %q and %q", c.Subprotocol(), s.Subprotocol())
		}
		go c.Write(t.Context(), ws.Text, []byte("hello"))
		if typ, p, err := s.Read(t.Context()); typ != ws.Text || string(p) != "hello" || err != nil {
			t.Errorf("server read %v %q, %v", typ, p, err)
		}
		go s.Write(t.Context(), ws.Binary, []byte{1})
		if typ, p, err := c.Read(t.Context()); typ != ws.Binary || string(p) != "\x01" || err != nil {
			t.Errorf("client read %v %q, %v", typ, p, err)
		}
	})
}

func TestConnAndPeer(t *testing.T) {
	for _, client := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, p := wstest.ConnAndPeer(ws.ConnOptions{Client: client})
			defer c.CloseNow()
			defer p.Close()
			p.MustSend(t, wstest.Text("hello"))
			if _, got, err := c.Read(t.Context()); string(got) != "hello" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
			if err := c.Write(t.Context(), ws.Text, []byte("hi")); err != nil {
				t.Error(err)
			}
			p.ExpectMessage(t, wstest.OpText, "hi") // would refuse a wrong mask
			wrong := wstest.Text("x")
			wrong.WrongMask = true
			p.MustSend(t, wrong)
			if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeProtocolError {
				t.Errorf("read %v, want 1002", err)
			}
			p.ExpectClose(t, ws.CodeProtocolError)
		})
	}
}

func echo(c *ws.Conn) error {
	for m, err := range c.Messages(c.Context()) {
		if err != nil {
			return err
		}
		if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("/", &ws.Handler{Handle: echo})
		mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
		srv := wstest.NewServer(t, mux)

		c, err := srv.Dial(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(t.Context()); string(p) != "hello" || err != nil {
			t.Errorf("read %q, %v", p, err)
		}
		if err := c.Close(t.Context(), ws.CodeNormal, ""); err != nil {
			t.Error(err)
		}

		var he *ws.HandshakeError
		if _, err := srv.DialPath(t.Context(), "/plain?x", &ws.DialOptions{Host: "other.test"}); !errors.As(err, &he) ||
			he.Status != 200 || string(he.Body) != "other.test" {
			t.Errorf("DialPath to no WebSocket: %v", err)
		}

		client := http.Client{Transport: &http.Transport{DialContext: srv.NetDial}}
		defer client.CloseIdleConnections()
		resp, err := client.Get("http://server.test/plain")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "server.test" {
			t.Errorf("plain answer %q", body)
		}
	})
}

func TestServerPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, &ws.Handler{Handle: echo})
		p, err := srv.Peer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		early := wstest.Text("early")
		early.Masked = true
		resp, err := p.Upgrade(wstest.Head{After: early.Append(nil)})
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != wstest.AcceptKey(wstest.Key) {
			t.Fatalf("upgrade: %v, %v", resp, err)
		}
		p.ExpectMessage(t, wstest.OpText, "early")
		p.MustSend(t, wstest.Close(1000, ""))
		p.ExpectClose(t, ws.CodeNormal)
		p.ExpectEnd(t)
	})
}

// What a test forgot to close ends with the server.
func TestServerCloseEndsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := wstest.NewServer(t, &ws.Handler{Handle: echo})
		c, err := srv.Dial(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, srv.Close)
		if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeAbnormal {
			t.Errorf("read %v, want 1006", err)
		}
		if _, err := srv.Dial(t.Context(), nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Dial after Close: %v", err)
		}
		if _, err := srv.Peer(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Peer after Close: %v", err)
		}
	})
}

func ExampleConns() {
	ctx := context.Background()
	client, server := wstest.Conns(ws.ConnOptions{}, ws.ConnOptions{})
	defer client.CloseNow()
	defer server.CloseNow()

	go client.Write(ctx, ws.Text, []byte("hello"))
	typ, data, err := server.Read(ctx)
	fmt.Printf("%v %q %v\n", typ, data, err)
	// Output: text "hello" <nil>
}

// What does a connection do when its peer breaks the protocol?
func ExampleConnAndPeer() {
	ctx := context.Background()
	server, client := wstest.ConnAndPeer(ws.ConnOptions{})
	defer server.CloseNow()
	defer client.Close()

	client.Send(wstest.Frame{Fin: true, Opcode: wstest.OpPing, Payload: make([]byte, 126)})
	_, _, err := server.Read(ctx)
	fmt.Println(ws.CloseCode(err))
	frame, err := client.Next()
	fmt.Println(frame.Opcode == wstest.OpClose, err)
	// Output:
	// 1002 (protocol error)
	// true <nil>
}
