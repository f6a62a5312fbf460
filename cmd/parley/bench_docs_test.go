package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/need"
	"github.com/spf13/pflag"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	docsTime   = regexp.MustCompile(`(-d |--stage )\d+s`)
)

// The examples of docs/bench.md are run as they are, but for the server's address and for their times. The search for the highest
// rate, which would take what the machine can give, gets a second condition that ends it.
func TestBenchDocs(t *testing.T) {
	t.Parallel()
	shell := need.Command(t, "sh", "install a shell")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bench.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, nil)
	host := strings.TrimSuffix(strings.TrimPrefix(s.page, "http://"), "/")
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "parley")); err != nil {
		t.Skip("no symbolic links:", err)
	}
	blocks := shellBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 10 {
		t.Fatalf("found %d examples", len(blocks))
	}
	for _, block := range blocks {
		text := strings.ReplaceAll(block[1], "127.0.0.1:8080", host)
		text = docsTime.ReplaceAllString(text, "${1}300ms")
		if strings.Contains(text, "--find-max") {
			text = strings.Replace(text, "--rate 1000", "--rate 10", 1)
			text = strings.TrimSpace(text) + " --find-max 'sent<10'\n"
		}
		cmd := exec.CommandContext(t.Context(), shell, "-ec", text)
		cmd.Dir = dir
		cmd.Env = environ("PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s%s", err, text, out)
		}
	}
}

// Each flag is on the page.
func TestBenchDocsFlags(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bench.md"))
	if err != nil {
		t.Fatal(err)
	}
	shared := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(dialFlags).register(shared)
	newBench(stdio{}).Flags().VisitAll(func(f *pflag.Flag) {
		if shared.Lookup(f.Name) == nil && !strings.Contains(string(page), "--"+f.Name) {
			t.Errorf("--%s is not on the page", f.Name)
		}
	})
}
