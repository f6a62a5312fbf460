package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parley-ws/parley/server/config"
	"github.com/spf13/cobra"
)

// A profile is a URL with the flags that belong to it, under a name: parley connect @staging.

// isProfile reports whether an argument in the place of a URL names a profile.
func isProfile(arg string) bool { return strings.HasPrefix(arg, "@") }

// configuration is what the files say to one command.
type configuration struct {
	url     string // of the profile, with what stood behind its name
	project bool   // the profile is from the file in the working directory
	profile layer
	client  layer
}

// readConfiguration reads the files, and from them the profile that an argument names, if it is not empty. only is the file
// to read in place of the two that there are.
func readConfiguration(cmd *cobra.Command, only, argument string) (*configuration, error) {
	files, err := configurationFiles(only, argument != "")
	if err != nil {
		return nil, err
	}
	c := &configuration{client: layer{}}
	known := clientKeys(cmd)
	for _, f := range files {
		if f.client == nil {
			continue
		}
		if f.project {
			return nil, f.problem(f.clientLine, "[client] is not taken from a file of the working directory, which may be anybody's: move it to %s", userFileShown())
		}
		t, err := f.settings("[client]", f.client, known)
		if err != nil {
			return nil, err
		}
		c.client = t.layer
	}
	if argument == "" {
		return c, nil
	}
	name, suffix := strings.TrimPrefix(argument, "@"), ""
	if i := strings.IndexAny(name, "/?#"); i >= 0 {
		name, suffix = name[:i], name[i:]
	}
	for _, f := range files {
		values, ok := f.profiles[name]
		if !ok {
			continue
		}
		t, err := f.settings("[profile."+tomlName(name)+"]", values, known)
		if err != nil {
			return nil, err
		}
		if t.url == "" {
			return nil, f.problem(f.profileLines[name], "the profile @%s has no url: add one, such as url = \"wss://example.com/\"", name)
		}
		if f.project {
			for _, secret := range []string{"header", "user", "netrc", "netrc-file", "cert", "key"} {
				delete(c.client, secret) // a file of anybody's does not say where these go
			}
		}
		c.url, c.profile, c.project = withSuffix(t.url, suffix), t.layer, f.project
		return c, nil
	}
	return nil, noProfile(name, files)
}

// noProfile is the error of a name that no file has.
func noProfile(name string, files []*configFile) error {
	names := map[string]bool{}
	read := make([]string, len(files))
	for i, f := range files {
		read[i] = f.shown
		if f.missing {
			read[i] += " (not there)"
		}
		for name := range f.profiles {
			names[name] = true
		}
	}
	where := strings.Join(read, ", ")
	if name == "" {
		return usage("write @NAME; profiles are in "+where, "a profile is meant, and its name is missing")
	}
	near := nearest(name, slices.Sorted(maps.Keys(names)))
	if len(near) == 0 {
		return usage("write [profile."+tomlName(name)+"] with a url in one of them", "there is no profile @%s in %s", name, where)
	}
	return usage("did you mean @"+strings.Join(near, " or @")+"?", "there is no profile @%s in %s", name, where)
}

// nearest returns the names that somebody may have meant.
func nearest(written string, names []string) []string {
	c := &cobra.Command{SuggestionsMinimumDistance: 2} // cobra knows how near commands are
	for _, name := range names {
		if name != "" && !strings.ContainsAny(name, " \t\n") {
			c.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
		}
	}
	return c.SuggestionsFor(written)
}

// withSuffix puts the path and the query of suffix in place of those of a URL. Nothing in it can lead to another host, to
// which credentials of the profile would go.
func withSuffix(base, suffix string) string {
	if suffix == "" {
		return base
	}
	scheme, rest, _ := strings.Cut(base, "://")
	cut := "/?"
	if strings.HasSuffix(scheme, "+unix") { // ws+unix:///path/to/socket:/path
		cut = ":?"
	}
	end := strings.IndexAny(rest, cut)
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	if cut == ":?" {
		authority, path = authority+":", strings.TrimPrefix(path, ":")
	}
	if !strings.HasPrefix(suffix, "/") {
		path, _, _ = strings.Cut(path, "?")
		if path == "" {
			path = "/"
		}
		suffix = path + suffix
	}
	return scheme + "://" + authority + suffix
}

// configurationFiles reads the files that there are: the project's, whose profiles count first, and the user's. A project's
// file that no profile was asked of may be as broken as it likes, while somebody writes it.
func configurationFiles(only string, wanted bool) ([]*configFile, error) {
	if only != "" {
		f, err := readConfigFile(only, false)
		if err == nil && f.missing {
			err = usage("create it, or name another", "--config: there is no file %s", only)
		}
		return []*configFile{f}, err
	}
	var files []*configFile
	project, err := readConfigFile(config.ProjectFile, true)
	switch {
	case err == nil:
		files = append(files, project)
	case wanted:
		return nil, err
	}
	if name := userFile(); name != "" {
		f, err := readConfigFile(name, false)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// userFile is the name of the user's file, or "" if there is no place for one.
func userFile() string {
	home := os.Getenv("XDG_CONFIG_HOME")
	if home == "" && os.Getenv("HOME") != "" {
		home = filepath.Join(os.Getenv("HOME"), ".config")
	}
	if !filepath.IsAbs(home) { // the specification of XDG has others ignored
		return ""
	}
	return filepath.Join(home, "parley", "config.toml")
}

// userFileShown names the user's file in messages.
func userFileShown() string {
	if name := userFile(); name != "" {
		return name
	}
	return "$XDG_CONFIG_HOME/parley/config.toml"
}

// readConfigFile reads and parses a file; one that is not there is empty.
func readConfigFile(name string, project bool) (*configFile, error) {
	f := &configFile{shown: name, dir: filepath.Dir(name), project: project}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		f.missing = true
		return f, nil
	}
	if err != nil {
		return f, &failure{exitIO, fmt.Errorf("the configuration cannot be read: %w", err), "allow it, or name another file with --config"}
	}
	return f, f.parse(string(data))
}
