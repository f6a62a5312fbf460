//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// What other command-line clients get wrong, with real pipes and terminals.

func TestFailureEndOfInput(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for script, want := range map[string]string{
		`printf 'a\nb\n' | "$0" send "$1"`:                                    "a\nb\n",
		`printf 'a\nb' | "$0" send "$1" | cat`:                                "a\nb\n",
		`"$0" send "$1" -m a -m b </dev/null`:                                 "a\nb\n",
		`"$0" send "$1" </dev/null`:                                           "",
		`seq 3 | while read n; do "$0" send -n 1 "$1" $n; done`:               "1\n2\n3\n", // does not eat the loop's input
		`(printf 'a\n'; sleep 0.3; printf 'b\n') | "$0" send "$1"`:            "a\nb\n",
		`echo a | "$0" send "$1" 2>&1 >/dev/full | grep -o no.space; echo ok`: "no space\nok\n",
	} {
		out, err := exec.Command("sh", "-c", script, binary, s.echo).Output()
		if err != nil || string(out) != want {
			t.Errorf("%s gave %q, %v; want %q", script, out, err, want)
		}
	}
}

// TestFailurePrompt has a person at standard input and a pipe at standard output.
func TestFailurePrompt(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	var piped process
	piped.news = make(chan struct{}, 1)
	tm := attach(t, sink{&piped, &piped.out}, "send", "--idle", "300ms", s.echo)
	tm.shows(t, "Ctrl-D ends")
	tm.types(t, "to the pipe\n\x04")
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
	if out, _ := piped.streams(); out != "to the pipe\n" {
		t.Errorf("the pipe got %q", out)
	}
}

func TestFailureBinary(t *testing.T) {
	t.Parallel()
	data := []byte{0xff, 0xfe, 0, '\n', 0x80}
	s := startServer(t, nil)
	if r := parley(t, string(data), "send", "--binary", "--idle", "300ms", s.echo); r.code != 0 || r.out != string(data) {
		t.Errorf("there and back: %+v", r)
	}
	sends := func() string {
		return peer(t, wstest.Head{After: wstest.Bytes(wstest.Binary(data))}, func(p *wstest.Peer, _ *http.Request) {
			answerClose(t, p, p.MustNext(t))
		})
	}
	r := parley(t, "", "send", "--idle", "5s", sends())
	r.expect(t, 1, "--json", "--binary")
	if r.out != "" {
		t.Errorf("standard output holds %q", r.out)
	}
	if r := parley(t, "", "send", "--json", "-n", "1", sends()); r.code != 0 || !strings.Contains(r.out, `"len":5,"wire":5,"b64":"//4ACoA="`) {
		t.Errorf("with --json: %+v", r)
	}
	tm := onTerminal(t, "send", "-n", "1", "--color", "never", sends())
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
	tm.shows(t, "ff fe 00 0a 80\r\n")
}

func TestFailureEscapes(t *testing.T) {
	t.Parallel()
	sends := func() string {
		return peer(t, wstest.Head{After: wstest.Bytes(
			wstest.Text("\x1b[2Jgone\x07 \u009b31m\nfaked line\tx"),
			wstest.Text("\u202eright to left"),
			wstest.Close(4000, "\x1b]0;title\x07"),
		)}, func(p *wstest.Peer, _ *http.Request) { io.Copy(io.Discard, p.Stream) })
	}
	for _, args := range [][]string{{"send"}, {"send", "--json"}, {"send", "--binary", "--color=always"}} {
		tm := onTerminal(t, append(args, sends())...)
		if r := tm.wait(t); r.code != 6 {
			t.Errorf("code %d, want 6", r.code)
		}
		tm.shows(t, "--ok-close 4000")
		out, _ := tm.streams()
		for _, bad := range []string{"\x1b[2J", "\x07", "\u009b", "\x1b]0;", "\u202e"} {
			if strings.Contains(out, bad) {
				t.Errorf("%q: %q reached the terminal", args, bad)
			}
		}
		if args[len(args)-1] != "--json" && !strings.Contains(out, `\x1b[2Jgone\x07 \u009b31m\nfaked line\tx`+"\r\n") {
			t.Errorf("%q: %q", args, out)
		}
	}
	// To a pipe, what came goes on as it is.
	if r := begin(t, nil, "send", "-s", sends()).wait(t); r.out != "\x1b[2Jgone\x07 \u009b31m\nfaked line\tx\n\u202eright to left\n" {
		t.Errorf("%+v", r)
	}
}

func TestFailureCloseCode(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectMessage(t, wstest.OpText, "a")
		p.Send(wstest.Close(ws.CodeInternalError, "boom"))
		io.Copy(io.Discard, p.Stream)
	})
	parley(t, "a\n", "send", url).expect(t, 6, "1011 (internal error): boom")
}

// TestFailureLineBreaks sends a message with a line break through a pipe and gets one message back.
func TestFailureLineBreaks(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for frame, c := range map[string]struct{ in, out string }{
		"nul":   {"a\nb\x00c\x00", "a\nb\x00c\x00"},
		"len32": {"\x00\x00\x00\x03a\nb\x00\x00\x00\x01c", "\x00\x00\x00\x03a\nb\x00\x00\x00\x01c"},
		"json":  {"[\n1\n]\n2", "[1]\n2\n"},
	} {
		if r := parley(t, c.in, "send", "-n", "2", "--frame", frame, s.echo); r.code != 0 || r.out != c.out || r.err != "" {
			t.Errorf("%s: %+v", frame, r)
		}
	}
	if r := parley(t, "", "send", "-n", "1", "--json", s.echo, "a\nb"); r.code != 0 || !strings.Contains(r.out, `"dir":"in","type":"text","len":3,"wire":3,"data":"a\nb"`) {
		t.Errorf("%+v", r)
	}
}

func TestFailureCompression(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	text := strings.Repeat("compress me ", 1000)
	for _, mode := range []string{"on", "takeover"} {
		r := parley(t, "", "send", "-n", "1", "--compress", mode, "-v", s.echo, text)
		if r.code != 0 || r.out != text+"\n" || !strings.Contains(r.err, "extensions permessage-deflate") {
			t.Errorf("%s: code %d, %d bytes, %s", mode, r.code, len(r.out), r.err)
		}
	}
}

func TestFailureRefusedBody(t *testing.T) {
	t.Parallel()
	body := "the key is missing: see https://example.com/keys\n"
	for status, code := range map[string]int{"401 Unauthorized": 5, "403 Forbidden": 5, "404 Not Found": 4, "503 Service Unavailable": 4} {
		url := peer(t, wstest.Head{
			Line:    "HTTP/1.1 " + status,
			Without: []string{"Upgrade", "Connection", "Sec-WebSocket-Accept"},
			Lines:   []string{"X-Why: because", "Content-Length: " + "49"},
			After:   []byte(body),
		}, nil)
		r := parley(t, "a\n", "send", url)
		if r.code != code || r.out != "" || !strings.Contains(r.err, "< HTTP "+status[:3]) || !strings.Contains(r.err, "< X-Why: because") ||
			!strings.Contains(r.err, "< "+body) {
			t.Errorf("%s: %+v", status, r)
		}
	}
}

func TestFailureCannotConnect(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	parley(t, "a\n", "send", "ws://"+closed.Addr().String()+"/").expect(t, 3, "check that the server runs")
	parley(t, "a\n", "send", "ws://no.such.host.invalid/").expect(t, 3, "no.such.host.invalid")
	plain := startServer(t, nil)
	parley(t, "a\n", "send", strings.Replace(plain.echo, "ws:", "wss:", 1)).expect(t, 3, "ws://")
}

// TestFailurePastedJSON pastes JSON of several lines into a terminal.
func TestFailurePastedJSON(t *testing.T) {
	t.Parallel()
	got := make(chan string, 2)
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		got <- string(p.MustNext(t).Payload)
		got <- string(p.MustNext(t).Payload)
		answerClose(t, p, p.MustNext(t))
	})
	tm := onTerminal(t, "send", "--frame", "json", "--idle", "100ms", url)
	tm.shows(t, "Ctrl-D ends")
	tm.types(t, "{\n  \"a\": 1\n}\n")
	if m := <-got; m != "{\n  \"a\": 1\n}" {
		t.Errorf("the server got %q", m)
	}
	tm.types(t, "{}\n")
	if m := <-got; m != "{}" {
		t.Errorf("the server got %q", m)
	}
	tm.types(t, "\x04")
	if r := tm.wait(t); r.code != 0 {
		t.Errorf("code %d", r.code)
	}
}

func TestSendSignals(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		got := make(chan wstest.Frame, 1)
		url := peer(t, wstest.Head{After: wstest.Bytes(wstest.Text("here"))}, func(p *wstest.Peer, _ *http.Request) {
			f := p.MustNext(t)
			got <- f
			answerClose(t, p, f)
		})
		p := begin(t, nil, "send", url)
		p.until(t, "message", func(out, _ string) bool { return out != "" })
		p.signal(t, sig)
		if r := p.wait(t); r.code != code {
			t.Errorf("%v: %+v, want %d", sig, r, code)
		}
		if f := <-got; !bytes.HasPrefix(f.Payload, []byte{0x03, 0xe9}) {
			t.Errorf("the server saw %v, want 1001", f)
		}
	}
	s := startServer(t, nil)
	p := begin(t, nil, "send", s.echo)
	io.WriteString(p.in, "a\nb\n")
	p.until(t, "replies", func(out, _ string) bool { return out == "a\nb\n" })
	p.signal(t, syscall.SIGUSR1)
	p.until(t, "statistics", func(_, err string) bool { // the last one may not be counted yet
		return strings.Contains(err, "2 messages (2 bytes) sent, 1 message (1 byte) received") || strings.Contains(err, "2 messages (2 bytes) received")
	})
	p.in.Close()
	if r := p.wait(t); r.code != 0 {
		t.Errorf("%+v", r)
	}
}

// TestSendBrokenPipe ends as every program in a pipe does whose reader has gone.
func TestSendBrokenPipe(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	out, err := exec.Command(need.Command(t, "bash", "install bash"), "-c", `yes | "$0" send "$1" | head -n 1; echo ${PIPESTATUS[1]}`, binary, s.echo).Output()
	if err != nil || string(out) != "y\n141\n" {
		t.Errorf("%q, %v", out, err)
	}
}
