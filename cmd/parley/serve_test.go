package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func dial(t *testing.T, url string, o *ws.DialOptions) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	if out, _ := s.streams(); out != "" {
		t.Errorf("standard output holds %q", out)
	}
	if status, body := get(t, s.page); status != 200 || !strings.Contains(body, "<title>Parley</title>") {
		t.Errorf("the page: status %d, %.200s", status, body)
	}
	if status, body := get(t, s.page+"healthz"); status != 200 || body != "ok\n" {
		t.Errorf("healthz: status %d, %q", status, body)
	}

	c := dial(t, s.echo, &ws.DialOptions{
		Options:     ws.Options{MessageLimit: 16 << 20},
		Compression: &ws.Compression{ServerTakeover: true, ClientTakeover: true},
	})
	if got := c.Extensions(); got != "permessage-deflate" {
		t.Errorf("extensions %q", got)
	}
	big := make([]byte, 16<<20)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	for _, m := range []ws.Message{
		{Type: ws.Text, Data: []byte("hello")},
		{Type: ws.Binary, Data: []byte{0, 0xff}},
		{Type: ws.Binary, Data: big},
	} {
		sent := make(chan error, 1)
		go func() { sent <- c.Write(t.Context(), m.Type, m.Data) }()
		typ, p, err := c.Read(t.Context())
		if err != nil || typ != m.Type || string(p) != string(m.Data) {
			t.Fatalf("%v of %d bytes came back as %v of %d bytes: %v", m.Type, len(m.Data), typ, len(p), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	sent := make(chan error, 1)
	go func() { sent <- c.Write(t.Context(), ws.Binary, make([]byte, 16<<20+1)) }()
	if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != ws.CodeMessageTooBig {
		t.Errorf("16 MiB and a byte: %v, want 1009", err)
	}
	<-sent

	clock := dial(t, s.clock, nil)
	for range 2 {
		_, p, err := clock.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if at, err := time.Parse(time.RFC3339, string(p)); err != nil || time.Since(at).Abs() > 2*time.Second {
			t.Errorf("the clock says %q: %v", p, err)
		}
	}
}

func TestServeSelfSigned(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--tls-self-signed")
	if !strings.HasPrefix(s.page, "https://") || !strings.HasPrefix(s.echo, "wss://") {
		t.Errorf("URLs %s, %s", s.page, s.echo)
	}
	if status, _ := get(t, s.page); status != 200 {
		t.Errorf("the page: status %d", status)
	}
	parley(t, "", "connect", s.echo).expect(t, 3, "-k", "--cacert")
	if r := parley(t, "über TLS\n", "connect", "-k", s.echo); r.code != 0 || r.out != "über TLS\n" {
		t.Errorf("with -k: %+v", r)
	}
}

func TestServeCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := writePair(t, dir)
	s := startServer(t, nil, "--tls-cert", cert, "--tls-key", key)
	url := strings.Replace(s.echo, "127.0.0.1", "localhost", 1)
	if r := parley(t, "trusted\n", "connect", "--cacert", cert, url); r.code != 0 || r.out != "trusted\n" {
		t.Errorf("with --cacert: %+v", r)
	}
}

func TestServeErrors(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the parallel cases
	dir := t.TempDir()
	cert, key := writePair(t, dir)
	other, _ := writePair(t, t.TempDir())
	bad := filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(bad, []byte("-----BEGIN CERTIFICATE-----\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"address in use", []string{"--addr", taken.Addr().String()}, 1, []string{taken.Addr().String(), "in use", "--addr"}},
		{"no port", []string{"--addr", "localhost"}, 2, []string{"--addr", "HOST:PORT"}},
		{"port out of range", []string{"--addr", "127.0.0.1:99999"}, 2, []string{"--addr", "65535"}},
		{"every interface", []string{"--addr", ":0"}, 2, []string{"--insecure-no-auth", "127.0.0.1"}},
		{"another interface", []string{"--addr", "192.0.2.1:0"}, 2, []string{"--insecure-no-auth"}},
		{"no certificate file", []string{"--tls-cert", filepath.Join(dir, "none.pem"), "--tls-key", key}, 1, []string{"none.pem", "PEM"}},
		{"bad certificate", []string{"--tls-cert", bad, "--tls-key", key}, 1, []string{"bad.pem", "PEM", "--tls-self-signed"}},
		{"another key", []string{"--tls-cert", other, "--tls-key", key}, 1, []string{"does not match", "--tls-key"}},
		{"key without certificate", []string{"--tls-key", key}, 2, []string{"--tls-key", "tls_cert"}},
		{"certificate without key", []string{"--tls-cert", cert}, 2, []string{"--tls-cert", "tls_key"}},
		{"two certificates", []string{"--tls-cert", cert, "--tls-key", key, "--tls-self-signed"}, 2, []string{"--tls-self-signed"}},
		{"unknown flag", []string{"--port", "80"}, 2, []string{"--port", "parley serve --help"}},
		{"bad duration", []string{"--drain", "soon"}, 2, []string{"--drain", "soon"}},
		{"negative drain", []string{"--drain", "-1s"}, 2, []string{"--drain"}},
		{"bad host", []string{"--host", "http://example.com"}, 2, []string{"--host"}},
		{"an argument", []string{"now"}, 2, []string{"now", "parley serve --help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parley(t, "", append([]string{"serve"}, c.args...)...).expect(t, c.code, c.words...)
		})
	}
}

func TestServeEnvironment(t *testing.T) {
	t.Parallel()
	s := startServer(t, []string{"PARLEY_TLS_SELF_SIGNED=true", "PARLEY_HOST=a.example,b.example"})
	if !strings.HasPrefix(s.page, "https://") {
		t.Errorf("PARLEY_TLS_SELF_SIGNED has no effect: %s", s.page)
	}
	_, err := ws.Dial(t.Context(), s.echo, &ws.DialOptions{Host: "b.example", TLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Errorf("PARLEY_HOST has no effect: %v", err)
	}
	p := begin(t, []string{"PARLEY_ADDR=nowhere", "PARLEY_DRAIN=1s"}, "serve")
	p.wait(t).expect(t, 2, "nowhere")
	p = begin(t, []string{"PARLEY_ADDR=127.0.0.1:1"}, "serve", "--addr", "127.0.0.1:x")
	p.wait(t).expect(t, 2, "127.0.0.1:x") // flags win
	p = begin(t, []string{"PARLEY_DRAIN=soon"}, "serve")
	p.wait(t).expect(t, 2, "PARLEY_DRAIN", "soon")
}

func TestServeRefusesForeignHosts(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--host", "mine.example")
	for host, good := range map[string]bool{"mine.example:1": true, "localhost": true, "evil.example": false} {
		c, err := ws.Dial(t.Context(), s.echo, &ws.DialOptions{Host: host})
		if err == nil {
			c.CloseNow()
		}
		var he *ws.HandshakeError
		if good && err != nil || !good && (!errors.As(err, &he) || he.Status != 403) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestServeExposed(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--addr", "0.0.0.0:0", "--insecure-no-auth")
	if !strings.Contains(s.page, "localhost") {
		t.Errorf("the page is at %s", s.page)
	}
	s.until(t, "warning", func(_, err string) bool { return strings.Contains(err, "no authentication") })
}

func TestServeVerbose(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "-v")
	c := dial(t, s.echo, nil)
	if err := c.Close(t.Context(), 4321, "done here"); err != nil {
		t.Fatal(err)
	}
	s.until(t, "log of the connection", func(_, err string) bool {
		return strings.Contains(err, "msg=open") && strings.Contains(err, "4321") && strings.Contains(err, "done here")
	})
}
