package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

func TestColours(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, c := range []struct {
		env  []string
		flag string
		want bool
	}{
		{nil, "auto", false}, // a pipe
		{nil, "always", true},
		{nil, "never", false},
		{[]string{"FORCE_COLOR=1"}, "auto", true},
		{[]string{"FORCE_COLOR=0"}, "auto", false},
		{[]string{"FORCE_COLOR=1"}, "never", false},
		{[]string{"FORCE_COLOR=1", "NO_COLOR=1"}, "auto", false},
		{[]string{"NO_COLOR=1"}, "always", true},
	} {
		r := begin(t, c.env, "probe", "--idle", "1ms", "--color", c.flag, s.echo).wait(t)
		if has := strings.Contains(r.out, "\x1b["); r.code != 0 || has != c.want {
			t.Errorf("%v, --color %s: colours %v, want %v; code %d", c.env, c.flag, has, c.want, r.code)
		}
	}
}

// TestClientCertificate has a server that wants one.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir())
	pool, err := readRoots(cert)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(ws.Handler{Handle: func(c *ws.Conn) error {
		for m, err := range c.Messages(c.Context()) {
			if err != nil {
				return err
			}
			if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}})
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		shown, err := x509.ParseCertificate(raw[0])
		if err != nil {
			return err
		}
		_, err = shown.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err
	}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	url := strings.Replace(srv.URL, "https", "wss", 1)
	if r := parley(t, "", "send", "-k", "--cert", cert, "--key", key, "-n", "1", url, "a"); r.code != 0 || r.out != "a\n" {
		t.Errorf("%+v", r)
	}
	both := cert + ".both"
	var text []byte
	for _, name := range []string{cert, key} {
		part, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := parley(t, "", "send", "-k", "--cert", both, "-n", "1", url, "a"); r.code != 0 || r.out != "a\n" {
		t.Errorf("both in one file: %+v", r)
	}
	parley(t, "", "send", "-k", url, "a").expect(t, 3, "certificate required")
	report, _ := probe(t, 3, "-k", url)
	if !strings.Contains(report.Remedy, "--cert") {
		t.Errorf("%+v", report)
	}
}

func TestConnectCurl(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	if r := parley(t, "a\n", "connect", "--idle", "200ms", "--curl", "curl '"+s.echo+"' --compressed"); r.code != 0 || r.out != "a\n" {
		t.Errorf("%+v", r)
	}
	parley(t, "", "connect", "--curl", "curl '"+s.echo+"'", s.echo).expect(t, 2, "unexpected argument")
}
