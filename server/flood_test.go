package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSlowClients opens a thousand connections that never finish their handshake, and a few that are slow in other ways;
// six seconds later the server has closed all of them, and somebody else was served in the meantime.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	e, _ := start(t, configured())
	half := []string{
		"",
		"G",
		"GET /echo HTTP/1.1\r\n",
		"GET /echo HTTP/1.1\r\nHost: " + e.Addr.String() + "\r\nUpgrade: websocket\r\nConnection: Upgr",
		"GET /echo HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Version: 13\r\n",
	}
	const limit = 6 * time.Second
	var wg sync.WaitGroup
	// open sends a beginning, then more each 100 ms, and expects the end in time.
	open := func(begin, more string) {
		conn, err := net.Dial("tcp", e.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		opened := time.Now()
		ended := make(chan struct{})
		wg.Go(func() {
			defer close(ended)
			defer conn.Close()
			conn.SetDeadline(opened.Add(limit))
			io.WriteString(conn, begin)
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a connection that sent %q is still open after %v", begin, limit)
			}
		})
		if more == "" {
			return
		}
		wg.Go(func() {
			ticker := time.NewTicker(100 * time.Millisecond) // a sign of life that must not count
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					io.WriteString(conn, more) // it may have ended meanwhile
				case <-ended:
					return
				}
			}
		})
	}
	for i := range 1000 {
		open(half[i%len(half)], "")
	}
	open("GET /echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", "x")
	open("GET /echo HTTP/1.1\r\nHost: localhost\r\n", "X: y\r\n")
	open("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", "x")

	res, err := httpClient(t).Get(e.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	wg.Wait()
}

func TestHeaderFloods(t *testing.T) {
	e, _ := start(t, configured())
	var many, tiny strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "X-Flood-%d: %d\r\n", i, i)
	}
	for range 1000 {
		tiny.WriteString("a:\r\n")
	}
	for _, c := range []struct {
		name, lines string
		status      int
	}{
		{"as a browser's", "Cookie: " + strings.Repeat("c", 6<<10) + "\r\n", 200},
		{"2,000 lines", many.String(), 431},
		{"1,000 tiny lines", tiny.String(), 431},
		{"a line of 8 KiB", "X-Long: " + strings.Repeat("x", 8<<10) + "\r\n", 431},
		{"32 KiB of spaces", "X-Spaces:" + strings.Repeat(" ", 32<<10) + "\r\n", 431},
		{"an endless target", "", 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", e.Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			target := "/healthz"
			if c.lines == "" {
				target = "/" + strings.Repeat("x", 1<<20)
			}
			request := "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + c.lines + "\r\n"
			go io.WriteString(conn, request) // the server need not read all of it
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
		})
	}
}
