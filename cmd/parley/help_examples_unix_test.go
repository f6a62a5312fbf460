//go:build unix

package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/need"
)

// TestHelpExamplesThatTakeLong runs the examples with which the help of the other commands begins: on a port of their own, and
// with less to do.
func TestHelpExamplesThatTakeLong(t *testing.T) {
	t.Parallel()
	need.Command(t, "vmstat", "apt-get install procps")
	s := startServer(t, nil)
	host := strings.TrimSuffix(strings.TrimPrefix(s.echo, "ws://"), "/echo")
	less := strings.NewReplacer(
		"127.0.0.1:8080", host, "127.0.0.1:9001", "127.0.0.1:0", "-d 10s", "-d 100ms", "--rate 2000", "--rate 200", "p99>50ms", "p99>20s",
		"--html report.html", "",
	)
	for _, c := range []struct {
		name, more string
		serves     bool
	}{
		{"serve", " --addr 127.0.0.1:0", true},
		{"bridge", "bridge --listen 127.0.0.1:0", true},
		{"check", " --case framing.length.text-1*", false},
		{"bench", " -d 100ms", false},
	} {
		lines := strings.SplitN(parley(t, "", c.name, "--help").out, "\n", 3)
		for _, line := range lines[:2] {
			line, _, _ = strings.Cut(line, "#")
			line, ok := strings.CutPrefix(strings.TrimSpace(less.Replace(line)), "parley ")
			if !ok {
				t.Errorf("%s --help begins with %q", c.name, lines[:2])
				continue
			}
			serves := c.serves || strings.Contains(line, "--listen")
			if before, found := strings.CutPrefix(line, "bridge"); found {
				line = c.more + before
			} else {
				line += c.more
			}
			args := wordsOf(t, line)
			if !serves {
				if r := parley(t, "", args...); r.code != 0 || r.out == "" {
					t.Errorf("parley %s: %+v", line, r)
				}
				continue
			}
			p := begin(t, nil, args...)
			p.until(t, "an address for "+line, func(out, err string) bool { return strings.Contains(out+err, "127.0.0.1:") })
			p.signal(t, terminate)
			if r := p.wait(t); r.code != 0 && r.code != 8 { // 8: no client has run a case
				t.Errorf("parley %s: %+v", line, r)
			}
		}
	}
}

// wordsOf returns what a shell makes of a line.
func wordsOf(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-f", "-c", `printf '%s\0' `+line).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
