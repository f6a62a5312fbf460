package ws_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	_ "github.com/parley-ws/parley/ws/extendedconnect"
)

// h2Serve starts net/http's server for HTTP/2, over TLS or with prior knowledge, and returns how to dial it.
func h2Serve(t testing.TB, secure bool, h http.Handler) (url string, o *ws.DialOptions) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	if secure {
		s.EnableHTTP2 = true
		s.Config.Protocols.SetHTTP2(true)
		s.StartTLS()
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http"), &ws.DialOptions{HTTPVersion: 2, TLS: &tls.Config{InsecureSkipVerify: true}}
}

// h2Kinds are the two ways to HTTP/2.
func h2Kinds(t *testing.T, test func(t *testing.T, secure bool)) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "h2c", true: "TLS"}[secure], func(t *testing.T) { test(t, secure) })
	}
}

func TestHTTP2Echo(t *testing.T) {
	h2Kinds(t, func(t *testing.T, secure bool) {
		o := ws.AcceptOptions{Options: ws.Options{MessageLimit: -1}}
		url, dial := h2Serve(t, secure, ws.Handler{Options: o, Handle: echo})
		dial.MessageLimit = -1
		c, err := ws.Dial(t.Context(), url, dial)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		for _, size := range []int{0, 1, 125, 126, 4095, 4096, 16 << 10, 65535, 65536, 100_000, 1 << 20, 4 << 20} {
			p := []byte(strings.Repeat("hellö ", size/7+1))[:size]
			sent := make(chan error, 1)
			go func() { sent <- c.Write(t.Context(), ws.Binary, p) }()
			typ, q, err := c.Read(t.Context())
			if err != nil || typ != ws.Binary || string(q) != string(p) {
				t.Fatalf("%d bytes: got %d bytes of %v, %v", size, len(q), typ, err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
		if r := c.Response(); r.StatusCode != 200 || r.ProtoMajor != 2 || secure != (r.TLS != nil) {
			t.Errorf("Response is %v", r)
		}
		if err := c.Close(t.Context(), ws.CodeNormal, "bye"); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
