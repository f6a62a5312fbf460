package raw_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// BenchmarkIdle measures what a WebSocket that has joined a topic and is silent takes, beside one that has joined nothing. Both have the
// socket of the client in them, which is in the same process.
func BenchmarkIdle(b *testing.B) {
	h, err := hub.New(hub.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	bare := ws.Handler{Handle: func(c *ws.Conn) error { return c.Run(c.Context(), ws.Events{}) }}
	for _, test := range []struct {
		name    string
		handler http.Handler
	}{{"ws", bare}, {"raw", raw.New(h, raw.Options{})}} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				idle(b, test.handler)
			}
		})
	}
}

func idle(b *testing.B, handler http.Handler) {
	const n = 2000
	server := httptest.NewServer(handler)
	defer server.Close()
	before, goroutines := memory(), runtime.NumGoroutine()
	list := make([]net.Conn, 0, n)
	defer func() {
		for _, c := range list {
			c.Close()
		}
	}()
	buf := make([]byte, 4096)
	for range n {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, c)
		fmt.Fprintf(c, "GET /t/idle HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", server.Listener.Addr())
		got := 0
		for !bytes.Contains(buf[:got], []byte("\r\n\r\n")) {
			m, err := c.Read(buf[got:])
			if err != nil {
				b.Fatal(err)
			}
			got += m
		}
	}
	for runtime.NumGoroutine() > goroutines+n {
		runtime.Gosched()
	}
	b.ReportMetric(float64(memory()-before)/n, "B/conn")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/conn")
}

// memory is what heap and stacks hold.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
