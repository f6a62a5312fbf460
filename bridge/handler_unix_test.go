//go:build unix

package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// serve serves a handler for a test and returns its URL. All of it has ended at the end of the test.
func serve(t *testing.T, o Options) (*Handler, string) {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		srv.Close()
		if n := running(h); n > 0 {
			t.Errorf("%d processes are left", n)
		}
	})
	return h, "ws" + strings.TrimPrefix(srv.URL, "http") + "/"
}

// running returns the number of processes.
func running(h *Handler) int {
	h.processes.mu.Lock()
	defer h.processes.mu.Unlock()
	return len(h.processes.all)
}

func dialURL(t *testing.T, url string) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func read(t *testing.T, c *ws.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, p, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func shell(text string, args ...string) []string { return append([]string{"sh", "-c", text}, args...) }

// TestManyConnections comes and goes in all the ways at once, and leaves nothing.
func TestManyConnections(t *testing.T) {
	_, url := serve(t, Options{Command: shell(`while read line; do case $line in exit) exit 7;; *) echo "$line";; esac; done`)})
	done := make(chan error)
	for i := range 24 {
		go func() {
			done <- func() error {
				c, err := ws.Dial(t.Context(), url, nil)
				if err != nil {
					return err
				}
				defer c.CloseNow()
				for n := range 20 {
					if err := c.Write(t.Context(), ws.Text, []byte(strconv.Itoa(n))); err != nil {
						return err
					}
					if _, p, err := c.Read(t.Context()); err != nil || string(p) != strconv.Itoa(n) {
						return fmt.Errorf("%q, %w", p, err)
					}
				}
				switch i % 3 {
				case 0:
					return c.Close(t.Context(), 1000, "")
				case 1:
					c.Write(t.Context(), ws.Text, []byte("exit"))
					if _, _, err := c.Read(t.Context()); ws.CloseCode(err) != 1011 {
						return fmt.Errorf("%w, want 1011", err)
					}
				}
				return nil // and CloseNow
			}()
		}()
	}
	for range 24 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestRefusedHandshakeStartsNothing has the checks before the process.
func TestRefusedHandshakeStartsNothing(t *testing.T) {
	file := t.TempDir() + "/started"
	h, url := serve(t, Options{Command: shell(`echo x >>"$0"; cat`, file), MaxConnections: 1})
	for range 3 {
		_, err := ws.Dial(t.Context(), url, &ws.DialOptions{Header: map[string][]string{"Origin": {"https://evil.example"}}})
		var he *ws.HandshakeError
		if !errors.As(err, &he) || he.Status != 403 {
			t.Errorf("%v, want 403", err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a refused page started a process")
	}
	if len(h.slots) != 0 {
		t.Errorf("%d slots are taken", len(h.slots))
	}
	dialURL(t, url)
}

// TestCommandThatCannotRun answers with a 500 that tells nothing of this machine, and frees its slot.
func TestCommandThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/bad", []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, Options{Scripts: dir, MaxConnections: 1})
	for range 3 {
		_, err := ws.Dial(t.Context(), url+"bad", nil)
		var he *ws.HandshakeError
		if !errors.As(err, &he) || he.Status != 500 || strings.Contains(string(he.Body), dir) {
			t.Errorf("%v, want 500 without %s", err, dir)
		}
	}
}

// TestEscaped has a process that leaves its group: it is out of reach, but what it holds does not keep the connection.
func TestEscaped(t *testing.T) {
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Skip("there is no setsid")
	}
	for _, terminal := range []bool{false, runtime.GOOS == "linux"} {
		_, url := serve(t, Options{Command: shell(`setsid sh -c 'echo $$; exec sleep 60' & sleep 0.3; printf last`), Terminal: terminal})
		c := dialURL(t, url)
		pid, err := strconv.Atoi(strings.TrimSpace(read(t, c)))
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Kill(pid, syscall.SIGKILL)
		if got := read(t, c); got != "last" {
			t.Errorf("%q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, _, err := c.Read(ctx); ws.CloseCode(err) != 1000 {
			t.Errorf("%v", err)
		}
	}
}

// TestDeafCommand closes its standard input: what it is sent is lost, and it goes on.
func TestDeafCommand(t *testing.T) {
	_, url := serve(t, Options{Command: shell(`exec <&-; echo deaf; sleep 0.5; echo done`)})
	c := dialURL(t, url)
	if got := read(t, c); got != "deaf" {
		t.Fatalf("%q", got)
	}
	for range 10 {
		if err := c.Write(t.Context(), ws.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, c); got != "done" {
		t.Errorf("%q", got)
	}
}

// TestCommandThatDoesNotRead holds the client back, and ends with it.
func TestCommandThatDoesNotRead(t *testing.T) {
	for _, mode := range []Mode{PerConnection, Shared} {
		_, url := serve(t, Options{Command: shell(`echo ready; sleep 1000`), Mode: mode, History: 1})
		c := dialURL(t, url)
		read(t, c)
		big := make([]byte, 256<<10)
		for i := range big {
			big[i] = 'x'
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		for range 1000 {
			if c.Write(ctx, ws.Text, big) != nil {
				break
			}
		}
		if ctx.Err() == nil {
			t.Errorf("mode %d: the client is not held back", mode)
		}
		cancel()
		c.CloseNow()
	}
}

// TestShutdownKills does not wait for ever.
func TestShutdownKills(t *testing.T) {
	h, err := New(Options{Command: shell(`trap '' INT TERM; echo $$; while :; do sleep 0.02; done`), Ladder: Ladder{time.Hour, time.Hour, time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	c := dialURL(t, "ws"+strings.TrimPrefix(srv.URL, "http"))
	read(t, c)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		c.Read(t.Context())
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) && err != nil {
		t.Error(err)
	}
	<-closed
	if running(h) > 0 {
		t.Error("a process is left")
	}
	if _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), nil); err == nil {
		t.Error("a connection after the end")
	}
}

func TestOptionsThatDoNotGo(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
	for words, o := range map[string]Options{
		"got 0":            {},
		"got 2":            {Command: []string{"cat"}, Scripts: "."},
		"only a command":   {Dial: dial, Mode: Shared},
		"has for itself":   {Dial: dial, Terminal: true},
		"one stream":       {Command: []string{"cat"}, Terminal: true, Stderr: JSONStderr},
		"needs lines":      {Command: []string{"cat"}, Framing: Len32, Stderr: JSONStderr},
		"say themselves":   {Command: []string{"cat"}, Framing: Events, Binary: true},
		"needs frames":     {Command: []string{"cat"}, Framing: Chunks, Mode: Shared},
		"the same URLs":    {Command: []string{"cat"}, Static: ".", Console: true},
		"static directory": {Command: []string{"cat"}, Static: "/no/such/dir"},
		"no-such-command":  {Command: []string{"no-such-command"}},
	} {
		h, err := New(o)
		if err == nil {
			h.Shutdown(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}
