package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
	_ "github.com/parley-ws/parley/ws/extendedconnect"
)

// http2Echo returns the URL of an endpoint that echoes over HTTP/2, with TLS or with prior knowledge.
func http2Echo(t *testing.T, secure bool) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(ws.Handler{
		Options: ws.AcceptOptions{Compression: &ws.Compression{}},
		Handle: func(c *ws.Conn) error {
			if p := c.Request().Proto; p != "HTTP/2.0" {
				t.Errorf("the request came with %s", p)
			}
			for m, err := range c.Messages(c.Context()) {
				if err != nil {
					return err
				}
				if err := c.Write(c.Context(), m.Type, m.Data); err != nil {
					return err
				}
			}
			return nil
		},
	})
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Config.Protocols = new(http.Protocols)
	if secure {
		srv.EnableHTTP2 = true
		srv.Config.Protocols.SetHTTP2(true)
		srv.StartTLS()
	} else {
		srv.Config.Protocols.SetUnencryptedHTTP2(true)
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "http", "ws", 1) + "/"
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, secure := range []bool{false, true} {
		url := http2Echo(t, secure)
		for _, args := range [][]string{{"send"}, {"send", "--compress", "on"}, {"connect", "-s"}} {
			r := parley(t, "a\n"+long+"\nb\n", append(args, "--http", "2", "-k", "-n", "3", url)...)
			if r.code != 0 || r.out != "a\n"+long+"\nb\n" || r.err != "" {
				t.Errorf("%v %s: code %d, %d bytes came back; %s", args, url, r.code, len(r.out), r.err)
			}
		}
		if r := parley(t, "", "ping", "--http", "2", "-k", "-c", "2", "-i", "10ms", url); r.code != 0 || !strings.Contains(r.out, "2 pings sent, 2 answered") {
			t.Errorf("ping %s: %+v", url, r)
		}
		r := parley(t, "", "probe", "--http", "2", "-k", "--idle", "50ms", url)
		for _, want := range []string{"HTTP/2.0 200", "the server took the extended CONNECT of HTTP/2", "A connection works"} {
			if r.code != 0 || !strings.Contains(r.out, want) {
				t.Errorf("probe %s: code %d, no %q in %s%s", url, r.code, want, r.out, r.err)
			}
		}
		if r := parley(t, "", "bench", "--http", "2", "-k", "-c", "3", "-n", "30", url); r.code != 0 {
			t.Errorf("bench %s: %+v", url, r)
		}
	}
}

func TestHTTP2IsNotSpoken(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "", "send", "--http", "2", s.echo)
	if r.code != 7 && r.code != 3 && r.code != 4 || !strings.Contains(r.err, "does not speak HTTP/2") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("%+v", r)
	}
	parley(t, "", "send", "--http", "3", s.echo).expect(t, 2, "HTTP/3", "choose 1.1 or 2")
	parley(t, "", "send", "--http", "x", s.echo).expect(t, 2, `"x"`, "choose 1.1 or 2")
}
