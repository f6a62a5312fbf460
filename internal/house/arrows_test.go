package house

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// arrows says which of Parley's own packages each package may import. Arrows go
// down only: cmd, server, dialect, hub, broker; the protocol stands apart and
// knows none of them.
//
// A name is a folder; "ws/..." is that folder and all below it. The most exact
// name that fits a package counts. What lies in a folder called internal keeps
// the rules of the package that it belongs to, and tests are exempt.
var arrows = []struct {
	folder string
	may    []string
}{
	// The protocol knows nothing of ours.
	{"ws", nil},
	{"ws/wstest", []string{"ws"}},
	{"ws/wsjson", []string{"ws"}},
	{"ws/webapi", []string{"ws"}},
	{"ws/extendedconnect", nil},

	// What nodes share, and what one node holds. Neither knows a socket.
	{"broker", nil},
	{"broker/...", []string{"broker"}},
	{"hub", []string{"broker", "broker/memory", "internal/jsonread"}},

	// Who may do what, by tokens and by asking an application.
	{"auth", []string{"hub", "broker", "internal/jsonread"}},
	{"hook", []string{"hub", "broker", "internal/jsonread"}},
	{"internal/jsonread", []string{"broker"}},

	// A dialect never imports another. What they share lies in dialect/internal.
	{"dialect/...", []string{"hub", "broker", "ws", "dialect"}},

	{"client", []string{"ws"}},
	{"bridge", []string{"ws", "console"}},
	{"capture", nil},
	{"console", nil},

	// What puts a server under load. It knows parley.v1 from its description alone.
	{"load", []string{"ws"}},

	// The conformance suite has its own codec, so that bugs cannot cancel out.
	{"check", nil},

	// The only place that knows every dialect. Only cmd and interop know it.
	{"server", []string{"dialect/...", "hub", "auth", "hook", "broker", "broker/...", "ws/...", "bridge", "console", "capture", "server/config", "server/metrics", "server/limit", "server/api"}},
	{"server/metrics", []string{"hub", "broker"}},
	{"server/api", []string{"hub", "broker", "internal/jsonread"}},
	{"server/limit", nil},

	// What is configured, before anything is made of it. Of the broker it knows how patterns are written.
	{"server/config", []string{"broker"}},

	{"cmd/parley", []string{"server", "server/config", "client", "check", "load", "bridge", "capture", "console", "ws/..."}},
	{"interop/...", []string{"server", "client", "ws/...", "internal/need"}},
	{"examples/...", []string{"ws/..."}},

	// The support of tests.
	{"internal/need", nil},
	{"internal/house", nil},
}

// fits reports whether the folder dir is named by name.
func fits(name, dir string) bool {
	if base, all := strings.CutSuffix(name, "/..."); all {
		return dir == base || strings.HasPrefix(dir, base+"/")
	}
	return dir == name
}

// owner is the folder that an internal folder belongs to; any other folder
// belongs to itself, and so do those directly under the repository's internal.
func owner(dir string) string {
	if i := strings.Index(dir, "/internal"); i >= 0 && (dir[i:] == "/internal" || strings.HasPrefix(dir[i:], "/internal/")) {
		return dir[:i]
	}
	return dir
}

// forbidden returns what is wrong with the package in dir importing the package
// in imported, or "".
func forbidden(dir, imported string) string {
	from, to := owner(dir), owner(imported)
	found, may := "", []string(nil)
	for _, row := range arrows {
		if exact := row.folder == from; exact || fits(row.folder, from) && found != from && len(row.folder) > len(found) {
			found, may = row.folder, row.may
		}
	}
	if found == "" {
		return fmt.Sprintf("package %s is not in the table of who imports whom: "+
			"add a row for it to arrows in internal/house/arrows_test.go", dir)
	}
	if from == to {
		return ""
	}
	if slices.ContainsFunc(may, func(name string) bool { return fits(name, to) }) {
		return ""
	}
	allowed := "none of ours"
	if len(may) > 0 {
		allowed = strings.Join(may, ", ")
	}
	return fmt.Sprintf("package %s imports %s, but may import %s: "+
		"move the code, or pass in what it needs (arrows in internal/house/arrows_test.go)", dir, imported, allowed)
}

func TestArrows(t *testing.T) {
	wrong := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || !inModule(s.dir()) {
			continue
		}
		wrong[forbidden(s.dir(), s.dir())] = true // if it has no row
		for _, imported := range s.imports() {
			if dir, ok := ours(imported); ok {
				wrong[forbidden(s.dir(), dir)] = true
			}
		}
	}
	delete(wrong, "")
	for _, message := range slices.Sorted(maps.Keys(wrong)) {
		t.Error(message)
	}
}

func TestArrowsCatch(t *testing.T) {
	tests := []struct {
		dir, imported string
		want          string // part of the message, "" if allowed
	}{
		{"ws", "ws/internal/frame", ""},
		{"ws/internal/frame", "ws/internal/mask", ""},
		{"ws/wsjson", "ws", ""},
		{"ws/wsjson", "ws/internal/frame", ""},
		{"ws", "ws/wsjson", "may import none of ours"},
		{"ws/internal/frame", "hub", "may import none of ours"},
		{"ws/wsjson", "ws/wstest", "may import ws"},
		{"hub", "broker", ""},
		{"hub", "ws", "may import broker"},
		{"hub", "broker/memory", ""},
		{"hub", "broker/redis", "may import broker"},
		{"broker/memory", "broker", ""},
		{"broker/memory", "broker/redis", "may import broker"},
		{"broker", "broker/memory", "may import none of ours"},
		{"dialect/native", "hub", ""},
		{"dialect/native", "dialect/native/internal/codec", ""},
		{"dialect/native", "dialect/raw", "may import hub, broker, ws"},
		{"dialect/native/internal/codec", "server", "may import hub"},
		{"client", "server", "may import ws"},
		{"check", "ws", "may import none of ours"},
		{"server", "dialect/native", ""},
		{"server", "internal/need", "may import dialect/..."},
		{"cmd/parley", "server", ""},
		{"cmd/parley", "dialect/native", "may import server"},
		{"examples/echo", "ws/wsjson", ""},
		{"examples/echo", "server", "may import ws/..."},
		{"hub", "hub", ""},
		{"wsx", "wsx", "add a row for it"},
		{"wsx", "ws", "add a row for it"},
		{"ws/new", "ws", "add a row for it"},
		{"internal/new", "ws", "add a row for it"},
	}
	for _, test := range tests {
		got := forbidden(test.dir, test.imported)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s -> %s: got %q, want %q", test.dir, test.imported, got, test.want)
		}
	}
}
