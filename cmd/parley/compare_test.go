package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompareReports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, p50 string) string {
		path := filepath.Join(dir, name)
		interval := `{"at":1,"seconds":1,"received":10,"count":5,"p50":` + p50 + `}`
		text := `{"v":1,"mode":"open","latency_ms":{"roundtrip":{"count":9,"p50":` + p50 + `}},"series":[` + strings.Repeat(interval+",", 9) + interval + `]}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := file("a.json", "1.5"), file("b.json", "3")
	if r := parley(t, "", "compare", a, a); r.code != 0 || r.err != "" || !strings.Contains(r.out, "tie") || strings.Contains(r.out, "worse") {
		t.Errorf("%+v", r)
	}
	if r := parley(t, "", "compare", a, b); r.code != 0 || !strings.Contains(r.out, "+100.0 %  worse") || !strings.Contains(r.out, "1.5ms - 1.5ms") {
		t.Errorf("%+v", r)
	}
	if r := parley(t, "", "compare", a, b, "--fail-worse"); r.code != 99 || r.err != "" {
		t.Errorf("%+v", r)
	}
	if r := parley(t, "", "compare", b, a, "--fail-worse"); r.code != 0 || !strings.Contains(r.out, "better") {
		t.Errorf("%+v", r)
	}
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"is empty": "", "of version 7": `{"v":7,"mode":"open"}`, "unexpected end": `{"v":1,"mode":"op`, "damaged": `{"v":1,"mode":"open","series":5}`, "invalid character": "\x00\xff"} {
		if err := os.WriteFile(junk, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		parley(t, "", "compare", a, junk).expect(t, 1, "junk", name, "parley bench --json")
	}
	parley(t, "", "compare", a, dir).expect(t, 1, dir, "parley bench --json")
	text, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if r := parley(t, string(text), "compare", a, "-", "--color", "always"); r.code != 0 || !strings.Contains(r.out, "\x1b[31mp50 ") || strings.Contains(r.out, "\x1b[32m") {
		t.Errorf("%+v", r)
	}
	parley(t, "", "compare", a, b, "--color", "pink").expect(t, 2, "--color")
	parley(t, "", "compare", a).expect(t, 2, "the files of two reports")
	parley(t, "", "compare", a, junk).expect(t, 1, "junk", "parley bench --json")
	parley(t, "", "compare", a, filepath.Join(dir, "none")).expect(t, 1, "none", "parley bench --json")
}
