package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/server/config"
)

// TestCutClientsAreCounted has clients of every kind that read nothing: their sessions end with a reason of their own, and not like those of
// clients that leave.
func TestCutClientsAreCounted(t *testing.T) {
	t.Parallel()
	s, e, _ := run(t, configured(func(cfg *config.Config) {
		cfg.Limits.WriteTimeout, cfg.Limits.Outbox, cfg.Limits.PingInterval = 200*time.Millisecond, 64<<20, time.Hour
	}))
	upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	const each = 6
	var left []net.Conn
	for _, request := range []string{
		"GET /t/a HTTP/1.1\r\nHost: localhost\r\n" + upgrade,
		"GET /ws HTTP/1.1\r\nHost: localhost\r\n" + upgrade + masked(`{"type":"connect"} {"type":"subscribe","id":1,"topic":"a"}`),
	} {
		for i := range each + 1 {
			c, err := net.Dial("tcp", e.Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			if i == each {
				left = append(left, c)
			}
		}
	}
	joined(t, s, 2*each+2)
	for _, c := range left { // as usual
		c.Close()
	}
	joined(t, s, 2*each)
	body := []byte(strings.Repeat("x", 64<<10))
	for range 200 {
		if _, err := s.hub.Publish(t.Context(), &broker.Message{Topic: "a", Kind: broker.Text, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	joined(t, s, 0)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // they are counted a moment later
		_, text := ask(t, http.MethodGet, e.URL+"/metrics", "")
		slow, left := ended(t, text, "slow_consumer"), ended(t, text, "going_away")
		if slow+left < 2*each+2 && time.Now().Before(deadline) {
			continue
		}
		if slow != 2*each || left != 2 {
			t.Errorf("%d are counted as slow and %d as gone, want %d and 2", slow, left, 2*each)
		}
		return
	}
}

// ended is how many sessions have ended for a reason, as the metrics tell.
func ended(t *testing.T, text, reason string) (n int) {
	t.Helper()
	_, value, _ := strings.Cut(text, fmt.Sprintf("parley_sessions_ended_total{reason=%q} ", reason))
	if _, err := fmt.Sscan(value, &n); err != nil {
		t.Fatalf("the metrics have no %s: %v", reason, err)
	}
	return n
}

// masked is a text frame as a client sends it, masked with zeros.
func masked(text string) string {
	return string([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}) + text
}
