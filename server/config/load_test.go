package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// place is where a test loads from: files by name, variables, and a command line.
type place struct {
	files map[string]string
	env   []string
	args  []string
}

func (p place) load(t testing.TB) (*Config, error) {
	t.Helper()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags := Flags(set)
	if err := set.Parse(p.args); err != nil {
		t.Fatalf("parse %q: %v", p.args, err)
	}
	return Load(Input{
		Flags: flags, Environ: append([]string{"HOME=/home/me", "PATH=/bin"}, p.env...), ReadFile: p.read,
		Ignore: func(name string) bool { return name == "PARLEY_SKIPS" },
	})
}

func (p place) read(name string) ([]byte, error) {
	text, ok := p.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if text == "forbidden" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return []byte(text), nil
}

func (p place) must(t testing.TB) *Config {
	t.Helper()
	c, err := p.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func file(lines ...string) map[string]string {
	return map[string]string{ProjectFile: strings.Join(lines, "\n") + "\n"}
}

// named is the variable that names ProjectFile on purpose.
const named = "PARLEY_CONFIG=" + ProjectFile

const (
	userFile = "/home/me/.config/parley/config.toml"
	secret32 = "0123456789abcdef0123456789abcdef"
)

func TestDefaults(t *testing.T) {
	c := place{}.must(t)
	if !c.Equal(Default()) {
		t.Error(cmp.Diff(c, Default()))
	}
	if c.Drain != 30*time.Second || c.Limits.Outbox != 1<<20 || c.Limits.Accepts != 500 || c.LogFormat != "text" {
		t.Errorf("got %+v", c)
	}
	if want := []Listener{{Addr: "127.0.0.1:8080", Mode: 0o600}}; !reflect.DeepEqual(c.Listen, want) {
		t.Errorf("listen is %+v, want %+v", c.Listen, want)
	}
	if c.Topics != nil || c.Authenticates() || c.Source("drain") != "default" {
		t.Errorf("got topics %v, authenticates %v, drain from %s", c.Topics, c.Authenticates(), c.Source("drain"))
	}
	if c, err := Load(Input{ReadFile: place{}.read}); err != nil || !c.Equal(Default()) {
		t.Errorf("without flags: %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	project, user := "\ndrain = \"2s\"\n", "drain = \"1s\"\n"
	tests := []struct {
		name  string
		place place
		want  time.Duration
		from  string
	}{
		{"nothing", place{}, 30 * time.Second, "default"},
		{"user", place{files: map[string]string{userFile: user}}, time.Second, userFile + ":1"},
		{"XDG", place{files: map[string]string{"/x/parley/config.toml": user}, env: []string{"XDG_CONFIG_HOME=/x"}}, time.Second, "/x/parley/config.toml:1"},
		{"relative XDG", place{files: map[string]string{"x/parley/config.toml": user}, env: []string{"XDG_CONFIG_HOME=x"}}, 30 * time.Second, "default"},
		{"project over user", place{files: map[string]string{userFile: user, ProjectFile: project}}, 2 * time.Second, "parley.toml:2"},
		{"variable over project", place{files: file(project), env: []string{"PARLEY_DRAIN=3s"}}, 3 * time.Second, "PARLEY_DRAIN"},
		{"empty variable", place{files: map[string]string{ProjectFile: project}, env: []string{"PARLEY_DRAIN="}}, 2 * time.Second, "parley.toml:2"},
		{"flag over all", place{map[string]string{userFile: user, ProjectFile: project}, []string{"PARLEY_DRAIN=3s"}, []string{"--drain", "9s", "--drain=4s"}}, 4 * time.Second, "--drain"},
		{"file in place of both", place{map[string]string{userFile: user, ProjectFile: project, "my.toml": "drain = \"5s\""}, nil, []string{"--config", "my.toml"}}, 5 * time.Second, "my.toml:1"},
		{"file without it", place{map[string]string{userFile: user, ProjectFile: project, "my.toml": ""}, []string{"PARLEY_CONFIG=my.toml"}, nil}, 30 * time.Second, "default"},
		{"variable over file", place{map[string]string{"my.toml": "drain = \"5s\""}, []string{"PARLEY_DRAIN=3s"}, []string{"--config", "my.toml"}}, 3 * time.Second, "PARLEY_DRAIN"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.place.must(t)
			if c.Drain != test.want || c.Source("drain") != test.from {
				t.Errorf("got %v from %s, want %v from %s", c.Drain, c.Source("drain"), test.want, test.from)
			}
		})
	}
}

func TestLists(t *testing.T) {
	files := file(
		`hosts = ["a", "b"]`,
		`[[topic]]`, `pattern = "a/*"`, `history = 5`,
		`[[topic]]`, `pattern = "b/**"`, `presence = false`,
		`[[listen]]`, `addr = "127.0.0.1:1"`,
		`[[listen]]`, `addr = "127.0.0.1:2"`, `private = true`,
	)
	c := place{files: files}.must(t)
	if len(c.Topics) != 2 || c.Topics[0].History != 5 || !c.Topics[0].Presence || c.Topics[1].Presence || c.Topics[1].History != 100 || len(c.Listen) != 2 {
		t.Errorf("got %+v and %+v", c.Topics, c.Listen)
	}
	for key, want := range map[string]string{
		"topic[0].": "parley.toml:2", "topic[0].history": "parley.toml:4", "topic[1].history": "default", "topic[1].presence": "parley.toml:7", "hosts": "parley.toml:1",
	} {
		if got := c.Source(key); got != want {
			t.Errorf("%s came from %s, want %s", key, got, want)
		}
	}

	// A list is taken whole from the strongest place.
	c = place{files, []string{"PARLEY_HOST=c, d"}, []string{"--topic", `c/** history=7 history_bytes=1KiB subscribe=user`, "--topic", `pattern="d e"`}}.must(t)
	if want := []string{"c", "d"}; !reflect.DeepEqual(c.Hosts, want) {
		t.Errorf("hosts are %q, want %q", c.Hosts, want)
	}
	if len(c.Topics) != 2 || c.Topics[0].Pattern != "c/**" || c.Topics[0].History != 7 || c.Topics[0].HistoryBytes != 1024 || c.Topics[0].Subscribe != "user" || c.Topics[1].Pattern != "d e" {
		t.Errorf("topics are %+v", c.Topics)
	}
	if got := c.Source("topic[1].pattern"); got != "--topic (2)" || c.Source("topic[1].history") != "default" {
		t.Errorf("the pattern came from %s", got)
	}

	c = place{files: files, env: []string{"PARLEY_TOPIC=x\n\ny rate=2.5\n"}, args: []string{"--host", "e", "--host=f,g"}}.must(t)
	if len(c.Topics) != 2 || c.Topics[1].Rate != 2.5 || c.Source("topic[0].pattern") != "PARLEY_TOPIC (1)" {
		t.Errorf("topics are %+v", c.Topics)
	}
	if want := []string{"e", "f", "g"}; !reflect.DeepEqual(c.Hosts, want) {
		t.Errorf("hosts are %q, want %q", c.Hosts, want)
	}

	// An inline list is the same, and an empty one takes away what a weaker file has.
	c = place{files: map[string]string{userFile: "hosts = [\"x\"]\n[[call]]\nmethod = \"m\"\nurl = \"http://h/\"", ProjectFile: "hosts = []\ncall = []\ntopic = [\n {pattern = \"a\"},\n {pattern = \"b\", history = 3},\n]"}}.must(t)
	if len(c.Hosts) != 0 || len(c.Calls) != 0 || len(c.Topics) != 2 || c.Source("topic[1].history") != "parley.toml:5" {
		t.Errorf("got %+v, history from %s", c, c.Source("topic[1].history"))
	}
}

func TestFirstListener(t *testing.T) {
	c := place{args: []string{"--addr", "127.0.0.1:0", "--tls-self-signed"}, env: []string{"PARLEY_ADDR=:9"}}.must(t)
	if want := (Listener{Addr: "127.0.0.1:0", Mode: 0o600, TLSSelfSigned: true}); len(c.Listen) != 1 || c.Listen[0] != want || c.Source("listen[0].addr") != "--addr" {
		t.Errorf("got %+v, want %+v", c.Listen, want)
	}
	c = place{files: file(`[[listen]]`, `addr = ":1"`, `[[listen]]`, `addr = ":2"`), env: []string{"PARLEY_TLS_CERT=c", "PARLEY_TLS_KEY=k", "PARLEY_ADDR=:3"}}.must(t)
	if len(c.Listen) != 2 || c.Listen[0] != (Listener{":3", 0o600, "c", "k", false, false}) || c.Listen[1].Addr != ":2" {
		t.Errorf("got %+v", c.Listen)
	}
	// A flag for all of them is stronger than a variable for the first.
	c = place{env: []string{"PARLEY_ADDR=:3"}, args: []string{"--listen", ":4", "--listen", "unix:/run/p.sock mode=0666 private=true"}}.must(t)
	if len(c.Listen) != 2 || c.Listen[0].Addr != ":4" || c.Listen[1] != (Listener{Addr: "unix:/run/p.sock", Mode: 0o666, Private: true}) {
		t.Errorf("got %+v", c.Listen)
	}
}

func TestVerbose(t *testing.T) {
	if c := (place{files: file(`log_level = "error"`), args: []string{"-v"}}).must(t); c.LogLevel != "debug" || c.Source("log_level") != "--verbose" {
		t.Errorf("got %s from %s", c.LogLevel, c.Source("log_level"))
	}
	if c := (place{args: []string{"-v", "--log-level", "warn"}}).must(t); c.LogLevel != "warn" {
		t.Errorf("got %s", c.LogLevel)
	}
}

// Every key that is in no list can be set by its flag and by its variable.
func TestEveryKey(t *testing.T) {
	samples := map[string]string{
		"string": "x", "bool": "true", "int": "7", "number": "2.5", "duration": "7s", "size": "64KiB", "secret": "@s",
		"list of string": "x", "list of network": "10.0.0.0/8", "list of header": "A: b, c", "log_level": "warn",
	}
	for _, k := range Keys() {
		if k.Repeated {
			continue
		}
		value := samples[k.Type]
		switch {
		case len(k.oneOf) > 0:
			value = k.oneOf[len(k.oneOf)-1]
		case k.typ.Kind() == reflect.String && k.checks != nil:
			value = "https://example.com/x"
		case k.Type == "bool" && k.Default == "true":
			value = "false"
		}
		files := map[string]string{"s": secret32}
		context := []string{"--auth-hmac-secret=@s", "--auth-public-key-file=k", "--hooks-connect=https://example.com"}
		if k.Flag == "limits-header-lines" || k.Flag == "limits-outbox-messages" {
			value = "17"
		}
		if k.Flag == "limits-outbox" || k.Flag == "limits-outbox-total" || k.Flag == "limits-history-total" {
			context = append(context, "--limits-message-bytes=1KiB", "--limits-outbox=64KiB")
		}
		byFlag := place{files: files, args: append(context, "--"+k.Flag+"="+value)}.must(t)
		context = slices.DeleteFunc(context, func(a string) bool { return strings.HasPrefix(a, "--"+k.Flag+"=") })
		byVariable := place{files: files, args: context, env: []string{k.Variable + "=" + value}}.must(t)
		if !byFlag.Equal(byVariable) {
			t.Errorf("%s: %s", k.Path(), cmp.Diff(byFlag, byVariable))
		}
		if byFlag.Source(k.Path()) != "--"+k.Flag || byVariable.Source(k.Path()) != k.Variable {
			t.Errorf("%s came from %s and %s", k.Path(), byFlag.Source(k.Path()), byVariable.Source(k.Path()))
		}
		if strings.HasPrefix(k.Flag, "auth-") || k.Flag == "hooks-connect" || strings.HasPrefix(k.Flag, "limits-outbox") {
			continue
		}
		if (place{files: files, args: context}).must(t).Equal(byFlag) {
			t.Errorf("%s=%s changes nothing", k.Flag, value)
		}
	}
}

func TestForeignVariables(t *testing.T) {
	c := place{env: []string{
		"PARLEY_SKIPS=1", "PARLEY_PORT=tcp://10.0.0.1:80", "PARLEY_PORT_8080_TCP_ADDR=10.0.0.1", "PARLEY_SERVICE_PORT_HTTP=80",
		"PARLEY_API_SERVICE_HOST=10.0.0.1", "PARLEY_UNKNOWN=", "XPARLEY_DRAIN=2",
	}}.must(t)
	if !c.Equal(Default()) {
		t.Error(cmp.Diff(c, Default()))
	}
}

func TestSecretFiles(t *testing.T) {
	p := place{files: map[string]string{"s": secret32 + "\r\n", "h": "Bearer x\n", ProjectFile: `
[auth]
hmac_secret = "@s"
[hooks]
headers = ["Authorization: @h", "X-A: b:c"]
`}}
	c := p.must(t)
	if c.Auth.HMACSecret.Reveal() != secret32 || !c.Authenticates() {
		t.Errorf("the secret is %q", c.Auth.HMACSecret.Reveal())
	}
	if h := c.Hooks.Headers; len(h) != 2 || h[0].Name != "Authorization" || h[0].Value.Reveal() != "Bearer x" || h[1].Value.Reveal() != "b:c" {
		t.Errorf("the headers are %v", h)
	}
	p.files["s"] = strings.Repeat("n", 40)
	if again := p.must(t); again.Equal(c) || again.Auth.HMACSecret.Reveal() != p.files["s"] {
		t.Error("the secret was not read again")
	}
}

// A history that has room for one message is enough.
func TestHistoryHasRoom(t *testing.T) {
	c := place{files: file("[limits]", "message_bytes = 1000", "history_total = 1256", "[[topic]]", "pattern = \"a\"", "rate = 1", "burst = 1")}.must(t)
	if c.Limits.HistoryTotal != 1256 {
		t.Errorf("%+v", c.Limits)
	}
	if _, err := (place{args: []string{"--limits-message-bytes=1000", "--limits-history-total=1255"}}).load(t); err == nil {
		t.Error("one that has not is taken")
	}
}

// An application changes over from one key to the next, which have one name.
func TestKeysOfOneName(t *testing.T) {
	c := place{files: file(`[[api_key]]`, `name = "shop"`, `key = "0123456789abcdef"`, `scopes = ["publish"]`,
		`[[api_key]]`, `name = "shop"`, `key = "fedcba9876543210"`, `scopes = ["publish", "read"]`)}.must(t)
	if len(c.APIKeys) != 2 || c.APIKeys[0].Name != c.APIKeys[1].Name || len(c.APIKeys[1].Scopes) != 2 {
		t.Errorf("%+v", c.APIKeys)
	}
}

// However a secret is printed, it is not seen.
func TestSecretsAreNotShown(t *testing.T) {
	c := place{files: file(`[auth]`, `hmac_secret = "`+secret32+`"`, `[[api_key]]`, `name = "n"`, `key = "`+secret32+`"`, `scopes = ["read"]`,
		`[hooks]`, `secret = "`+secret32+`"`, `headers = ["A: `+secret32+`"]`)}.must(t)
	var b bytes.Buffer
	if _, err := Print(&b, c); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb, *c)
		fmt.Fprintf(&b, verb, c.Auth.HMACSecret)
		fmt.Fprintf(&b, verb, c.Hooks.Headers)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "c", c.Auth, "s", c.Auth.HMACSecret)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "c", c.Auth, "s", c.Auth.HMACSecret)
	if strings.Contains(b.String(), secret32[:8]) || strings.Contains(b.String(), fmt.Sprintf("%x", secret32[:8])) {
		t.Errorf("a secret is shown:\n%s", b.String())
	}
	if n := strings.Count(b.String(), "(set)"); n < 10 {
		t.Errorf("(set) appears %d times in\n%s", n, b.String())
	}
}

func TestExample(t *testing.T) {
	long := strings.Repeat("x", 32)
	files := map[string]string{ProjectFile: Example}
	for _, name := range []string{"hmac", "shop.key", "app-token", "hook-secret"} {
		files["/etc/parley/"+name] = long
	}
	c := place{files: files, env: []string{named}}.must(t)
	for _, table := range schema() {
		for _, k := range table.keys {
			found := false
			for i := range 4 {
				found = found || c.Source(table.path(i, k.Name)) != "default"
			}
			if !found {
				t.Errorf("the example lacks %s", k.Path())
			}
		}
	}
	roundTrip(t, c, files)
}

// roundTrip prints a configuration and loads it again.
func roundTrip(t testing.TB, c *Config, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	if _, err := write(&b, c, true); err != nil {
		t.Fatal(err)
	}
	with := map[string]string{}
	maps.Copy(with, files)
	delete(with, userFile)
	with[ProjectFile] = b.String()
	again, err := place{files: with, env: []string{named}}.load(t)
	if err != nil {
		t.Fatalf("what is printed does not load: %v\n%s", err, b.String())
	}
	if !c.Equal(again) {
		t.Fatalf("what is printed loads as something else: %s\n%s", cmp.Diff(c, again), b.String())
	}
}

func TestPrint(t *testing.T) {
	p := place{
		files: map[string]string{"s": secret32, userFile: "name = \"a\\\"b\\u0001\"\n", ProjectFile: strings.Join([]string{
			`drain = "1m"`, `origins = ["*"]`, `trusted_proxies = ["10.1.2.3"]`,
			`[auth]`, `hmac_secret = "@s"`, `grace = "1h"`,
			`[limits]`, `outbox = 2000000`, `accepts = 0.25`,
			`[hooks]`, `secret = "` + secret32 + `"`, `headers = ["A: @s", "B: plain"]`,
			`[[topic]]`, `pattern = "a/**"`, `history_age = "1h30m"`,
			`[[topic]]`, `pattern = "b"`,
		}, "\n")},
		env:  []string{"PARLEY_LOG_FORMAT=json"},
		args: []string{"--addr=[::1]:0", "--limits-resumes=3", "--api-key", "ci key=@s scopes=publish,read"},
	}
	c := p.must(t)
	var b bytes.Buffer
	withheld, err := Print(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"hooks.headers", "hooks.secret"}; !slices.Equal(withheld, want) {
		t.Errorf("%q are withheld, want %q", withheld, want)
	}
	stale(t, "testdata/print.toml", b.Bytes())
	roundTrip(t, c, p.files)

	// A server must not be started without the secrets that have to be filled in.
	_, err = place{files: map[string]string{"s": secret32, ProjectFile: b.String()}}.load(t)
	var all Error
	if !errors.As(err, &all) || len(all) != len(withheld) || strings.Count(err.Error(), "(set)") != len(withheld) {
		t.Errorf("without its secrets: %v", err)
	}

	// Without secrets that were written out, what is printed needs no more than their files.
	p.files[ProjectFile] = strings.NewReplacer("secret = \""+secret32, "cache = \"1s", `, "B: plain"`, "").Replace(p.files[ProjectFile])
	c = p.must(t)
	b.Reset()
	if withheld, err := Print(&b, c); err != nil || len(withheld) > 0 {
		t.Fatalf("%q are withheld: %v", withheld, err)
	}
	p.files[ProjectFile] = b.String()
	if again := (place{files: p.files}).must(t); !again.Equal(c) {
		t.Error(cmp.Diff(c, again))
	}
	roundTrip(t, Default(), nil)
}

func TestNeedRestart(t *testing.T) {
	old := place{args: []string{"--tls-cert=a", "--tls-key=b"}}.must(t)
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"--tls-cert=a", "--tls-key=b"}, nil},
		{[]string{"--tls-cert=c", "--tls-key=d", "--drain=2s", "--topic=a", "--limits-outbox=2MiB", "--auth-hmac-secret=" + secret32, "--log-level=debug"}, nil},
		{[]string{"--addr=:1", "--name=x", "--limits-header-bytes=16KiB"}, []string{"name", "listen[0].addr", "limits.header_bytes", "listen[0].tls_cert"}},
		{[]string{"--listen=:1", "--listen=:2"}, []string{"listen"}},
	}
	for _, test := range tests {
		if got := NeedRestart(old, place{args: test.args}.must(t)); !slices.Equal(got, test.want) {
			t.Errorf("%q needs a restart for %q, want %q", test.args, got, test.want)
		}
	}
}

func TestKeysAreCopies(t *testing.T) {
	a := place{args: []string{"--api-key", "n key=" + secret32 + " scopes=read"}}.must(t)
	a.APIKeys[0].Topics[0] = "changed"
	if b := (place{args: []string{"--api-key", "n key=" + secret32 + " scopes=read"}}).must(t); b.APIKeys[0].Topics[0] != "**" {
		t.Error("two configurations share a default")
	}
	if len(Keys()) < 80 {
		t.Errorf("there are %d keys", len(Keys()))
	}
}

// A real file is read when nothing else is said.
func TestLoadFromDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(ProjectFile, []byte("drain = \"1s\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Input{})
	if err != nil || c.Drain != time.Second {
		t.Errorf("got %v, %v", c, err)
	}
}

// Where the directory of a file is none, there is no file: HOME is /dev/null for some services.
func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("plain", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"HOME", "XDG_CONFIG_HOME"} {
		if c, err := Load(Input{Environ: []string{variable + "=" + filepath.Join(dir, "plain")}}); err != nil || c.Drain != 30*time.Second {
			t.Errorf("%s: %v, %v", variable, c, err)
		}
	}
	if _, err := Load(Input{Environ: []string{"PARLEY_CONFIG=" + filepath.Join(dir, "plain", "x")}}); err == nil {
		t.Error("a file that was named may be missing")
	}
	forbidden := place{files: map[string]string{userFile: "forbidden"}}
	if _, err := forbidden.load(t); err == nil {
		t.Error("a file of the user that must not be read is passed over")
	}
}
