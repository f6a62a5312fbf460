//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// number reads a message that is the number of a process.
func number(t *testing.T, c *ws.Conn) int {
	t.Helper()
	_, p, err := c.Read(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(p)))
	if err != nil {
		t.Fatalf("%q is not the number of a process", p)
	}
	return pid
}

// dies waits until a process is gone, or a zombie that the first process of a container has not looked at yet.
func dies(t *testing.T, pid int) {
	t.Helper()
	limit := time.Now().Add(patience)
	for syscall.Kill(pid, 0) == nil {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(rest, "Z") {
				return
			}
		}
		if time.Now().After(limit) {
			t.Errorf("process %d still runs", pid)
			syscall.Kill(pid, syscall.SIGKILL)
			return
		}
		time.Sleep(5 * time.Millisecond) // nobody tells of the end of a process that is not one's own
	}
}

// TestBridgeGrandchildrenDie leaves processes in the background in each way that there is: none is left behind.
func TestBridgeGrandchildrenDie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shell string
		end   func(*testing.T, *bridged, *ws.Conn)
	}{
		"the client leaves": {`sleep 1000 & echo $!; wait`, func(_ *testing.T, _ *bridged, c *ws.Conn) { c.CloseNow() }},
		"the command ends":  {`sleep 1000 & echo $!`, func(t *testing.T, _ *bridged, c *ws.Conn) { ends(t, c, 1000, "") }},
		"the bridge ends": {`sleep 1000 & echo $!; wait`, func(t *testing.T, b *bridged, c *ws.Conn) {
			b.signal(t, terminate)
			ends(t, c, 1001, "server is shutting down")
			if r := b.wait(t); r.code != 0 {
				t.Errorf("code %d: %s", r.code, r.err)
			}
		}},
		"signals are ignored": {`trap '' INT TERM; sh -c 'trap "" INT TERM; sleep 1000 & sleep 1000' & echo $!; while :; do wait; done`,
			func(_ *testing.T, _ *bridged, c *ws.Conn) { c.CloseNow() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, "--", "sh", "-c", c.shell)
			conn := dial(t, b.socket, nil)
			pid := number(t, conn)
			c.end(t, b, conn)
			dies(t, pid)
		})
	}
}

// TestBridgeSecondSignal ends at once, and leaves no process behind.
func TestBridgeSecondSignal(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--ladder", "1h,1h,1h", "--drain", "1h", "--", "sh", "-c", `trap '' INT TERM; sleep 1000 & echo $!; while :; do wait; done`)
	c := dial(t, b.socket, nil)
	pid := number(t, c)
	b.signal(t, terminate)
	ends(t, c, 1001, "server is shutting down")
	b.signal(t, terminate)
	if r := b.wait(t); r.code != 143 {
		t.Errorf("code %d", r.code)
	}
	dies(t, pid)
}

// TestBridgeLadder sees each step arrive, in its order and not before its time.
func TestBridgeLadder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "steps")
	b := startBridge(t, "--ladder", "200ms,200ms,10s", "--passenv", "PATH,STEPS", "--", "sh", "-c",
		`trap 'echo INT >>"$0"' INT; trap 'echo TERM >>"$0"; exit' TERM; echo ready; while read x; do :; done; echo EOF >>"$0"; while :; do sleep 0.02; done`, file)
	c := dial(t, b.socket, nil)
	says(t, c, "ready")
	begin := time.Now()
	c.CloseNow()
	b.signal(t, terminate)
	b.wait(t)
	if d := time.Since(begin); d < 400*time.Millisecond {
		t.Errorf("it took %v", d)
	}
	if steps, err := os.ReadFile(file); string(steps) != "EOF\nINT\nTERM\n" {
		t.Errorf("%q, %v", steps, err)
	}
}

// TestBridgeDrain gives up in time.
func TestBridgeDrain(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--ladder", "1h,1h,1h", "--drain", "200ms", "--", "sh", "-c", `trap '' INT TERM; echo $$; while :; do sleep 0.02; done`)
	c := dial(t, b.socket, nil)
	pid := number(t, c)
	b.signal(t, terminate)
	if r := b.wait(t); r.code != 143 || !strings.Contains(r.err, "--drain") {
		t.Errorf("%+v", r)
	}
	dies(t, pid)
}

// TestBridgeLargeOutput takes what a command has written, all of it, when it has ended long ago, and holds it back meanwhile.
func TestBridgeLargeOutput(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "sh", "-c", `i=0; while [ $i -lt 3000 ]; do echo "$i `+strings.Repeat("x", 2000)+`"; i=$((i+1)); done; printf end`)
	c := dial(t, b.socket, nil)
	for i := range 3000 {
		_, p, err := c.Read(soon(t))
		if err != nil || !strings.HasPrefix(string(p), strconv.Itoa(i)+" x") {
			t.Fatalf("line %d: %.20q, %v", i, p, err)
		}
	}
	says(t, c, "end")
	ends(t, c, 1000, "")
}

// TestBridgeEnvironment passes nothing on but what is allowed, and nothing that a client chooses by another name.
func TestBridgeEnvironment(t *testing.T) {
	t.Parallel()
	b := startBridgeWith(t, []string{"SECRET=1", "SHOWN=yes", "PARLEY_X=1"}, "--passenv", "PATH,SHOWN", "--", "env")
	c := dial(t, b.socket, &ws.DialOptions{Header: map[string][]string{"Proxy": {"evil:1"}, "X_Odd": {"1"}, "X-Good": {"a", "b"}}})
	env := environment(t, c)
	for name, want := range map[string]string{"SHOWN": "yes", "HTTP_X_GOOD": "a, b", "GATEWAY_INTERFACE": "CGI/1.1", "REMOTE_ADDR": "127.0.0.1"} {
		if env[name] != want {
			t.Errorf("%s=%s, want %s", name, env[name], want)
		}
	}
	for _, name := range []string{"SECRET", "PARLEY_X", "HTTP_PROXY", "HTTP_X_ODD", "HOME"} {
		if value, ok := env[name]; ok {
			t.Errorf("%s=%s is there", name, value)
		}
	}
}

// environment reads what env prints, to the end.
func environment(t *testing.T, c *ws.Conn) map[string]string {
	t.Helper()
	env := map[string]string{}
	for {
		_, p, err := c.Read(soon(t))
		if err != nil {
			var end *ws.CloseError
			if !errors.As(err, &end) {
				t.Fatal(err)
			}
			return env
		}
		name, value, _ := strings.Cut(string(p), "=")
		env[name] = value
	}
}

// daemon starts websocketd and returns its address.
func daemon(t *testing.T, args ...string) string {
	t.Helper()
	path := need.Command(t, "websocketd", "apt-get install websocketd")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // it cannot choose a port itself
	cmd := exec.Command(path, append([]string{"--address=127.0.0.1", "--port=" + port}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte("Starting WebSocket server")) {
			go func() {
				for lines.Scan() {
				}
			}()
			return "ws://127.0.0.1:" + port
		}
	}
	t.Fatalf("websocketd does not start: %v", lines.Err())
	return ""
}

// TestBridgeLikeWebsocketd compares what commands and clients see with Debian's websocketd.
func TestBridgeLikeWebsocketd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "env", "exec env")
	script(t, dir, "talk", `echo "one"; printf 'two\r\n'; echo; printf 'ü\tx\n'; while read line; do echo "<$line>"; done`)
	theirs, ours := daemon(t, "--dir="+dir, "--passenv=PATH,HOME"), startBridge(t, "--dir", dir, "--passenv=PATH,HOME").socket

	header := map[string][]string{"X-Odd": {"a", " b"}, "Origin": {""}, "User-Agent": {"test"}, "Cookie": {"a=b"}}
	delete(header, "Origin")
	for _, path := range []string{"/env", "/env/more/%C3%BC?a=b&c=%20", "/env/"} {
		want := environment(t, dial(t, theirs+path, &ws.DialOptions{Header: header}))
		got := environment(t, dial(t, ours+path, &ws.DialOptions{Header: header}))
		for name, value := range want {
			v, ok := got[name]
			switch name {
			case "SERVER_SOFTWARE", "GATEWAY_INTERFACE", "UNIQUE_ID", "SERVER_PORT", "REMOTE_PORT", "HTTP_SEC_WEBSOCKET_KEY", "_":
				if !ok || v == "" {
					t.Errorf("%s: %s is missing", path, name)
				}
			default:
				if !ok || v != value {
					t.Errorf("%s: %s=%q (there: %t), websocketd has %q", path, name, v, ok, value)
				}
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("%s: websocketd does not have %v", path, got)
		}
	}

	var lines [2][]string
	for i, url := range []string{theirs, ours} {
		c := dial(t, url+"/talk", nil)
		tell(t, c, "hello")
		tell(t, c, "a\nb")
		tell(t, c, "")
		for range 4 + 4 {
			_, p, err := c.Read(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			lines[i] = append(lines[i], string(p))
		}
	}
	if !slices.Equal(lines[0], lines[1]) {
		t.Errorf("websocketd gives %q, the bridge %q", lines[0], lines[1])
	}
	for _, url := range []string{theirs, ours} {
		refused(t, url+"/none", nil, 404)
		refused(t, url+"/", nil, 404)
	}
}
