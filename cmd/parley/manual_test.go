package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/need"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "make docs/cli.md, docs/man and deploy/completion anew from the command tree")

// tree is the command tree, as main has it.
func tree() *cobra.Command { return newRoot(stdio{os.Stdin, os.Stdout, os.Stderr}) }

// fresh compares a file that is made from the command tree with what would be made now, or makes it.
func fresh(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v): go test ./cmd/parley -run TestManual -update", name, err)
	}
}

// only finds files in a folder that nothing makes any more.
func only(t *testing.T, pattern string, want []string) {
	t.Helper()
	there, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		switch {
		case slices.Contains(want, filepath.Base(name)):
		case *update:
			os.Remove(name)
		default:
			t.Errorf("%s belongs to no command: go test ./cmd/parley -run TestManual -update", name)
		}
	}
}

func TestManualPages(t *testing.T) {
	t.Parallel()
	pages := manPages(tree())
	dir := filepath.Join("..", "..", "docs", "man")
	for name, page := range pages {
		fresh(t, filepath.Join(dir, name), []byte(page))
	}
	only(t, filepath.Join(dir, "*.1"), slices.Collect(maps.Keys(pages)))
}

func TestManualCompletions(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "deploy", "completion")
	files := map[string]string{"bash": "parley.bash", "zsh": "parley.zsh", "fish": "parley.fish", "powershell": "parley.ps1"}
	for shell, name := range files {
		script, err := completionScript(tree(), shell)
		if err != nil {
			t.Fatal(err)
		}
		fresh(t, filepath.Join(dir, name), script)
	}
	only(t, filepath.Join(dir, "*"), slices.Collect(maps.Values(files)))
}

// generated is a part of docs/cli.md that is made from the command tree.
var generated = regexp.MustCompile(`(?ms)^<!-- generated: (.*?) -->\n(.*?)^<!-- end -->$`)

// TestManualReference makes the tables of docs/cli.md, or compares them.
func TestManualReference(t *testing.T) {
	t.Parallel()
	name := filepath.Join("..", "..", "docs", "cli.md")
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"commands": true, "flags of the connection": true, "exit codes": true, "variables": true, "commands of the prompt": true}
	root := tree()
	for _, cmd := range manualCommands(root) {
		if cmd.Name() != "serve" { // docs/configuration.md has them
			want["flags of "+cmd.Name()] = true
		}
	}
	fresh(t, name, generated.ReplaceAllFunc(page, func(old []byte) []byte {
		what := string(generated.FindSubmatch(old)[1])
		if !want[what] {
			t.Errorf("docs/cli.md: nothing makes %q, or it is there twice", what)
			return old
		}
		delete(want, what)
		return fmt.Appendf(nil, "<!-- generated: %s -->\n%s<!-- end -->", what, reference(root, what))
	}))
	for what := range want {
		t.Errorf("docs/cli.md has no <!-- generated: %s --> … <!-- end -->", what)
	}
}

// reference is a part of docs/cli.md.
func reference(root *cobra.Command, what string) string {
	var b strings.Builder
	switch what {
	case "commands":
		b.WriteString("| command | |\n|---|---|\n")
		for _, cmd := range manualCommands(root) {
			fmt.Fprintf(&b, "| [`parley %s`](#%s) | %s |\n", cell(strings.TrimSuffix(strings.TrimPrefix(cmd.UseLine(), "parley "), " [flags]")), cmd.Name(), cell(marked(cmd.Short)))
		}
	case "exit codes":
		b.WriteString("| code | |\n|---|---|\n")
		for _, c := range exitCodes() {
			fmt.Fprintf(&b, "| %d | %s |\n", c.code, cell(marked(c.text)))
		}
	case "variables":
		b.WriteString("| variable | what it says |\n|---|---|\n")
		for _, v := range manualVariables {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(v.term, ", ", "`, `"), cell(v.text))
		}
	case "commands of the prompt":
		b.WriteString("| command | what it does |\n|---|---|\n")
		for _, c := range promptCommands() {
			fmt.Fprintf(&b, "| `%s` | %s |\n", cell(c.text), cell(c.help))
		}
	case "flags of the connection":
		flagTable(&b, connectionFlags())
	default:
		cmd, _, err := root.Find([]string{strings.TrimPrefix(what, "flags of ")})
		if err != nil {
			return err.Error()
		}
		var own []manualFlag
		var shared []string
		for _, f := range manualFlags(cmd) {
			if f.connection {
				shared = append(shared, "`--"+f.name+"`")
			} else {
				own = append(own, f)
			}
		}
		if len(own) > 0 {
			flagTable(&b, own)
		}
		switch {
		case len(shared) == len(connectionFlags()):
			b.WriteString("\nBesides, all [flags of the connection](#flags-of-the-connection).\n")
		case len(shared) > 0:
			fmt.Fprintf(&b, "\nOf the [flags of the connection](#flags-of-the-connection): %s.\n", strings.Join(shared, ", "))
		case len(own) == 0:
			b.WriteString("It has no flags.\n")
		}
	}
	return b.String()
}

func flagTable(b *strings.Builder, list []manualFlag) {
	b.WriteString("| flag | what it does |\n|---|---|\n")
	for _, f := range list {
		name := strings.TrimSpace("--" + f.name + " " + f.value)
		if f.short != "" {
			name = "-" + f.short + "`, `" + name
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", cell(name), cell(marked(f.says())))
	}
}

// cell is a text in a table, which a | would end.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Each page has the sections and all flags of its command, and what manual_text.go says is about something that exists.
func TestManualIsWhole(t *testing.T) {
	t.Parallel()
	root := tree()
	notes := maps.Clone(flagNotes)
	for _, cmd := range manualCommands(root) {
		if _, ok := manualPages[cmd.Name()]; !ok {
			t.Errorf("manual_text.go says nothing of %s: files, signals, exit codes", cmd.Name())
		}
		page := commandManPage(cmd)
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", `"EXIT STATUS"`, `"SEE ALSO"`} {
			if !strings.Contains(page, "\n.SH "+strings.Trim(section, `"`)+"\n") {
				t.Errorf("%s: no section %s", cmd.Name(), section)
			}
		}
		for _, f := range manualFlags(cmd) {
			delete(notes, cmd.Name()+" --"+f.name)
			if !strings.Contains(page, `\fB\-\-`+escaped(f.name)+`\fR`) {
				t.Errorf("%s: no --%s", cmd.Name(), f.name)
			}
		}
	}
	for _, f := range connectionFlags() {
		delete(notes, "connection --"+f.name)
	}
	for key := range notes {
		t.Errorf("manual_text.go speaks of %s, which does not exist", key)
	}
	for name := range manualPages {
		if cmd, _, err := root.Find([]string{name}); err != nil || cmd == root {
			t.Errorf("manual_text.go has a page for %s, which does not exist", name)
		}
	}
}

// What the pages say of variables is so: a command that reads them stumbles over one that cannot be read.
func TestManualVariables(t *testing.T) {
	t.Parallel()
	args := map[string][]string{"compare": {"a", "b"}, "bridge": {"--", "true"}, "serve": {"--print-config"}, "completion": {"bash"}, "man": nil, "version": nil}
	for _, cmd := range manualCommands(tree()) {
		flags := manualFlags(cmd)
		i := slices.IndexFunc(flags, func(f manualFlag) bool { return f.value == "" || f.value == "TIME" || f.value == "N" })
		if i < 0 {
			continue
		}
		list, ok := args[cmd.Name()]
		if !ok {
			list = []string{"ws://127.0.0.1:1/"}
		}
		p := begin(t, []string{variable(flags[i].name) + "=nonsense"}, append([]string{cmd.Name()}, list...)...)
		r := p.wait(t)
		if reads := r.code == exitUsage && strings.Contains(r.err, variable(flags[i].name)); reads != manualPages[cmd.Name()].variables {
			t.Errorf("%s: manual_text.go says that variables are read: %v; with %s=nonsense: %+v", cmd.Name(), manualPages[cmd.Name()].variables, variable(flags[i].name), r)
		}
	}
}

func TestMan(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"man"}, {"man", "send"}, {"man", "parley-serve"}} {
		r := parley(t, "", args...)
		if r.code != 0 || r.err != "" || !strings.Contains(r.out, "\n.SH NAME\nparley") {
			t.Errorf("%q: code %d, %q, %.200q", args, r.code, r.err, r.out)
		}
	}
	if r := parley(t, "", "man", "serve"); !strings.Contains(r.out, `\fB\-\-limits\-outbox\fR`) {
		t.Error("a flag that the help hides is not in the manual")
	}
	parley(t, "", "man", "sned").expect(t, exitUsage, "sned", "parley --help")
	parley(t, "", "man", "send", "ping").expect(t, exitUsage)

	dir := filepath.Join(t.TempDir(), "share", "man1")
	if r := parley(t, "", "man", "--dir", dir); r.code != 0 || r.out != "" || r.err != "" {
		t.Fatalf("%+v", r)
	}
	for name, page := range manPages(tree()) {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != page {
			t.Errorf("%s: %v, %d bytes", name, err, len(got))
		}
	}
	parley(t, "", "man", "--dir", dir, "send").expect(t, exitUsage, "leave one of them out")
	file := filepath.Join(dir, "parley.1")
	parley(t, "", "man", "--dir", file).expect(t, exitIO, file)
}

// groff has nothing to say against the pages, and a text does not become an instruction.
func TestManFormats(t *testing.T) {
	t.Parallel()
	groff := need.Command(t, "groff", "apt-get install groff-base")
	pages := manPages(tree())
	var r roff
	r.begin("parley-test", "Test what is hard")
	r.section("DESCRIPTION")
	r.paragraphs([]string{".dot 'quote \\n back-slash `code -x` --flag …", "'first"})
	r.examples("  printf 'a\\nb' | x -y ~/z\n  .profile")
	pages["test"] = r.String()
	for name, page := range pages {
		cmd := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-Tutf8", "-P-cbou")
		cmd.Stdin = strings.NewReader(page)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v, %s", name, err, complaints.String())
		}
		if name != "test" {
			continue
		}
		for _, want := range []string{".dot 'quote \\n back-slash code -x --flag …", "'first", "printf 'a\\nb' | x -y ~/z\n", ".profile"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
}
