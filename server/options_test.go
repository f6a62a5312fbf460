package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/server/config"
)

// runOnce tries to run; an address that is accepted is given up at once.
func runOnce(t *testing.T, cfg *config.Config) error {
	t.Helper()
	s, err := New(Options{Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return s.Run(ctx)
}

// at is a configuration that listens there.
func at(addr string) *config.Config {
	return configured(func(cfg *config.Config) { cfg.Listen[0].Addr = addr })
}

func TestAddr(t *testing.T) {
	for addr, exposed := range map[string]bool{
		"127.0.0.1:0":       false,
		"127.9.9.9:0":       false,
		"localhost:0":       false,
		":0":                true,
		"0.0.0.0:0":         true,
		"[::]:0":            true,
		"192.0.2.1:0":       true,
		"[::ffff:0:0]:0":    true,
		"[2001:db8::1]:0":   true,
		"255.255.255.255:0": true,
	} {
		err := runOnce(t, at(addr))
		if got := errors.Is(err, ErrExposed); got != exposed || !exposed && err != nil {
			t.Errorf("%s: %v, want refused as exposed: %t", addr, err, exposed)
		}
	}
	insecure := at("0.0.0.0:0")
	insecure.InsecureNoAuth = true
	if err := runOnce(t, insecure); err != nil {
		t.Errorf("with InsecureNoAuth: %v", err)
	}
	for _, addr := range []string{"8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:-1", "[::1:80", "no.such.host.invalid:80"} {
		var oe *OptionError
		if err := runOnce(t, at(addr)); !errors.As(err, &oe) || oe.Option != "listen[0].addr" || errors.Is(err, ErrExposed) {
			t.Errorf("%s: %v, want an error about the address", addr, err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = runOnce(t, at(l.Addr().String()))
	var op *net.OpError
	if !errors.As(err, &op) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v, want an error that names the address", err)
	}
}

// listenerAt is one that says that it listens there.
type listenerAt struct {
	net.Listener
	addr net.Addr
}

func (l listenerAt) Addr() net.Addr { return l.addr }

func TestEndpoint(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80":     "ws://127.0.0.1:80",
		"[::1]:8080":       "ws://[::1]:8080",
		"0.0.0.0:8080":     "ws://localhost:8080",
		"[::]:8080":        "ws://localhost:8080",
		"192.168.0.9:8080": "ws://192.168.0.9:8080",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&listener{Listener: listenerAt{addr: tcp}}).endpoint().Socket; got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	l := &listener{Listener: listenerAt{addr: &net.TCPAddr{Port: 443}}, tls: &tls.Config{}}
	if e := l.endpoint(); e.URL != "https://localhost:443" || e.Socket != "wss://localhost:443" {
		t.Errorf("with TLS: %+v", e)
	}
}

func TestSelfSigned(t *testing.T) {
	now := time.Now()
	cert, err := selfSigned([]string{"mine.example", "192.0.2.7"}, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	for name, good := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "::1": true, "mine.example": true, "192.0.2.7": true, "evil.example": false,
	} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
		if (err == nil) != good {
			t.Errorf("%s: %v, want valid: %t", name, err, good)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.AddDate(0, 0, 31)}); err == nil {
		t.Error("it is valid for more than a month")
	}
}

func TestCertificateErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{empty, filepath.Join(dir, "missing.pem")} {
		_, err := New(Options{Config: configured(func(cfg *config.Config) { cfg.Listen[0].TLSCert, cfg.Listen[0].TLSKey = name, name })})
		var ce *CertificateError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want a CertificateError that names the file", name, err)
		}
	}
}
