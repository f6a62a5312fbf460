//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// hears returns a server that tells of each frame, answers pings and the close frame, and nothing else.
func hears(t *testing.T) (url string, frames chan wstest.Frame) {
	t.Helper()
	frames = make(chan wstest.Frame, 10)
	return peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		for {
			f := p.MustNext(t)
			frames <- f
			switch f.Opcode {
			case wstest.OpPing:
				p.Send(wstest.Pong(string(f.Payload)))
			case wstest.OpClose:
				answerClose(t, p, f)
				return
			}
		}
	}), frames
}

func TestCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, binary := filepath.Join(dir, "a file"), filepath.Join(dir, "binary")
	os.WriteFile(text, []byte("two\nlines\n"), 0o600)
	os.WriteFile(binary, []byte{0xff, 0}, 0o600)
	url, frames := hears(t)
	tm := onTerminal(t, "connect", url)
	tm.shows(t, "/help has more")
	for _, c := range []struct {
		typed, shows string
		sent         wstest.Frame
	}{
		{"/help", "//TEXT", wstest.Frame{}},
		{"/binary FF 00 1b", "", wstest.Binary([]byte{0xff, 0, 0x1b})},
		{"/binary xyz", "/binary: not hexadecimal", wstest.Frame{}},
		{"/binary", "as in /binary ff00 1b", wstest.Frame{}},
		{"/file " + text, "sending 10 bytes as text", wstest.Text("two\nlines\n")},
		{"/file " + binary, "sending 2 bytes as binary", wstest.Binary([]byte{0xff, 0})},
		{"/file " + dir, "is no file", wstest.Frame{}},
		{"/file", "/file: write the name of the file behind it", wstest.Frame{}},
		{"/file " + dir + "/none", "no such file", wstest.Frame{}},
		{"/nothing x", "there is no command /nothing: /help lists them, and //nothing x sends the text", wstest.Frame{}},
		{"//nothing x", "", wstest.Text("/nothing x")},
		{"/json x", "/json takes nothing behind it", wstest.Frame{}},
		{"/stats", "5 messages", wstest.Frame{}}, // with the last ones
		{"/close 1006", "1006 may not be sent", wstest.Frame{}},
		{"/close x", `"x" is no close code`, wstest.Frame{}},
		{"/close 4000 " + strings.Repeat("x", 124), "the reason has 124 bytes", wstest.Frame{}},
	} {
		if c.typed == "/stats" {
			tm.types(t, "last\r")
			<-frames
		}
		tm.types(t, c.typed+"\r")
		if c.shows != "" {
			tm.shows(t, c.shows)
		}
		if c.sent.Opcode != 0 {
			if f := <-frames; f.Opcode != c.sent.Opcode || !bytes.Equal(f.Payload, c.sent.Payload) {
				t.Errorf("%s: the server got %v", c.typed, f)
			}
		}
	}
	tm.types(t, "/pi\t\r")
	if f := <-frames; f.Opcode != wstest.OpPing {
		t.Errorf("the server got %v, want a ping", f)
	}
	tm.until(t, "the time of the pong", func(out, _ string) bool { return regexp.MustCompile(`pong after \d+\.\d{3} ms`).MatchString(out) })
	tm.types(t, "/close 4001 see you\r")
	if f := <-frames; string(f.Payload) != "\x0f\xa1see you" {
		t.Errorf("the server got %v, want 4001", f)
	}
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
	tm.shows(t, "parley: closed: 4001: see you\r\n")
}

func TestCommandQuit(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"/quit\r", "/close\r"} {
		url, frames := hears(t)
		tm := onTerminal(t, "connect", "--idle", "100ms", url)
		tm.shows(t, "> ")
		tm.types(t, typed)
		if f := <-frames; !bytes.HasPrefix(f.Payload, []byte{0x03, 0xe8}) {
			t.Errorf("%q: the server got %v", typed, f)
		}
		if r := tm.wait(t); r.code != 0 {
			t.Errorf("%q: code %d", typed, r.code)
		}
	}
}

// TestTerminalJSON has JSON that fits a line, and JSON that does not.
func TestTerminalJSON(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	tm := onTerminal(t, "connect", s.echo)
	tm.shows(t, "> ")
	tm.types(t, `{"a": [1,"x"], "b":null}`+"\r")
	tm.until(t, "colours", func(out, _ string) bool {
		return strings.Contains(out, `{`+"\x1b[36m\"a\"\x1b[0m: [\x1b[33m1\x1b[0m,\x1b[32m\"x\"\x1b[0m], \x1b[36m\"b\"\x1b[0m:\x1b[35mnull\x1b[0m}\r\n")
	})
	long := `{"long":"` + strings.Repeat("x", 80) + `"}`
	tm.types(t, long+"\r")
	tm.shows(t, "{\r\n  \"long\": \""+strings.Repeat("x", 80)+"\"\r\n}\r\n")
	tm.types(t, "/json\r")
	tm.shows(t, "JSON is shown as it comes")
	tm.types(t, `[ 1 ]`+"\r")
	tm.shows(t, "> [ 1 ]\r\n[ 1 ]\r\n")
	tm.types(t, "/json\r")
	tm.shows(t, "JSON is laid out")
	tm.types(t, "\x04")
	tm.wait(t)
}

func TestTerminalTimestamps(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	tm := onTerminal(t, "connect", "--timestamps", s.echo)
	stamped := func(text string) {
		t.Helper()
		want := regexp.MustCompile(`\n\d\d:\d\d:\d\d\.\d{3} \+\d+\.\d{3}s +` + text + `\r\n`)
		tm.until(t, text, func(out, _ string) bool { return want.MatchString(seen(out)) })
	}
	tm.shows(t, "> ")
	tm.types(t, "one\r")
	stamped("one")
	tm.types(t, "/time\r")
	tm.shows(t, "the time of messages is not shown")
	tm.types(t, "two\r")
	tm.shows(t, "> two\r\ntwo\r\n")
	tm.types(t, "/time\rthree\r")
	stamped("three")
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalHistory types in one run, and finds it in the next one.
func TestTerminalHistory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "100ms", "--history", file, url)
	tm.shows(t, "> ")
	tm.types(t, "\x1b[200~{\r  \"a\": 1\r}\x1b[201~\r")
	if f := <-frames; string(f.Payload) != "{\n  \"a\": 1\n}" {
		t.Errorf("the server got %v", f)
	}
	tm.shows(t, "[#1: 3 lines, 12 bytes]")
	tm.shows(t, "  {\r\n    \"a\": 1\r\n  }\r\n")
	tm.types(t, "last\r secret\r")
	<-frames
	<-frames
	tm.types(t, "\x04")
	tm.wait(t)

	url, frames = hears(t)
	tm = onTerminal(t, "connect", "--idle", "100ms", "--history", file, url)
	tm.shows(t, "> ")
	tm.types(t, "\x1b[A\r\x1b[A\x1b[A\r") // a line that is sent again is not kept twice
	for _, want := range []string{"last", "{\n  \"a\": 1\n}"} {
		if f := <-frames; string(f.Payload) != want {
			t.Errorf("the server got %q, want %q", f.Payload, want)
		}
	}
	tm.types(t, "\x04")
	tm.wait(t)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if content, _ := os.ReadFile(file); strings.Contains(string(content), "secret") {
		t.Errorf("what begins with a space is remembered: %s", content)
	}
}

func TestTerminalHistoryThatCannotBeKept(t *testing.T) {
	t.Parallel()
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "100ms", "--history", t.TempDir(), url)
	tm.shows(t, "is forgotten at the end")
	tm.types(t, "one\r\x1b[A\r")
	for range 2 {
		if f := <-frames; string(f.Payload) != "one" {
			t.Errorf("the server got %v", f)
		}
	}
	tm.types(t, "\x04")
	tm.wait(t)
}

// TestTerminalLongPaste pastes more than can be typed.
func TestTerminalLongPaste(t *testing.T) {
	t.Parallel()
	url, frames := hears(t)
	tm := onTerminal(t, "connect", "--idle", "100ms", url)
	tm.shows(t, "> ")
	long := strings.Repeat("xyz ", 5000)
	tm.types(t, "<\x1b[200~"+long+"\x1b[201~>\r")
	if f := <-frames; string(f.Payload) != "<"+long+">" {
		t.Errorf("the server got %d bytes, want %d", len(f.Payload), len(long)+2)
	}
	tm.types(t, "\x1b[200~short\x1b[201~, typed\r")
	if f := <-frames; string(f.Payload) != "short, typed" {
		t.Errorf("the server got %q", f.Payload)
	}
	tm.types(t, "\x04")
	tm.wait(t)
}

// comesAndGoes returns a server whose first connections end like that, and whose later ones echo. It has one at a time.
func comesAndGoes(t *testing.T, ends ...func(*wstest.Peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			p := wstest.ServerPeer(conn)
			p.Timeout = patience
			if r, err := p.ReadRequest(); err != nil || p.Answer(r, wstest.Head{}) != nil {
				t.Errorf("the handshake failed: %v", err)
			} else if n < len(ends) {
				ends[n](p)
				io.Copy(io.Discard, p.Stream)
			} else {
				hearing(t, p)
			}
			conn.Close()
		}
	}()
	return "ws://" + l.Addr().String() + "/"
}

// hearing answers every message, until the connection ends.
func hearing(t *testing.T, p *wstest.Peer) {
	for {
		f, err := p.Next()
		switch {
		case err != nil:
			return
		case f.Opcode == wstest.OpClose:
			answerClose(t, p, f)
			return
		}
		p.Send(wstest.Text("heard " + string(f.Payload)))
	}
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	url := comesAndGoes(t,
		func(p *wstest.Peer) { p.Send(wstest.Close(ws.CodeInternalError, "boom")) },
		func(p *wstest.Peer) {
			p.ExpectMessage(t, wstest.OpText, "before")
			p.Close()
		},
	)
	tm := onTerminal(t, "connect", "--reconnect", "--idle", "200ms", url)
	tm.shows(t, "closed by the server: 1011 (internal error): boom: connecting again in")
	tm.types(t, "before\r") // sent once there is a connection
	tm.shows(t, "1006 (abnormal closure)")
	tm.types(t, "after\r")
	tm.shows(t, "heard after")
	tm.types(t, "/reconnect\r")
	tm.shows(t, "connecting again\r\n")
	tm.signal(t, syscall.SIGHUP)
	tm.until(t, "the second time", func(out, _ string) bool { return strings.Count(out, "connecting again\r\n") == 2 })
	tm.types(t, "once more\r")
	tm.shows(t, "heard once more")
	tm.types(t, "\x04")
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
}

// TestReconnectFromPipe has a producer that goes on while the connection is lost.
// TestReconnectPromptIsFree types while there is no connection: the prompt takes it all, and commands, too.
func TestReconnectPromptIsFree(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	tm := onTerminal(t, "connect", "--reconnect", "--idle", "200ms", "ws://"+addr+"/")
	lose := func() {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p := wstest.ServerPeer(conn)
		p.Timeout = patience
		if r, err := p.ReadRequest(); err != nil || p.Answer(r, wstest.Head{}) != nil {
			t.Fatal(err)
		}
		tm.shows(t, "> ")
		l.Close()
		p.Send(wstest.Close(ws.CodeInternalError, "boom"))
		conn.Close()
	}
	lose()
	tm.shows(t, "connecting again in")
	tm.types(t, "one\rtwo\r")
	tm.until(t, "both are taken", func(out, _ string) bool { return strings.Count(out, "will be sent when the connection is back") == 2 })
	tm.types(t, "/ping\r")
	tm.shows(t, "not connected: /reconnect connects at once")
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skip("the port is taken meanwhile: ", err)
	}
	defer l.Close()
	tm.types(t, "/reconnect\r")
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := wstest.ServerPeer(conn)
	p.Timeout = patience
	if r, err := p.ReadRequest(); err != nil || p.Answer(r, wstest.Head{}) != nil {
		t.Fatal(err)
	}
	p.ExpectMessage(t, wstest.OpText, "one")
	p.ExpectMessage(t, wstest.OpText, "two")
	tm.shows(t, "connected again")
	l.Close()
	conn.Close()
	tm.shows(t, "1006 (abnormal closure)")
	tm.types(t, "three\r")
	tm.until(t, "it is taken", func(out, _ string) bool { return strings.Count(out, "will be sent when the connection is back") == 3 })
	tm.types(t, "/close\r") // and nothing is sent any more
	if r := tm.wait(t); r.code != 3 && r.code != 6 {
		t.Errorf("code %d", r.code)
	}
}

func TestReconnectFromPipe(t *testing.T) {
	t.Parallel()
	url := comesAndGoes(t, func(p *wstest.Peer) { p.Send(wstest.Close(ws.CodeGoingAway, "")) })
	p := begin(t, nil, "connect", "--reconnect", "--json", "--idle", "200ms", url)
	p.until(t, "the second connection", func(out, _ string) bool { return strings.Contains(out, `"conn":2,"ev":"open"`) })
	io.WriteString(p.in, "one\ntwo\n")
	p.in.Close()
	r := p.wait(t)
	for _, want := range []string{`"conn":1,"ev":"close","dir":"in","code":1001`, `"data":"heard one"`, `"data":"heard two"`, `"conn":2,"ev":"close","dir":"out","code":1000`} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("code %d, no %s in %s", r.code, want, r.out)
		}
	}
}

// TestReconnectEnds has ends after which another connection would be no better, or is not wanted.
func TestReconnectEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		frame wstest.Frame
		args  []string
		code  int
	}{
		{wstest.Close(4000, ""), []string{"--ok-close", "4000"}, 0},
		{wstest.Close(ws.CodeProtocolError, ""), nil, 7},
		{wstest.Text("\xff"), nil, 7},
		{wstest.Text(strings.Repeat("x", 2000)), nil, 6},
	} {
		url := comesAndGoes(t, func(p *wstest.Peer) { p.Send(c.frame) })
		p := begin(t, nil, append([]string{"connect", "--reconnect", "--max-size", "1KiB", url}, c.args...)...)
		if r := p.wait(t); r.code != c.code || strings.Contains(r.err, "again") {
			t.Errorf("%v: %+v", c.frame, r)
		}
	}
	url := peer(t, wstest.Head{Line: "HTTP/1.1 404 Not Found", Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"}}, nil)
	if r := parley(t, "", "connect", "--reconnect", url); r.code != 4 || !strings.Contains(r.err, "404") {
		t.Errorf("%+v", r)
	}
	p := begin(t, nil, "connect", "--reconnect", "--max-time", "1500ms", "ws://127.0.0.1:1/")
	p.until(t, "an attempt", func(_, err string) bool { return strings.Contains(err, "connecting again in") })
	if r := p.wait(t); r.code != 124 || !strings.HasSuffix(r.err, "the time of --max-time is over; give it longer with --max-time\n") {
		t.Errorf("%+v", r)
	}
}

// TestReconnectPersonLeaves has somebody press Ctrl-D while there is no connection.
func TestReconnectPersonLeaves(t *testing.T) {
	t.Parallel()
	url := comesAndGoes(t, func(p *wstest.Peer) { p.Send(wstest.Close(ws.CodeInternalError, "boom")) })
	tm := onTerminal(t, "connect", "--reconnect", url)
	tm.shows(t, "connecting again in")
	tm.types(t, "\x04")
	if r := tm.wait(t); r.code != 6 && r.code != 0 { // 0: it was connected again when the key arrived
		t.Errorf("code %d", r.code)
	}
}

func TestSendHangup(t *testing.T) {
	t.Parallel()
	url := comesAndGoes(t)
	p := begin(t, nil, "send", "--json", "--idle", "200ms", url)
	io.WriteString(p.in, "one\n")
	p.until(t, "a reply", func(out, _ string) bool { return strings.Contains(out, "heard one") })
	p.signal(t, syscall.SIGHUP)
	p.until(t, "the second connection", func(out, _ string) bool { return strings.Contains(out, `"conn":2,"ev":"open"`) })
	io.WriteString(p.in, "two\n")
	p.in.Close()
	if r := p.wait(t); r.code != 0 || !strings.Contains(r.out, "heard two") {
		t.Errorf("%+v", r)
	}
}

func TestFarewell(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"4000": "\x0f\xa0", "1001:gone: fishing": "\x03\xe9gone: fishing"} {
		for _, name := range []string{"send", "connect"} {
			url, frames := hears(t)
			if r := parley(t, "", name, "--idle", "50ms", "--close", value, url); r.code != 0 {
				t.Errorf("--close %s: %+v", value, r)
			}
			if f := <-frames; string(f.Payload) != want {
				t.Errorf("--close %s: the server got %v", value, f)
			}
		}
	}
	for _, value := range []string{"1005", "x", "2999", "4000:\xff", "4000:" + strings.Repeat("x", 124)} {
		parley(t, "", "send", "--close", value, "ws://127.0.0.1:1/").expect(t, 2, "--close")
	}
}

func TestConnectMessageFirst(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	if r := parley(t, "b\n", "connect", "-m", "a", s.echo); r.code != 0 || r.out != "a\nb\n" {
		t.Errorf("%+v", r)
	}
	if r := parley(t, "ff 00\n", "connect", "--hex", "-n", "1", s.echo); r.code != 0 || r.out != "ff00\n" {
		t.Errorf("%+v", r)
	}
}
