// Package need finds the outside things that some tests drive: a browser, a
// command, a Node.js or Python package.
//
// A test names what it needs in its first lines:
//
//	func TestBrowserEcho(t *testing.T) {
//		browser := need.Chromium(t)
//		…
//	}
//
// When the thing is there, its path comes back. When it is missing, the test
// skips with one line that names it and says how to get it; with
// PARLEY_REQUIRE_ALL=1 in the environment, as CI has it, the test fails
// instead, so that nothing is skipped unseen. If PARLEY_SKIPS names a file,
// each skip is also added to it as one line: make test prints these at its end,
// because go test hides the skips of packages that pass.
//
// The script interop/install.sh installs everything that is asked for here.
//
// The package is for tests alone and knows nothing of Parley's own packages.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Command returns the path of the command name, found as the shell finds it.
// The hint says how to get it ("apt-get install curl") and ends the message of
// a test that has to do without.
func Command(t testing.TB, name, hint string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "the command "+name+" is not on PATH", hint)
	}
	return path
}

// browsers are the names under which systems install a Chromium, in the order
// in which they are tried.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// Chromium returns the path of a Chromium or Chrome. The environment variable
// CHROMIUM, a path or a command, overrides the search.
//
// A caller running as root has to start it with --no-sandbox.
func Chromium(t testing.TB) string {
	t.Helper()
	names := browsers
	if name := os.Getenv("CHROMIUM"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no browser: none of "+strings.Join(names, ", ")+" found",
		"run interop/install.sh, or set CHROMIUM to the path of a Chromium or Chrome")
	return ""
}

// NodeModule returns the path of Node.js, having checked that the npm package
// module is installed in dir/node_modules. A relative dir starts at the test's
// own folder; scripts that use the module are to be run from dir or below.
func NodeModule(t testing.TB, dir, module string) string {
	t.Helper()
	node := Command(t, "node", "install Node.js 20 or later, then run interop/install.sh")
	manifest := filepath.Join(dir, "node_modules", filepath.FromSlash(module), "package.json")
	if _, err := os.Stat(manifest); err != nil {
		missing(t, "the npm package "+module+" is not in "+filepath.Join(dir, "node_modules"), "run interop/install.sh")
	}
	return node
}

// pythons are tried in this order: a system's packages belong to its own
// interpreter, which need not be the first on PATH.
var pythons = []string{"python3", "/usr/bin/python3", "python"}

// Python returns the path of a Python 3 interpreter that can import module.
// The environment variable PYTHON, a path or a command, overrides the search.
func Python(t testing.TB, module string) string {
	t.Helper()
	names := pythons
	if name := os.Getenv("PYTHON"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		check := "import sys, " + module + "; sys.exit(sys.version_info < (3,))"
		if exec.CommandContext(t.Context(), path, "-c", check).Run() == nil {
			return path
		}
	}
	missing(t, "no Python 3 that can import "+module+": tried "+strings.Join(names, ", "),
		"run interop/install.sh, or set PYTHON to the path of an interpreter that has it")
	return ""
}

// missing ends the test: what is not there, and the hint says how to get it.
func missing(t testing.TB, what, hint string) {
	t.Helper()
	line := what + ": " + hint
	if os.Getenv("PARLEY_REQUIRE_ALL") != "" {
		t.Fatalf("need: %s (PARLEY_REQUIRE_ALL is set, so this is a failure)", line)
	}
	if file := os.Getenv("PARLEY_SKIPS"); file != "" {
		if err := record(file, t.Name()+": "+line); err != nil {
			t.Errorf("need: recording the skip: %v", err)
		}
	}
	t.Skipf("need: %s", line)
}

// record adds one line to file in a single write, so that the test binaries
// that share the file never mix their lines.
func record(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		f.Close() // the write already failed
		return err
	}
	return f.Close()
}
