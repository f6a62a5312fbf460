package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws/wstest"
	"go.uber.org/goleak"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "parley-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "parley.exe")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "go build:", err)
		os.Exit(1)
	}
	// No variable of the machine may change what a test sees.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		os.Unsetenv(name)
	}
	os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state")) // where connect remembers what is typed
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long anything in these tests may take.
const patience = 30 * time.Second

// result is what a finished run gave.
type result struct {
	code     int
	out, err string
}

// parley runs the program with this standard input to its end.
func parley(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	p := begin(t, nil, args...)
	go func() {
		io.WriteString(p.in, stdin) // a program that does not read to the end is no error
		p.in.Close()
	}()
	return p.wait(t)
}

// process is a running program.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	mu   sync.Mutex
	out  bytes.Buffer
	err  bytes.Buffer
	news chan struct{} // told of each piece of output
	done chan struct{}
	late bool // output may still be on its way after the end
}

// begin starts the program; the end of the test kills it. PARLEY_ variables are those of env alone.
func begin(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), news: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd.Env = environ(env...)
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = sink{p, &p.out}, sink{p, &p.err}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait() // the exit code says more
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// environ returns the variables of this process but for those of Parley, of which some are for the tests alone, and more.
func environ(more ...string) []string {
	list := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PARLEY_") })
	return append(list, more...)
}

// sink collects one stream.
type sink struct {
	p *process
	b *bytes.Buffer
}

func (s sink) Write(b []byte) (int, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.b.Write(b)
	select {
	case s.p.news <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (p *process) streams() (out, err string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.err.String()
}

// wait returns what the program gave in the end.
func (p *process) wait(t *testing.T) result {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		out, err := p.streams()
		t.Fatalf("%v still runs; standard output %.500q, standard error %.2000q", p.cmd.Args[1:], out, err)
	}
	r := result{code: p.cmd.ProcessState.ExitCode()}
	r.out, r.err = p.streams()
	return r
}

// until waits until the output meets the condition.
func (p *process) until(t *testing.T, what string, met func(out, err string) bool) {
	t.Helper()
	limit := time.After(patience)
	done := p.done
	for {
		out, err := p.streams()
		if met(out, err) {
			return
		}
		select {
		case <-p.news:
		case <-done:
			done = nil
			if out, err = p.streams(); !p.late && !met(out, err) {
				t.Fatalf("%v ended before %s; standard output %.500q, standard error %.2000q", p.cmd.Args[1:], what, out, err)
			}
		case <-limit:
			t.Fatalf("no %s in time; standard output %.500q, standard error %.2000q", what, out, err)
		}
	}
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// expect checks a code, and that standard error is one line that holds all of the words.
func (r result) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; standard error: %s", r.code, code, r.err)
	}
	if strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "parley: ") {
		t.Errorf("standard error is not one line: %q", r.err)
	}
	for _, word := range words {
		if !strings.Contains(r.err, word) {
			t.Errorf("standard error does not say %q: %s", word, r.err)
		}
	}
}

// served is a running "parley serve".
type served struct {
	*process
	page, echo, clock string
}

// startServer starts a server on a free port and waits until it has printed its URLs.
func startServer(t *testing.T, env []string, args ...string) *served {
	t.Helper()
	s := &served{process: begin(t, env, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)}
	s.until(t, "URLs", func(_, err string) bool {
		for line := range strings.Lines(err) {
			name, url, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch url = strings.TrimSpace(url); name {
			case "page":
				s.page = url
			case "echo":
				s.echo = url
			case "clock":
				s.clock = url
			}
		}
		return s.page != "" && s.echo != "" && s.clock != "" && strings.HasSuffix(err, "\n")
	})
	return s
}

// peer listens and gives the one connection that comes to serve, after a handshake that head makes wrong. It returns the URL.
// The test waits for serve.
func peer(t *testing.T, head wstest.Head, serve func(*wstest.Peer, *http.Request)) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		p := wstest.ServerPeer(conn)
		p.Timeout = patience
		r, err := p.ReadRequest()
		if err != nil {
			t.Errorf("the request: %v", err)
			return
		}
		if err := p.Answer(r, head); err != nil {
			t.Errorf("the answer: %v", err)
			return
		}
		if serve != nil {
			serve(p, r)
		}
	})
}

// listen gives the one connection that comes to serve, and returns the URL.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		defer conn.Close()
		serve(conn)
	}()
	t.Cleanup(func() {
		l.Close()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the peer does not end")
		}
	})
	return "ws://" + l.Addr().String() + "/"
}

// answerClose expects a close frame and answers it.
func answerClose(t *testing.T, p *wstest.Peer, f wstest.Frame) {
	if f.Opcode != wstest.OpClose {
		t.Errorf("got %v, want a close frame", f)
	}
	p.Send(f)
	io.Copy(io.Discard, bufio.NewReader(p.Stream))
}
