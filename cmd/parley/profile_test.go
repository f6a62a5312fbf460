package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// failsWith runs the program and wants one line of errors for each that is given, with all of its words, and exit code 2.
func (p place) failsWith(t *testing.T, lines [][]string, args ...string) {
	t.Helper()
	r := p.run(t, nil, "", args...)
	got := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	if r.code != 2 || len(got) != len(lines) {
		t.Errorf("%q: code %d, standard error %s", args, r.code, r.err)
		return
	}
	for i, words := range lines {
		for _, word := range words {
			if !strings.HasPrefix(got[i], "parley: ") || !strings.Contains(got[i], word) {
				t.Errorf("%q: %s does not say %q", args, got[i], word)
			}
		}
	}
}

func TestUnknownProfile(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put(t, p.project(), `[profile.staging]`, `url = "ws://127.0.0.1:1/"`)
	p.failsWith(t, [][]string{{"@stagin", "did you mean @staging?", "parley.toml", p.user() + " (not there)"}}, "ping", "@stagin")
	p.put(t, p.user(), `[profile.production]`, `url = "ws://127.0.0.1:1/"`)
	p.failsWith(t, [][]string{{"@productoin", "did you mean @production?", p.user()}}, "@productoin/path")
	p.failsWith(t, [][]string{{"@other", "[profile.other]"}}, "send", "@other", "x")
	p.failsWith(t, [][]string{{"name is missing", "@NAME"}}, "send", "@", "x")
	p.failsWith(t, [][]string{{"name is missing"}}, "send", "@/x", "x")
}

// The project's profile of a name counts as a whole: the user's adds nothing to it, secrets least of all.
func TestProfileInBothFiles(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.project(), `[profile.both]`, `url = "`+m.url+`/project"`)
	p.put(t, p.user(), `[profile.both]`, `url = "`+m.url+`/user"`, `user = "ann:secret"`)
	if r := m.sees(t, p, nil, "Authorization", "", "@both"); r.URL.Path != "/project" {
		t.Errorf("asked for %s", r.URL)
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.put(t, p.project(),
		`[profile.bad]`,
		`url = "ws://127.0.0.1:1/"`,
		`message = ["x"]`,
		`curl = "curl ws://127.0.0.1:1/"`,
		`config = "x"`,
		`hedaer = ["X: y"]`,
		`connect-timeout = "3s"`,
		`header = "X: y"`,
		`insecure = "yes"`,
		`idle = 3`,
		`max_size = "3 MB"`,
		`ping_interval = "soon"`,
		`proxy = "ftp://h/"`,
		`resolve = ["x"]`,
		`output = "file"`,
		`[profile.nothing]`,
		`origin = "x"`,
		`[profile.http]`,
		`url = "ftp://h/"`,
		`[profile]`,
		`three = 3`,
	)
	p.failsWith(t, [][]string{{"parley.toml:21", "a profile is a table"}}, "send", "@bad", "x")
	text, err := os.ReadFile(p.project())
	if err != nil {
		t.Fatal(err)
	}
	p.put(t, p.project(), strings.Replace(string(text), "[profile]\nthree = 3\n", "", 1))
	p.failsWith(t, [][]string{
		{"parley.toml:3:", `unknown key "message" in [profile.bad]`},
		{"parley.toml:4:", `unknown key "curl"`},
		{"parley.toml:5:", `unknown key "config"`},
		{"parley.toml:6:", `unknown key "hedaer"`, `did you mean "header"?`},
		{"parley.toml:7:", `did you mean "connect_timeout"?`},
		{"parley.toml:8:", `"header"`, "want a list", "not a text"},
		{"parley.toml:9:", `"insecure"`, "true or false"},
		{"parley.toml:10:", `"idle"`, "30s"},
		{"parley.toml:11:", `"max_size"`, "MiB"},
		{"parley.toml:12:", `"ping_interval"`, "soon"},
		{"parley.toml:13:", `"proxy"`, "ftp"},
		{"parley.toml:14:", `"resolve"`, "HOST:PORT:ADDRESS"},
		{"parley.toml:15:", `unknown key "output"`},
	}, "send", "@bad", "x")
	p.failsWith(t, [][]string{{"parley.toml:16:", "no url"}}, "send", "@nothing", "x")
	p.failsWith(t, [][]string{{"parley.toml:19:", `"url"`, "WebSocket"}}, "send", "@http", "x")
	p.put(t, p.user(), `[client]`, `url = "ws://127.0.0.1:1/"`)
	p.failsWith(t, [][]string{{p.user() + ":2:", `unknown key "url" in [client]`}}, "send", "ws://127.0.0.1:1/", "x")
	p.put(t, p.user(), `client = 3`)
	p.failsWith(t, [][]string{{p.user() + ":1:", "[client]"}}, "send", "ws://127.0.0.1:1/", "x")
	p.put(t, p.user(), `[profile.a]`, `user = ann:hush`)
	p.failsWith(t, [][]string{{p.user() + ":2:", `"user"`, "quotes"}}, "send", "ws://127.0.0.1:1/", "x")
}

// A file in the working directory gives profiles, and nothing that counts without being asked for.
func TestProjectFileIsNoConfiguration(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.project(), `[client]`, `proxy = "http://127.0.0.1:1"`, `insecure = true`, `[profile.a]`, `url = "`+m.url+`"`)
	for _, target := range []string{m.url, "@a"} {
		p.failsWith(t, [][]string{{"parley.toml:1:", "[client]", "move it to " + p.user()}}, "send", target, "x")
	}
	p.put(t, p.project(), `what is this`)
	m.sees(t, p, nil, "Origin", "", m.url) // while somebody writes it
	p.failsWith(t, [][]string{{"parley.toml:1:"}}, "send", "@a", "x")
}

// A project's profile reads no file outside its directory, whatever it is for and however it is named.
func TestProjectProfileStaysInside(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	outside := filepath.Join(p.home, "secret")
	p.put(t, outside, "X-Secret: hush")
	p.put(t, "inside", "X-Inside: yes")
	if err := os.Mkdir(filepath.Join(p.work, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	linked := os.Symlink(p.home, filepath.Join(p.work, "sub", "link")) == nil // Windows may not allow it
	url := `url = "` + m.url + `"`
	quoted := strings.ReplaceAll(outside, `\`, `\\`)
	for _, key := range []string{
		`header = ["@` + quoted + `"]`, `header = ["X: y", "@../` + filepath.Base(p.home) + `/secret"]`, `header = ["@-"]`, `header = ["@sub/link/secret"]`,
		`user = "@` + quoted + `"`, `user = "@-"`, `cacert = "` + quoted + `"`, `cert = "` + quoted + `"`, `key = "` + quoted + `"`,
		`unix_socket = "` + quoted + `"`, `netrc_file = "` + quoted + `"`, `netrc = true`, `cacert = "sub/link/secret"`,
	} {
		if strings.Contains(key, "link") && !linked {
			continue
		}
		p.put(t, p.project(), `[profile.a]`, url, key)
		p.failsWith(t, [][]string{{"parley.toml:3:", "put the profile into " + p.user()}}, "send", "@a", "x")
	}
	p.put(t, p.project(), `[profile.a]`, `url = "ws+unix://`+quoted+`:/"`)
	p.failsWith(t, [][]string{{"parley.toml:2:", "outside"}}, "send", "@a", "x")
	p.put(t, p.project(), `[profile.a]`, url, `header = ["@inside"]`)
	m.sees(t, p, nil, "X-Inside", "yes", "@a")
	p.put(t, p.project(), `[profile.a]`, url, `header = ["@none"]`)
	p.failsWith(t, [][]string{{"parley.toml:3:", "none"}}, "send", "@a", "x")
	if linked { // a working directory that is itself reached by a link
		if err := os.Symlink(p.work, filepath.Join(p.home, "checkout")); err != nil {
			t.Fatal(err)
		}
		p.put(t, p.project(), `[profile.a]`, url, `header = ["@`+filepath.Join(p.work, "inside")+`"]`)
		(place{filepath.Join(p.home, "checkout"), p.home}).in(t, m)
	}

	// The user's own file names what it likes; relative names are seen from it.
	p.put(t, p.user(), `[profile.mine]`, url, `header = ["@~/secret", "@here"]`)
	p.put(t, filepath.Join(filepath.Dir(p.user()), "here"), "X-Here: yes")
	if r := m.sees(t, p, nil, "X-Here", "yes", "@mine"); r.Header.Get("X-Secret") != "hush" {
		t.Errorf("%v", r.Header)
	}
}

func (p place) in(t *testing.T, m *mirror) {
	t.Helper()
	m.sees(t, p, []string{"PWD=" + p.work}, "X-Inside", "yes", "@a")
}

func FuzzConfigFile(f *testing.F) {
	f.Add("[client]\nheader = [\"X: y\", 'a']\n[profile.\"a b\"]\nurl = \"wss://h/\"\nmax_size = 3\n")
	f.Add("profile.a.url = \"ws://h\"\nprofile.a.resolve = [1]\n[profile.b]\nx = {y = 1979-05-27}\n[[profile.c]]\n")
	f.Add("client = {user = \"@/etc/passwd\", unix_socket = \"../x\", netrc = true}\n")
	root := newRoot(stdio{os.Stdin, os.Stdout, os.Stderr})
	cmd, _, err := root.Find([]string{"send"})
	if err != nil {
		f.Fatal(err)
	}
	known := clientKeys(cmd)
	f.Fuzz(func(t *testing.T, text string) {
		file := &configFile{shown: "parley.toml", dir: t.TempDir(), project: true}
		if file.parse(text) != nil {
			return
		}
		for name, values := range file.profiles {
			s, err := file.settings(name, values, known)
			if err != nil {
				if strings.Contains(err.Error(), "toml:0:") {
					t.Error(err)
				}
				continue
			}
			for _, flag := range []string{"cacert", "cert", "key", "unix-socket", "netrc-file"} {
				for _, v := range s.layer[flag].values {
					if v != "" && !strings.HasPrefix(v, file.dir) {
						t.Errorf("--%s %s is outside", flag, v)
					}
				}
			}
		}
	})
}
