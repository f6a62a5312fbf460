//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/parley-ws/parley/internal/need"
)

// Each script is one that its shell understands.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []struct{ name, check string }{{"bash", "-n"}, {"zsh", "-n"}, {"fish", "--no-execute"}} {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			path := need.Command(t, shell.name, "apt-get install "+shell.name)
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(parley(t, "", "completion", shell.name).out), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), path, shell.check, file).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// shellFolder returns a folder with the program, and files and a profile to complete.
func shellFolder(t *testing.T) string {
	t.Helper()
	dir := readersFolder(t)
	for _, name := range []string{"roots.pem", "headers.txt", "before.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config", "parley")
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "config.toml"), []byte("[profile.staging]\nurl = \"wss://example.com/\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCompletionFish asks a fish what it would offer.
func TestCompletionFish(t *testing.T) {
	t.Parallel()
	fish := need.Command(t, "fish", "apt-get install fish")
	dir := shellFolder(t)
	for line, want := range map[string][]string{
		"parley se":               {"send", "serve"},
		"parley send --compress ": {"off", "on", "takeover"},
		"parley send --color n":   {"never"},
		"parley send --cacert ro": {"roots.pem"},
		"parley send ":            {"@staging"},
		"parley send ro":          nil,
		"parley send -H @head":    {"@headers.txt"},
		"parley compare be":       {"before.json"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := exec.CommandContext(ctx, fish, "--no-config", "-c", "parley completion fish | source; complete -C $argv[1]", line)
		cmd.Dir = dir
		cmd.Env = environ("PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
		out, err := cmd.Output()
		cancel()
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		var got []string
		for text := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(text), "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: fish offers %q, want %q", line, got, want)
		}
	}
}

// TestCompletionBash presses the tabulator in a bash.
func TestCompletionBash(t *testing.T) {
	t.Parallel()
	bash := need.Command(t, "bash", "apt-get install bash")
	const library = "/usr/share/bash-completion/bash_completion"
	if _, err := os.Stat(library); err != nil {
		need.Command(t, "bash-completion", "apt-get install bash-completion") // which is no command: so the message says what to do
	}
	tabulator(t, ". "+library+"; source <(parley completion bash)", bash, "--norc", "--noprofile", "-i")
}

// TestCompletionZsh presses the tabulator in a zsh.
func TestCompletionZsh(t *testing.T) {
	t.Parallel()
	zsh := need.Command(t, "zsh", "apt-get install zsh")
	tabulator(t, "autoload -U compinit && compinit -D -u; source <(parley completion zsh)", zsh, "-f", "-i")
}

// tabulator prepares a shell on a terminal, types lines with tabulators, and looks at what becomes of them.
func tabulator(t *testing.T, prepare, shell string, args ...string) {
	t.Helper()
	dir := shellFolder(t)
	p := shellOnTerminal(t, dir, shell, args...)
	const show = "\x01echo '\x05|'\n" // the line as it has become, from its beginning to its end
	const clear = "\x15"
	for i, test := range []struct {
		keys string
		want []string // what is then on the screen
	}{
		{"parley se\t\t" + clear, []string{"send ", "serve "}},
		{"parley send --compress \t\t" + clear, []string{"off", "on", "takeover"}},
		{"parley sen\t" + show, []string{"\nparley send|\r\n"}},
		{"parley send --compress=ta\t" + show, []string{"\nparley send --compress=takeover|\r\n"}},
		{"parley send --frame n\t" + show, []string{"\nparley send --frame nul|\r\n"}},
		{"parley send --cacert ro\t" + show, []string{"\nparley send --cacert roots.pem|\r\n"}},
		{"parley send ro\t" + show, []string{"\nparley send ro|\r\n"}},
		{"parley send -H @head\t" + show, []string{"\nparley send -H @headers.txt|\r\n"}},
		{"parley send @sta\t" + show, []string{"\nparley send @staging|\r\n"}},
		{"parley bench --match re\t" + show, []string{"\nparley bench --match regex:|\r\n"}},
	} {
		ready := fmt.Sprintf("\nready %d\r\n", i)
		command := fmt.Sprintf("echo rea''dy %d\n", i)
		if i == 0 {
			command = prepare + "; PS1='go> '; " + command
		}
		p.types(t, command)
		p.until(t, "prompt", func(out, _ string) bool { // before it, what is typed would not be the shell's
			_, out, _ = strings.Cut(out, ready)
			return strings.Contains(out, "go> ")
		})
		p.types(t, test.keys)
		p.until(t, strings.Join(test.want, " and "), func(out, _ string) bool {
			_, out, _ = strings.Cut(out, ready)
			out = strings.ReplaceAll(out, " |\r\n", "|\r\n") // a zsh takes its space back when the cursor moves
			for _, want := range test.want {
				_, after, ok := strings.Cut(out, want)
				if !ok {
					return false
				}
				out = after
			}
			return true
		})
	}
}

// shellOnTerminal starts a shell on a terminal of its own, in a folder whose programs come first.
func shellOnTerminal(t *testing.T, dir, shell string, args ...string) *terminal {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: 200}); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(shell, args...), news: make(chan struct{}, 1), done: make(chan struct{}), late: true}
	p.cmd.Dir = dir
	p.cmd.Env = environ("PATH="+dir+":"+os.Getenv("PATH"), "TERM=dumb", "HOME="+dir, "HISTFILE=", "INPUTRC=/dev/null", "XDG_CONFIG_HOME="+filepath.Join(dir, "config"))
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, tty
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // on standard input
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		io.Copy(sink{p, &p.out}, screen) // ends with an error when the terminal goes
	}()
	go func() {
		p.cmd.Wait() // the exit code says more
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.done
		tty.Close()
		screen.Close()
		<-shown
	})
	return &terminal{p, screen, tty}
}
