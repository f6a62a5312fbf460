package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// asked is what the program answers a shell: what fits, without descriptions, and the number that says what to do with it.
func asked(t *testing.T, args ...string) (fits []string, directive string) {
	t.Helper()
	r := parley(t, "", append([]string{"__completeNoDesc"}, args...)...)
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if last := len(lines) - 1; r.code == 0 && strings.HasPrefix(lines[last], ":") {
		return lines[:last], lines[last]
	}
	t.Fatalf("%q: %+v", args, r)
	return nil, ""
}

// The words of which flags take one, as they are found in the texts of the help.
func TestCompletionChoices(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, cmd := range tree().Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value, text := pflag.UnquoteUsage(f)
			if list := choices(value, text); len(list) > 0 && cmd.Name() != "serve" {
				got[cmd.Name()+" --"+f.Name] = strings.Join(list, " ")
			}
		})
	}
	want := map[string]string{
		"bench --match":    "echo order none regex: json:",
		"bridge --frame":   "lines nul len32 json",
		"bridge --mode":    "per-connection shared pool",
		"bridge --restart": "always on-failure never",
		"bridge --slow":    "disconnect drop",
		"bridge --stderr":  "log merge json",
		"send --frame":     "lines nul len32 json all",
		"connect --frame":  "lines nul len32 json all",
		"check --http":     "1.1",
	}
	for _, name := range []string{"bench", "bridge", "connect", "ping", "probe", "send"} {
		want[name+" --compress"] = "off on takeover"
	}
	for _, name := range []string{"bench", "check", "compare", "connect", "probe", "send"} {
		want[name+" --color"] = "auto always never"
	}
	for flag, list := range want {
		if got[flag] != list {
			t.Errorf("%s offers %q, want %q", flag, got[flag], list)
		}
	}
	word := regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9.-]*:?$`)
	for flag, list := range got {
		for one := range strings.FieldsSeq(list) {
			if !word.MatchString(one) {
				t.Errorf("%s offers %q of %q, which is no word", flag, one, list)
			}
		}
	}
}

// What fits is offered, and files only where they belong: :4 is none, :0 all, :8 those of an extension, :16 folders.
func TestCompletionFits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args      string // a word that ends with _ is what has been typed so far
		fits      string
		directive string
	}{
		{"se_", "send serve", ":4"},
		{"send _", "", ":4"},
		{"send ws_", "", ":4"},
		{"send ws://127.0.0.1:1/ _", "", ":4"},
		{"version _", "", ":4"},
		{"serve _", "", ":4"},
		{"completion _", "bash zsh fish powershell", ":4"},
		{"completion bash _", "", ":4"},
		{"man p_", "ping probe", ":4"},
		{"help e_", "exit-codes", ":4"},
		{"compare _", "json", ":8"},
		{"compare a.json b.json _", "", ":4"},
		{"bridge _", "", ":4"},
		{"bridge -- _", "", ":0"},
		{"bridge --mode shared -- tail _", "", ":0"},
		{"bridge --mode _", "per-connection shared pool", ":36"},
		{"bridge --dir _", "", ":16"},
		{"send --frame l_", "lines len32", ":36"},
		{"send --compress _", "off on takeover", ":36"},
		{"send --compress=t_", "takeover", ":36"},
		{"send --color n_", "never", ":36"},
		{"send --cacert _", "", ":0"},
		{"send -o _", "", ":0"},
		{"send --unix-socket _", "", ":0"},
		{"send --idle _", "", ":4"},
		{"send --origin _", "", ":4"},
		{"send -H _", "@", ":6"},
		{"send -H main_", "", ":4"},
		{"send -H @main.g_", "@main.go", ":4"},
		{"send -H @internal/sc_", "@internal/screen/", ":6"},
		{"send -u @./main.g_", "@./main.go", ":4"},
		{"bench --match r_", "regex:", ":38"},
		{"bench --hdr _", "", ":0"},
		{"serve --log-level _", "debug info warn error", ":36"},
		{"serve --limits-out_", "--limits-outbox --limits-outbox-messages --limits-outbox-total", ":4"},
		{"serve --tls-k_", "--tls-key", ":4"},
		{"serve --auth-public-key-file _", "", ":0"},
		{"bridge --ladd_", "--ladder", ":4"},
		{"send --unix-s_", "--unix-socket", ":4"},
		{"ws://127.0.0.1:1/ --timesta_", "--timestamps", ":4"},
	} {
		args := strings.Fields(test.args)
		args[len(args)-1] = strings.TrimSuffix(args[len(args)-1], "_")
		fits, directive := asked(t, args...)
		if strings.Join(fits, " ") != test.fits || directive != test.directive {
			t.Errorf("%s: offers %q %s, want %q %s", test.args, fits, directive, test.fits, test.directive)
		}
	}
}

func TestCompletionProfiles(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/config.toml"
	if err := os.WriteFile(file, []byte("[profile.staging]\nurl = \"wss://example.com/\"\n[profile.store]\nurl = \"wss://example.org/\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"send", "--config", file, ""}, "@staging @store"},
		{[]string{"connect", "--config", file, "@sta"}, "@staging"},
		{[]string{"send", "--config", file, "@staging", ""}, ""},
		{[]string{"send", "--config", file + ".gone", ""}, ""},
		{[]string{"bridge", ""}, ""},
	} {
		if fits, directive := asked(t, test.args...); strings.Join(fits, " ") != test.want || directive != ":4" {
			t.Errorf("%q: offers %q %s, want %q", test.args, fits, directive, test.want)
		}
	}
}

func TestCompletionUnknownShell(t *testing.T) {
	t.Parallel()
	parley(t, "", "completion", "tcsh").expect(t, exitUsage, "tcsh", "choose bash, zsh, fish or powershell")
	parley(t, "", "completion").expect(t, exitUsage, "shell")
	parley(t, "", "completion", "bash", "zsh").expect(t, exitUsage, "zsh")
	if r := parley(t, "", "completion", "powershell"); r.code != 0 || !strings.Contains(r.out, "Register-ArgumentCompleter -CommandName 'parley'") || !strings.Contains(r.out, "__complete") {
		t.Errorf("code %d, %.300q", r.code, r.out)
	}
}

func TestHelpCommand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"send", "exit-codes", "completion", "help"} {
		if r := parley(t, "", "help", name); r.code != 0 || r.err != "" || r.out != parley(t, "", name, "--help").out {
			t.Errorf("%+v", r)
		}
	}
	if r := parley(t, "", "help"); r.code != 0 || r.out != parley(t, "", "--help").out {
		t.Errorf("%+v", r)
	}
	parley(t, "", "help", "sned").expect(t, exitUsage, "sned", "parley send")
}
