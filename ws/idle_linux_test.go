package ws_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/parley-ws/parley/ws"
)

// BenchmarkIdle measures what the server holds for each of many connections that have echoed once and are silent: heap
// and stacks, without what the kernel keeps. The clients are bare sockets of another process.
func BenchmarkIdle(b *testing.B) {
	for _, way := range idleWays {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", way.name, n), func(b *testing.B) {
				for b.Loop() {
					heap, stack, _ := idleBytes(b, way.start, n)
					b.ReportMetric(heap+stack, "B/conn")
					b.ReportMetric(stack, "stackB/conn")
				}
			})
		}
	}
}

// BenchmarkOpening measures the CPU time that a server spends on a new connection: the opening handshake and one echo.
func BenchmarkOpening(b *testing.B) {
	for _, way := range idleWays {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				_, _, cpu := idleBytes(b, way.start, 5000)
				b.ReportMetric(cpu, "cpu-µs/conn")
			}
		})
	}
}

// idleWays are the servers of BenchmarkIdle. Each serves l until it is stopped.
var idleWays = []struct {
	name  string
	start func(l net.Listener, h ws.Handler) (stop func() error)
}{
	{"net-http", func(l net.Listener, h ws.Handler) func() error {
		srv := &http.Server{Handler: h}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		return func() error {
			err := srv.Close()
			<-served
			return err
		}
	}},
	{"own-listener", func(l net.Listener, h ws.Handler) func() error {
		srv := &ws.Server{Handler: h}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		return func() error {
			err := srv.Close()
			<-served
			return err
		}
	}},
}

// idleClient in the environment makes the test binary the clients of BenchmarkIdle: "port number".
const idleClient = "PARLEY_TEST_IDLE_CLIENT"

func init() {
	var port, n int
	if _, err := fmt.Sscan(os.Getenv(idleClient), &port, &n); err != nil {
		return
	}
	if err := idleClients(port, n); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1)) // until the benchmark is done
	os.Exit(0)
}

func idleClients(port, n int) error {
	request := []byte("GET / HTTP/1.1\r\nHost: 127.0.0.1:" + strconv.Itoa(port) + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	hello := []byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
	buf := make([]byte, 512)
	for begun := 0; begun < n; { // some at a time, so that the server has more than one to do
		fds := make([]int, min(50, n-begun))
		begun += len(fds)
		for i := range fds {
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err == nil {
				err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
			}
			if err != nil {
				return err
			}
			fds[i] = fd
		}
		for _, p := range [][]byte{request, hello} {
			for _, fd := range fds {
				if _, err := syscall.Write(fd, p); err != nil {
					return err
				}
			}
			for _, fd := range fds {
				if _, err := syscall.Read(fd, buf); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func idleBytes(b *testing.B, start func(net.Listener, ws.Handler) func() error, n int) (heap, stack, cpu float64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var group ws.Group
	stop := start(l, ws.Handler{Options: ws.AcceptOptions{Group: &group}, Handle: func(c *ws.Conn) error {
		return c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			return c.Write(context.Background(), t, p)
		}})
	}})
	before := settled()
	used := cpuTime(b)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", idleClient, l.Addr().(*net.TCPAddr).Port, n))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatal(line, err)
	}
	used = cpuTime(b) - used
	after := settled()
	if err := stdin.Close(); err != nil {
		b.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := group.Shutdown(ctx); err != nil {
		b.Error(err)
	}
	if err := stop(); err != nil {
		b.Error(err)
	}
	per := func(bytes uint64) float64 { return float64(int64(bytes)) / float64(n) }
	return per(after.HeapAlloc - before.HeapAlloc), per(after.StackInuse - before.StackInuse), float64(used.Microseconds()) / float64(n)
}

// cpuTime is the time that this process has worked.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
