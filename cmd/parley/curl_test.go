package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws/wstest"
)

func TestShellWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want []string
	}{
		{`a  b`, []string{"a", "b"}},
		{"a \\\n  b \\\r\n c", []string{"a", "b", "c"}},
		{`'a b' "c \"d\" $e \x" f\ g ''`, []string{"a b", `c "d" $e \x`, "f g", ""}},
		{`pre'fix'"ed"`, []string{"prefixed"}},
		{`$'it\'s\n\x41\u00e9\U0001F600\101\z'`, []string{"it's\nAé😀A\\z"}},
		{"curl ^\"https://x/^\" ^\r\n  -H ^\"a: ^\\^\"b^\\^\"^\"", []string{"curl", "https://x/", "-H", `a: "b"`}},
		{"grüß 'dich'", []string{"grüß", "dich"}},
	} {
		if got, err := shellWords(c.in); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{`'a`, `"a`, `$'a`, `$'\x'`, "a | b", "a; b", "a `b`"} {
		if got, err := shellWords(in); err == nil {
			t.Errorf("%s gave %q", in, got)
		}
	}
}

func TestParseCurl(t *testing.T) {
	t.Parallel()
	// As Chromium copies a handshake.
	c, err := parseCurl(`curl 'wss://example.com/socket?x=1' \
  -H 'Upgrade: websocket' \
  -H 'Origin: https://example.com' \
  -H 'Cache-Control: no-cache' \
  -H 'Connection: Upgrade' \
  -b 'session=abc; theme=dark' \
  -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
  -H $'User-Agent: Mozilla/5.0 (\u0021)' \
  -H 'Sec-WebSocket-Version: 13' \
  -H 'Sec-WebSocket-Protocol: one, two' \
  -H 'X-Empty;' \
  -H 'Accept:' \
  -H 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits' \
  --compressed -kL -uann:secret --connect-timeout 1.5 -sS`)
	if err != nil {
		t.Fatal(err)
	}
	if c.url != "wss://example.com/socket?x=1" || !c.insecure || !c.location || !c.deflate || c.user != "ann:secret" ||
		c.timeout != 1500*time.Millisecond || !slices.Equal(c.subprotocols, []string{"one", "two"}) {
		t.Errorf("%+v", c)
	}
	want := []string{"Origin: https://example.com", "Cache-Control: no-cache", "Cookie: session=abc; theme=dark", "User-Agent: Mozilla/5.0 (!)", "X-Empty:"}
	if !slices.Equal(c.headers, want) {
		t.Errorf("headers %q, want %q", c.headers, want)
	}
	for in, says := range map[string]string{
		"curl":                                  "no URL",
		"curl a b":                              "two URLs",
		"curl a --data x":                       "no body",
		"curl a -d x":                           "no body",
		"curl a -X POST":                        "GET",
		"curl a --upload-file y":                "--upload-file",
		"curl a -H":                             "lacks its value",
		"curl a -H secret":                      "-H",
		"curl a -b jar.txt":                     "-b",
		"curl a --connect-timeout soon":         "seconds",
		"curl 'a":                               "not closed",
		"curl a -H 'Authorization: x' && rm -r": "more than one command",
	} {
		if _, err := parseCurl(in); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", in, err, says)
		}
	}
}

func FuzzParseCurl(f *testing.F) {
	f.Add(`curl 'wss://a/' -H $'b: \x41' ^"`)
	f.Fuzz(func(t *testing.T, line string) { parseCurl(line) }) // must not panic or hang
}

// TestCurl sends what a browser copied.
func TestCurl(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	url := peer(t, wstest.Head{Lines: []string{"Sec-WebSocket-Protocol: two"}}, func(p *wstest.Peer, r *http.Request) {
		got <- r
		m := p.MustNext(t)
		p.Send(wstest.Text(string(m.Payload)))
		answerClose(t, p, p.MustNext(t))
		io.Copy(io.Discard, p.Stream)
	})
	line := "curl '" + url + "' -H 'Origin: https://page.example' -H 'Upgrade: websocket' -H 'Connection: Upgrade' -b 'a=b' " +
		"-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Sec-WebSocket-Protocol: one, two' -H 'X-One: curl' " +
		"-H 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'"
	file := filepath.Join(t.TempDir(), "copied")
	if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := parley(t, "", "send", "--curl", "@"+file, "-H", "X-One: flag", "-n", "1", "hello")
	if r.code != 0 || r.out != "hello\n" {
		t.Fatalf("%+v", r)
	}
	req := <-got
	for name, want := range map[string]string{"Origin": "https://page.example", "Cookie": "a=b", "X-One": "flag", "Sec-Websocket-Protocol": "one, two"} {
		if have := strings.Join(req.Header.Values(name), "|"); have != want {
			t.Errorf("%s: %q, want %q", name, have, want)
		}
	}
	if e := req.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(e, "permessage-deflate") {
		t.Errorf("extensions %q", e)
	}
	parley(t, "", "send", "--curl", "wget x", "hello").expect(t, 2, "--curl", "two URLs")
	parley(t, "", "send", "--curl", "@/no/such/file", "hello").expect(t, 1, "--curl")
}
