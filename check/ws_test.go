package check_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/ws"
)

// modes are the ways in which package ws compresses.
var modes = map[string]*ws.Compression{
	"plain":      nil,
	"compressed": {Threshold: -1},
	"takeover":   {Threshold: -1, ServerTakeover: true, ClientTakeover: true},
}

// skipped are the cases that do not run in a mode: slow handshakes are the same in each.
func skipped(mode string) []string {
	if mode == "plain" {
		return heavy
	}
	return append([]string{"attack.slow.*", "attack.response.silence"}, heavy...)
}

// limits lets messages of the largest size pass.
var limits = ws.Options{MessageLimit: 16 << 20}

// patience is how long a handshake may take: with a deadline, as everybody should set one.
const patience = 3 * time.Second

// echo answers each message with itself.
func echo(c *ws.Conn) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
		return c.Write(c.Context(), t, p)
	}})
}

// Package ws as a server does what the suite wants, with nothing left to wish.
func TestServer(t *testing.T) {
	for name, compression := range modes {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(ws.Handler{Handle: echo, Options: ws.AcceptOptions{Options: limits, Compression: compression}})
			srv.Config.ReadHeaderTimeout = patience
			srv.Start()
			defer srv.Close()
			check.Test(t, check.Target{URL: "ws" + strings.TrimPrefix(srv.URL, "http"), Skip: skipped(name)})
		})
	}
}

// A listener of package ws itself does, too.
func TestOwnListener(t *testing.T) {
	for name, compression := range modes {
		t.Run(name, func(t *testing.T) { checkListener(t, name, "ws", nil, compression) })
	}
	t.Run("TLS", func(t *testing.T) {
		// The certificate is that of package httptest.
		srv := httptest.NewUnstartedServer(nil)
		srv.StartTLS()
		defer srv.Close()
		checkListener(t, "TLS", "wss", srv.TLS, modes["compressed"])
	})
}

func checkListener(t *testing.T, mode, scheme string, secure *tls.Config, compression *ws.Compression) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &ws.Server{
		Handler:   ws.Handler{Handle: echo, Options: ws.AcceptOptions{Options: limits, Compression: compression}},
		TLSConfig: secure, HandshakeTimeout: patience,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	check.Test(t, check.Target{URL: scheme + "://" + l.Addr().String(), TLS: &tls.Config{InsecureSkipVerify: true}, Skip: skipped(mode)})
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != ws.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
}

// Package ws as a client does, too.
func TestClient(t *testing.T) {
	for name, compression := range modes {
		t.Run(name, func(t *testing.T) {
			check.Test(t, check.Target{Skip: skipped(name), Client: func(ctx context.Context, url string) error {
				limit, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				c, err := ws.Dial(limit, url, &ws.DialOptions{Options: limits, Compression: compression})
				if err != nil {
					return err
				}
				return echo(c)
			}})
		})
	}
}
