package broker

import (
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	long := strings.Repeat("a", MaxTopic)
	for _, c := range []struct {
		s    string
		want Filter
		err  string // a part of the error; empty if there is none
	}{
		{"a", Exact("a"), ""},
		{"a/b/c", Exact("a/b/c"), ""},
		{"/a", Exact("/a"), ""},
		{"a/", Exact("a/"), ""},
		{"/", Exact("/"), ""},
		{"ä b", Exact("ä b"), ""},
		{long, Exact(long), ""},
		{"*", Filter{Level, ""}, ""},
		{"**", Filter{Subtree, ""}, ""},
		{"a/*", Filter{Level, "a"}, ""},
		{"a/**", Filter{Subtree, "a"}, ""},
		{"a/b/*", Filter{Level, "a/b"}, ""},
		{"a/b/**", Filter{Subtree, "a/b"}, ""},
		{"a//*", Filter{Level, "a/"}, ""},
		{"//*", Filter{Level, "/"}, ""},
		{long + "/*", Filter{Level, long}, ""},

		{"", Filter{}, "empty"},
		{"/*", Filter{}, "nothing stands before the slash"},
		{"/**", Filter{}, "nothing stands before the slash"},
		{"a*", Filter{}, "a star"},
		{"*a", Filter{}, "a star"},
		{"***", Filter{}, "a star"},
		{"a/***", Filter{}, "a star"},
		{"a*/*", Filter{}, "a star"},
		{"*/a", Filter{}, "a star"},
		{"*/*", Filter{}, "a star"},
		{"**/*", Filter{}, "a star"},
		{"a/*/b", Filter{}, "a star"},
		{"a/**/b", Filter{}, "a star"},
		{"\xff", Filter{}, "UTF-8"},
		{"\xff/*", Filter{}, "UTF-8"},
		{long + "a", Filter{}, "256 bytes"},
		{long + "a/**", Filter{}, "256 bytes"},
	} {
		got, err := Pattern(c.s)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%.20q: error %v, want one with %q", c.s, err, c.err)
		case got != c.want:
			t.Errorf("%.20q: got %+v, want %+v", c.s, got, c.want)
		case err == nil && got.String() != c.s:
			t.Errorf("%.20q: String is %.20q", c.s, got)
		case err == nil && got.Check() != nil:
			t.Errorf("%.20q: Check says %v", c.s, got.Check())
		}
	}
}

func TestMatch(t *testing.T) {
	topics := strings.Fields("a b a/ /a a/b a/b/ a/b/c a//b ab ab/c / // * a/* ** /a/b")
	for _, c := range []struct {
		f    Filter
		want string // of topics
	}{
		{Exact("a"), "a"},
		{Exact("a/*"), "a/*"},
		{Exact("*"), "*"},
		{Exact("x"), ""},
		{Filter{Level, ""}, "a b ab * **"},
		{Filter{Level, "a"}, "a/ a/b a/*"},
		{Filter{Level, "a/b"}, "a/b/ a/b/c"},
		{Filter{Level, "a/"}, "a//b"},
		{Filter{Level, "/"}, "//"},
		{Filter{Subtree, ""}, strings.Join(topics, " ")},
		{Filter{Subtree, "a"}, "a/ a/b a/b/ a/b/c a//b a/*"},
		{Filter{Subtree, "a/b"}, "a/b/ a/b/c"},
		{Filter{Subtree, "/a"}, "/a/b"},
		{Filter{Subtree, "x"}, ""},
		{Prefix(""), strings.Join(topics, " ")},
		{Prefix("a"), "a a/ a/b a/b/ a/b/c a//b ab ab/c a/*"},
		{Prefix("a/"), "a/ a/b a/b/ a/b/c a//b a/*"},
		{Prefix("ab"), "ab ab/c"},
		{Prefix("*"), "* **"},
	} {
		var got []string
		for _, topic := range topics {
			if c.f.Match(topic) {
				got = append(got, topic)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s (type %d):\ngot  %s\nwant %s", c.f, c.f.Type, s, c.want)
		}
	}
}

func TestFilterCheck(t *testing.T) {
	long := strings.Repeat("a", MaxTopic)
	for _, c := range []struct {
		f    Filter
		ok   bool
		text string
	}{
		{Exact("a"), true, "a"},
		{Exact("a/*"), true, "a/*"},
		{Exact(""), false, ""},
		{Exact("\xff"), false, "\xff"},
		{Exact(long), true, long},
		{Exact(long + "a"), false, long + "a"},
		{Filter{Level, ""}, true, "*"},
		{Filter{Level, "a"}, true, "a/*"},
		{Filter{Level, "\xff"}, false, "\xff/*"},
		{Filter{Level, long + "a"}, false, long + "a/*"},
		{Filter{Subtree, ""}, true, "**"},
		{Filter{Subtree, "a"}, true, "a/**"},
		{Filter{Subtree, "\xff"}, false, "\xff/**"},
		{Prefix(""), true, "..."},
		{Prefix("\xc3"), true, "\xc3..."},
		{Prefix(long), true, long + "..."},
		{Prefix(long + "a"), false, long + "a..."},
		{Filter{BytePrefix + 1, "a"}, false, "a"},
		{Filter{255, ""}, false, ""},
	} {
		if err := c.f.Check(); (err == nil) != c.ok {
			t.Errorf("%.20q (type %d): %v", c.f.Name, c.f.Type, err)
		}
		if got := c.f.String(); got != c.text {
			t.Errorf("%.20q (type %d): String is %.20q, want %.20q", c.f.Name, c.f.Type, got, c.text)
		}
		if c.f.IsExact() != (c.f.Type == ExactTopic) {
			t.Errorf("%+v: IsExact is %v", c.f, c.f.IsExact())
		}
	}
}

// matchParts says what Match has to, part by part: a pattern as people write it against a topic.
func matchParts(pattern, topic string) bool {
	parts, names := strings.Split(pattern, "/"), strings.Split(topic, "/")
	switch last := parts[len(parts)-1]; {
	case last == "**":
		parts = parts[:len(parts)-1]
		if len(names) <= len(parts) {
			return false
		}
		names = names[:len(parts)]
	case last == "*":
		parts = parts[:len(parts)-1]
		if len(names) != len(parts)+1 {
			return false
		}
		names = names[:len(parts)]
	}
	return strings.Join(parts, "/") == strings.Join(names, "/") && len(parts) == len(names)
}

// What is read as a pattern is written as it was, is a filter, and matches what its parts say.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"a", "*", "**", "a/*", "a/**", "a/b/*", "/*", "a*", "//*", "a//b", "\xff", ""} {
		f.Add(s, "a/b")
		f.Add(s, "a")
		f.Add(s, "/")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, s, topic string) {
		p, err := Pattern(s)
		if err != nil {
			if p != (Filter{}) {
				t.Errorf("%q: %+v beside an error", s, p)
			}
			return
		}
		if p.String() != s {
			t.Errorf("%q: String is %q", s, p)
		}
		if err := p.Check(); err != nil {
			t.Errorf("%q: Check: %v", s, err)
		}
		if CheckTopic(topic) != nil {
			return
		}
		if got := p.Match(topic); got != matchParts(s, topic) {
			t.Errorf("%q matches %q: %v, want %v", s, topic, got, !got)
		}
	})
}
