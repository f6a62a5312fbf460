package browsertest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
)

// modules is where playwright-core is installed.
const modules = "../../interop"

type example struct {
	name  string
	args  []string // beside those for the addresses
	steps [][]any  // what a person does first
	want  string   // part of the first message's line
	more  bool     // whether a second message comes by itself
	// What onclose shows after a press on Close, and when the server is stopped with an interrupt.
	closed, stopped string
}

const (
	byPage   = `code 1000, reason "", wasClean true` // the server answers with the code alone
	inOrder  = `code 1001, reason "server is shutting down", wasClean true`
	abnormal = `code 1006, reason "", wasClean false`
)

var examples = []example{
	{name: "time", args: []string{"-page", "127.0.0.1:0", "-every", "50ms"}, want: "T", more: true, closed: byPage, stopped: inOrder},
	{name: "page", want: "pong after", more: true, closed: byPage, stopped: abnormal},
	{name: "origin", args: []string{"-good", "127.0.0.1:0", "-bad", "127.0.0.1:0"}, steps: [][]any{{"click", "#send"}}, want: "text: GRÜEZI",
		closed: `code 4000, reason "", wasClean true`, stopped: abnormal},
	{name: "chat", steps: [][]any{{"fill", "#name", "Ada"}, {"click", "#connect"}}, want: "Ada joined",
		closed: byPage, stopped: inOrder},
	{name: "subprotocol", steps: [][]any{{"click", "#connect"}, {"click", "#send"}}, want: `{"greeting":"Hello, Ada!"}`, closed: byPage, stopped: abnormal},
	{name: "wss", steps: [][]any{{"click", "#send"}}, want: "hello", closed: byPage, stopped: abnormal},
	{name: "heartbeat", args: []string{"-every", "1s"}, want: "round trip", more: true, closed: byPage, stopped: abnormal},
}

func TestPages(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be interrupted from outside on Windows")
	}
	b := startBrowser(t)
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) { e.run(t, b) })
	}
}

// A page of another origin is refused, which a browser reports as an error and 1006.
func TestRefusedOrigin(t *testing.T) {
	b := startBrowser(t)
	_, urls := start(t, "origin", "-good", "127.0.0.1:0", "-bad", "127.0.0.1:0")
	b.do(t, command{Goto: urls[1]})
	b.do(t, command{Wait: "onerror"})
	if got := b.do(t, command{Wait: "onclose"}); got != abnormal {
		t.Errorf("onclose shows %q, want %q", got, abnormal)
	}
}

func (e *example) run(t *testing.T, b *browser) {
	server, urls := start(t, e.name, e.args...)
	b.do(t, command{Goto: urls[0]})
	b.do(t, command{Steps: e.steps})
	b.do(t, command{Wait: "onopen"})
	if got := b.do(t, command{Wait: "onmessage"}); !strings.Contains(got, e.want) {
		t.Errorf("onmessage shows %q, want %q", got, e.want)
	}
	if e.more {
		b.do(t, command{Wait: "onmessage", Nth: 2})
	}
	b.click(t, "#close")
	if got := b.do(t, command{Wait: "onclose"}); got != e.closed {
		t.Errorf("onclose after a press on Close shows %q, want %q", got, e.closed)
	}

	b.click(t, "#connect")
	b.do(t, command{Wait: "onopen", Nth: 2})
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := b.do(t, command{Wait: "onclose", Nth: 2}); got != e.stopped {
		t.Errorf("onclose of a stopped server shows %q, want %q", got, e.stopped)
	}
	if err := server.Wait(); err != nil && e.stopped == inOrder {
		t.Errorf("the server did not end in order: %v", err)
	}

	b.click(t, "#connect")
	b.do(t, command{Wait: "onerror"})
	if got := b.do(t, command{Wait: "onclose", Nth: 3}); got != abnormal {
		t.Errorf("onclose with the server down shows %q, want %q", got, abnormal)
	}
}

var urlPattern = regexp.MustCompile(`https?://[^/ ]+/`)

// start builds and runs an example and returns the URLs that it prints.
func start(t *testing.T, name string, args ...string) (*exec.Cmd, []string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, "../"+name).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	cmd := exec.Command(program, append(args, "-addr", "127.0.0.1:0")...)
	cmd.Dir = t.TempDir() // for what it writes
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Both fail if the test has ended the program already.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	urls := urlPattern.FindAllString(line, -1)
	if err != nil || len(urls) == 0 {
		t.Fatalf("%s printed %q: %v", name, line, err)
	}
	return cmd, urls
}

// browser is drive.js.
type browser struct {
	in  *json.Encoder
	out *json.Decoder
}

// command is one of those that drive.js describes.
type command struct {
	Goto  string  `json:"goto,omitempty"`
	Steps [][]any `json:"steps,omitempty"`
	Wait  string  `json:"wait,omitempty"`
	Nth   int     `json:"nth,omitempty"`
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	chromium := need.Chromium(t)
	node := need.NodeModule(t, modules, "playwright-core")
	base, err := filepath.Abs(filepath.Join(modules, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "drive.js", base, chromium)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("drive.js: %v", err)
		}
	})
	return &browser{in: json.NewEncoder(in), out: json.NewDecoder(out)}
}

// do gives a command and returns the detail of its answer.
func (b *browser) do(t *testing.T, c command) string {
	t.Helper()
	if err := b.in.Encode(c); err != nil {
		t.Fatal(err)
	}
	var reply struct{ Detail, Error string }
	if err := b.out.Decode(&reply); err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	if reply.Error != "" {
		t.Fatalf("%+v: %s", c, reply.Error)
	}
	return reply.Detail
}

// click presses a button as soon as it is enabled.
func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.do(t, command{Steps: [][]any{{"click", selector}}})
}
