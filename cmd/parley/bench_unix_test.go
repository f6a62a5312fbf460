//go:build unix

package main

import (
	"os"
	"strings"
	"testing"
)

// On a terminal the line changes in place, and is gone at the end.
func TestBenchTerminal(t *testing.T) {
	t.Parallel()
	tm := onTerminal(t, "bench", echoServer(t, same), "--rate", "100", "-d", "1h")
	tm.until(t, "the line", func(out, _ string) bool {
		return strings.Contains(out, "\r\x1b[K") && strings.Contains(out, " of 1h0m0s  ") && strings.Contains(out, "/s back  p50 ")
	})
	tm.signal(t, os.Interrupt)
	if r := tm.wait(t); r.code != 130 {
		t.Errorf("code %d", r.code)
	}
	tm.until(t, "the report", func(out, _ string) bool { return strings.Contains(out, "\r\x1b[Kws://127.0.0.1") })
}
