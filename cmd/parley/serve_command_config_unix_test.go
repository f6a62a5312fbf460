//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A file that lies in the working directory runs nothing unless somebody names it.
func TestServeCommandFoundFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "parley.toml"), one(`path = "/x"`, "echo in"))
	t.Chdir(dir)
	parley(t, "", "serve", "--addr", "127.0.0.1:0").expect(t, 2, "parley.toml:1", "--config ./parley.toml", "PARLEY_CONFIG")
	for _, s := range []*served{startServer(t, nil, "--config", "./parley.toml"), startServer(t, []string{"PARLEY_CONFIG=./parley.toml"})} {
		says(t, dial(t, strings.TrimSuffix(s.echo, "/echo")+"/x", nil), "in")
	}
	if err := os.Remove("parley.toml"); err != nil {
		t.Fatal(err)
	}
	os.Mkdir("parley", 0o700)
	write(t, filepath.Join("parley", "config.toml"), one(`path = "/x"`, "echo in"))
	s := startServer(t, []string{"XDG_CONFIG_HOME=" + dir}) // the user's own
	says(t, dial(t, strings.TrimSuffix(s.echo, "/echo")+"/x", nil), "in")
}

func TestServeCommandMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file  string
		words []string
	}{
		{one("", "x"), []string{"topic = \"logs/app\""}},
		{one("path = \"/x\"\ntopic = \"x\"", "x"), []string{"not on both"}},
		{one(`path = "/ws"`, "x"), []string{"taken"}},
		{one(`path = "/t/x"`, "x"), []string{"taken"}},
		{one(`path = "/echo"`, "x"), []string{"taken"}},
		{one(`path = "/healthz"`, "x"), []string{"taken"}},
		{one(`path = "/api/v1/x"`, "x"), []string{"taken"}},
		{one(`path = "/v1/x"`, "x"), []string{"taken"}},
		{one(`path = "/assets/x"`, "x"), []string{"taken"}},
		{one(`path = "/x"`, "x") + one(`path = "/x"`, "y"), []string{"two commands"}},
		{one(`topic = "x"`, "x") + one(`topic = "x"`, "y"), []string{"two commands"}},
		{"[[command]]\npath = \"/x\"\n", []string{"a program", "run = "}},
		{"[[command]]\npath = \"/x\"\nrun = [\"no-such-program\"]\n", []string{"command[0]", "no-such-program", "check its name"}},
		{one("path = \"/x\"\ndir = \"/no/such/directory\"", "x"), []string{"command[0]", "/no/such/directory"}},
		{one("path = \"/x\"\nmode = \"pool\"", "x"), []string{"processes = 4"}},
		{one("topic = \"x\"\nmode = \"pool\"\nprocesses = 2", "x"), []string{"one process"}},
		{one("path = \"/x\"\nmode = \"shard\"", "x"), []string{`"shared"`}},
		{one("path = \"/x\"\ninput = true", "x"), []string{"does nothing here"}},
	} {
		name := filepath.Join(t.TempDir(), "c.toml")
		write(t, name, c.file)
		parley(t, "", "serve", "--addr", "127.0.0.1:0", "--config", name).expect(t, 2, c.words...)
	}
	p := begin(t, []string{"PARLEY_COMMAND=/x run=date"}, "serve", "--addr", "127.0.0.1:0")
	p.wait(t).expect(t, 2, "PARLEY_COMMAND")
}

// What is printed loads again.
func TestServeCommandPrintConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "c.toml")
	write(t, name, one("path = \"/x\"\nmode = \"pool\"\nprocesses = 2\nladder = [\"1s\", \"2s\", \"3s\"]", "echo \"a\\b\"")+one("topic = \"x\"\ninput = true", "x")+one("path = \"/y\"\npty = true", "y"))
	first := parley(t, "", "serve", "--config", name, "--print-config")
	again := filepath.Join(dir, "again.toml")
	write(t, again, first.out)
	second := parley(t, "", "serve", "--config", again, "--print-config")
	values := func(s string) string {
		return regexp.MustCompile(`(?m) *# (default|\S*\.toml:\d+)$`).ReplaceAllString(s, "")
	}
	if first.code != 0 || second.code != 0 || values(first.out) != values(second.out) || !strings.Contains(first.out, "[[command]]") {
		t.Errorf("%s%s, and then %s%s", first.out, first.err, second.out, second.err)
	}
}

// TestDocsServeCommands runs what docs/bridge.md says about parley serve.
func TestDocsServeCommands(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "bridge.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## In parley serve\n")
	section, _, _ = strings.Cut(section, "\n## ")
	file := regexp.MustCompile("(?ms)^```toml\n(.*?)^```$").FindStringSubmatch(section)
	if file == nil {
		t.Fatal("there is no file")
	}
	dir := readersFolder(t)
	write(t, filepath.Join(dir, "parley.toml"), file[1])
	write(t, filepath.Join(dir, "app.log"), "an old line\n")
	s := startServer(t, nil, "--config", rewritten(t, dir, file[1]))
	commands := 0
	for _, m := range transcript.FindAllStringSubmatch(section, -1) {
		for _, part := range strings.Split("\n"+m[1], "\n$ ")[1:] {
			command, printed, _ := strings.Cut(part, "\n")
			if !strings.HasSuffix(printed, "\n") {
				printed += "\n"
			}
			commands++
			if got := inShell(t, s, dir, command); !expected(printed).MatchString(got) {
				t.Errorf("%s printed\n%s\nand docs/bridge.md says\n%s", command, got, printed)
			}
		}
	}
	if commands < 4 {
		t.Errorf("%d commands were found", commands)
	}
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d$`).MatchString(next(t, dial(t, strings.TrimSuffix(s.echo, "/echo")+"/run/clock", nil))) {
		t.Error("the clock shows no time")
	}
	example := regexp.MustCompile("(?ms)^```json\n(.*?)^```$").FindStringSubmatch(section)
	if example == nil || !json.Valid([]byte(example[1])) {
		t.Error("the event is no JSON")
	}
}

// rewritten is the file of the documentation for a server that runs elsewhere than in the reader's folder.
func rewritten(t *testing.T, dir, file string) string {
	t.Helper()
	name := filepath.Join(dir, "moved.toml")
	write(t, name, strings.ReplaceAll(file, `"app.log"`, strconv.Quote(filepath.Join(dir, "app.log"))))
	return name
}
