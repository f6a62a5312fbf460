package screen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state", "parley", "history")
	h, err := OpenHistory(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"one", "two\nlines \x1b[31m", "two\nlines \x1b[31m", "", " secret", strings.Repeat("x", longestEntry+1), "<&>"} {
		if err := h.Add(entry); err != nil {
			t.Fatal(err)
		}
	}
	for _, again := range []func() (*History, error){func() (*History, error) { return h, nil }, func() (*History, error) { return OpenHistory(name) }} {
		h, err := again()
		if err != nil || h.Len() != 3 || h.At(0) != "<&>" || h.At(1) != "two\nlines \x1b[31m" || h.At(2) != "one" {
			t.Errorf("%v, %q", err, h.entries)
		}
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	content, _ := os.ReadFile(name)
	if want := "\"one\"\n\"two\\nlines \\u001b[31m\"\n\"<&>\"\n"; string(content) != want {
		t.Errorf("the file holds %q, want %q", content, want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history")
	var b []byte
	for i := range 3 * kept {
		b = appendEntry(b, fmt.Sprint("entry ", i))
	}
	b = append(b, "no JSON\n{}\n\"cut"...)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the file is the short one
		h, err := OpenHistory(name)
		if err != nil || h.Len() != kept || h.At(0) != fmt.Sprint("entry ", 3*kept-1) {
			t.Fatalf("%v, %d entries", err, h.Len())
		}
		if err := h.Add(h.At(0)); err != nil {
			t.Fatal(err)
		}
	}
	b, _ = os.ReadFile(name)
	if n := strings.Count(string(b), "\n"); n != kept {
		t.Errorf("%d lines are left", n)
	}
}

func TestHistoryThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenHistory(dir); err == nil {
		t.Error("a directory is no history")
	}
	h, err := OpenHistory("")
	if err != nil || h.Add("one") != nil || h.At(0) != "one" {
		t.Errorf("without a file: %v", err)
	}
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	h = &History{name: filepath.Join(file, "history")}
	if err := h.Add("one"); err == nil || h.Len() != 1 || h.At(0) != "one" {
		t.Errorf("%v, %d", err, h.Len())
	}
}

// TestHistoryCut adds to a file of which the last line was not written to its end.
func TestHistoryCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(name, []byte("\"one\"\n\"tw"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := OpenHistory(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"three", "four"} {
		if err := h.Add(entry); err != nil {
			t.Fatal(err)
		}
	}
	if content, _ := os.ReadFile(name); string(content) != "\"one\"\n\"tw\n\"three\"\n\"four\"\n" {
		t.Errorf("%q", content)
	}
}
