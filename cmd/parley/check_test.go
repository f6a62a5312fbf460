package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/ws"
)

// echoServer echoes, changing each message first. It returns its URL.
func echoServer(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	srv := httptest.NewServer(ws.Handler{Handle: func(c *ws.Conn) error { return echoAll(c, change) }})
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/"
}

func echoAll(c *ws.Conn, change func([]byte) []byte) error {
	return c.Run(c.Context(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
		return c.Write(c.Context(), t, change(p))
	}})
}

func same(p []byte) []byte { return p }

// readReports reads what --json wrote.
func readReports(t *testing.T, name string) []*check.Report {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reports, err := check.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func TestCheckServer(t *testing.T) {
	t.Parallel()
	json, html := filepath.Join(t.TempDir(), "r.json"), filepath.Join(t.TempDir(), "r.html")
	r := parley(t, "", "check", echoServer(t, same), "--case", "framing.length.*", "--json", json, "--html", html, "--name", "the first")
	if r.code != 0 || !strings.Contains(r.out, "framing") || strings.Contains(r.out, "\x1b") || strings.Contains(r.err, "\r") {
		t.Errorf("code %d, standard output %s, standard error %q", r.code, r.out, r.err)
	}
	reports := readReports(t, json)
	if len(reports) != 1 || len(reports[0].Results) < 8 || reports[0].Failed() || reports[0].Subject != "the first" {
		t.Errorf("the report: %+v", reports)
	}
	for _, result := range reports[0].Results {
		if !strings.HasPrefix(result.ID, "framing.length.") || len(result.Wire) == 0 {
			t.Errorf("the result %+v", result)
		}
	}
	if page, err := os.ReadFile(html); err != nil || !strings.HasPrefix(strings.ToLower(string(page)), "<!doctype html>") {
		t.Errorf("the page: %.80q, %v", page, err)
	}

	// An earlier report is shown beside a later one.
	r = parley(t, "", "check", echoServer(t, same), "--tag", "framing", "--html", html, "--beside", json, "--color", "always")
	page, _ := os.ReadFile(html)
	if r.code != 0 || !strings.Contains(string(page), reports[0].Subject) {
		t.Errorf("code %d: the page does not show %s", r.code, reports[0].Subject)
	}
}

func TestCheckFails(t *testing.T) {
	t.Parallel()
	wrong := echoServer(t, func(p []byte) []byte { return append([]byte("not "), p...) })
	r := parley(t, "", "check", wrong, "--case", "framing.length.text-1*")
	if r.code != 8 || !strings.Contains(r.out, "framing.length.text-125") || !strings.Contains(r.out, "--explain") {
		t.Errorf("code %d, standard output %s, standard error %s", r.code, r.out, r.err)
	}
}

func TestCheckList(t *testing.T) {
	t.Parallel()
	r := parley(t, "", "check", "--list", "--case", "framing.length.non-minimal-16*")
	if r.code != 0 || !strings.Contains(r.out, "framing.length.non-minimal-16") || !strings.Contains(r.out, "RFC 6455 §5.2") {
		t.Errorf("%+v", r)
	}
	all := parley(t, "", "check", "--list")
	servers := parley(t, "", "check", "--list", "ws://localhost/")
	clients := parley(t, "", "check", "--list", "--listen", "localhost:0")
	for name, r := range map[string]result{"all": all, "servers": servers, "clients": clients} {
		if n := strings.Count(r.out, "\n"); r.code != 0 || n < 500 || name != "all" && n >= strings.Count(all.out, "\n") {
			t.Errorf("%s: code %d, %d cases", name, r.code, n)
		}
	}
	r = parley(t, "", "check", "--explain", "negotiation.decline.server-window-09")
	if r.code != 0 || !strings.Contains(r.out, "leading zeros") || !strings.Contains(r.out, "server_max_window_bits=09") || !strings.Contains(r.out, "Outcomes:") {
		t.Errorf("%+v", r)
	}
}

func TestCheckRefused(t *testing.T) {
	t.Parallel()
	answer := func(status int) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no echo here", status)
		}))
		t.Cleanup(srv.Close)
		return "ws" + strings.TrimPrefix(srv.URL, "http") + "/"
	}
	for status, code := range map[int]int{401: 5, 403: 5, 404: 4, 500: 4} {
		r := parley(t, "", "check", answer(status))
		if r.code != code || r.out != "" || !strings.Contains(r.err, fmt.Sprintf("< HTTP %d", status)) || !strings.Contains(r.err, "no echo here") {
			t.Errorf("%d: code %d, standard output %q, standard error %s", status, r.code, r.out, r.err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	parley(t, "", "check", "ws://"+l.Addr().String()).expect(t, 3, "refused", "check that the server runs")
}

func TestCheckUsage(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing", "file")
	for _, tc := range []struct {
		args  []string
		code  int
		words []string
	}{
		{nil, 2, []string{"nothing to judge", "--listen"}},
		{[]string{"ws://localhost", "--listen", "localhost:0"}, 2, []string{"leave one of them out"}},
		{[]string{"http//localhost"}, 2, []string{"not a WebSocket URL"}},
		{[]string{"ws://localhost/#a"}, 2, []string{"fragment"}},
		{[]string{"ws://localhost", "--case", "no.such.*"}, 2, []string{"no.such.*", "--list"}},
		{[]string{"ws://localhost", "--case", "[a"}, 2, []string{"[a", "--list"}},
		{[]string{"ws://localhost", "--tag", "none"}, 2, []string{"none", "--list"}},
		{[]string{"ws://localhost", "--http", "2"}, 2, []string{"HTTP/1.1 only"}},
		{[]string{"ws://localhost", "ws://localhost"}, 2, []string{"unexpected argument", "--help"}},
		{[]string{"ws://localhost", "--color", "blue"}, 2, []string{"blue", "always"}},
		{[]string{"ws://localhost", "--parallel", "0"}, 2, []string{"--parallel"}},
		{[]string{"ws://localhost", "--timeout", "0s"}, 2, []string{"--timeout"}},
		{[]string{"ws://localhost", "--exit-after-report"}, 2, []string{"--listen"}},
		{[]string{"--explain", "no.such.case"}, 2, []string{"no.such.case", "--list"}},
		{[]string{"ws://localhost", "--beside", missing}, 2, []string{"--html"}},
		{[]string{"ws://localhost", "--html", os.DevNull, "--beside", missing}, 1, []string{"--beside", "--json"}},
		{[]string{"ws://localhost", "--json", missing}, 1, []string{"--json", "can be written"}},
		{[]string{"ws://localhost", "--html", missing}, 1, []string{"--html", "can be written"}},
		{[]string{"ws://localhost", "--pid", "-5"}, 1, []string{"--pid"}},
		{[]string{"--listen", "256.0.0.1:x"}, 1, []string{"--listen 127.0.0.1:0"}},
		{[]string{"ws://localhost", "-H", "no colon"}, 2, []string{"-H"}},
		{[]string{"ws://localhost", "--subprotocol", "a b"}, 2, []string{"--subprotocol"}},
	} {
		parley(t, "", append([]string{"check"}, tc.args...)...).expect(t, tc.code, tc.words...)
	}
}

// drive runs every case of a listening suite as a client that echoes.
func drive(t *testing.T, base, agent string) {
	t.Helper()
	c, err := ws.Dial(t.Context(), base+"/getCaseCount", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context(), ws.CodeNormal, "")
	count, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if c, err := ws.Dial(t.Context(), fmt.Sprintf("%s/runCase?case=%d&agent=%s", base, i+1, agent), nil); err == nil {
			echoAll(c, same)
		}
	}
	if c, err = ws.Dial(t.Context(), base+"/updateReports?agent="+agent, nil); err != nil {
		t.Fatal(err)
	}
	c.Read(context.Background()) // until the end
}

var waiting = regexp.MustCompile(`waiting for clients on (ws://[^ ]+): (\d+) cases`)

// listening starts the suite for clients and returns its address.
func listening(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := begin(t, nil, append([]string{"check", "--listen", "127.0.0.1:0"}, args...)...)
	base := ""
	p.until(t, "address", func(_, err string) bool {
		if m := waiting.FindStringSubmatch(err); m != nil {
			base = m[1]
		}
		return base != ""
	})
	return p, base
}

func TestCheckClients(t *testing.T) {
	t.Parallel()
	json := filepath.Join(t.TempDir(), "r.json")
	p, base := listening(t, "--exit-after-report", "--case", "framing.length.*", "--json", json)
	drive(t, base, "tested")
	if r := p.wait(t); r.code != 0 || !strings.Contains(r.err, "tested is done") || !strings.Contains(r.out, "framing") {
		t.Errorf("%+v", r)
	}
	reports := readReports(t, json)
	if len(reports) != 1 || reports[0].Subject != "tested" || reports[0].Role != check.RoleClient || len(reports[0].Results) < 8 {
		t.Errorf("the report: %+v", reports)
	}
}

func TestCheckClientsStopped(t *testing.T) {
	t.Parallel()
	p, base := listening(t, "--case", "framing.length.text-*", "--skip", "*-chopped")
	drive(t, base, "first")
	drive(t, base, "second")
	p.signal(t, os.Interrupt)
	if r := p.wait(t); r.code != 0 || !strings.Contains(r.out, "first") || !strings.Contains(r.out, "second") {
		t.Errorf("%+v", r)
	}
	p, _ = listening(t)
	p.signal(t, os.Interrupt)
	if r := p.wait(t); r.code != 8 || !strings.Contains(r.err, "no client has run a case") {
		t.Errorf("%+v", r)
	}
}

// A signal ends a run; what was found is shown.
func TestCheckStopped(t *testing.T) {
	t.Parallel()
	started := make(chan struct{}, 1000)
	srv := httptest.NewServer(ws.Handler{Handle: func(c *ws.Conn) error {
		started <- struct{}{}
		return c.Run(c.Context(), ws.Events{Message: func(*ws.Conn, ws.Type, []byte) error { return nil }}) // no answer, ever
	}})
	defer srv.Close()
	p := begin(t, nil, "check", "ws"+strings.TrimPrefix(srv.URL, "http"), "--timeout", "20s")
	for range 5 {
		<-started
	}
	p.signal(t, os.Interrupt)
	if r := p.wait(t); r.code != 130 || !strings.Contains(r.err, "cases ran") {
		t.Errorf("%+v", r)
	}
}

// Over TLS, with the flags that connect has too.
func TestCheckTLS(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--tls-self-signed")
	some := []string{"--case", "framing.length.text-12*", "--case", "close.tcp.answered", "--http", "1.1"}
	if r := parley(t, "", append([]string{"check", s.echo, "-k"}, some...)...); r.code != 0 {
		t.Errorf("%+v", r)
	}
	parley(t, "", append([]string{"check", s.echo}, some...)...).expect(t, 3, "certificate", "-k")
}

// What is said with -H, -u, --origin and --subprotocol is in every request that is not itself about it.
func TestCheckRequest(t *testing.T) {
	t.Parallel()
	var wrong sync.Map
	h := ws.Handler{Handle: func(c *ws.Conn) error { return echoAll(c, same) }, Options: ws.AcceptOptions{AnyOrigin: true, Subprotocols: []string{"chat"},
		Check: func(r *http.Request) error {
			user, password, _ := r.BasicAuth()
			if r.Header.Get("X-Test") != "yes" || user != "me" || password != "secret" || r.Header.Get("Origin") != "https://example.org" || r.Header.Get("Sec-WebSocket-Protocol") != "chat" {
				wrong.Store(fmt.Sprint(r.Header), true)
			}
			return nil
		}}}
	srv := httptest.NewServer(h)
	defer srv.Close()
	r := parley(t, "", "check", "ws"+strings.TrimPrefix(srv.URL, "http"), "-H", "X-Test: yes", "-u", "me:secret", "--origin", "https://example.org", "--subprotocol", "chat",
		"--case", "framing.length.text-12*", "--case", "server.response.protocol")
	if r.code != 0 {
		t.Errorf("%+v", r)
	}
	wrong.Range(func(header, _ any) bool {
		t.Errorf("a request with %s", header)
		return false
	})
}

// The server that everybody has at hand does what the suite wants, with its memory watched.
func TestCheckServe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	args := []string{"check", s.echo, "--skip", "attack.slow.*", "--skip", "size.*"}
	if runtime.GOOS == "linux" {
		args = append(args, "--pid", fmt.Sprint(s.cmd.Process.Pid))
	}
	r := parley(t, "", args...)
	if r.code != 0 || strings.Contains(r.out, "--explain") {
		t.Errorf("%+v", r)
	}
}
