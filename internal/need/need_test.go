package need

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// ended is a testing.TB that notes how a test ended instead of ending it.
type ended struct {
	testing.TB
	outcome string // "skip" or "fail" and the message
}

func (e *ended) Helper()      {}
func (e *ended) Name() string { return "TestFake" }

func (e *ended) Skipf(format string, args ...any)  { e.end("skip", format, args) }
func (e *ended) Fatalf(format string, args ...any) { e.end("fail", format, args) }

func (e *ended) end(how, format string, args []any) {
	e.outcome = how + ": " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// outcome runs f as a test would be run and says how it ended; "" means that
// everything was there.
func outcome(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	fake := &ended{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.outcome
}

// program puts an executable called name into a new folder, which it returns.
func program(t *testing.T, name, script string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake programs are shell scripts, which Windows does not run")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMissing(t *testing.T) {
	empty := t.TempDir()
	tests := []struct {
		name string
		f    func(testing.TB)
		says []string
	}{
		{"command", func(t testing.TB) { Command(t, "wscat", "npm install wscat") }, []string{"wscat is not on PATH", "npm install wscat"}},
		{"chromium", func(t testing.TB) { Chromium(t) }, []string{"chromium-browser", "interop/install.sh", "CHROMIUM"}},
		{"node", func(t testing.TB) { NodeModule(t, empty, "ws") }, []string{"node is not on PATH", "interop/install.sh"}},
		{"python", func(t testing.TB) { Python(t, "no_such_module") }, []string{"import no_such_module", "PYTHON"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PATH", empty)
			t.Setenv("CHROMIUM", "")
			t.Setenv("PYTHON", "")
			skips := filepath.Join(empty, test.name)
			t.Setenv("PARLEY_SKIPS", skips)

			t.Setenv("PARLEY_REQUIRE_ALL", "")
			skipped := outcome(t, test.f)
			if !strings.HasPrefix(skipped, "skip: ") {
				t.Errorf("got %q, want a skip", skipped)
			}
			recorded, err := os.ReadFile(skips)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(recorded), "\n"); n != 1 || !strings.HasPrefix(string(recorded), "TestFake: ") {
				t.Errorf("recorded %q, want one line that names the test", recorded)
			}

			t.Setenv("PARLEY_REQUIRE_ALL", "1")
			failed := outcome(t, test.f)
			if !strings.HasPrefix(failed, "fail: ") {
				t.Errorf("with PARLEY_REQUIRE_ALL got %q, want a failure", failed)
			}
			for _, want := range test.says {
				for _, got := range []string{skipped, string(recorded), failed} {
					if !strings.Contains(got, want) {
						t.Errorf("%q does not say %q", got, want)
					}
				}
			}
		})
	}
}

func TestCommand(t *testing.T) {
	dir := program(t, "wscat", "")
	t.Setenv("PATH", dir)
	if got, want := Command(t, "wscat", ""), filepath.Join(dir, "wscat"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestChromium(t *testing.T) {
	dir := program(t, "google-chrome", "")
	t.Setenv("PATH", dir)
	t.Setenv("CHROMIUM", "")
	if got, want := Chromium(t), filepath.Join(dir, "google-chrome"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	other := filepath.Join(program(t, "my-browser", ""), "my-browser")
	t.Setenv("CHROMIUM", other)
	if got := Chromium(t); got != other {
		t.Errorf("with CHROMIUM set: got %s, want %s", got, other)
	}

	t.Setenv("CHROMIUM", filepath.Join(dir, "gone"))
	t.Setenv("PARLEY_REQUIRE_ALL", "")
	t.Setenv("PARLEY_SKIPS", "")
	if got := outcome(t, func(t testing.TB) { Chromium(t) }); !strings.HasPrefix(got, "skip: ") {
		t.Errorf("with CHROMIUM set to nothing that exists: got %q, want a skip, not another browser", got)
	}
}

func TestNodeModule(t *testing.T) {
	bin := program(t, "node", "")
	t.Setenv("PATH", bin)
	t.Setenv("PARLEY_REQUIRE_ALL", "")
	t.Setenv("PARLEY_SKIPS", "")
	dir := t.TempDir()
	find := func(t testing.TB) { NodeModule(t, dir, "@scope/client") }

	if got := outcome(t, find); !strings.Contains(got, "@scope/client is not in") {
		t.Errorf("without the package: got %q, want a skip that names it", got)
	}

	module := filepath.Join(dir, "node_modules", "@scope", "client")
	if err := os.MkdirAll(module, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "package.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := outcome(t, find); got != "" {
		t.Errorf("with the package: got %q, want it found", got)
	}
}

// The first Python on PATH may lack a module that another one has.
func TestPythonTriesOthers(t *testing.T) {
	without := program(t, "python3", "exit 1")
	with := program(t, "python", `case "$2" in *"import sys, websockets;"*) exit 0;; esac; exit 1`)
	t.Setenv("PATH", without+string(os.PathListSeparator)+with)
	t.Setenv("PYTHON", "")
	restore := pythons
	pythons = []string{"python3", "python"}
	defer func() { pythons = restore }()
	if got, want := Python(t, "websockets"), filepath.Join(with, "python"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
