package docs

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/server"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/server/metrics"
)

// operations is the page for operators.
func operations(t *testing.T) string {
	t.Helper()
	return pages(t)["operations.md"]
}

// fence finds the blocks of a page: the name of a file to put it into, if it has one, the language, and the text.
var fence = regexp.MustCompile("(?ms)(?:^<!-- file: (\\S+) -->\n)?^```(\\w+)\n(.*?)^```$")

// spans are the code spans of a page, outside its blocks.
func spans(page string) (list []string) {
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		list = append(list, m[1])
	}
	return list
}

// Each key that the page names by its path, as limits.outbox or history, is one.
func TestOperationsKeys(t *testing.T) {
	paths, names, flags, tables := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, k := range config.Keys() {
		paths[k.Path()], names[k.Name], flags["--"+k.Flag], tables[k.Table] = true, true, true, true
		if k.Variable != "" {
			names[k.Variable] = true
		}
	}
	delete(tables, "")
	for _, short := range []string{"--config", "--addr", "--tls-cert", "--tls-key", "--tls-self-signed", "--verbose", "--print-config"} {
		flags[short] = true
	}
	page := operations(t)
	found := 0
	for _, span := range spans(page) {
		table, _, dotted := strings.Cut(span, ".")
		if dotted && tables[table] && regexp.MustCompile(`^\w+\.\w+$`).MatchString(span) {
			found++
			if !paths[span] {
				t.Errorf("there is no key %s", span)
			}
		}
		if m := regexp.MustCompile(`^(\w+) = `).FindStringSubmatch(span); m != nil && !names[m[1]] {
			t.Errorf("there is no key %s, as in %s", m[1], span)
		}
	}
	if found < 20 {
		t.Errorf("found %d keys in the page: it has more", found)
	}
	// Those of the topics have no table before their name.
	for _, name := range []string{"drain", "origins", "trusted_proxies", "max_size", "history_age", "history_bytes", "policy"} {
		if !strings.Contains(page, "`"+name+"`") || !names[name] {
			t.Errorf("%s is not a key, or not in the page", name)
		}
	}
	for line := range strings.Lines(page) {
		if !strings.Contains(line, "parley serve") && !strings.Contains(line, "`--") {
			continue
		}
		for _, flag := range regexp.MustCompile(`\s--[a-z][a-z-]+|`+"`--[a-z-]+").FindAllString(line, -1) {
			if flag = strings.Trim(flag, " `"); !flags[flag] {
				t.Errorf("parley serve has no flag %s", flag)
			}
		}
	}
	for _, m := range regexp.MustCompile(`PARLEY_[A-Z_]+`).FindAllString(page, -1) {
		if !names[m] && m != "PARLEY_" {
			t.Errorf("there is no variable %s", m)
		}
	}
}

// Each metric, and each value that the page compares a label with, is there.
func TestOperationsMetrics(t *testing.T) {
	w := httptest.NewRecorder()
	metrics.New(metrics.Options{}).Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`).FindAllStringSubmatch(w.Body.String(), -1) {
		known[m[1]] = true
		if m[2] == "histogram" {
			known[m[1]+"_bucket"], known[m[1]+"_count"], known[m[1]+"_sum"] = true, true, true
		}
	}
	reference := pages(t)["metrics.md"]
	for _, m := range regexp.MustCompile("(?m)^\\| `(parley_\\w+)` \\| (\\w+)").FindAllStringSubmatch(reference, -1) {
		known[m[1]] = true // also those that come with their first value
		if m[2] == "histogram" {
			known[m[1]+"_bucket"] = true
		}
	}
	page := operations(t)
	named := regexp.MustCompile(`\b(?:parley|go|process)_\w+\b`).FindAllString(page, -1)
	for _, name := range named {
		if !known[name] {
			t.Errorf("there is no metric %s", name)
		}
	}
	if len(named) < 25 {
		t.Errorf("found %d names of metrics in the page: it has more", len(named))
	}

	values := func(label, metric string) string {
		m := regexp.MustCompile("(?m)^- `" + label + "` of `" + metric + "`: (.*)$").FindStringSubmatch(reference)
		if m == nil {
			t.Errorf("%s has no label %s", metric, label)
			return ""
		}
		return m[1]
	}
	for _, m := range regexp.MustCompile(`(parley_\w+)\{(\w+)=~?"([^"…]+)"\}`).FindAllStringSubmatch(page, -1) {
		all := values(m[2], m[1])
		for value := range strings.SplitSeq(m[3], "|") {
			if !strings.Contains(all, "`"+value+"`") {
				t.Errorf("the label %s of %s is never %s", m[2], m[1], value)
			}
		}
	}
	// The last column of the table of limits.
	limits := values("limit", "parley_refusals_total")
	rows := regexp.MustCompile("(?m)^\\|[^|]*\\|[^|]*`(?:limits\\.|rate)[^|]*\\|[^|]*\\| `(\\w+)` \\|$").FindAllStringSubmatch(page, -1)
	for _, m := range rows {
		if !strings.Contains(limits, "`"+m[1]+"`") {
			t.Errorf("parley_refusals_total is never counted for %s", m[1])
		}
	}
	if len(rows) < 10 {
		t.Errorf("found %d rows with a limit", len(rows))
	}
}

// Each path of the server that the page names is served where it says, and each file that it links is there.
func TestOperationsPaths(t *testing.T) {
	page := operations(t)
	s, err := server.New(server.Options{Config: config.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	paths := map[string]bool{}
	for _, m := range regexp.MustCompile(`https?://localhost:\d+(/[a-z0-9/]*[a-z])|`+"`(/[a-z]+/?)`").FindAllStringSubmatch(page, -1) {
		paths[m[1]+m[2]] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if strings.HasPrefix(path, "/debug/") {
			continue // on private listeners; the commands ask for it there
		}
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "HEAD", path, nil)
		r.Host = "localhost"
		if strings.HasSuffix(path, "/") {
			r.URL.Path += "x"
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		cancel()
		if w.Code == http.StatusNotFound {
			t.Errorf("nothing is at %s", path)
		}
	}
	if !paths["/readyz"] || !paths["/healthz"] || !paths["/t/"] || !paths["/api/v1/publish"] {
		t.Errorf("found only %v", paths)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(?:#([^)]+))?\)`).FindAllStringSubmatch(page, -1) {
		text, err := os.ReadFile(m[1])
		if err != nil {
			t.Errorf("a link to nothing: %v", err)
			continue
		}
		if m[2] == "" {
			continue
		}
		anchor := func(heading string) string {
			return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
		}
		if !slices.ContainsFunc(regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1), func(h []string) bool {
			return anchor(h[1]) == m[2]
		}) {
			t.Errorf("%s has no heading for #%s", m[1], m[2])
		}
	}
}

// The commands of the page work, one after the other, and say what it says they do.
func TestOperationsCommands(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the page is for Linux")
	}
	bash := need.Command(t, "bash", "apt-get install bash")
	for _, name := range []string{"curl", "openssl", "python3"} {
		need.Command(t, name, "apt-get install "+name)
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), need.Command(t, "go", "install Go"), "build", "-o", filepath.Join(dir, "bin", "parley"), "../cmd/parley")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	page := operations(t)
	// Ports of the page, and some that are free.
	for _, port := range []string{"8080", "8081", "8443", "9090", "7700"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, free, _ := net.SplitHostPort(l.Addr().String())
		page = strings.ReplaceAll(page, ":"+port, ":"+free)
		page = strings.ReplaceAll(page, `("127.0.0.1", `+port+`)`, `("127.0.0.1", `+free+`)`)
		l.Close()
	}
	var script bytes.Buffer
	var said []string
	script.WriteString("set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n")
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		switch name, language, text := m[1], m[2], m[3]; {
		case name != "":
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		case language == "sh":
			for line := range strings.Lines(text) {
				if answer, ok := strings.CutPrefix(line, "# "); ok {
					said = append(said, strings.TrimSpace(answer))
				}
			}
			script.WriteString(text)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	run := exec.CommandContext(ctx, bash, "-c", script.String())
	run.Dir = dir
	run.Env = []string{"HOME=" + dir, "PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) } // so that it ends what it has started
	run.WaitDelay = 5 * time.Second
	out, err := run.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("%v", err)
	}
	rest := string(out)
	for _, answer := range said {
		if answer == "…" {
			continue
		}
		at := pattern(answer).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("the commands do not say, or not in this order: %s\nthey still say:\n%s\nin all:\n%s", answer, rest, out)
		}
		rest = rest[at[1]:]
	}
}

// pattern is what an answer of the page looks like when the command is run again: positions and the like are others.
func pattern(answer string) *regexp.Regexp {
	text := regexp.QuoteMeta(answer)
	text = strings.ReplaceAll(text, "…", ".*")
	text = regexp.MustCompile(`"[A-Z2-7]{10}:(\d+)"`).ReplaceAllString(text, `"[A-Z2-7]{10}:$1"`)
	text = regexp.MustCompile(`go1\\\.\d+\\\.\d+`).ReplaceAllString(text, `go1\.[\d.]+`)
	text = regexp.MustCompile(`"after_ms":\d+`).ReplaceAllString(text, `"after_ms":\d+`)
	text = regexp.MustCompile(`Fingerprint=[0-9A-F]{2}`).ReplaceAllString(text, "Fingerprint=[0-9A-F]{2}")
	return regexp.MustCompile(text)
}
