package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClientTrustsOneCertificate(t *testing.T) {
	urls, files := make([]string, 2), make([]string, 2)
	for i := range urls {
		certificate, err := selfSigned()
		if err != nil {
			t.Fatal(err)
		}
		files[i] = filepath.Join(t.TempDir(), "wss.pem")
		public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
		if err := os.WriteFile(files[i], public, 0o600); err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		urls[i] = "wss://" + ln.Addr().String() + "/"
		s := server(certificate)
		done := make(chan error, 1)
		go func() { done <- s.ServeTLS(ln, "", "") }()
		defer func() {
			s.Close()
			<-done
		}()
	}
	var out strings.Builder
	if err := client(t.Context(), files[0], urls[0], []string{"hello", "again"}, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "hello\nagain\n" {
		t.Errorf("printed %q", out.String())
	}
	var unknown x509.UnknownAuthorityError
	if err := client(t.Context(), files[0], urls[1], nil, &out); !errors.As(err, &unknown) {
		t.Errorf("another certificate: %v", err)
	}
}
