package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func dial(t *testing.T, url string, o *ws.DialOptions) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func roundTrip(t *testing.T, c *ws.Conn, typ ws.Type, p []byte) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- c.Write(t.Context(), typ, p) }()
	got, q, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if got != typ || !bytes.Equal(p, q) {
		t.Fatalf("sent %v of %d bytes, got %v of %d bytes", typ, len(p), got, len(q))
	}
}

func TestEcho(t *testing.T) {
	for _, c := range []struct {
		name        string
		tls         bool
		compression *ws.Compression
		size        int // of the largest message
	}{
		{"ws off", false, nil, echoLimit},
		{"ws on", false, &ws.Compression{}, 1 << 20},
		{"ws takeover", false, &ws.Compression{ServerTakeover: true, ClientTakeover: true}, 1 << 20},
		{"wss on", true, &ws.Compression{}, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // under the race detector 16 MiB take their time
			cfg := configured()
			cfg.Listen[0].TLSSelfSigned = c.tls
			e, stop := start(t, cfg)
			conn := dial(t, e.Socket+"/echo", &ws.DialOptions{
				Options:      ws.Options{MessageLimit: echoLimit},
				Compression:  c.compression,
				Subprotocols: []string{"unknown", "echo"},
				TLS:          &tls.Config{InsecureSkipVerify: true},
			})
			if conn.Subprotocol() != "echo" {
				t.Errorf("subprotocol %q", conn.Subprotocol())
			}
			extensions := conn.Extensions()
			if (extensions != "") != (c.compression != nil) {
				t.Errorf("extensions %q", extensions)
			}
			if c.name == "ws takeover" && strings.Contains(extensions, "no_context_takeover") {
				t.Errorf("takeover was asked for, agreed on %q", extensions)
			}
			random := make([]byte, c.size)
			rand.Read(random)
			roundTrip(t, conn, ws.Text, nil)
			roundTrip(t, conn, ws.Text, []byte("grüß dich, 世界"))
			roundTrip(t, conn, ws.Binary, []byte{0, 1, 0xfe, 0xff})
			roundTrip(t, conn, ws.Text, bytes.Repeat([]byte("abc "), c.size/4))
			roundTrip(t, conn, ws.Binary, random)
			// The server may notice while this side still sends: then Write says so as well.
			sent := make(chan error, 1)
			go func() { sent <- conn.Write(t.Context(), ws.Binary, make([]byte, echoLimit+1)) }()
			if _, _, err := conn.Read(t.Context()); ws.CloseCode(err) != ws.CodeMessageTooBig {
				t.Errorf("a byte more: %v, want 1009", err)
			}
			<-sent
			if err := stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	e, _ := start(t, configured())
	host := e.Addr.String()
	for origin, good := range map[string]bool{
		"":                       true,
		"http://" + host:         true,
		"http://evil.example":    false,
		"null":                   false,
		"http://localhost:1":     false,
		"http://" + host + "0":   false,
		"http://evil@" + host:    false,
		"http://" + host + "/x.": false,
	} {
		o := &ws.DialOptions{Header: map[string][]string{}}
		if origin != "" {
			o.Header.Set("Origin", origin)
		}
		c, err := ws.Dial(t.Context(), e.Socket+"/echo", o)
		if err == nil {
			c.CloseNow()
		}
		if (err == nil) != good {
			t.Errorf("origin %q: %v, want accepted: %t", origin, err, good)
		}
	}
}

func TestRebindingReachesNoEcho(t *testing.T) {
	e, _ := start(t, configured())
	_, err := ws.Dial(t.Context(), e.Socket+"/echo", &ws.DialOptions{
		Host: "evil.example", Header: map[string][]string{"Origin": {"http://evil.example"}},
	})
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != 403 || !bytes.Contains(he.Body, []byte("rebinding")) {
		t.Errorf("%v, want a 403 that says why", err)
	}
}

func TestStopEndsEveryone(t *testing.T) {
	e, stop := start(t, configured())
	const n = 20
	ends := make(chan error, 2*n)
	for range n {
		for _, url := range []string{e.Socket + "/echo", e.Socket + "/clock"} {
			c := dial(t, url, nil)
			go func() {
				for {
					if _, _, err := c.Read(context.Background()); err != nil {
						ends <- err
						return
					}
				}
			}()
		}
	}
	// A connection that asks for nothing must not hold it up.
	silent, err := net.Dial("tcp", e.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	begun := time.Now()
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 2 * n {
		err := <-ends
		var ce *ws.CloseError
		if !errors.As(err, &ce) || ce.Code != ws.CodeGoingAway || !ce.Remote {
			t.Errorf("a client saw %v, want the server's 1001", err)
		}
	}
	if _, err := net.Dial("tcp", e.Addr.String()); err == nil {
		t.Error("it still listens")
	}
}

func TestStopCutsWhoDoesNotAnswer(t *testing.T) {
	e, stop := start(t, configured(func(cfg *config.Config) { cfg.Drain = 300 * time.Millisecond }))
	conn, err := net.Dial("tcp", e.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := wstest.ClientPeer(conn)
	res, err := p.Upgrade(wstest.Head{Line: "GET /echo HTTP/1.1", Without: []string{"Host"}, Lines: []string{"Host: localhost"}})
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", res, err)
	}
	p.MustSend(t, wstest.Text("there?"))
	p.ExpectMessage(t, wstest.OpText, "there?")
	begun := time.Now()
	var de *DrainError
	if err := stop(); !errors.As(err, &de) || de.Drain != 300*time.Millisecond {
		t.Errorf("stop: %v, want a DrainError", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	p.ExpectClose(t, ws.CodeGoingAway)
	p.ExpectEnd(t)
}
