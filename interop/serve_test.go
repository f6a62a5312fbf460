package interop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/ws"
)

// parley is the program while it serves.
type parley struct {
	url    string // of the page
	cmd    *exec.Cmd
	stdout bytes.Buffer
	said   chan []byte // what else it wrote to stderr, once it has ended
}

// build compiles the program and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley")
	command := exec.CommandContext(t.Context(), need.Command(t, "go", "install Go"), "build", "-o", path, "../cmd/parley")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return path
}

// pageLine is where the program says how to reach its page.
var pageLine = regexp.MustCompile(`page\s+(https?://\S+)`)

// serve runs parley serve, at least until the test ends.
func serve(t *testing.T, program string, args ...string) *parley {
	t.Helper()
	p := &parley{cmd: exec.Command(program, append([]string{"serve"}, args...)...), said: make(chan []byte, 1)}
	// Nothing of the caller's own configuration.
	p.cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	p.cmd.Dir = t.TempDir()
	p.cmd.Stdout = &p.stdout
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(t, os.Kill) })

	lines := bufio.NewReader(stderr)
	found := make(chan string, 1)
	go func() {
		var said []byte
		for {
			text, err := lines.ReadBytes('\n')
			if page := pageLine.FindSubmatch(text); page != nil {
				found <- string(page[1])
				break
			}
			said = append(said, text...)
			if err != nil {
				break
			}
		}
		close(found)
		rest, _ := io.ReadAll(lines) // until the program ends
		p.said <- append(said, rest...)
	}()
	select {
	case p.url = <-found:
	case <-time.After(patience):
	}
	if p.url == "" {
		t.Fatal("parley serve does not say where its page is")
	}
	return p
}

// end signals the program and returns the status with which it ended, and what
// it had still to say. It does nothing the second time.
func (p *parley) end(t *testing.T, signal os.Signal) (status int, said string) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return p.cmd.ProcessState.ExitCode(), ""
	}
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Error(err)
	}
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	said = string(<-p.said)
	_ = p.cmd.Wait() // its status tells
	if !kill.Stop() {
		t.Errorf("parley serve was still there %v after the signal %v", patience, signal)
	}
	return p.cmd.ProcessState.ExitCode(), said
}

// until waits for an expression in the page to become true, and returns it.
func (s *stage) until(t *testing.T, expression string) string {
	t.Helper()
	return tab{s, 0}.until(t, expression)
}

// The real program, with its page in a real browser: the clock ticks, the
// console echoes, and a SIGTERM ends both in order.
func TestServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	t.Parallel()
	s := chromium(t)
	program := build(t)
	for name, args := range map[string][]string{
		"plain":       {"--addr", "127.0.0.1:0"},
		"self-signed": {"--addr", "127.0.0.1:0", "--tls-self-signed"},
	} {
		t.Run(name, func(t *testing.T) { testServe(t, s, program, args) })
	}
}

func testServe(t *testing.T, s *stage, program string, args []string) {
	server := serve(t, program, args...)
	if answer := s.do(t, "goto", command{"url": server.url + "console"}); answer.Status != 200 {
		t.Fatalf("%s answers %d", server.url, answer.Status)
	}

	// The clock ticks.
	const clock = `document.querySelector('#clock').dateTime`
	first := s.until(t, clock)
	second := s.until(t, fmt.Sprintf(`%s !== %q && %[1]s`, clock, first))
	for _, text := range []string{first, second} {
		if at, err := time.Parse(time.RFC3339, text); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("the clock shows %q (%v)", text, err)
		}
	}

	// The console echoes text, and a mebibyte.
	const open = `document.querySelector('#state').dataset.state === 'open'`
	s.until(t, open)
	if extensions := s.until(t, `document.querySelector('#extensions').textContent`); !strings.Contains(extensions, "permessage-deflate") {
		t.Errorf("the console's extensions are %q", extensions)
	}
	const hello = `Grüezi <b>world</b> ✓`
	s.do(t, "type", command{"selector": "#text", "text": hello})
	const echoes = `[...document.querySelectorAll('#log [data-event=message]')]`
	if text := s.until(t, echoes+`.map((li) => li.querySelector('.text').textContent)[0]`); text != hello {
		t.Errorf("the console shows the echo %q, want %q", text, hello)
	}
	s.do(t, "click", command{"selector": "[name=kind][value=made]"})
	s.do(t, "click", command{"selector": "#send"})
	if text := s.until(t, echoes+`.map((li) => li.textContent)[1]`); !strings.Contains(text, "same as sent") || !strings.Contains(text, "1 MiB") {
		t.Errorf("the console says of the large echo: %.200q", text)
	}

	// Sockets of our own, to see more than the page shows.
	base := "ws" + strings.TrimPrefix(server.url, "http")
	var sockets []*theirs
	for _, path := range []string{"echo", "clock"} {
		answer := s.do(t, "dial", command{"url": base + path})
		sockets = append(sockets, &theirs{process: s.process, id: answer.Conn})
	}
	echo, ticks := sockets[0], sockets[1]
	for _, want := range battery(0, 1, 1000, mebibyte)[:14] {
		echo.send(t, want.Type, want.Data)
		if err := differ(echo.next(t, "message").message(), want); err != nil {
			t.Errorf("/echo: %v", err)
		}
	}
	if tick := ticks.next(t, "message"); tick.Type != "text" {
		t.Errorf("/clock sent %s", tick.Type)
	}

	status, said := server.end(t, syscall.SIGTERM)
	if status != 0 || server.stdout.Len() > 0 {
		t.Errorf("parley serve ended with status %d; stdout %q, stderr %q", status, &server.stdout, said)
	}
	for _, socket := range sockets {
		event := socket.next(t, "close")
		if ws.Code(event.Code) != ws.CodeGoingAway {
			t.Errorf("a socket got %d %q, want 1001", event.Code, event.Reason)
		}
		checkClean(t, event, true)
	}
	closed := s.until(t, `[...document.querySelectorAll('#log [data-event=close]')].map((li) => li.textContent)[0]`)
	if !strings.Contains(closed, "1001") || !strings.Contains(closed, "wasClean true") {
		t.Errorf("the console shows the close as %q", closed)
	}

	// The page comes back with the server.
	address := regexp.MustCompile(`^https?://([^/]+)`).FindStringSubmatch(server.url)[1]
	again := serve(t, program, append(args, "--addr", address)...)
	s.until(t, open)
	s.until(t, fmt.Sprintf(`%s !== %q`, clock, second))
	if status, said := again.end(t, syscall.SIGTERM); status != 0 {
		t.Errorf("the second parley serve ended with status %d: %s", status, said)
	}
}
