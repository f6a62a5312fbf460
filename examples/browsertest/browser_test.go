package browsertest

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
)

// modules is where playwright-core is installed.
const modules = "../../interop"

type example struct {
	name  string
	args  []string
	steps [][]any // what a person does first
	want  string  // part of a message's line
	close string  // part of the line of onclose when the server is stopped with an interrupt
}

var examples = []example{
	{name: "time", args: []string{"-addr", "127.0.0.1:0", "-page", "127.0.0.1:0", "-every", "50ms"}, want: "T", close: "code 1001"},
	{name: "page", args: []string{"-addr", "127.0.0.1:0"}, want: "pong after", close: "code 1006"},
	{name: "origin", args: []string{"-addr", "127.0.0.1:0", "-good", "127.0.0.1:0", "-bad", "127.0.0.1:0"},
		steps: [][]any{{"click", "#send:enabled"}}, want: "GRÜEZI", close: "code 1006"},
	{name: "chat", args: []string{"-addr", "127.0.0.1:0"},
		steps: [][]any{{"fill", "#name", "Ada"}, {"click", "#connect"}}, want: "Ada joined", close: "code 1001"},
	{name: "subprotocol", args: []string{"-addr", "127.0.0.1:0"},
		steps: [][]any{{"click", "#connect"}, {"click", "#send:enabled"}}, want: `{"greeting":"Hello, Ada!"}`, close: "code 1006"},
	{name: "wss", args: []string{"-addr", "127.0.0.1:0"}, steps: [][]any{{"click", "#send:enabled"}}, want: "hello", close: "code 1006"},
	{name: "heartbeat", args: []string{"-addr", "127.0.0.1:0", "-every", "1s"}, want: "round trip", close: "code 1006"},
}

func TestPages(t *testing.T) {
	chromium := need.Chromium(t)
	node := need.NodeModule(t, modules, "playwright-core")
	bin := t.TempDir()
	for _, e := range examples {
		build := exec.Command("go", "build", "-o", filepath.Join(bin, e.name), "../"+e.name)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", e.name, err, out)
		}
	}
	b := startBrowser(t, node, chromium)
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) { e.run(t, b, filepath.Join(bin, e.name)) })
	}
}

// A page of another origin is refused, which a browser reports as an error and 1006.
func TestRefusedOrigin(t *testing.T) {
	chromium := need.Chromium(t)
	node := need.NodeModule(t, modules, "playwright-core")
	program := filepath.Join(t.TempDir(), "origin")
	if out, err := exec.Command("go", "build", "-o", program, "../origin").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := startBrowser(t, node, chromium)
	_, urls := start(t, program, []string{"-addr", "127.0.0.1:0", "-good", "127.0.0.1:0", "-bad", "127.0.0.1:0"})
	b.do(t, command{Goto: urls[1]})
	b.do(t, command{Wait: "onerror"})
	if got := b.do(t, command{Wait: "onclose"}); !strings.Contains(got, "code 1006") || !strings.Contains(got, "wasClean false") {
		t.Errorf("onclose shows %q", got)
	}
}

func (e *example) run(t *testing.T, b *browser, program string) {
	server, urls := start(t, program, e.args)
	b.do(t, command{Goto: urls[0], Steps: e.steps})
	b.do(t, command{Wait: "onopen"})
	if got := b.do(t, command{Wait: "onmessage"}); !strings.Contains(got, e.want) {
		t.Errorf("onmessage shows %q, want %q", got, e.want)
	}
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := b.do(t, command{Wait: "onclose"}); !strings.Contains(got, e.close) {
		t.Errorf("onclose shows %q, want %q", got, e.close)
	}
	// How it ends is seen in the browser; the program's own status is that of the signal for most.
	_ = server.Wait()
	b.do(t, command{Click: "#connect:enabled"})
	b.do(t, command{Wait: "onerror"})
}

var urlPattern = regexp.MustCompile(`https?://[^/ ]+/`)

// start runs an example and returns the URLs that it prints.
func start(t *testing.T, program string, args []string) (*exec.Cmd, []string) {
	t.Helper()
	cmd := exec.Command(program, args...)
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
		t.Fatalf("%s printed %q: %v", program, line, err)
	}
	return cmd, urls
}

// browser is drive.js.
type browser struct {
	in  *json.Encoder
	out *json.Decoder
}

type command struct {
	Goto  string  `json:"goto,omitempty"`
	Steps [][]any `json:"steps,omitempty"`
	Wait  string  `json:"wait,omitempty"`
	Click string  `json:"click,omitempty"`
}

func startBrowser(t *testing.T, node, chromium string) *browser {
	t.Helper()
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
