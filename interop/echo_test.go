package interop

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// The servers and the drivers that the conformance suite judges.

func TestEchoServers(t *testing.T) {
	node := func(module string) func(*testing.T) string {
		return func(t *testing.T) string { return need.NodeModule(t, ".", module) }
	}
	for _, s := range []struct {
		script  string
		program func(*testing.T) string
		modes   []string
	}{
		{"echo-ws.js", node("ws"), []string{"off", "on", "takeover"}},
		{"echo-websocket.js", node("websocket"), []string{"off"}},
		{"echo-websockets.py", func(t *testing.T) string { return need.Python(t, "websockets") }, []string{"off", "on", "takeover"}},
	} {
		t.Run(s.script, func(t *testing.T) {
			program := s.program(t)
			for _, mode := range s.modes {
				t.Run(mode, func(t *testing.T) {
					t.Parallel()
					echoes(t, listening(t, program, script(s.script), "--compress", mode), mode)
				})
			}
		})
	}
}

// listening runs an echo server until the test ends, and returns its URL.
func listening(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	t.Cleanup(func() {
		_ = stdin.Close() // is the end of it
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		rest, readErr := io.ReadAll(r)
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("%s ended with %v and wrote %q", cmd, err, &stderr)
		}
		if readErr != nil || len(rest) > 0 {
			t.Errorf("after its first line came %q, %v", rest, readErr)
		}
	})
	line, err := r.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening ")
	if err != nil || !ok {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	return url
}

// echoes sends a server messages of each type, some of them worth compressing.
func echoes(t *testing.T, url, mode string) {
	t.Helper()
	ctx := bounded(t)
	var options ws.DialOptions
	if mode != "off" {
		options.Compression = &ws.Compression{Threshold: -1, ServerTakeover: true, ClientTakeover: true}
	}
	c, err := ws.Dial(ctx, url, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	agreed := c.Extensions()
	if (agreed != "") != (mode != "off") || strings.Contains(agreed, "server_no_context_takeover") != (mode == "on") {
		t.Errorf("with compression %s the server agrees on %q", mode, agreed)
	}
	for _, m := range []ws.Message{
		{Type: ws.Text, Data: []byte("text: é€😀")},
		{Type: ws.Binary, Data: []byte{0, 0xff, 0x80}},
		{Type: ws.Text, Data: []byte(strings.Repeat("again and ", 5000))},
		{Type: ws.Binary, Data: []byte{}},
	} {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			t.Fatal(err)
		}
		typ, data, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if typ != m.Type || !bytes.Equal(data, m.Data) {
			t.Errorf("%s of %d bytes came back as %s of %d", m.Type, len(m.Data), typ, len(data))
		}
	}
	if in := c.Stats().WireIn; mode != "off" && in > 25000 {
		t.Errorf("%d bytes came, as if nothing were compressed", in)
	}
	if err := c.Close(ctx, ws.CodeNormal, ""); err != nil {
		t.Error(err)
	}
}

func TestDrivers(t *testing.T) {
	t.Run("driver-ws.js", func(t *testing.T) {
		drives(t, need.NodeModule(t, ".", "ws"), "driver-ws.js", nil)
	})
	t.Run("driver-chromium.js", func(t *testing.T) {
		browser := need.Chromium(t)
		drives(t, need.NodeModule(t, ".", "playwright-core"), "driver-chromium.js", []string{"CHROMIUM=" + browser})
	})
}

// drives has a client go through some cases that every client gets right, and
// one whose handshake it refuses.
func drives(t *testing.T, node, name string, env []string) {
	t.Helper()
	suite := &check.Server{Cases: []string{"client.accept.other", "framing.length.text-12*", "framing.length.binary-12*", "deflate.vector.*"}}
	cases, err := suite.List()
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan *check.Result, len(cases))
	updated := make(chan string, 1)
	suite.Done = func(_ string, r *check.Result) { results <- r }
	suite.Updated = func(r *check.Report) { updated <- r.Subject }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- suite.Serve(l) }()
	t.Cleanup(func() {
		_ = suite.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script(name), "ws://"+l.Addr().String(), "a peer", "--parallel", "4")
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("the driver ended with %v and wrote %s", err, out)
	}
	for range cases {
		select {
		case r := <-results:
			if r.Verdict != check.OK {
				t.Errorf("%s: %s: %s", r.ID, r.Verdict, r.Text)
			}
		case <-ctx.Done():
			t.Fatalf("not all of the %d cases ran", len(cases))
		}
	}
	select {
	case agent := <-updated:
		if agent != "a peer" {
			t.Errorf("the agent is %q", agent)
		}
	case <-ctx.Done():
		t.Fatal("the driver did not ask for a report")
	}
}
