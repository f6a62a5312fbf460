// Package peers holds no code but a test of the programs below it: each echoes, also through TLS, each sends what is said
// in its room to everybody, and each that has a client is taken through cases of the conformance suite.
package peers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/bench/internal/subjects"
	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/ws"
)

// patience is how long anything may take. Nothing but a failure waits for its end.
const patience = 30 * time.Second

// servers builds all programs into a folder and returns those that speak WebSocket.
func servers(t *testing.T) []*subjects.Subject {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(os.PathSeparator), "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var list []*subjects.Subject
	for _, s := range subjects.All() {
		if s.Name != "raw" {
			list = append(list, s)
		}
		if err := s.Build(t.Context(), dir); err != nil && !s.NPM {
			t.Fatal(err)
		}
	}
	return list
}

// programs runs f as a test for each program that is wanted, in each of its modes of compression. Those in JavaScript are
// skipped where they are not installed, even if nothing else may be skipped: they are large, and for the bench alone.
func programs(t *testing.T, wanted func(*subjects.Subject) bool, f func(t *testing.T, s *subjects.Subject, mode string)) {
	t.Helper()
	for _, s := range servers(t) {
		if !wanted(s) {
			continue
		}
		for _, mode := range s.Modes {
			t.Run(s.Name+"/"+mode, func(t *testing.T) {
				if s.Command == nil {
					t.Skip("this needs npm packages: run bench/peers/install.sh")
				}
				f(t, s, mode)
			})
		}
	}
}

func TestPeers(t *testing.T) {
	all := func(*subjects.Subject) bool { return true }
	programs(t, all, func(t *testing.T, s *subjects.Subject, mode string) {
		c := echoes(t, start(t, s, "-compress", mode), mode)
		err := c.Close(t.Context(), ws.CodeNormal, "")
		if cuts := s.Name == "xnet"; (err != nil) != cuts { // it answers a close with the end of the connection
			t.Errorf("closing: %v", err)
		}
	})
}

// TestWays is about the other ways in which Parley can be used.
func TestWays(t *testing.T) {
	for _, s := range servers(t) {
		if s.Name != "parley" {
			continue
		}
		for _, args := range [][]string{
			{"-read", "messages"}, {"-read", "read"}, {"-listener", "own"}, {"-listener", "own", "-read", "read", "-tls"}, {"-keepalive=false"},
		} {
			t.Run(strings.Join(args, " "), func(t *testing.T) { echoes(t, start(t, s, args...), "off") })
		}
		t.Run("own-room", func(t *testing.T) { speaks(t, start(t, s, "-listener", "own-room"), "off", true) })
	}
}

// start runs a server until the test ends, and returns its URL.
func start(t *testing.T, s *subjects.Subject, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(s.Command[0], append(s.Command[1:len(s.Command):len(s.Command)], args...)...)
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	t.Cleanup(func() {
		stdin.Close() // is the end of it
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		rest, err := io.ReadAll(r)
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("%s ended with %v and wrote %q", s.Name, err, &stderr)
		}
		if err != nil || len(rest) > 0 {
			t.Errorf("after its first line came %q, %v", rest, err)
		}
	})
	line, err := r.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening ")
	if err != nil || !ok {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	return url
}

// dial connects to a server, whatever its certificate is.
func dial(t *testing.T, url, mode string) *ws.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := &ws.DialOptions{Options: ws.Options{MessageLimit: 1 << 20}, TLS: &tls.Config{InsecureSkipVerify: true}}
	if mode != "off" {
		options.Compression = &ws.Compression{Threshold: -1, ServerTakeover: true, ClientTakeover: true}
	}
	c, err := ws.Dial(ctx, url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// echoes sends messages of each type, some of them worth compressing. The connection is open when it returns.
func echoes(t *testing.T, url, mode string) *ws.Conn {
	t.Helper()
	c := dial(t, url, mode)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if agreed := c.Extensions(); (agreed != "") != (mode != "off") || strings.Contains(agreed, "server_no_context_takeover") != (mode == "on") {
		t.Errorf("with compression %s the server agrees on %q", mode, agreed)
	}
	for _, m := range messages() {
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			t.Fatal(err)
		}
		got, data, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got != m.Type || !bytes.Equal(data, m.Data) {
			t.Errorf("%s of %d bytes came back as %s of %d", m.Type, len(m.Data), got, len(data))
		}
	}
	if in := c.Stats().WireIn; mode != "off" && in > 50000 {
		t.Errorf("%d bytes came, as if nothing were compressed", in)
	}
	return c
}

// messages are of each type, of no bytes up to 70000, and from one on worth compressing.
func messages() []ws.Message {
	list := []ws.Message{
		{Type: ws.Text, Data: []byte("text: é€😀")},
		{Type: ws.Binary, Data: []byte{0, 0xff, 0x80}},
	}
	for _, size := range []int{0, 1, 125, 126, 4096, 65535, 65536, 70000} {
		p := bytes.Repeat([]byte("again and "), size/10+1)[:size]
		list = append(list, ws.Message{Type: ws.Text, Data: p}, ws.Message{Type: ws.Binary, Data: p})
	}
	return list
}

func TestTLS(t *testing.T) {
	for _, s := range servers(t) {
		if !s.TLS {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			url := start(t, s, "-tls")
			if !strings.HasPrefix(url, "wss://") {
				t.Errorf("it listens at %s", url)
			}
			echoes(t, url, "off")
		})
	}
}

func TestRooms(t *testing.T) {
	withRoom := func(s *subjects.Subject) bool { return s.Room }
	programs(t, withRoom, func(t *testing.T, s *subjects.Subject, mode string) {
		speaks(t, start(t, s, "-compress", mode)+"room", mode, false)
	})
}

// speaks has everybody in a room say something that all must hear. One more has been there and left. A room where
// connections may come late, after their handshakes, is waited for.
func speaks(t *testing.T, url, mode string, late bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial(t, url, mode).CloseNow()
	var guests []*ws.Conn
	for range 3 {
		guests = append(guests, dial(t, url, mode))
	}
	if late {
		gather(t, ctx, guests)
	}
	for _, m := range []ws.Message{
		{Type: ws.Text, Data: []byte("text: é€😀")},
		{Type: ws.Binary, Data: bytes.Repeat([]byte{0, 0xff, 0x80}, 50)},
		{Type: ws.Text, Data: bytes.Repeat([]byte("again and "), 400)},
	} {
		for _, speaker := range guests {
			for range 2 {
				if err := speaker.Write(ctx, m.Type, m.Data); err != nil {
					t.Fatal(err)
				}
			}
			for i, c := range guests {
				for range 2 {
					got, data, err := c.Read(ctx)
					if err != nil {
						t.Fatalf("connection %d: %v", i, err)
					}
					if got != m.Type || !bytes.Equal(data, m.Data) {
						t.Errorf("%s of %d bytes came to connection %d as %s of %d", m.Type, len(m.Data), i, got, len(data))
					}
				}
			}
		}
	}
}

// gather waits until everybody is in the room: who hears himself is.
func gather(t *testing.T, ctx context.Context, guests []*ws.Conn) {
	t.Helper()
	until := func(c *ws.Conn, word string) {
		t.Helper()
		for {
			switch _, data, err := c.Read(ctx); {
			case err != nil:
				t.Fatal(err)
			case string(data) == word:
				return
			}
		}
	}
	say := func(c *ws.Conn, word string) {
		t.Helper()
		if err := c.Write(ctx, ws.Text, []byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range guests {
		say(c, fmt.Sprint("hello ", i))
		until(c, fmt.Sprint("hello ", i))
	}
	say(guests[0], "begin")
	for _, c := range guests {
		until(c, "begin")
	}
}

func TestRaw(t *testing.T) {
	s, _ := subjects.Find("raw")
	if err := s.Build(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"-buffer", "4096"}, {"-tls"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			addr, ok := strings.CutPrefix(strings.TrimSuffix(start(t, s, args...), "/"), "tcp://")
			if !ok {
				t.Fatalf("it listens at %s", addr)
			}
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(args, "-tls") {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			for _, m := range messages() {
				if _, err := c.Write(m.Data); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(m.Data))
				if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, m.Data) {
					t.Fatalf("%d bytes came back changed, or not at all: %v", len(m.Data), err)
				}
			}
		})
	}
}

func TestDrivers(t *testing.T) {
	isDriver := func(s *subjects.Subject) bool { return s.Driver }
	programs(t, isDriver, func(t *testing.T, s *subjects.Subject, mode string) { drives(t, s.Command[0], mode) })
}

// drives has a client go through some cases that every client gets right.
func drives(t *testing.T, program, mode string) {
	t.Helper()
	suite := &check.Server{Cases: []string{"framing.length.text-12*", "framing.length.binary-12*"}}
	cases, err := suite.List()
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan *check.Result, len(cases))
	updated := make(chan string, 1)
	suite.Done = func(_ string, r *check.Result) { results <- r }
	suite.Updated = func(r *check.Report) { updated <- r.Subject }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- suite.Serve(l) }()
	defer func() {
		suite.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-compress", mode,
		"-drive", fmt.Sprintf("ws://%s", l.Addr()), "-agent", "a peer", "-parallel", "4").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("the driver ended with %v and wrote %q", err, out)
	}
	for range cases {
		select {
		case r := <-results:
			if r.Verdict != check.OK {
				t.Errorf("%s: %s: %s", r.ID, r.Verdict, r.Text)
			}
		case <-ctx.Done():
			t.Fatalf("not all of the %d cases ran", len(cases))
		}
	}
	select {
	case agent := <-updated:
		if agent != "a peer" {
			t.Errorf("the agent is %q", agent)
		}
	case <-ctx.Done():
		t.Fatal("the driver did not ask for a report")
	}
}
