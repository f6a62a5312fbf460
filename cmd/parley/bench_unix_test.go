//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-ws/parley/internal/need"
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

// SIGUSR1 tells how far the test is, SIGHUP does nothing, the second signal ends it at once and leaves no empty file behind.
func TestBenchSignals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept, fresh := filepath.Join(dir, "kept"), filepath.Join(dir, "new")
	if err := os.WriteFile(kept, []byte("of the last run"), 0o600); err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{}, 1000)
	hold := make(chan struct{})
	defer close(hold)
	url := echoServer(t, func(p []byte) []byte {
		started <- struct{}{}
		<-hold // so that there is something to wait for
		return p
	})
	p := begin(t, nil, "bench", url, "-c", "5", "--rate", "50", "-d", "1h", "--timeout", "1h", "--json", kept, "--html", fresh)
	for range 5 {
		<-started
	}
	p.signal(t, syscall.SIGHUP)
	p.signal(t, syscall.SIGUSR1)
	p.until(t, "the statistics", func(_, err string) bool {
		return strings.Contains(err, " of 1h0m0s  ") && strings.Contains(err, " 5 open\n")
	})
	p.signal(t, os.Interrupt)
	p.until(t, "the end of sending", func(_, err string) bool {
		p.signal(t, syscall.SIGUSR1)
		return strings.Contains(err, "waiting for the last")
	})
	p.signal(t, os.Interrupt)
	if r := p.wait(t); r.code != 130 || r.out != "" {
		t.Errorf("%+v", r)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "of the last run" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("an empty report is left behind")
	}
}

// More connections than the machine has files for are refused before any is opened.
func TestBenchFiles(t *testing.T) {
	t.Parallel()
	shell := need.Command(t, "sh", "install a shell")
	out, err := exec.Command(shell, "-c", "ulimit -n 100 && exec "+binary+" bench ws://127.0.0.1:9 -c 60").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "ulimit -n 108") {
		t.Errorf("%v: %s", err, out)
	}
}

// Who reads only the beginning of the table, or has no room for it, loses no report.
func TestBenchPipe(t *testing.T) {
	t.Parallel()
	shell := need.Command(t, "sh", "install a shell")
	url := echoServer(t, same)
	for name, to := range map[string]string{"a pipe that is closed": "| true", "a full disk": "> /dev/full"} {
		if _, err := os.Stat("/dev/full"); err != nil && strings.Contains(to, "full") {
			continue
		}
		file := filepath.Join(t.TempDir(), "r.json")
		exec.Command(shell, "-c", binary+" bench "+url+" -n 5 --json "+file+" "+to).Run() // its code is the shell's business
		if report := readLoad(t, file); report.Messages.Received != 5 {
			t.Errorf("%s: %+v", name, report.Messages)
		}
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		r := parley(t, "", "bench", url, "-n", "5", "--json", "/dev/full")
		if r.code != 1 || !strings.Contains(r.err, "/dev/full") || !strings.Contains(r.out, "5 answered") {
			t.Errorf("%+v", r)
		}
	}
}
