//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestServeStops(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := startServer(t, nil)
		var conns []*ws.Conn
		for range 5 {
			conns = append(conns, dial(t, s.echo, nil), dial(t, s.clock, nil))
		}
		for _, c := range conns {
			c.CloseRead(t.Context())
			if _, err := c.Ping(t.Context()); err != nil { // the server has all of them now
				t.Fatal(err)
			}
		}
		s.signal(t, sig)
		for _, c := range conns {
			<-c.Context().Done()
			if end := context.Cause(c.Context()); ws.CloseCode(end) != ws.CodeGoingAway {
				t.Errorf("%v: a client saw %v, want 1001", sig, end)
			}
		}
		if r := s.wait(t); r.code != 0 || r.out != "" {
			t.Errorf("%v: code %d, standard output %q; standard error %s", sig, r.code, r.out, r.err)
		}
	}
}

// stubborn is a client that never answers a close frame.
func stubborn(t *testing.T, s *served) *wstest.Peer {
	t.Helper()
	host := strings.TrimSuffix(strings.TrimPrefix(s.echo, "ws://"), "/echo")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	p := wstest.ClientPeer(conn)
	p.Timeout = patience
	t.Cleanup(func() { p.Close() })
	res, err := p.Upgrade(wstest.Head{Line: "GET /echo HTTP/1.1", Lines: []string{"Host: " + host}})
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", res, err)
	}
	p.MustSend(t, wstest.Text("there?"))
	p.ExpectMessage(t, wstest.OpText, "there?")
	return p
}

func TestServeDrainIsBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--drain", "300ms")
	p := stubborn(t, s)
	begun := time.Now()
	s.signal(t, syscall.SIGTERM)
	p.ExpectClose(t, ws.CodeGoingAway)
	r := s.wait(t)
	if r.code != 143 || !strings.Contains(r.err, "--drain") {
		t.Errorf("code %d, want 143; standard error %s", r.code, r.err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestServeSecondSignal(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--drain", "1h")
	p := stubborn(t, s)
	s.signal(t, syscall.SIGINT)
	p.ExpectClose(t, ws.CodeGoingAway)
	s.signal(t, syscall.SIGINT)
	if r := s.wait(t); r.code != 130 {
		t.Errorf("code %d, want 130; standard error %s", r.code, r.err)
	}
}

// TestConnectStops lets the program be interrupted while its standard input is open.
func TestConnectStops(t *testing.T) {
	t.Parallel()
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		got := make(chan wstest.Frame, 1)
		url := peer(t, wstest.Head{After: wstest.Bytes(wstest.Text("hello"))}, func(p *wstest.Peer, _ *http.Request) {
			f := p.MustNext(t)
			got <- f
			answerClose(t, p, f)
		})
		p := begin(t, nil, "connect", url)
		p.until(t, "greeting", func(out, _ string) bool { return out == "hello\n" })
		p.signal(t, sig)
		p.wait(t).expect(t, code, "closed: 1001 (going away)")
		if f := <-got; !bytes.HasPrefix(f.Payload, []byte{0x03, 0xe9}) {
			t.Errorf("%v: the server saw %v, want 1001", sig, f)
		}
	}
}

func TestConnectSecondSignal(t *testing.T) {
	t.Parallel()
	closing := make(chan struct{})
	url := peer(t, wstest.Head{After: wstest.Bytes(wstest.Text("hello"))}, func(p *wstest.Peer, _ *http.Request) {
		p.ExpectClose(t, ws.CodeGoingAway) // and no answer
		close(closing)
		if f, err := p.Next(); err == nil {
			t.Errorf("got %v after the close frame", f)
		}
	})
	p := begin(t, nil, "connect", url)
	p.until(t, "greeting", func(out, _ string) bool { return out == "hello\n" })
	p.signal(t, syscall.SIGINT)
	<-closing
	p.signal(t, syscall.SIGINT)
	if r := p.wait(t); r.code != 130 {
		t.Errorf("%+v", r)
	}
}

// TestConnectClosedOutput ends like every program does whose output nobody reads any more.
func TestConnectClosedOutput(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(binary, "connect", s.clock)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	r.Close()
	stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stop.Stop()
	cmd.Wait() // the status says more
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGPIPE {
		t.Errorf("%v, want SIGPIPE, which a shell shows as 141", cmd.ProcessState)
	}
}

// TestSendStuckOutput ends clients whose output nobody takes.
func TestSendStuckOutput(t *testing.T) {
	t.Parallel()
	url := peer(t, wstest.Head{}, func(p *wstest.Peer, _ *http.Request) {
		go io.Copy(io.Discard, p.Stream) // ends with the connection
		for p.Send(wstest.Text(strings.Repeat("x", 1<<16))) == nil {
		}
	})
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := exec.Command(binary, "send", "--json", "-n", "1000000", url)
	cmd.Stdout = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if _, err := io.ReadFull(reader, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	cmd.Process.Signal(terminate)
	watchdog := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer watchdog.Stop()
	cmd.Wait() // the exit code says more
	if code := cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("code %d, want 143", code)
	}
}

// A server whose log nobody reads any more goes on, and ends in order.
func TestServeLogReaderLeaves(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(binary, "serve", "--addr", "127.0.0.1:0", "--log-level", "debug")
	cmd.Env = environ()
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	url := ""
	for lines := bufio.NewScanner(errs); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "echo   ")
	}
	errs.Close()
	for range 3 { // each has a line in the log
		c := dial(t, url, nil)
		if err := c.Write(t.Context(), ws.Text, []byte("there?")); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "there?" {
			t.Fatalf("%q, %v", p, err)
		}
		c.CloseNow()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
