package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The texts of errors are read by people: testdata/errors.txt has them side by side.
func TestErrors(t *testing.T) {
	toml := func(lines ...string) place { return place{files: file(lines...)} }
	env := func(vars ...string) place { return place{env: vars} }
	args := func(list ...string) place { return place{args: list} }
	commands := func(list ...string) place { // of each [[command]] its lines
		return place{files: file("[[command]]\n" + strings.Join(list, "\n[[command]]\n")), env: []string{named}}
	}
	tests := []struct {
		name  string
		place place
	}{
		{"a misspelt key", toml("# rules", "", "[[topic]]", `pattern = "a"`, "", "", "histroy = 5")},
		{"a misspelt key at the top", toml(`drian = "3s"`)},
		{"a misspelt table", toml("", "[limit]", "outbox = 1")},
		{"a key of another table", toml("outbox = 1")},
		{"a key like no other", toml("[hooks]", "zzz = 1", `"a b" = 2`)},
		{"one table for many", toml("[topic]", `pattern = "a"`)},
		{"many tables for one", toml("[[limits]]", "outbox = 1")},
		{"a value for a table", toml("limits = 3", "topic = [1]")},
		{"types", toml("name = 3", "drain = 30", "hosts = \"a\"", "insecure_no_auth = \"yes\"", "origins = [3]",
			"[limits]", "connections = 1.5", "outbox = true", "accepts = \"many\"", "resumes = 1979-05-27", "[[topic]]", "pattern = [\"a\"]", "presence = 1",
			"[[listen]]", "mode = 0o660")},
		{"values", toml("log_format = \"jsno\"", "log_level = \"loud\"", "drain = \"3 days\"", "hosts = [\"http://a\"]", "origins = [\"https://a/b\"]",
			"trusted_proxies = [\"10.0.0.1/8\", \"x\"]",
			"[limits]", "connections = -1", "header_lines = 2", "outbox = \"3QiB\"", "header_bytes = \"2MiB\"", "accepts = inf", "resumes = 99999999999", "shed_memory = 101",
			"ping_interval = \"5ms\"", "replay_bytes = \"99999999999GiB\"",
			"[[topic]]", "pattern = \"a*b\"", "policy = \"drop\"", "subscribe = \"users\"", "rate = -0.5",
			"[hooks]", "connect = \"app.example.com\"", "call = \"https://u:p@h/\"", "headers = [\"nothing\", \"a b: c\"]",
			"[[listen]]", "addr = \"8080\"", "[[listen]]", "addr = \"localhost:http\"", "[[listen]]", "addr = \"unix:\"", "mode = \"999\"",
			"[[api_key]]", "sha256 = \"abc\"", "scopes = [\"write\"]")},
		{"not TOML", toml("drain = ", "x = 3")},
		{"a secret without quotes", toml("[auth]", "hmac_secret = swordfish")},
		{"a key twice", toml("drain = \"1s\"", "", "drain = \"2s\"")},
		{"listeners", toml("[[listen]]", "addr = \"127.0.0.1:1\"", "tls_cert = \"c\"", "[[listen]]", "addr = \"127.0.0.1:1\"", "tls_key = \"k\"",
			"[[listen]]", "addr = \":7\"", "tls_self_signed = true", "tls_cert = \"c\"", "tls_key = \"k\"", "[[listen]]", "addr = \"[::]:7\"", "mode = \"0666\"", "[[listen]]", "addr = \"\"")},
		{"private listeners alone", toml("[[listen]]", "private = true")},
		{"no error beside one that cannot be read", toml("[[listen]]", "tls_cert = \"c\"", "tls_key = 3")},
		{"auth", toml("[auth]", "hmac_secret = \"short\"", "jwks_url = \"http://keys.example.com\"", "algorithms = [\"HS256\", \"none\"]")},
		{"leeway", toml("[auth]", "leeway = \"5m1s\"")},
		{"algorithms", toml("[auth]", "jwks_url = \"https://keys.example.com\"", "algorithms = [\"HS256\"]")},
		{"claims without tokens", toml("[auth]", "issuer = \"x\"")},
		{"anonymous without tokens", toml("[auth]", "anonymous = true")},
		{"secrets", place{files: map[string]string{"empty": "\n", ProjectFile: "[auth]\nhmac_secret = \"@missing\"\n[hooks]\nsecret = \"@empty\"\nheaders = [\"A: @\"]\n[[api_key]]\nkey = \"(set)\"\n"}}},
		{"API keys", toml("[[api_key]]", "[[api_key]]", "name = \"a\"", "key = \"short\"", "scopes = [\"read\"]", "topics = []",
			"[[api_key]]", "name = \"a\"", "key = \"0123456789abcdef\"", "sha256 = \""+strings.Repeat("ab", 32)+"\"", "scopes = [\"read\"]",
			"[[api_key]]", "name = \"b\"", fmt.Sprintf("sha256 = \"%x\"", sha256.Sum256([]byte("0123456789abcdef"))), "scopes = [\"read\"]")},
		{"rules that never apply", toml("[[topic]]", "pattern = \"a/**\"", "[[topic]]", "pattern = \"a/b/*\"", "[[topic]]", "[[topic]]", "pattern = \"b\"", "max_size = \"2MiB\"", "[[topic]]", "pattern = \"b\"",
			"[[call]]", "method = \"**\"", "[[call]]", "method = \"x\"", "url = \"https://x\"")},
		{"commands in a file that was found", toml("drain = \"1s\"", "", "[[command]]", "path = \"/run\"", "run = [\"date\"]")},
		{"commands", commands(
			`run = ["date"]`,
			`path = "/a"`+"\n"+`topic = "a"`+"\n"+`run = ["date"]`,
			`path = "/b"`+"\n"+`run = []`,
			`path = "/b"`+"\n"+`run = ["date"]`,
			`topic = "b"`+"\n"+`run = [""]`,
			`topic = "b"`+"\n"+`run = ["date"]`+"\n"+`mode = "per-connection"`,
			`path = "/c"`+"\n"+`run = ["date"]`+"\n"+`mode = "pool"`,
			`path = "/d"`+"\n"+`run = ["date"]`+"\n"+`mode = "pool"`+"\n"+`processes = 101`,
			`path = "/e"`+"\n"+`run = ["date"]`+"\n"+`mode = "shared"`+"\n"+`binary = true`,
			`path = "/f"`+"\n"+`run = ["date"]`+"\n"+`frame = "json"`+"\n"+`binary = true`,
			`path = "/g"`+"\n"+`run = ["date"]`+"\n"+`frame = "len32"`+"\n"+`stderr = "json"`,
			`path = "/h"`+"\n"+`run = ["date"]`+"\n"+`ladder = ["1s"]`,
			`path = "/i"`+"\n"+`run = ["date"]`+"\n"+`pty = true`+"\n"+`frame = "nul"`,
			`path = "/j"`+"\n"+`run = ["date"]`+"\n"+`processes = 2`+"\n"+`restart = "never"`+"\n"+`history = 1`+"\n"+`slow = "drop"`+"\n"+`input = true`,
			`topic = "k"`+"\n"+`run = ["date"]`+"\n"+`connect = "token"`+"\n"+`max_connections = 3`+"\n"+`pty = true`+"\n"+`input_full = "wait"`,
		)},
		{"paths of commands", commands(`path = "run"`, `path = "/"`, `path = "/a/"`, `path = "/a//b"`, `path = "/{x}"`, `path = "/a b"`, `path = "/t/x"`, `path = "/ws"`, `path = "/healthz"`, `path = "/v1/x"`)},
		{"values of commands", commands(`path = 3`, `topic = ""`, `topic = "a/*"`, `topic = "a/*/b"`, `run = "date"`, `run = ["a\u0000"]`, `pass_env = ["A=b"]`, `ladder = ["1s", "2s", "0s"]`, `mode = "alone"`, `frame = "line"`, `runs = ["date"]`)},
		{"commands elsewhere", env("PARLEY_COMMAND=path=/x run=date")},
		{"limits", toml("[limits]", "outbox = \"64KiB\"", "outbox_total = \"1KiB\"", "history_total = \"1MiB\"")},
		{"bursts", toml("[[topic]]", "pattern = \"a\"", "burst = 5", "[[api_key]]", "name = \"a\"", "key = \"0123456789abcdef\"", "scopes = [\"read\"]", "burst = 1")},
		{"credentials", toml("origins = [\"*\"]", "[cors]", "credentials = true")},
		{"several files, variables and flags", place{map[string]string{userFile: "a = 1\n\n", ProjectFile: "\nb = 2\nname = 2\n"}, []string{"PARLEY_DRAIN=x", "PARLEY_BOGUS=1"}, []string{"--limits-calls", "0"}}},
		{"variables", env("PARLEY_DRIAN=3", "PARLEY_LIMITS_OUTBOX=3QiB", "PARLEY_AUTH_ANONYMOUS=maybe", "PARLEY_LIMITS_CALLS=1.5", "PARLEY_LIMITS_ACCEPTS=x",
			"PARLEY_ORIGIN=ok,https://x/", "PARLEY_TOPIC=a\nb histroy=3", "PARLEY_VERBOSE=x", "PARLEY_ADDR=x", "PARLEY_NAME=\xff", "PARLEY_HOOKS_SECRETS=swordfish")},
		{"flags", args("--drain=x", "--trusted-proxy=10.0.0.0/8,x", "--topic", "a histroy=1", "--topic", "b history=x history=2", "--topic", "c d", "--topic", `"e`, "--topic", "f presence",
			"--topic", "patern=x")},
		{"an API key in a flag", args("--api-key", "n key=swordfish scopes=write")},
		{"listeners twice", args("--listen=:1", "--addr=:2")},
		{"listeners twice in variables", env("PARLEY_LISTEN=:1", "PARLEY_TLS_CERT=c")},
		{"a file that is not there", args("--config", "missing.toml")},
		{"a file that is not there, by variable", env("PARLEY_CONFIG=missing.toml")},
		{"a file that must not be read", place{files: map[string]string{ProjectFile: "forbidden"}}},
		{"a name with a line end", place{map[string]string{"a\nb": "x = 1"}, nil, []string{"--config", "a\nb"}}},
		{"a file that is too large", toml(strings.Repeat("#", maxFile))},
	}
	var b strings.Builder
	for _, test := range tests {
		c, err := test.place.load(t)
		var list Error
		if !errors.As(err, &list) || c != nil {
			t.Errorf("%s: got %v and %v", test.name, c, err)
			continue
		}
		for _, p := range list {
			if p.Where == "" || p.Where == "default" || p.Text == "" || strings.Contains(p.Text, "\n") {
				t.Errorf("%s: %+v says not where, or not in a line what", test.name, p)
			}
		}
		fmt.Fprintf(&b, "-- %s --\n%v\n\n", test.name, err)
	}
	if strings.Contains(b.String(), "swordfish") {
		t.Error("an error shows a secret")
	}
	stale(t, "testdata/errors.txt", []byte(b.String()))
}

func TestFlagError(t *testing.T) {
	for arg, want := range map[string]string{
		"--drian=3s": "unknown flag: --drian: did you mean --drain?",
		"--zzzzzzz":  "unknown flag: --zzzzzzz",
		"-z":         "unknown shorthand flag: 'z' in -z",
	} {
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		Flags(fs)
		if err := FlagError(fs, fs.Parse([]string{arg})); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"history", "histroy", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"abc", "abc", 0}, {"a", "abcdefghijkl", 11},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("from %q to %q are %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("from %q to %q are %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "64KiB": 65536, "1 MiB": 1 << 20, "2GiB": 2 << 30, "3KB": 3000, "4MB": 4e6, "5GB": 5e9, "512B": 512} {
		got, err := ParseSize(text)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v, want %d", text, got, err, want)
		}
		if again, err := ParseSize(got.String()); err != nil || again != got {
			t.Errorf("ParseSize(%q) = %v, %v, want %d", got, again, err, got)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5MiB", "1kib", "1KiBs", "9223372036854775808", "9007199254740993GiB", "+1", "1_000"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d", text, got)
		}
	}
}

func TestPositions(t *testing.T) {
	const text = "\xef\xbb\xbf# a comment [x]\n" + // 1
		"a.b = 1\n" + // 2
		"s = \"\"\"\nx = 3\n\\\"\"\"\"\"\"\n" + // 3 to 5
		"l = '''\n''''\n" + // 6, 7
		"k = \"a#\\\"b\" # c\n" + // 8
		"[t.\"u v\"]\r\n" + // 9
		"w = [ # one\n 1,\n [2,\n 3]]\n" + // 10 to 13
		"i = {a = 1, b.c = [{d = 2}]}\n" + // 14
		"[[x]]\n" + // 15
		"[[x]]\ny = 1979-05-27 07:32:00\n" + // 16, 17
		"[x.z]\n'q.r' = 'p'" // 18, 19
	root := positions(text)
	at := func(n *node, names ...string) *node {
		for _, name := range names {
			n = n.key(name)
		}
		return n
	}
	for _, test := range []struct {
		n    *node
		want int
	}{
		{at(root, "a"), 2}, {at(root, "a", "b"), 2}, {at(root, "s"), 3}, {at(root, "l"), 6}, {at(root, "k"), 8},
		{at(root, "t", "u v"), 9}, {at(root, "t", "u v", "w"), 10}, {at(root, "t", "u v", "w").item(0), 11}, {at(root, "t", "u v", "w").item(1).item(1), 13},
		{at(root, "t", "u v", "i", "a"), 14}, {at(root, "t", "u v", "i", "b", "c").item(0).key("d"), 14},
		{at(root, "x").item(0), 15}, {at(root, "x").item(1), 16}, {at(root, "x").item(1).key("y"), 17}, {at(root, "x").item(1).key("z"), 18},
		{at(root, "x").item(1).key("z").key("q.r"), 19}, {at(root, "none"), 1}, {at(root, "x").item(7), 15},
	} {
		if test.n.line != test.want {
			t.Errorf("got line %d, want %d", test.n.line, test.want)
		}
	}
}
