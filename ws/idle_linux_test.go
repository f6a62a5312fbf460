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
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				heap, stack := idleBytes(b, n)
				b.ReportMetric(heap+stack, "B/conn")
				b.ReportMetric(stack, "stackB/conn")
			}
		})
	}
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
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err == nil {
			err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		}
		for _, p := range [][]byte{request, hello} {
			if err == nil {
				_, err = syscall.Write(fd, p)
			}
			if err == nil {
				_, err = syscall.Read(fd, buf)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func idleBytes(b *testing.B, n int) (heap, stack float64) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var group ws.Group
	srv := &http.Server{Handler: &ws.Handler{Options: ws.AcceptOptions{Group: &group}, Handle: func(c *ws.Conn) error {
		return c.Run(context.Background(), ws.Events{Message: func(c *ws.Conn, t ws.Type, p []byte) error {
			return c.Write(context.Background(), t, p)
		}})
	}}}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	before := settled()
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
	if err := srv.Close(); err != nil {
		b.Error(err)
	}
	<-served
	return float64(int64(after.HeapAlloc-before.HeapAlloc)) / float64(n), float64(int64(after.StackInuse-before.StackInuse)) / float64(n)
}
