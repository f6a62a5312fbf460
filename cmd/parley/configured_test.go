package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-ws/parley/ws"
)

// place is where a test runs the program: a working directory, and the home of somebody.
type place struct{ work, home string }

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t.TempDir(), t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(p.user()), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p place) project() string { return filepath.Join(p.work, "parley.toml") }
func (p place) user() string    { return filepath.Join(p.home, ".config", "parley", "config.toml") }
func (p place) netrc() string   { return filepath.Join(p.home, ".netrc") }

// put writes a file; a relative name is one of the working directory.
func (p place) put(t *testing.T, name string, lines ...string) {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.work, name)
	}
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the program there, to its end.
func (p place) run(t *testing.T, env []string, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Stdin = p.work, strings.NewReader(stdin)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "PARLEY_") && !strings.HasPrefix(name, "XDG_") && name != "NETRC" && name != "HOME" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "HOME="+p.home, "USERPROFILE="+p.home), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run() // the exit code says more
	if ctx.Err() != nil {
		t.Fatalf("%q still runs; standard error %.500q", args, errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// mirror is a server that echoes, and remembers what it was asked.
type mirror struct {
	url   string // ws://127.0.0.1:PORT
	asked chan *http.Request
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{asked: make(chan *http.Request, 100)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked <- r
		c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"one", "two"}, AnyOrigin: true})
		if err != nil {
			return // it has answered
		}
		echoAll(c, same)
	}))
	t.Cleanup(srv.Close)
	m.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return m
}

// last returns the request of the run before.
func (m *mirror) last(t *testing.T) *http.Request {
	t.Helper()
	select {
	case r := <-m.asked:
		return r
	default:
		t.Fatal("nothing was asked")
		return nil
	}
}

// sees runs "send" with an argument for the URL and checks a header field of the request.
func (m *mirror) sees(t *testing.T, p place, env []string, field, want string, args ...string) *http.Request {
	t.Helper()
	r := p.run(t, env, "", append(append([]string{"send", "-n", "1"}, args...), "hello")...)
	if r.code != 0 || r.out != "hello\n" || r.err != "" {
		t.Errorf("%q: %+v", args, r)
		return &http.Request{}
	}
	req := m.last(t)
	if got := strings.Join(req.Header.Values(field), "|"); got != want {
		t.Errorf("%q: %s is %q, want %q", args, field, got, want)
	}
	return req
}

// authorized is the value of Authorization for credentials.
func authorized(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// Flags win over variables, those over the profile, and that over [client]; each header field counts for itself.
func TestOrderOfConfiguration(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, "parley.toml", `[profile.here]`, `url = "`+m.url+`/a"`, `origin = "http://profile"`)
	p.put(t, p.user(), `[limits]`, `not_read = 1`, `[client]`, `origin = "http://client"`, `header = ["X-One: client", "X-Two: client"]`,
		`subprotocol = ["two"]`, `[profile.there]`, `url = "`+m.url+`/b"`, `origin = "http://profile"`, `header = ["X-One: profile"]`)
	variable := []string{"PARLEY_ORIGIN=http://variable"}
	m.sees(t, p, nil, "Origin", "http://client", m.url)
	m.sees(t, p, nil, "Origin", "http://profile", "@here")
	m.sees(t, p, nil, "Origin", "http://profile", "@there")
	m.sees(t, p, variable, "Origin", "http://variable", m.url)
	m.sees(t, p, variable, "Origin", "http://variable", "@there")
	m.sees(t, p, variable, "Origin", "http://flag", "--origin", "http://flag", "@there")
	m.sees(t, p, []string{"XDG_CONFIG_HOME=" + p.work}, "Origin", "", m.url)
	m.sees(t, p, []string{"XDG_CONFIG_HOME=relative"}, "Origin", "", m.url)

	r := m.sees(t, p, nil, "X-One", "profile", "@there")
	if got := r.Header.Get("X-Two"); got != "client" {
		t.Errorf("X-Two is %q", got)
	}
	m.sees(t, p, nil, "X-One", "flag", "-H", "x-one: flag", "@there")
	r = m.sees(t, p, []string{"PARLEY_HEADER=X-One: variable\nX-Three: variable"}, "X-One", "variable", "@there")
	if got := r.Header.Get("X-Three"); got != "variable" {
		t.Errorf("X-Three is %q", got)
	}
	m.sees(t, p, nil, "Sec-WebSocket-Protocol", "two", m.url)
	m.sees(t, p, nil, "Sec-WebSocket-Protocol", "one", "--subprotocol", "one", m.url) // a list is taken whole
}

// Of flags that exclude each other, or belong together, the place that counts more decides all.
func TestFlagsThatBelongTogether(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.user(), `[client]`, `hex = true`, `proxy = "http://127.0.0.1:1"`, `cacert = "none.pem"`)
	if r := p.run(t, nil, "", "send", "-n", "1", "-k", "-x", "", m.url, "ff 00"); r.code != 0 || r.out != "ff00\n" {
		t.Errorf("%+v", r)
	}
	if r := p.run(t, nil, "", "send", "-n", "1", "-k", "-x", "", "--text", m.url, "ff 00"); r.code != 0 || r.out != "ff 00\n" {
		t.Errorf("%+v", r)
	}
}

func TestAuthorizationFromPlaces(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.user(), `[client]`, `user = "client:pw"`, `[profile.a]`, `url = "`+m.url+`"`, `user = "profile:pw"`,
		`[profile.b]`, `url = "`+m.url+`"`, `header = ["Authorization: Bearer b"]`)
	withUser := strings.Replace(m.url, "ws://", "ws://url:pw@", 1)
	for want, args := range map[string][]string{
		authorized("client:pw"):  {m.url},
		authorized("profile:pw"): {"@a"},
		"Bearer b":               {"@b"},
		"Bearer flag":            {"-H", "Authorization: Bearer flag", "@a"},
		authorized("flag:pw"):    {"-u", "flag:pw", "@b"},
		authorized("url:pw"):     {withUser},
	} {
		m.sees(t, p, nil, "Authorization", want, args...)
	}
	// A profile of anybody's does not get what the user has for everything.
	p.put(t, p.project(), `[profile.a]`, `url = "`+m.url+`"`)
	m.sees(t, p, nil, "Authorization", "", "@a")
}

func TestConfigFlag(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.project(), `[client]`, `origin = "http://project"`)
	p.put(t, p.user(), `[client]`, `origin = "http://user"`)
	p.put(t, "other.toml", `[client]`, `origin = "http://other"`, `[profile.a]`, `url = "`+m.url+`/"`)
	m.sees(t, p, nil, "Origin", "http://other", "--config", "other.toml", m.url)
	m.sees(t, p, nil, "Origin", "http://other", "--config", "other.toml", "@a")
	m.sees(t, p, []string{"PARLEY_CONFIG=other.toml"}, "Origin", "http://other", "@a")
	p.run(t, nil, "", "send", "--config", "none.toml", m.url, "x").expect(t, 2, "--config", "none.toml")
}

// Each client command takes a profile, and so does parley without a command.
func TestProfileOfEachCommand(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.project(), `[profile.staging]`, `url = "`+m.url+`/base?a=1"`, `max_time = "20s"`, `frame = "nul"`, `ping_timeout = "9s"`)
	for _, args := range [][]string{
		{"connect", "@staging"}, {"@staging"}, {"@staging", "--idle", "50ms"}, {"send", "@staging"}, {"ping", "-c", "1", "@staging"},
		{"probe", "--idle", "1ms", "@staging"}, {"bench", "@staging", "-c", "1", "-n", "1", "-d", "10s"},
	} {
		if r := p.run(t, nil, "a\n", args...); r.code != 0 {
			t.Errorf("%q: %+v", args, r)
		}
		if got := m.last(t).URL.String(); got != "/base?a=1" {
			t.Errorf("%q: the path is %s", args, got)
		}
		for len(m.asked) > 0 { // probe and bench ask more often
			<-m.asked
		}
	}
	if runtime.GOOS != "windows" {
		r := p.run(t, nil, "", "bridge", "--connect", "@staging", "--", "sh", "-c", "true")
		if r.code != 0 || m.last(t).URL.Path != "/base" {
			t.Errorf("bridge: %+v", r)
		}
	}
}

func TestProfileSuffix(t *testing.T) {
	t.Parallel()
	p, m := newPlace(t), newMirror(t)
	p.put(t, p.project(), `[profile.staging]`, `url = "`+m.url+`/base/x?a=1"`, `[profile.bare]`, `url = "`+m.url+`"`)
	for arg, want := range map[string]string{
		"@staging":                 "/base/x?a=1",
		"@staging/extra/path?x=1":  "/extra/path?x=1",
		"@staging/":                "/",
		"@staging?x=1":             "/base/x?x=1",
		"@staging//evil.example/":  "//evil.example/",
		"@staging/@evil.example/a": "/@evil.example/a",
		"@bare":                    "/",
		"@bare/a":                  "/a",
		"@bare?b":                  "/?b",
	} {
		if got := m.sees(t, p, nil, "Host", "", arg).RequestURI; got != want {
			t.Errorf("%s: asked for %s, want %s", arg, got, want)
		}
	}
	if got := withSuffix("ws+unix:///run/x.sock:/a?b=1", "/c?d"); got != "ws+unix:///run/x.sock:/c?d" {
		t.Error(got)
	}
	if got := withSuffix("ws+unix:///run/x.sock", "/c"); got != "ws+unix:///run/x.sock:/c" {
		t.Error(got)
	}
	if got := withSuffix("ws://h/{conn}", "?n={conn}"); got != "ws://h/{conn}?n={conn}" {
		t.Error(got)
	}
}
