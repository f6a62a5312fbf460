package load

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func made(t *testing.T, text string, v values) string {
	t.Helper()
	template, err := ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(template.append(nil, v))
}

func TestTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"":                              `^$`,
		"plain } {x} text":              `^plain } \{x\} text$`,
		`{"id":{{n}},"c":{{conn}}}`:     `^\{"id":7,"c":3\}$`,
		"{{ time }}":                    `^1\d{12}$|^9466\d{8}$`,
		"{{nanos}}":                     `^\d{18,19}$`,
		"{{random 1}}{{random 33}}":     `^[0-9a-f]{34}$`,
		"{{int 1 6}} {{int -5 -5}}":     `^[1-6] -5$`,
		"a{{pad 0}}b{{pad 70}}c":        `^abx{70}c$`,
		"{{n}}{{n}}":                    `^77$`,
		`{"event":"x","s":"{{stamp}}"}`: `^\{"event":"x","s":"bench-0 2 5 10 20 \."\}$`,
		"an end }} that begins nothing": `^an end \}\} that begins nothing$`,
		"{ {n} }":                       `^\{ \{n\} \}$`,
	} {
		got := made(t, text, values{n: 7, conn: 3, stamp: stamp{run: []byte("bench-0"), publisher: 2, number: 5, due: 10, sent: 20}})
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: %s", text, got)
		}
	}
	for text, word := range map[string]string{
		"{{": "no }}", "{{n": "no }}", "{{}}": "means nothing", "{{x}}": "{{x}}", "{{n 1}}": "takes 0", "{{random}}": "takes 1",
		"{{random 0}}": `"0"`, "{{random x}}": `"x"`, "{{pad -1}}": `"-1"`, "{{int 2 1}}": "larger", "{{int 1}}": "takes 2", "{{pad 99999999999}}": "99999999999",
	} {
		if _, err := ParseTemplate(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFill(t *testing.T) {
	for _, tc := range []struct {
		low, high int
		n         int64
		want      string
	}{{5, 5, 12, `^12xxx$`}, {2, 2, 1234, `^34$`}, {1, 4, 0, `^0x{0,3}$`}, {200, 200, 3, `^3x{199}$`}} {
		got := string(Fill(tc.low, tc.high).append(nil, values{n: tc.n}))
		if !regexp.MustCompile(tc.want).MatchString(got) {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	got := FillStamp(128, 128).append([]byte("before"), values{stamp: stamp{run: []byte("bench-1")}})[len("before"):]
	if len(got) != 128 || !json.Valid(got) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// What is found in a message is what was stamped on it, whatever stands around it, and never a panic.
func FuzzStamp(f *testing.F) {
	f.Add("", "", 1, int64(2), int64(3), int64(4))
	f.Add(`{"data":"bench-x 1 2`, `"}`, 100, int64(1)<<40, int64(1)<<50, int64(1)<<50)
	f.Fuzz(func(t *testing.T, before, after string, publisher int, number, due, sent int64) {
		run := []byte("bench-x")
		findStamp([]byte(before+after), run)
		limit := int64(1)<<59 - 1
		s := stamp{run: run, publisher: publisher & 0xffff, number: number & limit, due: 1, sent: 2}
		if strings.Contains(before+"bench-", "bench-x") {
			return
		}
		got, ok := findStamp(append(s.append([]byte(before)), after...), run)
		if s.number < 1e18 && (!ok || got.publisher != s.publisher || got.number != s.number || got.due != 1 || got.sent != 2) {
			t.Errorf("%+v became %+v, %v", s, got, ok)
		}
	})
}

// A template is refused, or makes messages.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "x", `{"id":{{n}},"c":{{conn}},"t":{{time}}}`, "{{random 8}}{{int 1 6}}", "{{pad 3}}", "{{", "}}", "{{{n}}}", "{{stamp}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := ParseTemplate(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "load: template: ") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		size := int64(0)
		for _, p := range template.parts {
			size += p.a
		}
		if size > 1<<16 {
			return
		}
		if got := string(template.append(nil, values{})); !strings.Contains(text, "{{") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
