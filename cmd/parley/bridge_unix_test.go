//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// bridged is a running "parley bridge" that waits for connections.
type bridged struct {
	*process
	socket string // without the slash at its end
}

// startBridge starts it on a free port.
func startBridge(t *testing.T, args ...string) *bridged {
	t.Helper()
	return startBridgeWith(t, nil, args...)
}

func startBridgeWith(t *testing.T, env []string, args ...string) *bridged {
	t.Helper()
	b := &bridged{process: begin(t, env, append([]string{"bridge", "--listen", "127.0.0.1:0"}, args...)...)}
	b.until(t, "the URL", func(_, err string) bool {
		_, rest, _ := strings.Cut(err, "  socket ")
		url, _, whole := strings.Cut(rest, "/\n")
		b.socket = url
		return whole
	})
	return b
}

// soon is a context that ends before one loses patience.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// says reads the next message and compares it.
func says(t *testing.T, c *ws.Conn, want string) {
	t.Helper()
	typ, p, err := c.Read(soon(t))
	if err != nil {
		t.Fatalf("want %q: %v", want, err)
	}
	if string(p) != want || typ != ws.Text {
		t.Fatalf("got %v %q, want %q", typ, p, want)
	}
}

func tell(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), ws.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// ends reads to the end of the connection and compares how it was closed.
func ends(t *testing.T, c *ws.Conn, code ws.Code, reason string) {
	t.Helper()
	_, p, err := c.Read(soon(t))
	var end *ws.CloseError
	if !errors.As(err, &end) {
		t.Fatalf("got %q (%v), want the end", p, err)
	}
	if end.Code != code || end.Reason != reason || !end.Remote {
		t.Errorf("ended with %v %q (%v), want %v %q", end.Code, end.Reason, end.Err, code, reason)
	}
}

// refused expects an answer with that status.
func refused(t *testing.T, url string, o *ws.DialOptions, status int) {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, o)
	if err == nil {
		c.CloseNow()
	}
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status != status {
		t.Errorf("%s: %v, want status %d", url, err, status)
	}
}

// script writes a shell script and returns its path.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestBridgeUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, _ := writePair(t, dir)
	for _, c := range []struct {
		args  string
		code  int
		words []string
	}{
		{"", 2, []string{"-- COMMAND"}},
		{"cat", 2, []string{"cat", "two hyphens"}},
		{"-- /no/such/program", 1, []string{"/no/such/program"}},
		{"-- no-such-program", 1, []string{"no-such-program", "path"}},
		{"--mode pool x -- cat", 2, []string{"pool 4"}},
		{"--mode both -- cat", 2, []string{"--mode", "shared"}},
		{"--frame words -- cat", 2, []string{"--frame", "len32"}},
		{"--stderr lost -- cat", 2, []string{"--stderr", "merge"}},
		{"--binary --stderr json -- cat", 2, []string{"JSON", "docs/bridge.md"}},
		{"--mode shared --binary -- cat", 2, []string{"frames"}},
		{"--mode shared --pty -- cat", 2, []string{"terminal"}},
		{"--ladder 1s -- cat", 2, []string{"--ladder", "1s,1s,5s"}},
		{"--maxforks 0 -- cat", 2, []string{"--maxforks"}},
		{"--dir . -- cat", 2, []string{"--dir"}},
		{"--dir /no/such/dir", 1, []string{"/no/such/dir"}},
		{"--tcp 127.0.0.1", 2, []string{"--tcp"}},
		{"--connect ws://127.0.0.1:1/", 2, []string{"command is missing"}},
		{"--connect ws://127.0.0.1:1/ --tcp 127.0.0.1:1", 2, []string{"--connect"}},
		{"--connect ws://127.0.0.1:1/ -- cat", 3, []string{"refused"}},
		{"--listen-tcp 127.0.0.1:0", 2, []string{"--connect"}},
		{"--listen 0.0.0.0:0 -- cat", 2, []string{"--insecure-no-auth"}},
		{"--listen nowhere -- cat", 2, []string{"--listen"}},
		{"--tls-cert " + cert + " -- cat", 2, []string{"--tls-key"}},
		{"-k -- cat", 2, []string{"--insecure", "--connect"}},
		{"--history 3 -- cat", 2, []string{"--history", "--mode shared"}},
		{"--tcp 127.0.0.1:1 --frame nul", 2, []string{"--frame", "a command"}},
		{"--connect ws://127.0.0.1:1/ --origin x -- cat", 2, []string{"--origin", "--listen"}},
		{"-H nonsense -- cat", 2, []string{"-H"}},
		{"--cert " + cert + " -- cat", 2, []string{"--cert", "--tls-cert"}},
		{"--netrc -- cat", 2, []string{"--netrc", "--connect"}},
		{"--origin https://example.com/ -- cat", 2, []string{"--origin", "example.com:8000"}},
		{"--origin https:// -- cat", 2, []string{"--origin"}},
		{"--passenv A=b -- cat", 2, []string{"--passenv", "PATH,HOME"}},
		{"--pty --frame nul -- cat", 2, []string{"--pty", "--frame"}},
		{"--drain -1s -- cat", 2, []string{"--drain"}},
		{"--port=8080 -- cat", 2, []string{"--port", "--listen 127.0.0.1:8080", "docs/cli.md"}},
		{"--passstderr -- cat", 2, []string{"--stderr json"}},
		{"--prot 8080 -- cat", 2, []string{"--prot", "bridge --help"}},
	} {
		args := []string{"bridge"}
		if !strings.Contains(c.args, "--listen") && !strings.Contains(c.args, "--connect") {
			args = append(args, "--listen", "127.0.0.1:0")
		}
		parley(t, "", append(args, strings.Fields(c.args)...)...).expect(t, c.code, c.words...)
	}
}

func TestBridgeLines(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "cat")
	c := dial(t, b.socket+"/", nil)
	for _, text := range []string{"hello", "", "grüß", strings.Repeat("x", 1<<20)} {
		tell(t, c, text)
		says(t, c, text)
	}
	tell(t, c, "two\nlines")
	says(t, c, "two")
	says(t, c, "lines")
	if err := c.Write(t.Context(), ws.Binary, []byte{1}); err != nil {
		t.Fatal(err)
	}
	ends(t, c, ws.CodeUnsupportedData, "this endpoint takes text messages")
}

func TestBridgeEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shell  string
		lines  []string
		code   ws.Code
		reason string
	}{
		{`echo one; printf 'two\r\n'; printf three`, []string{"one", "two", "three"}, 1000, ""},
		{`exit 3`, nil, 1011, "exit status 3"},
		{`kill -9 $$`, nil, 1011, "signal: killed"},
		{`printf '\377ok\n'`, []string{"\uFFFDok"}, 1000, ""},
		{`head -c 2000000 /dev/zero | tr '\0' x`, nil, 1011, "the command wrote a message of more than 1048576 bytes"},
		{`exec >&-; read line; exit 4`, nil, 1011, "exit status 4"}, // the end of its output is not its end
	} {
		b := startBridge(t, "--", "sh", "-c", c.shell)
		conn := dial(t, b.socket, nil)
		for _, line := range c.lines {
			says(t, conn, line)
		}
		if strings.Contains(c.shell, "read") {
			tell(t, conn, "go on")
		}
		ends(t, conn, c.code, c.reason)
	}
}

func TestBridgeFraming(t *testing.T) {
	t.Parallel()
	t.Run("nul", func(t *testing.T) {
		t.Parallel()
		b := startBridge(t, "--frame", "nul", "--", "cat")
		c := dial(t, b.socket, nil)
		tell(t, c, "two\nlines")
		says(t, c, "two\nlines")
	})
	t.Run("len32", func(t *testing.T) {
		t.Parallel()
		b := startBridge(t, "--frame", "len32", "--", "sh", "-c", `printf '\0\0\0\005a\nb\000c\0\0\0\0'; cat`)
		c := dial(t, b.socket, nil)
		for _, want := range []string{"a\nb\x00c", ""} {
			typ, p, err := c.Read(soon(t))
			if err != nil || typ != ws.Binary || string(p) != want {
				t.Fatalf("got %v %q, %v; want %q", typ, p, err, want)
			}
		}
		big := strings.Repeat("\n\x00", 1<<19)
		tell(t, c, big)
		if typ, p, err := c.Read(soon(t)); err != nil || typ != ws.Binary || string(p) != big {
			t.Fatalf("got %v of %d bytes, %v", typ, len(p), err)
		}
	})
	t.Run("binary", func(t *testing.T) {
		t.Parallel()
		b := startBridge(t, "--binary", "--", "cat")
		c := dial(t, b.socket, nil)
		for _, m := range []ws.Message{{Type: ws.Binary, Data: []byte{0xff, 0, '\n'}}, {Type: ws.Text, Data: []byte("text")}} {
			if err := c.Write(t.Context(), m.Type, m.Data); err != nil {
				t.Fatal(err)
			}
			if typ, p, err := c.Read(soon(t)); err != nil || typ != ws.Binary || string(p) != string(m.Data) {
				t.Errorf("got %v %q, %v; want %q", typ, p, err, m.Data)
			}
		}
	})
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		b := startBridge(t, "--frame", "json", "--", "sh", "-c",
			`read open; echo "$open" | sed 's/.*"ev":"\([a-z]*\)".*"url":"\([^"]*\)".*/{"data":"\1 \2"}/'; echo nonsense; echo '{"b64":"/w=="}'; cat`)
		c := dial(t, b.socket+"/p?q=1", nil)
		says(t, c, "open /p?q=1")
		if typ, p, err := c.Read(soon(t)); err != nil || typ != ws.Binary || string(p) != "\xff" {
			t.Errorf("got %v %q, %v", typ, p, err)
		}
		tell(t, c, "a\n\"b\"") // cat sends back the event
		says(t, c, "a\n\"b\"")
		b.until(t, "a warning", func(_, err string) bool { return strings.Contains(err, "left out") })
	})
	t.Run("json close", func(t *testing.T) {
		t.Parallel()
		b := startBridge(t, "--frame", "json", "--", "sh", "-c", `echo '{"ev":"close","code":4001,"reason":"enough"}'; cat >/dev/null`)
		ends(t, dial(t, b.socket, nil), 4001, "enough")
	})
}

func TestBridgeStderr(t *testing.T) {
	t.Parallel()
	const shell = `echo out; echo err >&2`
	b := startBridge(t, "--", "sh", "-c", shell)
	c := dial(t, b.socket, nil)
	says(t, c, "out")
	ends(t, c, 1000, "")
	b.until(t, "the log", func(_, err string) bool {
		return strings.Contains(err, "msg=stderr") && strings.Contains(err, "line=err")
	})

	c = dial(t, startBridge(t, "--stderr", "merge", "--", "sh", "-c", shell).socket, nil)
	says(t, c, "out")
	says(t, c, "err")
	ends(t, c, 1000, "")

	c = dial(t, startBridge(t, "--stderr=json", "--", "sh", "-c", shell).socket, nil)
	var got []string
	for range 2 { // two streams have no order
		_, p, err := c.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(p))
	}
	slices.Sort(got)
	if want := []string{`{"stream":"stderr","data":"err"}`, `{"stream":"stdout","data":"out"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	ends(t, c, 1000, "")
}

func TestBridgeRefuses(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--origin", "friend.example,https://safe.example:444", "--maxforks", "3", "--host", "mine.example", "--", "cat")
	origin := func(o string) *ws.DialOptions { return &ws.DialOptions{Header: map[string][]string{"Origin": {o}}} }
	for _, o := range []string{"https://evil.example", "null", "https://friend.example.evil.example", "http://safe.example:444", "https://safe.example"} {
		refused(t, b.socket, origin(o), 403)
	}
	for _, o := range []string{"http://friend.example", "https://friend.example:81", "https://safe.example:444"} {
		c := dial(t, b.socket, origin(o))
		tell(t, c, o)
		says(t, c, o)
	}
	refused(t, b.socket, nil, 429)
	refused(t, b.socket, &ws.DialOptions{Host: "evil.example"}, 403)
	refused(t, b.socket, &ws.DialOptions{Host: "mine.example"}, 429)
	if status, _ := get(t, strings.Replace(b.socket, "ws", "http", 1)); status != 426 {
		t.Errorf("a plain request: status %d, want 426", status)
	}

	open := startBridge(t, "--sameorigin=false", "--", "cat")
	dial(t, open.socket, origin("https://evil.example"))
}

func TestBridgeAnswers(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "-H", "X-Server: mine", "--subprotocol", "v2", "--subprotocol", "v1", "--compress", "on", "--", "sh", "-c", `echo "$HTTP_SEC_WEBSOCKET_PROTOCOL"; cat`)
	c := dial(t, b.socket, &ws.DialOptions{Subprotocols: []string{"v1", "v0"}, Compression: &ws.Compression{}})
	if got := c.Response().Header.Get("X-Server"); got != "mine" || c.Subprotocol() != "v1" || !strings.HasPrefix(c.Extensions(), "permessage-deflate") {
		t.Errorf("X-Server %q, subprotocol %q, extensions %q", got, c.Subprotocol(), c.Extensions())
	}
	says(t, c, "v1, v0")
	tell(t, c, strings.Repeat("x", 4000))
	says(t, c, strings.Repeat("x", 4000))
}

func TestBridgeDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "sub"), 0o755)
	script(t, dir, "top", `echo "$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING"`)
	script(t, filepath.Join(dir, "sub"), "below.sh", `echo "$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING"`)
	script(t, dir, ".hidden", "echo hidden")
	if err := os.WriteFile(filepath.Join(dir, "data"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	outside := script(t, t.TempDir(), "outside", "echo outside")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	b := startBridge(t, "--dir", dir)
	for path, want := range map[string]string{
		"/top":                  "/top||",
		"/top/x/y?a=b":          "/top|/x/y|a=b",
		"/sub/below.sh":         "/sub/below.sh||",
		"/sub/below.sh/%C3%BC?": "/sub/below.sh|/ü|",
	} {
		c := dial(t, b.socket+path, nil)
		says(t, c, want)
		ends(t, c, 1000, "")
	}
	for _, path := range []string{"/", "/sub", "/sub/", "/none", "/data", "/link", "/.hidden", "/sub/%2e%2e/top", "/..%2f..%2fbin%2fls", "//top"} {
		refused(t, b.socket+path, nil, 404)
	}
}

func TestBridgeFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("<title>mine</title>"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := startBridge(t, "--staticdir", dir, "--", "cat")
	url := strings.Replace(b.socket, "ws", "http", 1)
	if status, body := get(t, url+"/page.html"); status != 200 || body != "<title>mine</title>" {
		t.Errorf("status %d, %q", status, body)
	}
	if status, _ := get(t, url+"/none.html"); status != 404 {
		t.Errorf("status %d, want 404", status)
	}
	c := dial(t, b.socket+"/page.html", nil)
	tell(t, c, "still an endpoint")
	says(t, c, "still an endpoint")
}

func TestBridgeConsole(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--devconsole", "--", "cat")
	url := strings.Replace(b.socket, "ws", "http", 1)
	status, body := get(t, url+"/some/path?a=1&b=%22%3E")
	if status != 200 || !strings.Contains(body, `<option value="/some/path?a=1&amp;b=%22%3E">`) {
		t.Errorf("status %d, %.3000s", status, body)
	}
	for _, gone := range []string{"/echo", "/healthz", "\x00"} {
		if strings.Contains(body, gone) {
			t.Errorf("the page names %q", gone)
		}
	}
	if status, body := get(t, url+"/assets/main.js"); status != 200 || !strings.Contains(body, "Connection") {
		t.Errorf("main.js: status %d", status)
	}
	if _, p, err := dial(t, b.socket+"/clock", nil).Read(soon(t)); err != nil || len(p) != len("2006-01-02T15:04:05Z") {
		t.Errorf("the clock says %q, %v", p, err)
	}
}

func TestBridgeTLS(t *testing.T) {
	t.Parallel()
	cert, key := writePair(t, t.TempDir())
	b := startBridge(t, "--tls-cert", cert, "--tls-key", key, "--", "sh", "-c", "echo HTTPS=$HTTPS port=$SERVER_PORT; read x")
	url := strings.Replace(b.socket, "127.0.0.1", "localhost", 1)
	if r := parley(t, "\n", "connect", "--cacert", cert, url); !strings.HasPrefix(r.out, "HTTPS=on port=") || r.code != 0 {
		t.Errorf("%+v", r)
	}
}
