package house

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// wsMay are the packages outside the standard library that the files of ws and
// its subfolders may import, beside their own.
var wsMay = []string{
	"github.com/klauspost/compress/...",
	"golang.org/x/net/...",
	"golang.org/x/sys/cpu",
}

// wsModules are the modules that a program gets with ws, through those too.
var wsModules = []string{
	module,
	"github.com/klauspost/compress",
	"golang.org/x/net",
	"golang.org/x/sys",
	"golang.org/x/text", // of golang.org/x/net/idna
}

// wsMayImport reports whether a file of ws may import the package.
func wsMayImport(imported string) bool {
	if _, own := ours(imported); own {
		return true // the arrows see to these
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return imported != "C" // the standard library
	}
	for _, name := range wsMay {
		if fits(name, imported) {
			return true
		}
	}
	return false
}

// wsModule reports whether the module may be among the dependencies of ws.
// Packages of the standard library have none.
func wsModule(name string) bool {
	for _, m := range append(wsModules, "") {
		if name == m {
			return true
		}
	}
	return false
}

func TestWSImports(t *testing.T) {
	for _, s := range sources(t) {
		if !fits("ws/...", s.dir()) || s.test() {
			continue
		}
		for _, imported := range s.imports() {
			if !wsMayImport(imported) {
				t.Errorf("%s imports %s: ws stays on the standard library, %s; do without, or put it into a package above",
					s.path, imported, strings.Join(wsMay, ", "))
			}
		}
	}
}

func TestWSDependencies(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-e",
			"-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "./ws/...")
		list.Dir = root
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		var complaints strings.Builder
		list.Stderr = &complaints
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", list, err, complaints.String())
		}
		found := false
		for line := range strings.Lines(string(out)) {
			path, from, _ := strings.Cut(strings.TrimSpace(line), " ")
			found = found || path == module+"/ws"
			if !wsModule(from) {
				t.Errorf("for %s, ws depends on %s of the module %s: only these may come with it: %s",
					system, path, from, strings.Join(wsModules, ", "))
			}
		}
		if !found {
			t.Errorf("%s did not list package ws: the rule checked nothing", list)
		}
	}
}

func TestWSImportsCatch(t *testing.T) {
	for imported, want := range map[string]bool{
		"net/http":                              true,
		"crypto/sha1":                           true,
		"github.com/klauspost/compress/flate":   true,
		"golang.org/x/net/proxy":                true,
		"golang.org/x/sys/cpu":                  true,
		"github.com/parley-ws/parley/ws":        true,
		"golang.org/x/sys/unix":                 false,
		"golang.org/x/text/unicode/norm":        false,
		"golang.org/x/network":                  false,
		"github.com/klauspost/cpuid/v2":         false,
		"github.com/parley-ws/parleyother/more": false,
		"C":                                     false,
	} {
		if got := wsMayImport(imported); got != want {
			t.Errorf("wsMayImport(%q) = %t, want %t", imported, got, want)
		}
	}
	for name, want := range map[string]bool{"": true, "golang.org/x/text": true, "golang.org/x/crypto": false} {
		if got := wsModule(name); got != want {
			t.Errorf("wsModule(%q) = %t, want %t", name, got, want)
		}
	}
}
