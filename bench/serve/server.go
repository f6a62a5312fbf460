package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-ws/parley/bench/internal/load"
)

// bench measures.
type bench struct {
	*options
	dir, program, version  string
	serverCores, loadCores []int
}

// build compiles parley.
func (b *bench) build(ctx context.Context) error {
	b.program = filepath.Join(b.dir, "parley")
	// The packages of the bench module are beside those of parley, which it replaces by the working copy.
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", "..", "-o", b.program, "./cmd/parley").CombinedOutput(); err != nil {
		return fmt.Errorf("building parley: %w: run this in the folder bench\n%s", err, out)
	}
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if b.version = strings.TrimSpace(string(out)); err != nil {
		b.version = "working copy"
	}
	return nil
}

// flags have nothing refused that the generator asks for.
var flags = []string{
	"serve", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0 private=true", "--drain", "0s", "--log-level", "warn",
	"--limits-connections", "0", "--limits-per-address", "0", "--limits-handshake-rate", "0", "--limits-accepts", "0",
	"--limits-command-rate", "0",
}

// server is a parley serve that runs.
type server struct {
	addr, private string
	pid           int
	cmd           *exec.Cmd
	said          chan struct{} // closed at the end of what it says
	ending        atomic.Bool   // it has been told to end: what it says then is of no interest
}

// patience is how long a server may take to start, and to end.
const patience = 10 * time.Second

// start starts a server.
func (b *bench) start(ctx context.Context, more ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.program, append(flags[:len(flags):len(flags)], more...)...)
	cmd.Dir = b.dir // where there is no configuration, nor is there anywhere else
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") && !strings.HasPrefix(v, "XDG_CONFIG_HOME=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+filepath.Join(b.dir, "none"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := confined(b.serverCores, cmd.Start); err != nil {
		return nil, fmt.Errorf("starting parley: %w", err)
	}
	s := &server{pid: cmd.Process.Pid, cmd: cmd, said: make(chan struct{})}
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewScanner(stderr)
	var said []string
	for s.private == "" && lines.Scan() {
		said = append(said, lines.Text())
		line := strings.TrimPrefix(lines.Text(), "parley: ")
		if addr, ok := strings.CutPrefix(line, "serving on "); ok {
			s.addr, _, _ = strings.Cut(addr, ",")
		}
		if _, url, ok := strings.Cut(line, "metrics, profiles and the API on "); ok {
			s.private = url
		}
	}
	go func() {
		defer close(s.said)
		for lines.Scan() {
			if !s.ending.Load() {
				fmt.Fprintln(os.Stderr, lines.Text())
			}
		}
		_, _ = io.Copy(io.Discard, stderr) // a line that is too long
	}()
	if s.addr == "" || s.private == "" {
		s.stop()
		return nil, fmt.Errorf("starting parley: it does not say where it listens, but %q", said)
	}
	return s, nil
}

// confined calls start, which starts a process, so that the process may run on these cores alone: it inherits them from the thread that
// starts it.
func confined(cores []int, start func() error) error {
	if len(cores) == 0 {
		return start()
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var set unix.CPUSet
		for _, n := range cores {
			set.Set(n)
		}
		err := unix.SchedSetaffinity(0, &set)
		if err == nil {
			err = start()
		}
		failed <- err
	}()
	return <-failed
}

// stop ends the server and waits for it.
func (s *server) stop() {
	s.ending.Store(true)
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	kill := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	<-s.said
	_ = s.cmd.Wait() // with status 143, for it was told to
}

// get asks the private listener.
func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.private+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, text)
	}
	return text, err
}

// values are those of /metrics, by name with labels.
type values map[string]float64

// sum adds up the values whose name begins like this.
func (v values) sum(prefix string) (sum float64) {
	for name, one := range v {
		if strings.HasPrefix(name, prefix) {
			sum += one
		}
	}
	return sum
}

// metrics returns the values of /metrics.
func (s *server) metrics(ctx context.Context) (values, error) {
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	all := values{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = v
			}
		}
	}
	return all, nil
}

// target is what the generator is told of the server.
func (b *bench) target(s *server) load.Target {
	return load.Target{Addr: s.addr, Pid: s.pid, Cores: b.loadCores}
}

// resident is the resident memory of the server, in bytes.
func (s *server) resident() (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.pid), "statm"))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return float64(pages * int64(os.Getpagesize())), err
}
