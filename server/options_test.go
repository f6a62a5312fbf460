package server

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptionErrors(t *testing.T) {
	for _, c := range []struct {
		o      Options
		option string
	}{
		{Options{TLSCert: "a.pem"}, "TLSKey"},
		{Options{TLSKey: "a.pem"}, "TLSCert"},
		{Options{TLSCert: "a.pem", TLSKey: "b.pem", TLSSelfSigned: true}, "TLSSelfSigned"},
		{Options{Drain: -1}, "Drain"},
		{Options{Hosts: []string{""}}, "Hosts"},
		{Options{Hosts: []string{"http://example.com"}}, "Hosts"},
		{Options{Hosts: []string{"example.com:8080"}}, "Hosts"},
		{Options{Hosts: []string{"*.example.com"}}, "Hosts"},
	} {
		_, err := New(c.o)
		var oe *OptionError
		if !errors.As(err, &oe) || oe.Option != c.option {
			t.Errorf("New(%+v): %v, want an error about %s", c.o, err, c.option)
		}
	}
	if _, err := New(Options{Hosts: []string{"example.com", "::1", "10.0.0.1"}}); err != nil {
		t.Errorf("good hosts are refused: %v", err)
	}
}

// runOnce tries to run; an address that is accepted is given up at once.
func runOnce(t *testing.T, o Options) error {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return s.Run(ctx)
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
		err := runOnce(t, Options{Addr: addr})
		if got := errors.Is(err, ErrExposed); got != exposed || !exposed && err != nil {
			t.Errorf("%s: %v, want refused as exposed: %t", addr, err, exposed)
		}
	}
	if err := runOnce(t, Options{Addr: "0.0.0.0:0", InsecureNoAuth: true}); err != nil {
		t.Errorf("with InsecureNoAuth: %v", err)
	}
	for _, addr := range []string{"8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:-1", "[::1:80", "no.such.host.invalid:80"} {
		var oe *OptionError
		if err := runOnce(t, Options{Addr: addr}); !errors.As(err, &oe) || oe.Option != "Addr" || errors.Is(err, ErrExposed) {
			t.Errorf("%s: %v, want an error about Addr", addr, err)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = runOnce(t, Options{Addr: l.Addr().String()})
	var op *net.OpError
	if !errors.As(err, &op) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v, want an error that names the address", err)
	}
}

func TestEndpoint(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80":     "ws://127.0.0.1:80/echo",
		"[::1]:8080":       "ws://[::1]:8080/echo",
		"0.0.0.0:8080":     "ws://localhost:8080/echo",
		"[::]:8080":        "ws://localhost:8080/echo",
		"192.168.0.9:8080": "ws://192.168.0.9:8080/echo",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := endpoint(tcp, false, "").Echo; got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if e := endpoint(&net.TCPAddr{Port: 443}, true, "ab"); e.Page != "https://localhost:443/" || e.Clock != "wss://localhost:443/clock" {
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
		_, err := New(Options{TLSCert: name, TLSKey: name})
		var ce *CertificateError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want a CertificateError that names the file", name, err)
		}
	}
}
