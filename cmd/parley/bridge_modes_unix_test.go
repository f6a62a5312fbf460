//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

func TestBridgeShared(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--mode", "shared", "--history", "2", "--", "sh", "-c", `echo $$; while read line; do echo "<$line>"; done`)
	first := dial(t, b.socket, nil)
	pid := number(t, first)
	tell(t, first, "one")
	says(t, first, "<one>")
	second := dial(t, b.socket, nil) // comes late
	says(t, second, fmt.Sprint(pid))
	says(t, second, "<one>")
	tell(t, second, "two")
	says(t, first, "<two>")
	says(t, second, "<two>")
	third := dial(t, b.socket, nil)
	says(t, third, "<one>") // the last two
	says(t, third, "<two>")
	first.CloseNow()
	tell(t, second, "three")
	says(t, third, "<three>")
	b.signal(t, terminate)
	ends(t, third, 1001, "server is shutting down")
	if r := b.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	dies(t, pid)
}

func TestBridgeSharedRestarts(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--mode", "shared", "--frame", "json", "--", "sh", "-c",
		`read open; echo "{\"data\":\"$$ $(echo "$open" | grep -o '"conn":[0-9]*' | tr -d '"')\"}"; read message; exit 5`)
	c := dial(t, b.socket, nil)
	var before string
	for i := range 3 {
		_, p, err := c.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if pid, conn, _ := strings.Cut(string(p), " "); pid == before || conn != "conn:1" {
			t.Errorf("process %s after %s says %s", pid, before, p)
		} else {
			before = pid
		}
		if i < 2 {
			tell(t, c, "end")
		}
	}
	b.until(t, "the log", func(_, err string) bool {
		return strings.Contains(err, `status="exit status 5" in=500ms`) && strings.Contains(err, "in=1s")
	})
}

func TestBridgeSharedEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		restart, status string
		code            int
		close           ws.Code
		reason          string
	}{
		{"never", "0", 0, 1000, ""},
		{"never", "3", 1, 1011, "exit status 3"},
		{"on-failure", "0", 0, 1000, ""},
	} {
		b := startBridge(t, "--mode", "shared", "--restart", c.restart, "--", "sh", "-c", "read line; echo last; exit "+c.status)
		conn := dial(t, b.socket, nil)
		tell(t, conn, "go")
		says(t, conn, "last")
		ends(t, conn, c.close, c.reason)
		if r := b.wait(t); r.code != c.code {
			t.Errorf("%s, status %s: code %d: %s", c.restart, c.status, r.code, r.err)
		}
	}
}

// flood writes 100 lines for each line that it reads.
const flood = `x=$(head -c 8000 /dev/zero | tr '\0' x); n=0; while read go; do i=0; while [ $i -lt 100 ]; do echo "$n $x"; n=$((n+1)); i=$((i+1)); done; done`

// TestBridgeSharedSlow has one client that does not read beside one that does.
func TestBridgeSharedSlow(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"disconnect", "drop"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			b := startBridge(t, "--mode", "shared", "--slow", policy, "--queue", "2MiB", "--", "sh", "-c", flood)
			slow, good := dial(t, b.socket, nil), dial(t, b.socket, nil)
			tooSlow := func() bool {
				_, err := b.streams()
				return strings.Contains(err, "a slow connection")
			}
			for n := 0; n < 1e6 && !tooSlow(); {
				tell(t, good, "go on")
				for range 100 {
					_, p, err := good.Read(soon(t))
					if err != nil || !strings.HasPrefix(string(p), fmt.Sprint(n, " x")) {
						t.Fatalf("line %d: %.20q, %v", n, p, err)
					}
					n++
				}
			}
			if policy == "disconnect" {
				endsAtLast(t, slow, ws.CodeTryAgainLater)
			} else {
				tell(t, good, "go on") // it is still there, and hears what it can
				if _, p, err := slow.Read(soon(t)); err != nil || !strings.HasPrefix(string(p), "0 x") {
					t.Errorf("%.20q, %v", p, err)
				}
				slow.CloseNow()
			}
			b.until(t, "the count", func(_, err string) bool { return strings.Contains(err, "dropped=") })
		})
	}
}

func TestBridgePool(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--mode", "pool", "2", "--", "sh", "-c", `echo $$; while read line; do echo "<$line>"; done`)
	one, two := dial(t, b.socket, nil), dial(t, b.socket, nil)
	pids := map[int]bool{number(t, one): true, number(t, two): true}
	if len(pids) != 2 {
		t.Errorf("processes %v", pids)
	}
	refused(t, b.socket, nil, 503)
	tell(t, one, "x")
	says(t, one, "<x>")
	one.CloseNow()
	three := dial(t, b.socket, nil) // waits for the next process
	if pid := number(t, three); pids[pid] {
		t.Errorf("process %d has a second client", pid)
	}
	b.signal(t, terminate)
	ends(t, three, 1001, "server is shutting down")
	if r := b.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
	for pid := range pids {
		dies(t, pid)
	}
}

func TestBridgePoolIdle(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--mode", "pool", "1", "--", "sh", "-c", `exit 3`)
	b.until(t, "the log", func(_, err string) bool {
		return strings.Contains(err, `before it had a connection`) && strings.Contains(err, `status="exit status 3"`)
	})
	b.signal(t, terminate)
	if r := b.wait(t); r.code != 0 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
}

func TestBridgeTerminal(t *testing.T) {
	t.Parallel()
	b := startBridge(t, "--pty", "--", "sh", "-c", `size=$(stty size); trap 'stty size' WINCH; echo "$size"; echo ready; sleep 1000 & while :; do wait; done`)
	c := dial(t, b.socket+"?cols=100&rows=40", &ws.DialOptions{Subprotocols: []string{"parley.terminal"}})
	shows(t, c, "40 100\r\nready")
	tell(t, c, `{"cols":90,"rows":30}`)
	shows(t, c, "30 90")
	if err := c.Write(t.Context(), ws.Binary, []byte("\x03")); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	endsAtLast(t, c, 1011)

	c = dial(t, b.socket, &ws.DialOptions{Subprotocols: []string{"parley.terminal"}})
	tell(t, c, "ls\n")
	endsAtLast(t, c, 1008)

	c = dial(t, startBridge(t, "--pty", "--", "sh").socket, nil)
	tell(t, c, "sleep 1000 & echo pid=$! ; wait\r")
	pid := 0
	var all string
	for pid == 0 {
		_, p, err := c.Read(soon(t))
		if err != nil {
			t.Fatalf("%q, %v", all, err)
		}
		all += string(p)
		if m := regexp.MustCompile(`pid=(\d+)\r`).FindStringSubmatch(all); m != nil {
			fmt.Sscan(m[1], &pid)
		}
	}
	c.CloseNow()
	dies(t, pid)
}

// endsAtLast reads to the end of the connection, whatever comes before.
func endsAtLast(t *testing.T, c *ws.Conn, code ws.Code) {
	t.Helper()
	var err error
	for err == nil {
		_, _, err = c.Read(soon(t))
	}
	if ws.CloseCode(err) != code {
		t.Errorf("%v, want %v", err, code)
	}
}

func TestBridgeConnect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shell string
		serve func(*wstest.Peer)
		code  int
		words string
	}{
		"the command ends":  {`echo hello`, nil, 0, ""},
		"the command fails": {`exit 3`, nil, 1, "exit status 3"},
		"the server ends":   {`cat`, func(p *wstest.Peer) { p.Send(wstest.Close(1000, "enough")) }, 0, "enough"},
		"the server fails":  {`cat`, func(p *wstest.Peer) { p.Send(wstest.Close(4000, "broken")) }, 6, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			url := s.echo
			if c.serve != nil {
				url = listen(t, func(conn net.Conn) {
					p := wstest.ServerPeer(conn)
					r, err := p.ReadRequest()
					if err == nil {
						err = p.Answer(r, wstest.Head{})
					}
					if err != nil {
						t.Error(err)
						return
					}
					c.serve(p)
					io.Copy(io.Discard, p.Stream)
				})
			}
			r := parley(t, "", "bridge", "--connect", url, "--", "sh", "-c", c.shell)
			if r.code != c.code || !strings.Contains(r.err, c.words) {
				t.Errorf("code %d, %s", r.code, r.err)
			}
		})
	}
}

func TestBridgeConnectSignal(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	p := begin(t, nil, "bridge", "--connect", s.echo, "--stderr", "log", "--", "sh", "-c", `echo ready >&2; sleep 1000`)
	p.until(t, "the start", func(_, err string) bool { return strings.Contains(err, "ready") })
	p.signal(t, terminate)
	if r := p.wait(t); r.code != 143 {
		t.Errorf("code %d: %s", r.code, r.err)
	}
}

// TestBridgeTCP ends each direction for itself, through two bridges.
func TestBridgeTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far := startBridge(t, "--tcp", l.Addr().String())
	near := begin(t, nil, "bridge", "--listen-tcp", "127.0.0.1:0", "--connect", far.socket)
	var address string
	near.until(t, "the address", func(_, err string) bool {
		_, rest, _ := strings.Cut(err, "  tcp    ")
		var whole bool
		address, _, whole = strings.Cut(rest, "\n")
		return whole
	})
	pair := func() (client, service *net.TCPConn) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, conn := range []net.Conn{c, s} {
			conn.SetDeadline(time.Now().Add(patience))
			t.Cleanup(func() { conn.Close() })
		}
		return c.(*net.TCPConn), s.(*net.TCPConn)
	}

	client, service := pair() // the client asks, ends its direction, and gets all of the answer
	big := strings.Repeat("0123456789abcdef", 1<<17)
	io.WriteString(client, "question")
	client.CloseWrite()
	if got, err := io.ReadAll(service); err != nil || string(got) != "question" {
		t.Errorf("the service got %q, %v", got, err)
	}
	go func(service net.Conn) {
		io.WriteString(service, big)
		service.Close()
	}(service)
	if got, err := io.ReadAll(client); err != nil || string(got) != big {
		t.Errorf("the client got %d bytes, %v", len(got), err)
	}

	client, service = pair() // the service ends its direction first
	service.CloseWrite()
	if got, err := io.ReadAll(client); err != nil || len(got) != 0 {
		t.Errorf("the client got %q, %v", got, err)
	}
	io.WriteString(client, big)
	client.Close()
	if got, err := io.ReadAll(service); err != nil || string(got) != big {
		t.Errorf("the service got %d bytes, %v", len(got), err)
	}

	client, service = pair() // a break is no end
	service.SetLinger(0)
	service.Close()
	if got, err := io.ReadAll(client); err == nil {
		t.Errorf("the client got %q and an end in order", got)
	}
}

func TestBridgeTCPAlone(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := startBridge(t, "--unix", socket)
	accept := func() net.Conn {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	c := dial(t, b.socket, nil)
	service := accept()
	io.WriteString(service, "bye")
	service.Close()
	if _, p, err := c.Read(soon(t)); err != nil || string(p) != "bye" {
		t.Errorf("%q, %v", p, err)
	}
	ends(t, c, 1000, "")

	c = dial(t, b.socket, nil)
	service = accept()
	if err := c.Write(t.Context(), ws.Binary, []byte("all")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context(), 1000, ""); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(service); err != nil || string(got) != "all" {
		t.Errorf("%q, %v", got, err)
	}

	l.Close()
	refused(t, b.socket, nil, 502)
}

func TestBridgeListensOnUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "parley") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	p := begin(t, nil, "bridge", "--listen", "unix:"+socket, "--", "sh", "-c", `echo "[$REMOTE_ADDR]"`)
	p.until(t, "the URL", func(_, err string) bool { return strings.Contains(err, "ws+unix://"+socket+":/\n") })
	c := dial(t, "ws+unix://"+socket+":/", nil)
	says(t, c, "[]")
	p.signal(t, terminate)
	if r := p.wait(t); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket is left behind")
	}
}
