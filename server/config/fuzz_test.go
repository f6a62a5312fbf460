package config

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

var placed = regexp.MustCompile(`^parley\.toml:[1-9][0-9]*$`)

// No file makes Load panic; each error says file and line; and what loads is printed so that it loads as the same.
func FuzzLoad(f *testing.F) {
	f.Add("")
	f.Add(Example)
	f.Add(strings.ReplaceAll(Example, "@/etc/parley/", ""))
	f.Add("[[topic]]\npattern = \"a\"\nhistroy = 5\n")
	f.Add("topic = [{pattern = \"a\", rate = 1e3}, {pattern = '''b'''}]\nlimits.outbox = 0x100000\nhosts = [\n'a', # c\n]\n")
	f.Add("[[topic]]\n[topic.x]\n[limits.x]\n[[hooks.headers]]\n")
	f.Add("command = [{run=['a'], path='/x', mode='shared', ladder=['1s','2s','3s']}, {topic='t', run=['b'], input=true}, {path='/y', run=['c'], mode='pool', processes=2}]\n")
	f.Add("drain = \"1h\"\ndrain.x = 3\n[drain]\n")
	f.Add("\"\" = 1\n'\\' = 2\n\"\\u0000\" = 3\n")
	f.Add("[cors]\nmax_age = \"9223372036854775807ns\"\n[limits]\nshed_memory = 1\naccepts = 5e-324\nreplay_bytes = 9223372036854775807\n")
	f.Add("[auth]\nhmac_secret = \"\\\"\\\\\\u007f\\u2028\\U0001F600\\n\\t0123456789abcdef0123456789abcdef\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "@"+ProjectFile) {
			t.Skip("a file that is its own secret changes when it is printed")
		}
		secrets := func(name string) ([]byte, error) {
			if name == ProjectFile {
				return []byte(text), nil
			}
			return []byte(strings.Repeat("s", 32)), nil
		}
		c, err := Load(Input{ReadFile: secrets, Environ: []string{named}})
		lines := strings.Count(text, "\n") + 1
		if err != nil {
			var list Error
			if !errors.As(err, &list) || len(list) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, p := range list {
				if !placed.MatchString(p.Where) || p.line > lines {
					t.Fatalf("%q is not at a line of the file: %s", p.Where, p.Text)
				}
			}
			return
		}
		var b strings.Builder
		if _, err := write(&b, c, true); err != nil {
			t.Fatal(err)
		}
		text = b.String()
		again, err := Load(Input{ReadFile: secrets, Environ: []string{named}})
		if err != nil {
			t.Fatalf("what is printed does not load: %v\n%s", err, text)
		}
		if !c.Equal(again) {
			t.Fatalf("what is printed loads as something else:\n%s", text)
		}
		b.Reset()
		withheld, err := Print(&b, c)
		if err != nil {
			t.Fatal(err)
		}
		text = b.String()
		if again, err := Load(Input{ReadFile: secrets, Environ: []string{named}}); err == nil != (len(withheld) == 0) || err == nil && !c.Equal(again) {
			t.Fatalf("with %q withheld: %v\n%s", withheld, err, text)
		}
	})
}

// The scanner for lines finds everything that the library does, in a line which is there.
func FuzzPositions(f *testing.F) {
	f.Add(Example)
	f.Add("a.\"b.c\".'d' = [1, [\"]\", {e = '}', f.g = 2}]] # [x]\r\n[[h.i]]\n[h.i.j]\nk = \"\"\"\\\"\"\"\"\"\"\nl = '''\n'''''\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := map[string]any{}
		_, err := toml.Decode(text, &m)
		root := positions(text) // must end, whatever it is given
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		var walk func(path string, v any, n *node)
		walk = func(path string, v any, n *node) {
			if n == nil || n.line < 1 || n.line > lines {
				t.Fatalf("%s is not found in\n%s", path, text)
			}
			switch v := v.(type) {
			case map[string]any:
				for key, item := range v {
					if key == "" {
						continue // the library loses what is in some lists below an empty key
					}
					walk(path+"."+key, item, n.keys[key])
				}
			case []map[string]any:
				for i, item := range v {
					walk(path+"[]", item, n.item(i))
				}
				if len(n.items) != len(v) {
					t.Fatalf("%s has %d elements, not %d, in\n%s", path, len(v), len(n.items), text)
				}
			case []any:
				for i, item := range v {
					walk(path+"[]", item, n.item(i))
				}
				if len(n.items) != len(v) {
					t.Fatalf("%s has %d elements, not %d, in\n%s", path, len(v), len(n.items), text)
				}
			}
		}
		walk("", m, root)
	})
}
