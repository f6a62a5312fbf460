package native_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// footprint returns what n connections cost in memory each, on both sides together, and how many goroutines there are more. begin says what
// each client does before it falls silent.
func footprint(t *testing.T, url string, n int, begin func(*ws.Conn)) (bytes uint64, goroutines int) {
	t.Helper()
	measure := func() (uint64, int) {
		var m runtime.MemStats
		for range 3 { // stacks shrink by half at each turn
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	before, running := measure()
	for range n {
		c, err := ws.Dial(t.Context(), url, &ws.DialOptions{Subprotocols: []string{native.Protocol}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		begin(c)
	}
	after, now := measure()
	return (max(after, before) - before) / uint64(n), now - running
}

// A session that only receives has the goroutine of its reader and nothing else, and takes little more than the connection.
func TestIdleFootprint(t *testing.T) {
	const n = 500
	bare := httptest.NewServer(ws.Handler{
		Options: ws.AcceptOptions{Subprotocols: []string{native.Protocol}},
		Handle:  func(c *ws.Conn) error { return c.Run(context.Background(), ws.Events{}) },
	})
	defer bare.Close()
	least, _ := footprint(t, "ws"+strings.TrimPrefix(bare.URL, "http"), n, func(*ws.Conn) {})

	h := serve(t, hub.Options{}, native.Options{})
	i := 0
	bytes, goroutines := footprint(t, h.dialURL(), n, func(c *ws.Conn) {
		i++
		text := fmt.Sprintf(`{"type":"connect"} {"type":"subscribe","id":1,"topic":"topic/%d"}`, i)
		if err := c.Write(context.Background(), ws.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, _, err := c.Read(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Logf("%d bytes for a connection, %d for a session with a topic of its own, both sides together", least, bytes)
	// A few of net/http and of the runtime may come and go.
	if goroutines > n+20 {
		t.Errorf("%d goroutines for %d sessions", goroutines, n)
	}
	if bytes > least+8<<10 && !raceEnabled {
		t.Errorf("a session takes %d bytes more than a connection", bytes-least)
	}
}
