package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
	"golang.org/x/net/http2"
)

// door listens, gives each handshake to serve with its number from 1, and shuts out what is none, such as HTTP/2.
func door(t *testing.T, serve func(n int, p *wstest.Peer, r *http.Request)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for n := 1; ; {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			p := wstest.ServerPeer(conn)
			p.Timeout = patience
			if r, err := p.ReadRequest(); err == nil && r.Method == http.MethodGet {
				number := n
				all.Go(func() {
					defer conn.Close()
					serve(number, p, r)
				})
				n++
				continue
			}
			conn.Close()
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return "ws://" + l.Addr().String() + "/"
}

// behave answers a handshake and then pings and the close frame, as a server should.
func behave(t *testing.T, p *wstest.Peer, r *http.Request) {
	if err := p.Answer(r, wstest.Head{}); err != nil {
		t.Error(err)
		return
	}
	for {
		f, err := p.Next()
		switch {
		case err != nil:
			return
		case f.Opcode == wstest.OpPing:
			p.Send(wstest.Pong(string(f.Payload)))
		case f.Opcode == wstest.OpClose:
			p.Send(f)
			return
		}
	}
}

// probe runs parley probe --json and returns the report.
func probe(t *testing.T, code int, args ...string) (*probeReport, result) {
	t.Helper()
	r := parley(t, "", append([]string{"probe", "--json", "--idle", "50ms"}, args...)...)
	var report probeReport
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("%+v: %v", r, err)
	}
	if r.code != code || report.Exit != code || report.OK != (code == 0) {
		t.Errorf("%q: code %d, want %d; %+v", args, r.code, code, r)
	}
	if code != 0 && code != 130 && (report.Why == "" || strings.Count(r.err, "\n") != 1) {
		t.Errorf("%q: why is not said: %+v", args, r)
	}
	return &report, r
}

// named returns a step, or ends the test.
func (r *probeReport) named(t *testing.T, name string) probeStep {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no step %s in %+v", name, r.Steps)
	return probeStep{}
}

func (r *probeReport) names() string {
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestProbe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "", "probe", "--idle", "50ms", "--compress", "on", strings.Replace(s.echo, "127.0.0.1", "localhost", 1))
	if r.code != 0 || r.err != "" {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{"probe of ws://localhost:", "--   proxy ", "ok   dns ", "localhost: ", "ok   tcp ", "127.0.0.1:", "ok   http ",
		"HTTP/1.1 101", "Sec-Websocket-Accept: ", "ok   upgrade ", "fits the key", "permessage-deflate: messages may be compressed", "ok   ping ", " ms  ",
		"ok   idle ", "nothing came", "ok   close ", "1000 (normal closure)", "http/2 ", "\nA connection works.\n"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the report lacks %q:\n%s", want, r.out)
		}
	}
	report, _ := probe(t, 0, s.echo)
	if report.names() != "proxy tcp http upgrade ping idle close http/2" || report.V != 1 || report.URL != s.echo {
		t.Errorf("%+v", report)
	}
	if u := report.named(t, "upgrade"); u.Details["accept_verified"] != true {
		t.Errorf("%+v", u)
	}
	if p := report.named(t, "ping"); p.Ms <= 0 || p.Details["rtt_ms"] == 0 {
		t.Errorf("%+v", p)
	}
}

func TestProbeTLS(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir())
	s := startServer(t, nil, "--tls-cert", cert, "--tls-key", key)
	url := strings.Replace(s.echo, "127.0.0.1", "localhost", 1)
	report, _ := probe(t, 0, "--cacert", cert, url)
	step := report.named(t, "tls")
	chain, _ := step.Details["certificates"].([]any)
	if !step.OK || step.Details["trusted"] != true || step.Details["alpn"] != "http/1.1" || step.Details["version"] != "TLS 1.3" || len(chain) != 1 ||
		!strings.Contains(strings.Join(step.Notes, "\n"), "expires soon") {
		t.Errorf("%+v", step)
	}
	report, _ = probe(t, 3, url)
	if step := report.named(t, "tls"); step.OK || !strings.Contains(report.Remedy, "--cacert") || report.named(t, "tls").Details["trusted"] != false {
		t.Errorf("not trusted: %+v", report)
	}
	report, _ = probe(t, 3, "--cacert", cert, s.echo) // 127.0.0.1 is not in it
	if !strings.Contains(report.Remedy, "other names") {
		t.Errorf("another name: %+v", report)
	}
	report, _ = probe(t, 0, "-k", s.echo)
	if step := report.named(t, "tls"); !strings.Contains(strings.Join(step.Notes, "\n"), "-k accepts it") {
		t.Errorf("-k: %+v", report)
	}
	report, _ = probe(t, 4, strings.Replace(s.echo, "wss:", "ws:", 1))
	if !strings.Contains(report.Why, "speaks TLS") || !strings.Contains(report.Remedy, "wss://") {
		t.Errorf("ws to a port for TLS: %+v", report)
	}
	plain := startServer(t, nil)
	report, _ = probe(t, 3, strings.Replace(plain.echo, "ws:", "wss:", 1))
	if !strings.Contains(report.Why, "speaks no TLS") || !strings.Contains(report.Remedy, "ws://") {
		t.Errorf("wss to a port without TLS: %+v", report)
	}
}

func TestProbeRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		lines  []string
		body   string
		code   int
		why    string
		remedy string
	}{
		{"401 Unauthorized", []string{"Www-Authenticate: Bearer"}, "", 5, "credentials", "-u"},
		{"403 Forbidden", nil, "", 5, "Origin", "--origin"},
		{"403 Forbidden", []string{"Cf-Ray: 1-FRA"}, "", 5, "Cloudflare", "WebSockets"},
		{"404 Not Found", nil, "", 4, "nothing at this path", "socket.io"},
		{"405 Method Not Allowed", nil, "", 4, "no GET", "path"},
		{"426 Upgrade Required", nil, "", 4, "without its Upgrade", "nginx"},
		{"426 Upgrade Required", []string{"Sec-WebSocket-Version: 8"}, "", 4, "another version", "13"},
		{"400 Bad Request", nil, `{"code":0,"message":"Transport unknown"}`, 4, "Socket.IO", "EIO=4"},
		{"400 Bad Request", nil, "Connection ID required", 4, "SignalR", "negotiate"},
		{"400 Bad Request", nil, "missing Upgrade", 4, "without its Upgrade", "nginx"},
		{"400 Bad Request", nil, "no", 4, "does not like", "answer"},
		{"429 Too Many Requests", nil, "", 4, "too many", "Retry-After"},
		{"500 Internal Server Error", nil, "", 4, "failed", "log"},
		{"502 Bad Gateway", nil, "", 4, "cannot reach", "application runs"},
		{"503 Service Unavailable", nil, "", 4, "overloaded", "log"},
		{"200 OK", []string{"Content-Type: text/html"}, "<html>", 4, "web page", "nginx"},
		{"200 OK", []string{"Server: nginx/1.2"}, "", 4, "nginx answered", "Upgrade"},
		{"200 OK", nil, "", 4, "did not upgrade", "path"},
		{"302 Found", []string{"Location: https://elsewhere.example/"}, "", 4, "wants TLS", "wss://"},
		{"302 Found", []string{"Location: /login"}, "", 4, "login", "--curl"},
		{"302 Found", []string{"Location: /other"}, "", 4, "redirects to /other", "-L"},
	} {
		url := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
			p.Answer(r, wstest.Head{Line: "HTTP/1.1 " + c.status, Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
				Lines: append([]string{"Connection: close", "Set-Cookie: id=secret; Path=/"}, c.lines...), After: []byte(c.body)})
		})
		report, r := probe(t, c.code, url)
		if !strings.Contains(report.Why, c.why) || !strings.Contains(report.Remedy, c.remedy) {
			t.Errorf("%s: %q, %q; want %q, %q", c.status, report.Why, report.Remedy, c.why, c.remedy)
		}
		notes := strings.Join(report.named(t, "http").Notes, "\n")
		if !strings.Contains(notes, c.body) || strings.Contains(r.out+r.err, "secret") {
			t.Errorf("%s: %s", c.status, notes)
		}
	}
}

// TestProbeOrigin has a server that wants an Origin: probe finds out.
func TestProbeOrigin(t *testing.T) {
	t.Parallel()
	url := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
		if r.Header.Get("Origin") == "" {
			p.Answer(r, wstest.Head{Line: "HTTP/1.1 403 Forbidden", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"}, Lines: []string{"Content-Length: 0"}})
			return
		}
		behave(t, p, r)
	})
	report, _ := probe(t, 5, url)
	origin := strings.TrimSuffix(strings.Replace(url, "ws:", "http:", 1), "/")
	if !strings.Contains(report.Remedy, "--origin "+origin) || !report.named(t, "again").OK {
		t.Errorf("%+v", report)
	}
	probe(t, 0, "--origin", origin, url)
}

func TestProbeRedirect(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	other := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
		got <- r
		behave(t, p, r)
	})
	url := door(t, func(n int, p *wstest.Peer, r *http.Request) {
		to := "/next?x=1"
		if r.URL.Path == "/next" {
			to = strings.Replace(other, "ws:", "http:", 1)
			if user, _, _ := r.BasicAuth(); user != "ann" {
				t.Errorf("the same origin did not get the credentials")
			}
		}
		p.Answer(r, wstest.Head{Line: "HTTP/1.1 307 Temporary Redirect", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
			Lines: []string{"Location: " + to, "Content-Length: 0"}})
	})
	report, r := probe(t, 0, "-L", "-H", "Cookie: a=b", strings.Replace(url, "ws://", "ws://ann:secret@", 1))
	if report.names() != "proxy tcp http redirect proxy tcp http redirect proxy tcp http upgrade ping idle close http/2" || strings.Contains(r.out, "secret") {
		t.Errorf("%s", r.out)
	}
	if req := <-got; req.Header.Get("Authorization") != "" || req.Header.Get("Cookie") != "" {
		t.Errorf("the other origin got %v", req.Header)
	}
	loop := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
		p.Answer(r, wstest.Head{Line: "HTTP/1.1 302 Found", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
			Lines: []string{"Location: ftp://example.com/", "Content-Length: 0"}})
	})
	if report, _ := probe(t, 4, "-L", loop); !strings.Contains(report.Why, "ftp") {
		t.Errorf("%+v", report)
	}
}

// TestProbeBehaviour has servers that do wrong once they are connected.
func TestProbeBehaviour(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve func(p *wstest.Peer)
		code  int
		step  string
		says  string
	}{
		"no pong": {func(p *wstest.Peer) {
			for {
				f, err := p.Next()
				if err != nil {
					return
				}
				if f.Opcode == wstest.OpClose {
					p.Send(f)
					return
				}
			}
		}, 7, "ping", "does not answer pings"},
		"no answer to the close": {func(p *wstest.Peer) {
			f, _ := p.Next()
			p.Send(wstest.Pong(string(f.Payload)))
			p.Next()
		}, 6, "close", "did not answer"},
		"closed at once": {func(p *wstest.Peer) {
			p.Send(wstest.Text("go away"), wstest.Close(ws.CodePolicyViolation, "no"))
			io.Copy(io.Discard, p.Stream)
		}, 6, "idle", "1 message (7 bytes)"},
		"closed in order": {func(p *wstest.Peer) {
			f, _ := p.Next()
			p.Send(wstest.Pong(string(f.Payload)), wstest.Close(ws.CodeNormal, ""))
			io.Copy(io.Discard, p.Stream)
		}, 0, "idle", "then the connection ended"},
		"a server that pings": {func(p *wstest.Peer) {
			p.Send(wstest.Ping("x"))
			for {
				f, err := p.Next()
				switch {
				case err != nil:
					return
				case f.Opcode == wstest.OpPing:
					p.Send(wstest.Pong(string(f.Payload)))
				case f.Opcode == wstest.OpClose:
					p.Send(f)
					return
				}
			}
		}, 0, "idle", "1 ping came"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
				if err := p.Answer(r, wstest.Head{}); err != nil {
					t.Error(err)
				}
				c.serve(p)
			})
			report, _ := probe(t, c.code, "-W", "300ms", url)
			if text := report.named(t, c.step).Text; !strings.Contains(text, c.says) {
				t.Errorf("%q, want %q; %+v", text, c.says, report)
			}
		})
	}
}

func TestProbeProtocol(t *testing.T) {
	t.Parallel()
	url := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
		p.Answer(r, wstest.Head{Lines: []string{"Sec-WebSocket-Accept: wrong"}})
	})
	if report, _ := probe(t, 7, url); report.named(t, "upgrade").OK || !strings.Contains(report.Why, "Sec-WebSocket-Accept") {
		t.Errorf("%+v", report)
	}
	mail := listen(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 16))
		io.WriteString(conn, "220 mail.example ESMTP\r\n\r\n")
	})
	if report, _ := probe(t, 7, "--connect-timeout", "1s", mail); !strings.Contains(report.Remedy, "HTTP") {
		t.Errorf("%+v", report)
	}
	rude := listen(t, func(conn net.Conn) { bufio.NewReader(conn).ReadString('\n'); conn.(*net.TCPConn).SetLinger(0) })
	if report, _ := probe(t, 3, "--connect-timeout", "1s", rude); !strings.Contains(report.Why, "ended the connection") {
		t.Errorf("%+v", report)
	}
}

// TestProbeEndsAtOnce looks at servers that end the connection right behind the handshake: that is no idle connection.
func TestProbeEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sends  []byte
		code   int
		remedy string
	}{
		"a broken frame": {[]byte{0xf1, 1, 'x'}, 7, "WebSocket library"},
		"nothing":        {nil, 6, "credentials"},
		"a close frame":  {wstest.Bytes(wstest.Close(4001, "no")), 6, "credentials"},
	} {
		url := door(t, func(_ int, p *wstest.Peer, r *http.Request) {
			p.Answer(r, wstest.Head{After: c.sends})
			if c.sends != nil {
				io.Copy(io.Discard, p.Stream)
			}
		})
		report, r := probe(t, c.code, "--idle", "10s", url)
		if !strings.Contains(r.err, c.remedy) || strings.Contains(fmt.Sprint(report.named(t, "idle").Notes), "idle connections") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestProbeLocation(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"": "does not say where",
		"https://ann:hush@example.com/?token=hush&a=1": "https://ann:xxxxx@example.com/?token=xxxxx&a=1",
		"/login?ticket=hush":                           "/login?ticket=xxxxx",
	} {
		url := door(t, func(_ int, p *wstest.Peer, _ *http.Request) {
			head := "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
			if location != "" {
				head += "Location: " + location + "\r\n"
			}
			io.WriteString(p.Stream, head+"\r\n")
		})
		report, r := probe(t, 4, url)
		if !strings.Contains(report.Why, want) || strings.Contains(r.out+r.err, "hush") {
			t.Errorf("%q: %+v", location, r)
		}
	}
}

func TestProbeNetwork(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if report, _ := probe(t, 3, "ws://"+closed.Addr().String()); report.named(t, "tcp").OK || !strings.Contains(report.Why, "nothing listens") {
		t.Errorf("%+v", report)
	}
	if report, _ := probe(t, 3, "ws://no.such.host.invalid/"); report.named(t, "dns").OK {
		t.Errorf("%+v", report)
	}
	silent := func() string { return listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }) }
	if report, _ := probe(t, 124, "--connect-timeout", "300ms", silent()); !strings.Contains(report.Why, "no answer came") {
		t.Errorf("%+v", report)
	}
	if report, _ := probe(t, 124, "--max-time", "300ms", silent()); !strings.Contains(report.Remedy, "--max-time") {
		t.Errorf("%+v", report)
	}
	parley(t, "", "probe").expect(t, 2, "URL")
	parley(t, "", "probe", "-W", "0s", "ws://127.0.0.1:1/").expect(t, 2, "--ping-timeout")
	parley(t, "", "probe", "--idle", "-1s", "ws://127.0.0.1:1/").expect(t, 2, "--idle")
	parley(t, "", "probe", "--max-time", "-1s", "ws://127.0.0.1:1/").expect(t, 2, "--max-time")
	parley(t, "", "probe", "--color", "no", "ws://127.0.0.1:1/").expect(t, 2, "--color")
}

func TestProbeProxy(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	proxy := listen(t, func(conn net.Conn) {
		p := wstest.ServerPeer(conn)
		r, err := p.ReadRequest()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		go io.Copy(to, conn)
		io.Copy(conn, to)
	})
	report, r := probe(t, 0, "-x", strings.Replace(proxy, "ws://", "http://user:secret@", 1), s.echo)
	if report.names() != "proxy tcp tunnel http upgrade ping idle close http/2" || strings.Contains(r.out, "secret") || !strings.Contains(report.Steps[0].Text, "by -x") {
		t.Errorf("%s", r.out)
	}
	refusing := listen(t, func(conn net.Conn) {
		bufio.NewReader(conn).ReadString('\n')
		io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, conn)
	})
	report, _ = probe(t, 3, "-x", strings.Replace(refusing, "ws:", "http:", 1), s.echo)
	if step := report.named(t, "tunnel"); step.OK || !strings.Contains(step.Text, "407") {
		t.Errorf("%+v", report)
	}
}

func TestProbeHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(ws.Handler{Handle: func(c *ws.Conn) error {
		for _, err := range c.Messages(c.Context()) {
			if err != nil {
				return err
			}
		}
		return nil
	}})
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	report, _ := probe(t, 0, "-k", strings.Replace(srv.URL, "https", "wss", 1))
	if step := report.named(t, "http/2"); step.Details["websocket"] != true || !strings.Contains(step.Text, "are offered") { // as package extendedconnect has it
		t.Errorf("%+v", step)
	}

	// Servers of which nothing is needed but the settings.
	for name, c := range map[string]struct {
		send    func(*http2.Framer)
		says    string
		offered bool
	}{
		"offered":  {func(f *http2.Framer) { f.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}) }, "are offered", true},
		"off":      {func(f *http2.Framer) { f.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0}) }, "turned off", false},
		"no word":  {func(f *http2.Framer) { f.WriteSettings() }, "not offered", false},
		"an ack":   {func(f *http2.Framer) { f.WriteSettingsAck() }, "instead of settings", false},
		"not HTTP": {func(f *http2.Framer) { f.WriteRawFrame(0xee, 0, 0, make([]byte, 1<<15)) }, "no HTTP/2 settings", false},
	} {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			go io.Copy(io.Discard, server)
			c.send(http2.NewFramer(server, nil))
			server.Close()
		}()
		client.SetDeadline(time.Now().Add(patience))
		text, offered, err := readSettings(client)
		if err != nil {
			text = err.Error()
		}
		client.Close()
		<-done
		if offered != c.offered || !strings.Contains(text, c.says) {
			t.Errorf("%s: %v %q, want %v %q", name, offered, text, c.offered, c.says)
		}
	}
}

func TestExplainCertificate(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	old := *pair.Leaf
	old.NotAfter = time.Now().Add(-time.Hour)
	pool, err := readRoots(cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := wouldTrust(nil, "localhost", pool); err == nil {
		t.Error("no certificate was accepted")
	}
	if err := wouldTrust([]*x509.Certificate{pair.Leaf}, "127.0.0.1", pool); err == nil {
		t.Error("a certificate for localhost was accepted for an address")
	}
	chain := []*x509.Certificate{&old}
	if err := wouldTrust(chain, "localhost", pool); err == nil || !strings.Contains(explainCertificate(err, chain), "renew") {
		t.Errorf("%v", err)
	}
	young := *pair.Leaf
	young.NotBefore = time.Now().Add(time.Hour)
	chain[0] = &young
	if err := wouldTrust(chain, "localhost", pool); err == nil || !strings.Contains(explainCertificate(err, chain), "clock") {
		t.Errorf("%v", err)
	}
	if note := clockNote(time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)); !strings.Contains(note, "differ by 1h0m") {
		t.Errorf("%q", note)
	}
	if note := clockNote(time.Now().UTC().Format(http.TimeFormat)); note != "" {
		t.Errorf("%q", note)
	}
}
