//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestPingInterrupt prints the summary at Ctrl-C.
func TestPingInterrupt(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := begin(t, nil, "ping", "-i", "10ms", s.echo)
		p.until(t, "pongs", func(out, _ string) bool { return strings.Contains(out, "seq=3") })
		p.signal(t, sig)
		r := p.wait(t)
		if r.code != code || !strings.Contains(r.out, " answered, 0% loss, time ") || !strings.Contains(r.out, "rtt min/avg/max/mdev = ") || r.err != "" {
			t.Errorf("%v: %+v", sig, r)
		}
	}
	tm := onTerminal(t, "ping", s.echo)
	tm.shows(t, "seq=1")
	tm.types(t, "\x03")
	if r := tm.wait(t); r.code != 130 {
		t.Errorf("code %d", r.code)
	}
	tm.shows(t, " 0% loss")
}
