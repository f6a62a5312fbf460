//go:build unix

package main

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// oneLiner is a command of the documentation.
type oneLiner struct {
	needs string // a program
	// check does what a reader would do, with the bridge under way.
	check func(t *testing.T, l *documented)
}

// documented is a command of the documentation that runs.
type documented struct {
	*process
	dir    string
	socket string // empty if it does not wait for WebSockets
	tcp    string // the address where it waits for TCP
}

// oneLiners are all commands of docs/bridge.md and of the help.
var oneLiners = map[string]oneLiner{
	"parley bridge -- cat": {"", func(t *testing.T, l *documented) {
		if r := parley(t, "hello\n", "connect", l.socket); r.out != "hello\n" {
			t.Errorf("%+v", r)
		}
	}},
	`parley bridge -- sh -c 'while read name; do echo "Hello, $name"; done'`: {"", func(t *testing.T, l *documented) {
		c := dial(t, l.socket, nil)
		tell(t, c, "Ann")
		says(t, c, "Hello, Ann")
	}},
	`parley bridge -- python3 -uc 'for i in range(3): print(i)'`: {"python3", func(t *testing.T, l *documented) {
		c := dial(t, l.socket, nil)
		for _, line := range []string{"0", "1", "2"} {
			says(t, c, line)
		}
		ends(t, c, 1000, "")
	}},
	"parley bridge --dir ./scripts --staticdir ./public": {"", func(t *testing.T, l *documented) {
		says(t, dial(t, l.socket+"hello/you", nil), "/you")
		if status, body := get(t, "http"+strings.TrimPrefix(l.socket, "ws")+"a.txt"); status != 200 || body != "a file" {
			t.Errorf("status %d, %q", status, body)
		}
	}},
	"parley bridge --devconsole -- cat": {"", func(t *testing.T, l *documented) {
		if status, body := get(t, "http"+strings.TrimPrefix(l.socket, "ws")+"x"); status != 200 || !strings.Contains(body, `value="/x"`) {
			t.Errorf("status %d", status)
		}
	}},
	"parley bridge --mode shared -- vmstat 1": {"vmstat", func(t *testing.T, l *documented) {
		a, b := dial(t, l.socket, nil), dial(t, l.socket, nil)
		_, line, err := b.Read(soon(t))
		if err != nil || !regexp.MustCompile(`^[ 0-9]{20,}$|^procs| swpd `).Match(line) {
			t.Fatalf("%q, %v", line, err)
		}
		for {
			_, p, err := a.Read(soon(t)) // it came first, and sees the same
			if err != nil {
				t.Fatalf("no %q: %v", line, err)
			}
			if string(p) == string(line) {
				return
			}
		}
	}},
	"parley bridge --mode shared --history 10 -- tail -n 10 -F app.log": {"", func(t *testing.T, l *documented) {
		a := dial(t, l.socket, nil)
		says(t, a, "old line")
		says(t, dial(t, l.socket, nil), "old line") // it comes late
		f, err := os.OpenFile(filepath.Join(l.dir, "app.log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		io.WriteString(f, "new line\n")
		says(t, a, "new line")
	}},
	"parley bridge --mode shared -- jq --unbuffered -c '{said: .}'": {"jq", func(t *testing.T, l *documented) {
		a, b := dial(t, l.socket, nil), dial(t, l.socket, nil)
		tell(t, a, `{"x" : 1}`)
		says(t, a, `{"said":{"x":1}}`)
		says(t, b, `{"said":{"x":1}}`)
	}},
	"parley bridge --mode shared --frame json -- python3 -u chat.py": {"python3", func(t *testing.T, l *documented) {
		a := dial(t, l.socket, nil)
		says(t, a, "you are 1")
		b := dial(t, l.socket, nil)
		says(t, b, "you are 2")
		tell(t, a, "hello")
		says(t, a, "1: hello")
		says(t, b, "1: hello")
		tell(t, b, "bye")
		ends(t, b, 1000, "")
		tell(t, a, "alone")
		says(t, a, "1: alone")
	}},
	`parley bridge --mode pool 2 -- python3 -uc 'import sys; [print(line.upper(), end="") for line in sys.stdin]'`: {"python3", func(t *testing.T, l *documented) {
		for range 3 {
			c := dial(t, l.socket, nil)
			tell(t, c, "loud")
			says(t, c, "LOUD")
			c.CloseNow()
		}
	}},
	"parley bridge --pty -- bash": {"bash", func(t *testing.T, l *documented) {
		c := dial(t, l.socket+"?cols=99&rows=33", nil)
		tell(t, c, "stty size; exit\n")
		shows(t, c, "33 99")
	}},
	`parley bridge --connect ws://127.0.0.1:8080/echo -- sh -c 'echo hello; read reply; echo "$reply" >&2'`: {"", func(t *testing.T, l *documented) {
		if r := l.wait(t); r.code != 0 || !strings.Contains(r.err, "line=hello") {
			t.Errorf("%+v", r)
		}
	}},
	"parley bridge --tcp 127.0.0.1:5432":                 {"", echoesBytes},
	"parley bridge --unix /run/postgresql/.s.PGSQL.5432": {"", echoesBytes},
	"parley bridge --listen-tcp 127.0.0.1:15432 --connect ws://127.0.0.1:8080/": {"", func(t *testing.T, l *documented) {
		conn, err := net.Dial("tcp", l.tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "through both")
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(conn); err != nil || string(got) != "through both" {
			t.Errorf("%q, %v", got, err)
		}
	}},
}

// echoesBytes talks to an endpoint of bytes that come back.
func echoesBytes(t *testing.T, l *documented) {
	c := dial(t, l.socket, nil)
	if err := c.Write(t.Context(), ws.Binary, []byte("bytes\xff")); err != nil {
		t.Fatal(err)
	}
	if typ, p, err := c.Read(soon(t)); err != nil || typ != ws.Binary || string(p) != "bytes\xff" {
		t.Errorf("%v %q, %v", typ, p, err)
	}
}

// shows reads messages until together they hold a text.
func shows(t *testing.T, c *ws.Conn, text string) {
	t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), text) {
		_, p, err := c.Read(soon(t))
		if err != nil {
			t.Fatalf("no %q in %q: %v", text, all.String(), err)
		}
		all.Write(p)
	}
}

// echoService sends back what it gets, and ends when it has got all.
func echoService(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(conn, conn) // one after the other is enough here
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// TestBridgeDocs runs every command of docs/bridge.md and the examples of the help as they are printed, but for addresses.
func TestBridgeDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/bridge.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(m[1]) {
			found[strings.TrimSuffix(line, "\n")] = true
		}
	}
	for line := range strings.Lines(newBridge(stdio{}).Example) {
		line, _, _ = strings.Cut(line, "#")
		found[strings.TrimSpace(line)] = true
	}
	for _, line := range slices.Sorted(maps.Keys(found)) {
		if oneLiners[line].check == nil {
			t.Errorf("no test runs %s", line)
		}
	}
	program := regexp.MustCompile("(?ms)^```python\n# (\\S+): (.*?)^```$").FindStringSubmatch(string(text))
	if program == nil {
		t.Fatal("the Python program is gone")
	}
	for line, o := range oneLiners {
		if !found[line] {
			t.Errorf("not in the documentation: %s", line)
			continue
		}
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			if o.needs != "" {
				need.Command(t, o.needs, "apt-get install "+o.needs)
			}
			dir := t.TempDir()
			for name, content := range map[string]string{"app.log": "old line\n", "public/a.txt": "a file", program[1]: "# " + program[2]} {
				os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			os.Mkdir(filepath.Join(dir, "scripts"), 0o755)
			script(t, filepath.Join(dir, "scripts"), "hello", `echo "$PATH_INFO"`)
			if err := os.Symlink(binary, filepath.Join(dir, "parley")); err != nil {
				t.Fatal(err)
			}
			run := line
			if strings.Contains(run, "5432") {
				service := echoService(t, "tcp", "127.0.0.1:0")
				run = strings.NewReplacer("127.0.0.1:15432", "127.0.0.1:0", "127.0.0.1:5432", service).Replace(run)
				if strings.Contains(run, "--listen-tcp") {
					b := startBridge(t, "--tcp", service)
					run = strings.Replace(run, "ws://127.0.0.1:8080/", b.socket+"/", 1)
				}
				if strings.Contains(run, "/run/postgresql/") {
					socket := filepath.Join(dir, "socket")
					echoService(t, "unix", socket)
					run = strings.Replace(run, "/run/postgresql/.s.PGSQL.5432", socket, 1)
				}
			} else if strings.Contains(run, "--connect") {
				run = strings.Replace(run, "ws://127.0.0.1:8080/echo", startServer(t, nil).echo, 1)
			}
			l := startDocumented(t, dir, run)
			o.check(t, l)
		})
	}
	if !json.Valid([]byte(`{"cols":100,"rows":30}`)) || !strings.Contains(string(text), `{"cols":100,"rows":30}`) {
		t.Error("the message that changes a terminal's size is gone")
	}
}

// startDocumented runs a command line in a shell.
func startDocumented(t *testing.T, dir, line string) *documented {
	t.Helper()
	p := &process{cmd: exec.Command("sh", "-c", "exec "+line), news: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = environ("PATH="+dir+":"+os.Getenv("PATH"), "PARLEY_LISTEN=127.0.0.1:0")
	p.cmd.Stdout, p.cmd.Stderr = sink{p, &p.out}, sink{p, &p.err}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait() // the exit code says more
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Signal(terminate) // it ends its processes
		<-p.done
	})
	l := &documented{process: p, dir: dir}
	if strings.Contains(line, "--connect") && !strings.Contains(line, "--listen-tcp") {
		return l
	}
	p.until(t, "the address", func(_, err string) bool {
		for text := range strings.Lines(err) {
			name, value, _ := strings.Cut(strings.TrimSpace(text), " ")
			switch value = strings.TrimSpace(value); {
			case !strings.HasSuffix(text, "\n"):
			case name == "socket":
				l.socket = value
			case name == "tcp":
				l.tcp = value
			}
		}
		return l.socket != "" || l.tcp != ""
	})
	return l
}
