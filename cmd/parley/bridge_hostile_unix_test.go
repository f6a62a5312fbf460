//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// A terminal that is closed ends the bridge in order: what it has started does not stay.
func TestBridgeHangup(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "sh", "-c", `sleep 1000 & echo $!; wait`)
	c := dial(t, b.socket, nil)
	pid := number(t, c)
	b.signal(t, syscall.SIGHUP)
	ends(t, c, ws.CodeGoingAway, "server is shutting down")
	if r := b.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	dies(t, pid)

	out := startBridge(t, "--", "cat")
	other := begin(t, nil, "bridge", "--connect", out.socket+"/", "--", "sh", "-c", `trap '' HUP; echo $$ >&2; while :; do sleep 0.02; done`)
	other.until(t, "the number of the process", func(_, err string) bool { return strings.Contains(err, "line=") })
	_, log := other.streams()
	_, log, _ = strings.Cut(log, "line=")
	if pid, err := strconv.Atoi(strings.Fields(log)[0]); err != nil {
		t.Fatal(err)
	} else {
		other.signal(t, syscall.SIGHUP)
		if r := other.wait(t); r.code != 143 {
			t.Errorf("--connect: code %d: %s", r.code, r.err)
		}
		dies(t, pid)
	}
}

// Who is started by nohup does not care about the terminal.
func TestBridgeNohup(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `trap '' HUP; exec "$0" bridge --listen 127.0.0.1:0 -- cat`, binary)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	url := ""
	for lines := bufio.NewScanner(errs); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "socket ")
	}
	c := dial(t, url, nil)
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tell(t, c, "after")
		says(t, c, "after")
	}
}

// A bridge whose log nobody reads any more goes on, and ends in order.
func TestBridgeLogReaderLeaves(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(binary, "bridge", "--listen", "127.0.0.1:0", "--", "sh", "-c", `echo lost >&2; echo "$$"; cat`)
	cmd.Env = environ()
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	defer cmd.Process.Kill()
	url := ""
	for lines := bufio.NewScanner(errs); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "socket ")
	}
	errs.Close()
	go func() { ended <- cmd.Wait() }()
	var pids []int
	for range 3 {
		c := dial(t, url, nil)
		pids = append(pids, number(t, c))
		tell(t, c, "still there")
		says(t, c, "still there")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
	for _, pid := range pids {
		dies(t, pid)
	}
}

// A line without an end is too long at once, not at the end that never comes. So is a message that promises much.
func TestBridgeEndless(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"a line":    {"--max-size", "10KiB", "--", "sh", "-c", `tr '\0' x </dev/zero`},
		"a length":  {"--max-size", "10KiB", "--frame", "len32", "--", "sh", "-c", `printf '\377\377\377\377'; sleep 1000`},
		"an event":  {"--max-size", "10KiB", "--frame", "json", "--", "sh", "-c", `printf '{"data":"'; tr '\0' x </dev/zero`},
		"a message": {"--max-size", "10KiB", "--frame", "nul", "--", "sh", "-c", `tr '\0' x </dev/zero`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, startBridge(t, args...).socket, nil)
			ends(t, c, ws.CodeInternalError, "the command wrote a message of more than 10240 bytes")
		})
	}
	b := startBridge(t, "--max-size", "10KiB", "--mode", "shared", "--", "sh", "-c", `read x; head -c 1000000 /dev/zero | tr '\0' x; echo; echo fine; sleep 1000`)
	c := dial(t, b.socket, nil)
	tell(t, c, "go")
	says(t, c, "fine") // a shared command is worth more than one line
	b.until(t, "the log", func(_, err string) bool { return strings.Count(err, "more than 10240 bytes") == 1 })
}

// What a command writes that cannot be a message is left out; the connection stays.
func TestBridgeBrokenEvents(t *testing.T) {
	t.Parallel()
	lines := []string{`garbage`, `{"data":1}`, `{"data":"a","b64":"YQ=="}`, `{"b64":"!!"}`, `{"b64":"/w==","type":"text"}`, `{"data":"x","type":"odd"}`, `{}`, `null`, `[]`, ``,
		`{"conn":"1","data":"x"}`, `{"conn":99,"data":"x"}`, `{"ev":"close","conn":1,"code":99999}`, `{"ev":"odd","data":"x"}`, `{"data":"fine"}`}
	script := "read x; printf '%s\\n' '" + strings.Join(lines, "' '") + "'; sleep 1000"
	for _, mode := range []string{"per-connection", "shared"} {
		c := dial(t, startBridge(t, "--mode", mode, "--frame", "json", "--", "sh", "-c", script).socket, nil)
		says(t, c, "fine")
	}
}

// A path that no variable can hold is the client's mistake, and nothing for the log.
func TestBridgeZeroByte(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script(t, dir, "env", "exec env")
	one, many := startBridge(t, "--", "env"), startBridge(t, "--dir", dir)
	refused(t, one.socket+"/a%00b", nil, 400)
	refused(t, many.socket+"/env/a%00b", nil, 400)
	refused(t, many.socket+"/a%00b", nil, 400)
	env := environment(t, dial(t, one.socket+"/a%0ab%ff/..?c=%00", nil))
	if env["PATH_INFO"] != "/a b\uFFFD/.." || env["QUERY_STRING"] != "c=%00" {
		t.Errorf("PATH_INFO=%q QUERY_STRING=%q", env["PATH_INFO"], env["QUERY_STRING"])
	}
	for _, b := range []*bridged{one, many} {
		if _, log := b.streams(); strings.Contains(log, "ERROR") {
			t.Error(log)
		}
	}
}

// The directory shows what belongs to a site, and neither what its owner hides nor what is elsewhere. To open a pipe would wait forever.
func TestBridgeHiddenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{".env", ".git/config", "sub/.secret", "sub/shown", ".well-known/security.txt"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, "content")
	}
	for name, target := range map[string]string{"passwd": "/etc/passwd", "etc": "/etc", "inside": "sub/shown"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := startBridge(t, "--staticdir", dir, "--", "cat")
	url := strings.Replace(b.socket, "ws", "http", 1)
	for path, want := range map[string]int{"/.env": 404, "/.git/config": 404, "/.git/": 404, "/sub/.secret": 404, "/sub/shown": 200, "/.well-known/security.txt": 200,
		"/passwd": 404, "/etc/": 404, "/etc/passwd": 404, "/inside": 200, "/pipe": 404, "/%2e%2e/x": 404} {
		if status, body := get(t, url+path); status != want {
			t.Errorf("%s: status %d, want %d: %.80q", path, status, want, body)
		}
	}
	if status, body := get(t, url+"/sub/"); status != 200 || !strings.Contains(body, "shown") || strings.Contains(body, "secret") {
		t.Errorf("the list: status %d, %q", status, body)
	}
}

// A body that never comes does not keep a connection forever.
func TestBridgeBodyThatNeverComes(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "cat")
	host := strings.TrimPrefix(b.socket, "ws://")
	waiting := map[string]net.Conn{}
	for _, length := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n\r\n", host, length)
		waiting[length] = c
	}
	for length, c := range waiting {
		c.SetReadDeadline(time.Now().Add(patience))
		if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %q, %v", length, answer, err)
		}
	}
}

// A thousand clients that leave at once, in each way that there is, leave nothing behind.
func TestBridgeChurn(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc here")
	}
	b := startBridge(t, "--maxforks", "10000", "--", "cat")
	open := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	c := dial(t, b.socket, nil) // the first one opens what all use
	tell(t, c, "x")
	says(t, c, "x")
	c.CloseNow()
	before := open()
	host := strings.TrimPrefix(b.socket, "ws://")
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for j := range 250 {
				c, err := net.Dial("tcp", host)
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
				if j%2 == 0 {
					c.Read(make([]byte, 64))
				}
				if (i+j)%3 == 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		})
	}
	clients.Wait()
	limit := time.Now().Add(patience)
	for open() > before+2 || children(t, b.cmd.Process.Pid) > 0 { // the runtime opens some for itself
		if time.Now().After(limit) {
			t.Fatalf("%d files are open, %d before; %d processes are left", open(), before, children(t, b.cmd.Process.Pid))
		}
		time.Sleep(5 * time.Millisecond) // nobody tells
	}
}

// children counts the processes that one has, zombies too.
func children(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range tasks {
		list, _ := os.ReadFile(name) // the thread may have ended
		n += len(strings.Fields(string(list)))
	}
	return n
}

// Who comes late to a command that never stops gets the last messages and then all that follow, each once.
func TestBridgeLateJoiners(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--mode", "shared", "--history", "20", "--queue", "16MiB", "--", "sh", "-c", `i=0; while :; do echo $i; i=$((i+1)); done`)
	var joiners sync.WaitGroup
	for range 8 {
		joiners.Go(func() {
			c, err := ws.Dial(t.Context(), b.socket, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			last := -1
			for i := range 3000 {
				_, p, err := c.Read(t.Context())
				if err != nil {
					t.Errorf("after %d messages: %v", i, err)
					return
				}
				n, err := strconv.Atoi(string(p))
				if err != nil || i > 0 && n != last+1 {
					t.Errorf("%q (%v) came after %d", p, err, last)
					return
				}
				last = n
			}
		})
	}
	joiners.Wait()
}

// What a process could not be given before it ended is for the next one.
func TestBridgeRestartLosesNothing(t *testing.T) {
	t.Parallel()
	const command = `read x; exec <&-; echo "got $x"; sleep 0.2; exit 1`
	c := dial(t, startBridge(t, "--mode", "shared", "--", "sh", "-c", command).socket, nil)
	s := startCommands(t, one("topic = \"once\"\ninput = true", command))
	topic := dial(t, s.ws+"/t/once", nil)
	for _, word := range []string{"a", "b", "c"} { // each comes when its predecessor reads no more
		tell(t, c, word)
		tell(t, topic, word)
		says(t, c, "got "+word)
		says(t, topic, word)
		says(t, topic, "got "+word)
	}

	j := dial(t, startBridge(t, "--mode", "shared", "--frame", "json", "--", "sh", "-c",
		`while read x; do case $x in *msg*) exec <&-; echo '{"data":"got"}'; sleep 0.2; exit 1;; esac; done`).socket, nil)
	for range 2 {
		tell(t, j, "x")
		says(t, j, "got")
	}
}

// The line of a browser says where a command connects to, and with which headers.
func TestBridgeCurl(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "env")
	line := "curl '" + b.socket + "/x?from=curl' -H 'X-From: browser'"
	r := parley(t, "", "bridge", "--curl", line, "--", "sh", "-c", `grep -E '^(QUERY_STRING|HTTP_X_FROM)=' >&2`)
	if r.code != 0 || !strings.Contains(r.err, "QUERY_STRING=from=curl") || !strings.Contains(r.err, "HTTP_X_FROM=browser") {
		t.Errorf("%+v", r)
	}
	parley(t, "", "bridge", "--curl", line, "--connect", b.socket+"/", "--", "cat").expect(t, 2, "--curl", "--connect")
}

// Commands that cannot be are found at the start, with advice that helps.
func TestBridgeNoCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), "#!/bin/sh\n")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, word := range map[string]string{"text": "chmod +x", "pipe": "no file", "": "directory"} {
		r := parley(t, "", "bridge", "--listen", "127.0.0.1:0", "--", filepath.Join(dir, name))
		r.expect(t, 1, word)
		if strings.Contains(r.err, "ports below") {
			t.Errorf("%q: %s", name, r.err)
		}
	}
}

// Header fields keep their own names: none passes for another variable.
func TestBridgeHeaderNames(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--", "env")
	h := http.Header{"Path": {"/evil"}, "Ld-Preload": {"/evil"}, "Https": {"on"}, "BASH_FUNC_x%%": {"() { :;}"}, "X_y": {"1"}}
	env := environment(t, dial(t, b.socket, &ws.DialOptions{Header: h}))
	if env["PATH"] == "/evil" || env["HTTP_PATH"] != "/evil" || env["CONTENT_LENGTH"] != "" {
		t.Errorf("%v", env)
	}
	many := http.Header{}
	for i := range 60 {
		many.Set("X-"+strconv.Itoa(i), "1")
	}
	refused(t, b.socket, &ws.DialOptions{Header: many}, 431)
	refused(t, b.socket, &ws.DialOptions{Header: http.Header{"X": {strings.Repeat("x", 9<<10)}}}, 431)
	for name := range env {
		if name == "HTTPS" || name == "LD_PRELOAD" || strings.HasPrefix(name, "BASH") || strings.ContainsAny(name, "%-") || name == "HTTP_X_Y" {
			t.Errorf("%s=%s", name, env[name])
		}
	}
}
