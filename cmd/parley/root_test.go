package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--help"}, {"serve", "--help"}, {"connect", "--help"}, {"check", "--help"}, {"bench", "--help"}, {"compare", "--help"}, {"bridge", "--help"}, {"version", "--help"}, {"help", "exit-codes"}, {"send", "--help"}, {"ping", "--help"}, {"probe", "--help"}, {"help", "client-flags"}} {
		r := parley(t, "", args...)
		if r.code != 0 || r.err != "" {
			t.Errorf("parley %q: code %d, standard error %q", args, r.code, r.err)
		}
		lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
		if len(lines) > 24 {
			t.Errorf("parley %q: %d lines", args, len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("parley %q: a line of %d characters: %s", args, n, line)
			}
		}
		if len(args) < 2 || args[1] == "--help" {
			for i := range 2 {
				if !strings.HasPrefix(lines[i], "  ") || !strings.Contains(lines[i], "parley ") {
					t.Errorf("parley %q does not start with two examples: %s", args, lines[i])
				}
			}
		}
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	parley(t, "", "sevre").expect(t, 2, "sevre", "did you mean parley serve?")
	parley(t, "", "nonsense").expect(t, 2, "nonsense", "parley --help")
	parley(t, "", "--nonsense").expect(t, 2, "--nonsense", "parley --help")
	parley(t, "", "version", "now").expect(t, 2, "now")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if r := parley(t, "", "version"); r.code != 0 || !strings.HasPrefix(r.out, "parley ") || !strings.Contains(r.out, "go1.") {
		t.Errorf("%+v", r)
	}
	r := parley(t, "", "version", "--json")
	var b build
	if err := json.Unmarshal([]byte(r.out), &b); err != nil || b.Version == "" || b.Go == "" || b.Platform == "" {
		t.Errorf("%+v: %v", r, err)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := parley(t, "", "completion", shell); r.code != 0 || !strings.Contains(r.out, "parley") {
			t.Errorf("%s: code %d, %d bytes", shell, r.code, len(r.out))
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1": 1, "1024": 1024, "64KiB": 64 << 10, "16MiB": 16 << 20, "2GiB": 2 << 30} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "0", "1.5MiB", "1 MiB", "1MB", "9999999999GiB", "99999999999999999999", "0x10"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, s)
		}
	}
	for n, want := range map[size]string{1: "1", 1024: "1KiB", 1025: "1025", 16 << 20: "16MiB", 1 << 30: "1GiB"} {
		if got := n.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(n), got, want)
		}
	}
}
