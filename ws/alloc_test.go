package ws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/parley-ws/parley/ws/wstest"
)

// echoPair is a client and a server over plain TCP.
func echoPair(t testing.TB) (client, server *ws.Conn) {
	a, b := tcpPair(t)
	client = ws.NewConn(a, ws.ConnOptions{Client: true})
	server = ws.NewConn(b, ws.ConnOptions{})
	t.Cleanup(func() {
		client.CloseNow()
		server.CloseNow()
	})
	return client, server
}

// readPaths are the ways to read n messages.
var readPaths = []struct {
	name   string
	allocs float64 // for each message
	read   func(ctx context.Context, c *ws.Conn, n int) error
}{
	{"Read", 1, func(ctx context.Context, c *ws.Conn, n int) error {
		for range n {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		return nil
	}},
	{"Messages", 0, func(ctx context.Context, c *ws.Conn, n int) error {
		for _, err := range c.Messages(ctx) {
			if n--; n == 0 || err != nil {
				return err
			}
		}
		return nil
	}},
	{"Run", 0, func(ctx context.Context, c *ws.Conn, n int) error {
		err := c.Run(ctx, ws.Events{Message: func(*ws.Conn, ws.Type, []byte) error {
			if n--; n == 0 {
				return errMine
			}
			return nil
		}})
		if err == errMine {
			return nil
		}
		return err
	}},
	{"Reader", 1, func(ctx context.Context, c *ws.Conn, n int) error {
		for range n {
			_, r, err := c.Reader(ctx)
			if err == nil {
				_, err = io.Copy(io.Discard, onlyReader{r})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}},
}

// onlyReader keeps io.Copy to the plain way, with a buffer that the benchmark should not count.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

// writePaths are the ways to write one message.
var writePaths = []struct {
	name  string
	write func(ctx context.Context, c *ws.Conn, p []byte, m *ws.Prepared) error
}{
	{"Write", func(ctx context.Context, c *ws.Conn, p []byte, _ *ws.Prepared) error { return c.Write(ctx, ws.Text, p) }},
	{"TryWrite", func(_ context.Context, c *ws.Conn, p []byte, _ *ws.Prepared) error { return c.TryWrite(ws.Text, p) }},
	{"WritePrepared", func(ctx context.Context, c *ws.Conn, _ []byte, m *ws.Prepared) error { return c.WritePrepared(ctx, m) }},
	{"TryWritePrepared", func(_ context.Context, c *ws.Conn, _ []byte, m *ws.Prepared) error { return c.TryWritePrepared(m) }},
}

var contexts = []struct {
	name string
	make func() (context.Context, context.CancelFunc)
}{
	{"background", func() (context.Context, context.CancelFunc) { return context.Background(), func() {} }},
	{"cancellable", func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }},
}

// No message costs an allocation, with a cancellable context that stays the same too; Read gives its bytes away.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools forget")
	}
	p := []byte(fmt.Sprintf("%064d", 1))
	m := ws.Prepare(ws.Text, p)
	for _, with := range contexts {
		for _, path := range readPaths {
			if path.name == "Reader" {
				continue
			}
			for _, size := range []int{64, 40000} {
				t.Run(fmt.Sprintf("%s/%d/%s", path.name, size, with.name), func(t *testing.T) {
					client, server := echoPair(t)
					ctx, cancel := with.make()
					defer cancel()
					q := make([]byte, size)
					const messages = 20
					got := testing.AllocsPerRun(50, func() {
						go func() {
							for range messages {
								client.Write(ctx, ws.Binary, q)
							}
						}()
						if err := path.read(ctx, server, messages); err != nil {
							t.Fatal(err)
						}
					})
					// The loop itself, and the goroutine above, may cost a few.
					if got > messages*path.allocs+6 {
						t.Errorf("%v allocations for %d messages, want %v for each", got, messages, path.allocs)
					}
				})
			}
		}
		for _, path := range writePaths {
			t.Run(path.name+"/"+with.name, func(t *testing.T) {
				client, server := echoPair(t)
				ctx, cancel := with.make()
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- client.Run(ctx, ws.Events{}) }()
				got := testing.AllocsPerRun(500, func() {
					for range 10 {
						for path.write(ctx, server, p, m) != nil {
							runtime.Gosched()
						}
					}
				})
				if got > 1 {
					t.Errorf("%v allocations for ten messages, want 0", got)
				}
				server.CloseNow()
				<-done
			})
		}
	}
}

// A declared length allocates nothing until the bytes come (RFC 6455 §10.4).
func TestDeclaredLengthIsNotAllocated(t *testing.T) {
	const conns = 50
	a := make([]*ws.Conn, conns)
	peers := make([]*wstest.Peer, conns)
	for i := range a {
		x, y := tcpPair(t)
		a[i] = ws.NewConn(x, ws.ConnOptions{Options: ws.Options{MessageLimit: 1 << 30}})
		defer a[i].CloseNow()
		peers[i] = wstest.ClientPeer(y)
		defer peers[i].Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, conns)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i, c := range a {
		peers[i].MustSend(t, with(wstest.Binary([]byte("0123456789")), declared(1<<30)))
		go func() { done <- c.Run(ctx, ws.Events{}) }()
	}
	for _, p := range peers {
		p.MustSend(t, wstest.Frame{Opcode: wstest.OpBinary}) // payload of the first: it arrives, too
	}
	for _, c := range a {
		for c.Stats().WireIn == 0 {
			runtime.Gosched()
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / conns; per > 64<<10 {
		t.Errorf("%d bytes allocated for each connection that announced 1 GiB and sent 16 bytes", per)
	}
	cancel()
	for range a {
		<-done
	}
}

func BenchmarkRead(b *testing.B) {
	for _, path := range readPaths {
		for _, size := range []int{125, 16 << 10} {
			for _, with := range contexts {
				b.Run(fmt.Sprintf("%s/%d/%s", path.name, size, with.name), func(b *testing.B) {
					client, server := echoPair(b)
					ctx, cancel := with.make()
					defer cancel()
					go func() {
						p := make([]byte, size)
						for client.Write(ctx, ws.Binary, p) == nil {
						}
					}()
					b.SetBytes(int64(size))
					b.ReportAllocs()
					b.ResetTimer()
					if err := path.read(ctx, server, b.N); err != nil {
						b.Fatal(err)
					}
				})
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, path := range writePaths {
		for _, size := range []int{125, 16 << 10} {
			b.Run(fmt.Sprintf("%s/%d", path.name, size), func(b *testing.B) {
				client, server := echoPair(b)
				ctx := context.Background()
				go client.Run(ctx, ws.Events{})
				p := make([]byte, size)
				m := ws.Prepare(ws.Binary, p)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					for path.write(ctx, server, p, m) != nil {
						runtime.Gosched()
					}
				}
			})
		}
	}
}

// echoTransports are the streams of BenchmarkEcho: all but the first are read in the ordinary way.
var echoTransports = []struct {
	name string
	pair func(t testing.TB) (client, server net.Conn)
}{
	{"TCP", tcpPair},
	{"wrapped", func(t testing.TB) (client, server net.Conn) {
		a, b := tcpPair(t)
		return a, struct{ net.Conn }{b}
	}},
	{"unix", func(t testing.TB) (client, server net.Conn) {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if client, err = net.Dial("unix", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		return client, server
	}},
	{"TLS", func(t testing.TB) (client, server net.Conn) {
		a, b := tcpPair(t)
		return tlsOver(t, a, b)
	}},
	{"HTTP/2", h2Streams},
}

func BenchmarkEcho(b *testing.B) {
	for _, transport := range echoTransports {
		for _, load := range []struct{ size, flight int }{{125, 1}, {125, 16}, {125, 100}, {16 << 10, 1}, {1 << 20, 1}} {
			b.Run(fmt.Sprintf("%s/%d/%d-in-flight", transport.name, load.size, load.flight), func(b *testing.B) {
				a, s := transport.pair(b)
				server := ws.NewConn(s, ws.ConnOptions{Options: ws.Options{MessageLimit: 2 << 20}})
				defer server.CloseNow()
				defer a.Close()
				ctx := context.Background()
				go server.Run(ctx, ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error { return c.Write(ctx, t, p) }})
				frame := clientFrame(wstest.Text(strings.Repeat("x", load.size)))
				batch := bytes.Repeat(wstest.Bytes(frame), load.flight)
				reply := make([]byte, len(batch)-4*load.flight) // without the masks
				b.SetBytes(int64(load.size * load.flight))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := a.Write(batch); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(a, reply); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*load.flight), "ns/message")
			})
		}
	}
}

// settled collects garbage, what pools keep included, and reads the counters.
func settled() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	runtime.ReadMemStats(&m)
	return m
}
