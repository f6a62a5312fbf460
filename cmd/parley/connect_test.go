package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestConnectPipe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name, stdin, want string
		args              []string
	}{
		{"two lines", "a\nb\n", "a\nb\n", nil},
		{"no line break at the end", "a\nb", "a\nb\n", nil},
		{"line breaks of Windows", "a\r\nb\r\n", "a\nb\n", nil},
		{"an empty line", "\na\n", "\na\n", nil},
		{"nothing", "", "", nil},
		{"UTF-8 and control characters", "grüß\t\x1b[31m世界\n", "grüß\t\x1b[31m世界\n", nil}, // escaped on a terminal only
		{"a long line", long + "\n", long + "\n", nil},
		{"compressed", "a\nb\n" + long + "\n", "a\nb\n" + long + "\n", []string{"--compress", "on"}},
		{"compressed with takeover", "a\n" + long + "\n", "a\n" + long + "\n", []string{"--compress=takeover"}},
		{"a short idle", "a\n", "a\n", []string{"--idle", "200ms"}},
		{"a subprotocol", "a\n", "a\n", []string{"--subprotocol", "other", "--subprotocol", "echo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := parley(t, c.stdin, append([]string{"connect", s.echo}, c.args...)...)
			if r.code != 0 || r.out != c.want {
				t.Errorf("code %d, standard output %.200q, want %.200q", r.code, r.out, c.want)
			}
			if want := "parley: closed: 1000 (normal closure)\n"; r.err != want {
				t.Errorf("standard error %q, want %q", r.err, want)
			}
		})
	}
}

func TestConnectWithoutItsName(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, args := range [][]string{
		{s.echo},
		{"--idle", "300ms", s.echo},
		{strings.Replace(s.echo, "ws://", "WS://", 1)},
		{"connect", strings.Replace(s.echo, "ws://", "http://", 1)},
	} {
		if r := parley(t, "a\n", args...); r.code != 0 || r.out != "a\n" {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestConnectManyLines sends more than all buffers between the two directions hold.
func TestConnectManyLines(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if r := parley(t, b.String(), "connect", s.echo); r.code != 0 || r.out != b.String() {
		t.Errorf("code %d, %d bytes came back of %d; %s", r.code, len(r.out), b.Len(), r.err)
	}
}

func TestConnectRequest(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("X-From: file\r\nX-Empty:\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("ann:opensesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got *http.Request
	url := peer(t, wstest.Head{Lines: []string{"Sec-WebSocket-Protocol: two"}}, func(p *wstest.Peer, r *http.Request) {
		got = r
		answerClose(t, p, p.MustNext(t))
	})
	r := parley(t, "", "connect", url+"path?q=1", "-H", "X-One: 1", "--header", "X-One: 2", "-H", "@"+file, "-u", "@"+secret,
		"-H", "Host: other.example", "--origin", "https://page.example", "--subprotocol", "one", "--subprotocol", "two",
		"--compress", "takeover", "--idle", "100ms")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if user, password, _ := got.BasicAuth(); user != "ann" || password != "opensesame" {
		t.Errorf("credentials %q, %q", user, password)
	}
	for name, want := range map[string]string{
		"X-One": "1|2", "X-From": "file", "X-Empty": "", "Origin": "https://page.example", "Sec-Websocket-Protocol": "one, two",
	} {
		if have := strings.Join(got.Header[name], "|"); have != want || got.Header[name] == nil {
			t.Errorf("%s: %q, want %q", name, have, want)
		}
	}
	if got.Host != "other.example" || got.RequestURI != "/path?q=1" {
		t.Errorf("Host %q, target %q", got.Host, got.RequestURI)
	}
	if e := got.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(e, "permessage-deflate") || strings.Contains(e, "no_context_takeover") {
		t.Errorf("extensions offered: %q", e)
	}
}

func TestConnectCloseCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frame wstest.Frame
		code  int
		says  string
	}{
		{wstest.Close(ws.CodeNormal, "bye"), 0, "closed by the server: 1000 (normal closure): bye"},
		{wstest.Close(ws.CodeGoingAway, ""), 0, "closed by the server: 1001 (going away)"},
		{wstest.Close(ws.CodeNoStatus, ""), 0, "closed by the server: 1005"},
		{wstest.Close(ws.CodeInternalError, "boom"), 6, "1011 (internal error): boom"},
		{wstest.Close(4001, "\x1b[31mred"), 6, `4001: \x1b[31mred`},
		{wstest.Close(ws.CodeProtocolError, "you"), 7, "closed by the server: 1002 (protocol error): you"},
		{wstest.Frame{Fin: true, RSV2: true, Opcode: wstest.OpText}, 7, "1002 (protocol error)"},
		{wstest.Text("\xff"), 7, "1007"},
		{wstest.Text(strings.Repeat("x", 2000)), 6, "--max-size"},
	} {
		url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
			p.Send(c.frame)
			io.Copy(io.Discard, p.Stream)
		})
		p := begin(t, nil, "connect", url, "--max-size", "1KiB") // with a standard input that stays open
		p.wait(t).expect(t, c.code, c.says)
	}
}

func TestConnectLostConnection(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{After: wstest.Bytes(wstest.Text("last words"))}, func(p *wstest.Peer, _ *http.Request) { p.Close() })
	p := begin(t, nil, "connect", url)
	r := p.wait(t)
	r.expect(t, 6, "1006 (abnormal closure)")
	if r.out != "last words\n" {
		t.Errorf("standard output %q", r.out)
	}
}

func TestConnectRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		code   int
		says   string
	}{
		{"401 Unauthorized", 5, "-u USER:PASSWORD"},
		{"403 Forbidden", 5, "--origin"},
		{"404 Not Found", 4, "path"},
		{"302 Found", 4, "Location"},
		{"200 OK", 4, "answer follows"},
		{"503 Service Unavailable", 4, "answer follows"},
	} {
		body := "go \x1b[31maway\nplease\n"
		url := peer(t, wstest.Head{
			Line:    "HTTP/1.1 " + c.status,
			Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
			Lines:   []string{"X-Why: because", fmt.Sprintf("Content-Length: %d", len(body))},
			After:   []byte(body),
		}, nil)
		r := parley(t, "a\n", "connect", url)
		first, rest, _ := strings.Cut(r.err, "\n")
		if r.code != c.code || !strings.Contains(first, c.says) || r.out != "" {
			t.Errorf("%s: code %d, want %d; standard output %q, standard error %s", c.status, r.code, c.code, r.out, r.err)
		}
		for _, want := range []string{"< HTTP " + c.status[:3] + "\n", "< X-Why: because\n", "< go \\x1b[31maway\n< please\n"} {
			if !strings.Contains(rest, want) {
				t.Errorf("%s: standard error lacks %q: %s", c.status, want, r.err)
			}
		}
	}
	url := peer(t, wstest.Head{Lines: []string{"Sec-WebSocket-Accept: wrong"}}, nil)
	if r := parley(t, "", "connect", url); r.code != 7 || !strings.Contains(r.err, "Sec-WebSocket-Accept") {
		t.Errorf("a wrong accept: %+v", r)
	}
}

func TestConnectNetwork(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	parley(t, "", "connect", "ws://"+closed.Addr().String()+"/").expect(t, 3, closed.Addr().String(), "check that the server runs")
	parley(t, "", "connect", "ws://no.such.host.invalid/").expect(t, 3, "no.such.host.invalid", "check")

	plain := listen(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 16))
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	parley(t, "", "connect", strings.Replace(plain, "ws:", "wss:", 1)).expect(t, 3, "ws://")

	nonsense := listen(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 16))
		io.WriteString(conn, "220 mail.example ESMTP\r\n\r\n")
	})
	parley(t, "", "connect", nonsense).expect(t, 7, "HTTP")
}

func TestConnectTimeouts(t *testing.T) {
	t.Parallel()
	silent := func() string { return listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) }) }
	parley(t, "", "connect", "--connect-timeout", "300ms", silent()).expect(t, 124, "--connect-timeout")
	parley(t, "", "connect", "--max-time", "300ms", silent()).expect(t, 124, "--max-time")

	got := make(chan wstest.Frame, 1)
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		f := p.MustNext(t)
		got <- f
		answerClose(t, p, f)
	})
	p := begin(t, nil, "connect", "--max-time", "500ms", url)
	r := p.wait(t)
	if r.code != 124 || !strings.Contains(r.err, "--max-time") {
		t.Errorf("%+v", r)
	}
	if f := <-got; !bytes.HasPrefix(f.Payload, []byte{0x03, 0xe9}) {
		t.Errorf("the server saw %v, want 1001", f)
	}
}

func TestConnectUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{nil, []string{"URL", "ws://"}},
		{[]string{"ws://127.0.0.1:1/", "more"}, []string{"more"}},
		{[]string{"localhost:8080"}, []string{"ws://"}},
		{[]string{"ftp://127.0.0.1/"}, []string{"ws://"}},
		{[]string{"ws:///path"}, []string{"host"}},
		{[]string{"ws://127.0.0.1:1/#part"}, []string{"%23"}},
		{[]string{"ws://user:secret@127.0.0.1:bad/"}, []string{"URL"}},
		{[]string{"-H", "no colon", "ws://127.0.0.1:1/"}, []string{"-H", "Name: value"}},
		{[]string{"-H", "X: a\nY: b\x01", "ws://127.0.0.1:1/"}, []string{"-H"}},
		{[]string{"-H", "Upgrade: h2c", "ws://127.0.0.1:1/"}, []string{"Upgrade"}},
		{[]string{"-u", "ann", "ws://127.0.0.1:1/"}, []string{"-u"}},
		{[]string{"--subprotocol", "a b", "ws://127.0.0.1:1/"}, []string{"--subprotocol"}},
		{[]string{"--compress", "best", "ws://127.0.0.1:1/"}, []string{"--compress", "takeover"}},
		{[]string{"--max-size", "lots", "ws://127.0.0.1:1/"}, []string{"--max-size", "16MiB"}},
		{[]string{"--max-size", "0", "ws://127.0.0.1:1/"}, []string{"--max-size"}},
		{[]string{"--idle", "0s", "ws://127.0.0.1:1/"}, []string{"--idle"}},
		{[]string{"-x", "gopher://127.0.0.1", "ws://127.0.0.1:1/"}, []string{"-x", "socks5"}},
		{[]string{"--wrong", "ws://127.0.0.1:1/"}, []string{"--wrong", "--help"}},
	} {
		r := parley(t, "", append([]string{"connect"}, c.args...)...)
		r.expect(t, 2, c.words...)
		if strings.Contains(r.err, "secret") {
			t.Errorf("%q: a secret is shown: %s", c.args, r.err)
		}
	}
	parley(t, "", "connect", "--cacert", "/no/such/file", "wss://127.0.0.1:1/").expect(t, 1, "--cacert")
	parley(t, "", "connect", "-H", "@/no/such/file", "ws://127.0.0.1:1/").expect(t, 1, "-H")
}

func TestConnectBinary(t *testing.T) {
	t.Parallel()
	data := []byte{0xff, 0xfe, 0, '\n', 0x80}
	sends := func() string {
		return peer(t, wstest.Head{After: wstest.Bytes(wstest.Binary(data))}, func(p *wstest.Peer, _ *http.Request) {
			answerClose(t, p, p.MustNext(t))
		})
	}
	r := parley(t, "", "connect", sends())
	r.expect(t, 1, "--json", "--binary")
	if r.out != "" {
		t.Errorf("standard output holds %q", r.out)
	}
	if r := parley(t, "", "connect", "--binary", sends()); r.code != 0 || r.out != string(data) {
		t.Errorf("with --binary: %+v", r)
	}
}

func TestConnectInputThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "good\nb\xe4d\n", "connect", s.echo)
	if r.code != 7 || !strings.Contains(r.err, "message 2 of standard input") {
		t.Errorf("%+v", r)
	}
}

func TestConnectVerbose(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "a\n", "connect", "-v", "--compress", "on", s.echo)
	for _, want := range []string{"* connected to 127.0.0.1:", "< HTTP/1.1 101", "< Upgrade: websocket", "extensions permessage-deflate"} {
		if r.code != 0 || !strings.Contains(r.err, want) {
			t.Errorf("code %d; standard error lacks %q: %s", r.code, want, r.err)
		}
	}
	if r.out != "a\n" {
		t.Errorf("standard output %q", r.out)
	}
}

func TestConnectProxy(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	asked := make(chan string, 1)
	proxy := listen(t, func(conn net.Conn) {
		p := wstest.ServerPeer(conn)
		r, err := p.ReadRequest()
		if err != nil {
			t.Error(err)
			return
		}
		asked <- r.Method + " " + r.Host
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
	address := strings.TrimSuffix(strings.TrimPrefix(proxy, "ws://"), "/")
	if r := parley(t, "a\n", "connect", "-x", address, s.echo); r.code != 0 || r.out != "a\n" {
		t.Errorf("%+v", r)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s.echo, "ws://"), "/echo")
	if got := <-asked; got != "CONNECT "+host {
		t.Errorf("the proxy was asked for %q", got)
	}
}

// TestConnectWaitsForReplies has a server that answers late, but not so late after anything as connect waits.
func TestConnectWaitsForReplies(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectMessage(t, wstest.OpText, "a")
		for i := range 3 {
			timer := time.NewTimer(1500 * time.Millisecond) // more than the default
			<-timer.C
			p.Send(wstest.Text(fmt.Sprint("late ", i)))
		}
		answerClose(t, p, p.MustNext(t))
	})
	if r := parley(t, "a\n", "connect", "--idle", "4s", url); r.code != 0 || r.out != "late 0\nlate 1\nlate 2\n" {
		t.Errorf("%+v", r)
	}
}
