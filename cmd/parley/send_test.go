package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/record"
	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestSendPipe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	long := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		name, stdin, want string
		args              []string
	}{
		{"two lines", "a\nb\n", "a\nb\n", nil},
		{"no line break at the end", "a\nb", "a\nb\n", nil},
		{"nothing", "", "", nil},
		{"messages, and no standard input", "", "a\nb\nc\n", []string{"-m", "a", "--message", "b", "c"}},
		{"standard input is not read", "in\n", "a\n", []string{"a"}},
		{"standard input behind them", "in\n", "a\nin\n", []string{"a", "-"}},
		{"a message that is a hyphen", "", "-\n", []string{"-m", "-"}},
		{"a long line, compressed", long + "\n", long + "\n", []string{"--compress", "on"}},
		{"binary", "\xff\x00\n\xfe", "\xff\x00\n\xfe", []string{"--binary"}},
		{"binary lines", "\xff\r\n\xfe", "\xff\r\n\xfe\n", []string{"--binary", "--frame", "lines"}},
		{"hexadecimal", "ff 00\nFE\n", "ff00\nfe\n", []string{"--hex"}},
		{"base64", "/wA=\n_v8\n", "/wA=\n/v8=\n", []string{"--base64"}},
		{"zero bytes between", "a\nb\x00c\x00", "a\nb\x00c\x00", []string{"--frame", "nul"}},
		{"lengths before", "\x00\x00\x00\x03a\nb\x00\x00\x00\x00", "\x00\x00\x00\x03a\nb\x00\x00\x00\x00", []string{"--frame", "len32"}},
		{"binary with lengths", "\x00\x00\x00\x02\xff\n", "\x00\x00\x00\x02\xff\n", []string{"--binary", "--frame=len32"}},
		{"JSON on several lines", "{\n  \"a\": [1,\n 2]\n}\n{}", "{\"a\":[1,2]}\n{}\n", []string{"--frame", "json"}},
		{"all of it", "a\nb", "a\nb", []string{"--frame", "all"}},
		{"a number", "a\nb\nc\n", "a\nb\nc\n", []string{"-n", "3"}},
		{"met", "a\nb\n", "a\nb\n", []string{"--expect", "^b$"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := parley(t, c.stdin, append([]string{"send", "--idle", "500ms", s.echo}, c.args...)...)
			if r.code != 0 || r.out != c.want || r.err != "" {
				t.Errorf("code %d, standard output %.200q, want %.200q; standard error %q", r.code, r.out, c.want, r.err)
			}
		})
	}
}

// TestSendBoth sends two lines to a server that answers at different times, over and over.
func TestSendBoth(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for range 20 {
		if r := parley(t, "a\nb\n", "send", "--idle", "200ms", s.echo); r.code != 0 || r.out != "a\nb\n" {
			t.Fatalf("%+v", r)
		}
	}
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectMessage(t, wstest.OpText, "a")
		p.ExpectMessage(t, wstest.OpText, "b")
		for _, m := range []string{"A", "B"} {
			<-time.NewTimer(700 * time.Millisecond).C
			p.Send(wstest.Text(m))
		}
		answerClose(t, p, p.MustNext(t))
	})
	if r := parley(t, "a\nb\n", "send", url); r.code != 0 || r.out != "A\nB\n" {
		t.Errorf("a slow server: %+v", r)
	}
}

// TestSendReadsLate has a server that never accepts: standard input must not have been touched.
func TestSendReadsLate(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := beginWith(t, in, "send", "--connect-timeout", "300ms", silent)
	p.wait(t).expect(t, 124, "--connect-timeout")
	if at, err := in.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		t.Errorf("%d bytes of standard input were read, %v", at, err)
	}
}

// TestSendCount waits for a number of messages longer than --idle, and ends though standard input stays open.
func TestSendCount(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		<-time.NewTimer(1500 * time.Millisecond).C
		p.Send(wstest.Text("one"), wstest.Text("two"), wstest.Text("three"))
		answerClose(t, p, p.MustNext(t))
	})
	if r := begin(t, nil, "send", "-n", "2", url).wait(t); r.code != 0 || r.out != "one\ntwo\n" {
		t.Errorf("%+v", r)
	}
}

func TestSendExpect(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for _, c := range []struct {
		message string
		expect  []string
		met     bool
	}{
		{"hello", []string{"^hel+o$"}, true},
		{"hello", []string{"^ello"}, false},
		{`{"type":"ok","n":1.0,"more":[1,{"x":2}]}`, []string{`{"type":"ok","n":1}`}, true},
		{`{"type":"ok","more":[1,{"x":2,"y":3}]}`, []string{`{"more":[1,{"x":2}]}`}, true},
		{`{"type":"ok","more":[1,2]}`, []string{`{"more":[1]}`}, false},
		{`{"type":"no"}`, []string{`{"type":"ok"}`}, false},
		{`[1,2]`, []string{`[1,2]`}, true},
		{`no JSON`, []string{`{"type":"ok"}`}, false},
		{"hello", []string{"hello", "hello"}, false}, // each wants a message of its own
		{"[a", []string{"[[]a"}, true},
	} {
		args := []string{"send", "--idle", "300ms", s.echo, "-m", c.message}
		for _, e := range c.expect {
			args = append(args, "--expect", e)
		}
		r := parley(t, "", args...)
		if c.met && (r.code != 0 || r.err != "") {
			t.Errorf("%s, %q: %+v", c.message, c.expect, r)
		}
		if !c.met {
			r.expect(t, 8, "--expect", "--idle")
		}
		if r.out != c.message+"\n" {
			t.Errorf("%s: standard output %q", c.message, r.out)
		}
	}
	r := parley(t, "a\nb\nc\n", "send", s.echo, "--expect", "a", "--expect", "c", "--idle", "20s")
	if r.code != 0 || r.out != "a\nb\nc\n" {
		t.Errorf("two expectations: %+v", r)
	}
}

func TestSendClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frame wstest.Frame
		code  int
		args  []string
	}{
		{wstest.Close(ws.CodeNormal, "bye"), 0, nil},
		{wstest.Close(ws.CodeGoingAway, ""), 0, nil},
		{wstest.Close(ws.CodeNoStatus, ""), 0, nil},
		{wstest.Close(ws.CodeInternalError, "boom"), 6, nil},
		{wstest.Close(4001, "done"), 6, nil},
		{wstest.Close(4001, "done"), 0, []string{"--ok-close", "4001"}},
		{wstest.Close(4001, "done"), 0, []string{"--ok-close", "4000,4001"}},
		{wstest.Close(4001, "done"), 6, []string{"--ok-close", "4002"}},
		{wstest.Close(ws.CodeProtocolError, "you"), 7, nil},
		{wstest.Text("\xff"), 7, nil},
	} {
		url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
			p.Send(c.frame)
			io.Copy(io.Discard, p.Stream)
		})
		r := begin(t, nil, append([]string{"send", url}, c.args...)...).wait(t) // with a standard input that stays open
		if c.code == 0 {
			if r.code != 0 || r.err != "" {
				t.Errorf("%v: %+v", c.frame, r)
			}
			continue
		}
		r.expect(t, c.code, "--ok-close")
	}
	lost := peer(t, wstest.Head{After: wstest.Bytes(wstest.Text("last words"))}, func(p *wstest.Peer, _ *http.Request) { p.Close() })
	r := begin(t, nil, "send", lost).wait(t)
	r.expect(t, 6, "1006", "--ok-close 1006")
	if r.out != "last words\n" {
		t.Errorf("standard output %q", r.out)
	}
}

// lines parses the output of --json.
func lines(t *testing.T, out string) (events []record.Event) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e record.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.V != 1 || e.Conn != 1 || time.Since(e.T) > patience || e.T.Location() != time.UTC {
			t.Errorf("%s", line)
		}
		events = append(events, e)
	}
	return events
}

// brief returns an event as a few words.
func brief(e record.Event) string {
	s := e.Ev + " " + e.Dir
	if e.Type != "" {
		s += " " + e.Type
	}
	if e.Len != nil {
		s += fmt.Sprint(" ", *e.Len)
	}
	if e.Wire != nil && e.Len != nil && *e.Wire != *e.Len {
		s += " compressed"
	}
	if e.Data != nil {
		s += " " + *e.Data
	}
	if e.B64 != nil {
		s += " base64:" + *e.B64
	}
	if e.Code != 0 {
		s += fmt.Sprint(" ", e.Code, " ", e.Reason)
	}
	return s
}

func TestSendJSON(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectMessage(t, wstest.OpText, "grüß\n")
		p.Send(wstest.Ping("there?"))
		p.Expect(t, wstest.Pong("there?"))
		p.Send(wstest.Text("tab\t"), wstest.Binary([]byte{0, 255}), wstest.Close(ws.CodeNormal, "bye"))
		p.ExpectClose(t, ws.CodeNormal)
	})
	r := parley(t, "", "send", "--json", url, "-m", "grüß\n")
	var got []string
	events := lines(t, r.out)
	for _, e := range events {
		got = append(got, strings.TrimSpace(brief(e)))
	}
	want := []string{"open out", "msg out text 7 grüß\n", "ping in 6 base64:" + base64.StdEncoding.EncodeToString([]byte("there?")), "pong out 6",
		"msg in text 4 tab\t", "msg in binary 2 base64:AP8=", "close in 1000 bye"}
	for i := range want {
		want[i] = strings.TrimSpace(want[i])
	}
	// The answer to the ping may be noted before or after the ping.
	if len(got) > 3 && got[2] == want[3] {
		got[2], got[3] = got[3], got[2]
	}
	if strings.Join(got, "|") != strings.Join(want, "|") || r.code != 0 || r.err != "" {
		t.Errorf("%+v\ngot  %q\nwant %q", r, got, want)
	}
	if events[0].Status != 101 || events[0].URL != url {
		t.Errorf("open: %+v", events[0])
	}

	s := startServer(t, nil)
	text := strings.Repeat("compress me ", 100)
	out := filepath.Join(t.TempDir(), "events")
	r = parley(t, "", "send", "--json", "--compress", "on", "-n", "1", "-o", out, s.echo, text)
	written, err := os.ReadFile(out)
	if err != nil || r.out != "" || r.code != 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	events = lines(t, string(written))
	if len(events) != 4 || *events[1].Wire >= *events[1].Len || *events[2].Wire >= *events[2].Len || events[0].Extensions == "" {
		t.Errorf("%s", written)
	}

	refused := peer(t, wstest.Head{Line: "HTTP/1.1 404 Not Found", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
		Lines: []string{"Content-Length: 4"}, After: []byte("gone")}, nil)
	r = parley(t, "", "send", "--json", refused, "a")
	if events = lines(t, r.out); r.code != 4 || len(events) != 1 || events[0].Ev != "error" || events[0].Status != 404 || events[0].Body != "gone" {
		t.Errorf("%+v", r)
	}
}

func TestSendRequest(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	serve := func(p *wstest.Peer, r *http.Request) {
		got <- r
		answerClose(t, p, p.MustNext(t))
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		p := wstest.ServerPeer(conn)
		p.Timeout = patience
		r, err := p.ReadRequest()
		if err != nil || p.Answer(r, wstest.Head{}) != nil {
			t.Error(err)
			return
		}
		serve(p, r)
	}()
	if r := parley(t, "", "send", "--unix-socket", l.Addr().String(), "--idle", "100ms", "ws://in.the.socket/path"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := <-got; r.Host != "in.the.socket" || r.RequestURI != "/path" {
		t.Errorf("Host %q, target %q", r.Host, r.RequestURI)
	}
	<-done

	url := peer(t, wstest.Head{}, serve)
	_, port, _ := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/"))
	if r := parley(t, "", "send", "--resolve", "no.such.host.invalid:"+port+":127.0.0.1", "--idle", "100ms", "ws://no.such.host.invalid:"+port+"/"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := <-got; r.Host != "no.such.host.invalid:"+port {
		t.Errorf("Host %q", r.Host)
	}
}

// TestSendRedirect follows to another origin, which must not get the credentials.
func TestSendRedirect(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	target := peer(t, wstest.Head{}, func(p *wstest.Peer, r *http.Request) {
		got <- r
		answerClose(t, p, p.MustNext(t))
	})
	from := func() string {
		return peer(t, wstest.Head{Line: "HTTP/1.1 302 Found", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
			Lines: []string{"Location: " + strings.Replace(target, "ws:", "http:", 1), "Content-Length: 0"}}, nil)
	}
	parley(t, "", "send", from(), "a").expectFirst(t, 4, "-L")
	r := parley(t, "", "send", "-L", "-u", "ann:secret", "-H", "Cookie: a=b", "-H", "X-Kept: yes", "--idle", "100ms", from())
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if req := <-got; req.Header.Get("Authorization") != "" || req.Header.Get("Cookie") != "" || req.Header.Get("X-Kept") != "yes" {
		t.Errorf("the other origin got %v", req.Header)
	}
}

func TestSendVerboseSilentOutput(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "", "send", "-v", "-n", "1", s.echo, "a")
	for _, want := range []string{"* connected to 127.0.0.1:", "< HTTP/1.1 101", "closed: 1000"} {
		if r.code != 0 || r.out != "a\n" || !strings.Contains(r.err, want) {
			t.Errorf("%+v lacks %q", r, want)
		}
	}
	// A message with a line break is more than one line, and that is said, unless -s.
	if r := parley(t, "", "send", "-n", "1", s.echo, "a\nb"); r.code != 0 || r.out != "a\nb\n" || !strings.Contains(r.err, "--frame") {
		t.Errorf("%+v", r)
	}
	if r := parley(t, "", "send", "-s", "-n", "1", s.echo, "a\nb"); r.code != 0 || r.out != "a\nb\n" || r.err != "" {
		t.Errorf("%+v", r)
	}
	name := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(name, []byte("what was there, which is longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	parley(t, "", "send", "-o", name, "ws://"+closed.Addr().String(), "a").expect(t, 3, "check that the server runs")
	if b, _ := os.ReadFile(name); string(b) != "what was there, which is longer" {
		t.Errorf("no connection, but the file holds %q", b)
	}
	if r := parley(t, "", "send", "-o", name, "-n", "1", s.echo, "a"); r.code != 0 || r.out != "" {
		t.Errorf("%+v", r)
	}
	if b, _ := os.ReadFile(name); string(b) != "a\n" {
		t.Errorf("the file holds %q", b)
	}
}

func TestSendKeepalive(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		if f := p.MustNext(t); f.Opcode != wstest.OpPing {
			t.Errorf("got %v, want a ping", f)
		}
		io.Copy(io.Discard, p.Stream)
	})
	r := begin(t, nil, "send", "--ping-interval", "100ms", "--ping-timeout", "200ms", url).wait(t)
	r.expect(t, 124, "no sign of life")
}

func TestSendMaxTime(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.Send(wstest.Text("early"))
		answerClose(t, p, p.MustNext(t))
	})
	r := begin(t, nil, "send", "--max-time", "600ms", url).wait(t)
	r.expect(t, 124, "--max-time")
	if r.out != "early\n" {
		t.Errorf("standard output %q", r.out)
	}
}

// TestSendCloseUnanswered ends although the server never answers the close frame, and says so.
func TestSendCloseUnanswered(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) { <-over })
	defer close(over)
	r := parley(t, "", "send", "-v", "--max-time", "200ms", url, "x")
	if r.code != 124 || !strings.Contains(r.err, "did not answer our close frame") || !strings.Contains(r.err, "--max-time") {
		t.Errorf("%+v", r)
	}
}

// TestSendTooLarge receives more than is allowed: it is said once.
func TestSendTooLarge(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := parley(t, "", "send", "--max-size", "1KiB", s.echo, strings.Repeat("x", 1025))
	r.expect(t, 6, "1009", "--max-size")
	if strings.Count(r.err, "exceeds 1024 bytes") != 1 {
		t.Errorf("%+v", r)
	}
}

func TestSendUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{nil, []string{"URL", "ws://"}},
		{[]string{"--frame", "words", "ws://127.0.0.1:1/"}, []string{"--frame", "len32"}},
		{[]string{"--hex", "--base64", "ws://127.0.0.1:1/"}, []string{"exclude"}},
		{[]string{"--hex", "ws://127.0.0.1:1/", "xyz"}, []string{"xyz", "hexadecimal"}},
		{[]string{"--base64", "-m", "!", "ws://127.0.0.1:1/"}, []string{"-m", "base64"}},
		{[]string{"ws://127.0.0.1:1/", "\xff"}, []string{"UTF-8"}},
		{[]string{"-n", "-1", "ws://127.0.0.1:1/"}, []string{"-n"}},
		{[]string{"--idle", "0s", "ws://127.0.0.1:1/"}, []string{"--idle"}},
		{[]string{"--max-time", "-1s", "ws://127.0.0.1:1/"}, []string{"--max-time"}},
		{[]string{"--ping-interval", "-1s", "ws://127.0.0.1:1/"}, []string{"--ping-interval"}},
		{[]string{"--ping-timeout", "0s", "ws://127.0.0.1:1/"}, []string{"--ping-timeout"}},
		{[]string{"--expect", "(", "ws://127.0.0.1:1/"}, []string{"--expect"}},
		{[]string{"--ok-close", "70000", "ws://127.0.0.1:1/"}, []string{"70000", "4999"}},
		{[]string{"--ok-close", "0", "ws://127.0.0.1:1/"}, []string{"--ok-close"}},
		{[]string{"ws://127.0.0.1:70000/"}, []string{"70000", "65535"}},
		{[]string{"--color", "pink", "ws://127.0.0.1:1/"}, []string{"--color", "never"}},
		{[]string{"--key", "k.pem", "wss://127.0.0.1:1/"}, []string{"--cert"}},
		{[]string{"--resolve", "host:80", "ws://127.0.0.1:1/"}, []string{"--resolve"}},
		{[]string{"--resolve", "host:80:name", "ws://127.0.0.1:1/"}, []string{"--resolve"}},
		{[]string{"--unix-socket", "/s", "-x", "http://127.0.0.1:1", "ws://127.0.0.1:1/"}, []string{"--unix-socket", "-x"}},
	} {
		parley(t, "", append([]string{"send"}, c.args...)...).expect(t, 2, c.words...)
	}
	parley(t, "", "send", "--cert", "/no/such/file", "wss://127.0.0.1:1/").expect(t, 1, "--cert")
	parley(t, "", "send", "--unix-socket", "/no/such/socket", "ws://127.0.0.1:1/", "x").expect(t, 3, "/no/such/socket", "path of its socket")
	parley(t, "", "send", "-o", "/no/such/folder/file", "ws://127.0.0.1:1/").expect(t, 1, "-o")
	s := startServer(t, nil)
	for _, count := range []string{"0", "5"} { // what was sent gets its reply
		r := parley(t, "ok\nb\xe4d\n", "send", "-n", count, s.echo)
		if r.expect(t, 7, "message 2", "--binary"); r.out != "ok\n" {
			t.Errorf("%+v", r)
		}
	}
	parley(t, "ff\nxyz\n", "send", "--hex", s.echo).expect(t, 1, "message 2", "hexadecimal")
	parley(t, "\xff\xff\xff\xffab", "send", "--frame", "len32", s.echo).expect(t, 1, "4294967295 bytes", "--frame") // not read: memory is bounded
	parley(t, "\x00\x00\x00\x09ab", "send", "--frame", "len32", s.echo).expect(t, 1, "2 of the 9 bytes", "--frame")
}

func TestSendEnvironment(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	p := begin(t, []string{"PARLEY_COUNT=1", "PARLEY_JSON=true"}, "send", s.echo, "a")
	if r := p.wait(t); r.code != 0 || !bytes.Contains([]byte(r.out), []byte(`"ev":"msg","dir":"in","type":"text","len":1,"wire":1,"data":"a"}`)) {
		t.Errorf("%+v", r)
	}
}

// beginWith is begin with a file for standard input.
func beginWith(t *testing.T, in *os.File, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), news: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, sink{p, &p.out}, sink{p, &p.err}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait() // the exit code says more
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// expectFirst checks a code and the words of the first line of standard error, behind which there is a server's answer.
func (r result) expectFirst(t *testing.T, code int, words ...string) {
	t.Helper()
	r.err, _, _ = strings.Cut(r.err, "\n")
	r.err += "\n"
	r.expect(t, code, words...)
}
