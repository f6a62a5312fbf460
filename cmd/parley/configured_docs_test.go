package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsConfiguration reads the files that docs/cli.md shows: every key is one, for every command. Its commands are run by
// TestDocsCLI.
func TestDocsConfiguration(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Configuration, profiles and secrets\n")
	section, _, ok2 := strings.Cut(section, "\n## ")
	if !ok || !ok2 {
		t.Fatal("docs/cli.md has no such section")
	}
	profiles := 0
	root := newRoot(stdio{os.Stdin, os.Stdout, os.Stderr})
	for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(section, -1) {
		f := &configFile{shown: "docs/cli.md", dir: t.TempDir()}
		if err := f.parse(block[1]); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"connect", "send", "ping", "probe", "bench", "bridge"} {
			cmd, _, err := root.Find([]string{name})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.settings("[client]", f.client, clientKeys(cmd)); err != nil {
				t.Error(err)
			}
			for profile, values := range f.profiles {
				profiles++
				if s, err := f.settings(profile, values, clientKeys(cmd)); err != nil || s.url == "" {
					t.Errorf("%+v, %v", s, err)
				}
			}
		}
	}
	if profiles == 0 {
		t.Error("there are no profiles")
	}
	// Each key that is named is one, and each that there is is named.
	connect, _, err := root.Find([]string{"connect"})
	if err != nil {
		t.Fatal(err)
	}
	for key, flag := range clientKeys(connect).all {
		if flag.Annotations[connectionFlag] == nil && !strings.Contains(section, "`--"+flag.Name+"`") {
			t.Errorf("the section does not name %s", key)
		}
	}
}
