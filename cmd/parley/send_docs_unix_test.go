//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// transcript is a block of a document: commands behind "$ ", and what they print.
var transcript = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")

// inShell runs a command of the documentation against the server s, and returns what a reader would see.
func inShell(t *testing.T, s *served, dir, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	host := strings.TrimSuffix(strings.TrimPrefix(s.echo, "ws://"), "/echo")
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.ReplaceAll(command, "127.0.0.1:8080", host))
	cmd.Dir = dir
	cmd.Env = environ("PATH=" + dir + string(os.PathListSeparator) + os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return strings.ReplaceAll(string(out), host, "127.0.0.1:8080")
}

// readersFolder returns a folder that holds the program under its name.
func readersFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "parley")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// expected returns what matches an output as it is printed: … stands for anything on its line, and alone for any lines.
func expected(printed string) *regexp.Regexp {
	text := regexp.QuoteMeta(printed)
	text = regexp.MustCompile(`(?m)^…\n`).ReplaceAllLiteralString(text, `(?:.*\n)*?`)
	text = strings.ReplaceAll(text, "…", `.*`)
	return regexp.MustCompile(`^` + regexp.MustCompile(` +`).ReplaceAllString(text, ` +`) + `$`)
}

// TestDocsCLI runs what docs/cli.md shows.
func TestDocsCLI(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, nil)
	dir := readersFolder(t)
	commands := 0
	for _, m := range transcript.FindAllStringSubmatch(string(page), -1) {
		for _, part := range strings.Split("\n"+m[1], "\n$ ")[1:] {
			command, printed, _ := strings.Cut(part, "\n")
			if printed != "" && !strings.HasSuffix(printed, "\n") {
				printed += "\n"
			}
			commands++
			if got := inShell(t, s, dir, command); !expected(printed).MatchString(got) {
				t.Errorf("%s printed\n%s\nand docs/cli.md says\n%s", command, got, printed)
			}
		}
	}
	if commands < 15 {
		t.Errorf("%d commands were found", commands)
	}
}

// TestDocsFlags finds every flag of the client commands in docs/cli.md.
func TestDocsFlags(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(stdio{os.Stdin, os.Stdout, os.Stderr})
	for _, name := range []string{"connect", "send", "ping", "probe"} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range regexp.MustCompile(`--[a-z0-9-]+`).FindAllString(cmd.Flags().FlagUsages(), -1) {
			short := ""
			if f := cmd.Flags().Lookup(flag[2:]); f != nil && f.Shorthand != "" {
				short = "`-" + f.Shorthand
			}
			if !strings.Contains(string(page), "`"+flag) && (short == "" || !strings.Contains(string(page), short)) {
				t.Errorf("docs/cli.md says nothing of %s of %s", flag, name)
			}
		}
	}
}

// TestHelpExamples runs the examples with which the help begins.
func TestHelpExamples(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	dir := readersFolder(t)
	for _, name := range []string{"connect", "send", "ping", "probe"} {
		help := parley(t, "", name, "--help").out
		for _, example := range strings.SplitN(help, "\n", 3)[:2] {
			if out := inShell(t, s, dir, strings.TrimSpace(example)); out == "" {
				t.Errorf("%s printed nothing", example)
			}
		}
	}
}
