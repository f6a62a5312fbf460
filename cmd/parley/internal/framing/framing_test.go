package framing

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// all reads everything that there is.
func all(r *Reader) (got []string, err error) {
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) && err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, string(m))
	}
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		in   string
		want []string
		err  string
	}{
		{Lines, "", nil, ""},
		{Lines, "a\nb\n", []string{"a", "b"}, ""},
		{Lines, "a\nb", []string{"a", "b"}, ""},
		{Lines, "a\r\n\r\n\nb\r", []string{"a", "", "", "b"}, ""},
		{NUL, "a\nb\x00c\x00\x00d", []string{"a\nb", "c", "", "d"}, ""},
		{NUL, "", nil, ""},
		{Len32, "\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x00\x01\n", []string{"ab", "", "\n"}, ""},
		{Len32, "", nil, ""},
		{Len32, "\x00\x00", nil, "2 of the 4 bytes"},
		{Len32, "\x3f\xff\xff\xffab", nil, "2 of the 1073741823 bytes"},
		{Len32, "\xff\xff\xff\xffab", nil, "4294967295 bytes are announced"},
		{JSON, "{\n  \"a\": 1\n}\n[2]3 \"x\"{}", []string{"{\n  \"a\": 1\n}", "[2]", "3", `"x"`, "{}"}, ""},
		{JSON, " \n", nil, ""},
		{JSON, "{} nonsense", []string{"{}"}, "not JSON"},
		{JSON, `{"a":`, nil, "not JSON"},
		{All, "a\nb\x00", []string{"a\nb\x00"}, ""},
		{All, "", nil, ""},
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(c.in), "in pieces": iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := all(NewReader(in, c.kind))
			if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s, %s: %q gave %q, %v; want %q, %q", c.kind, name, c.in, got, err, c.want, c.err)
			}
		}
	}
	r := NewReader(strings.NewReader("a\r\nb"), Lines)
	r.KeepCR = true
	if got, err := all(r); err != nil || !slices.Equal(got, []string{"a\r", "b"}) {
		t.Errorf("with KeepCR: %q, %v", got, err)
	}
	torn := errors.New("torn")
	for _, k := range Kinds {
		if _, err := all(NewReader(iotest.ErrReader(torn), k)); !errors.Is(err, torn) {
			t.Errorf("%s: %v, want the error of the stream", k, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		kind     Kind
		in, want string
	}{
		{Lines, "a", "a\n"},
		{NUL, "a\n", "a\n\x00"},
		{Len32, "ab", "\x00\x00\x00\x02ab"},
		{JSON, "{\n \"a\": 1}", `{"a":1}` + "\n"},
		{JSON, "not <json>", `"not \u003cjson\u003e"` + "\n"},
		{All, "a", "a"},
	} {
		if got := string(Append([]byte("x"), c.kind, []byte(c.in))); got != "x"+c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, "x"+c.want)
		}
	}
	if !Ambiguous(Lines, []byte("a\nb")) || !Ambiguous(NUL, []byte{0}) || Ambiguous(Len32, []byte("a\n\x00")) || Ambiguous(Lines, []byte("a")) {
		t.Error("Ambiguous is wrong")
	}
}

func TestParse(t *testing.T) {
	for _, k := range Kinds {
		if got, err := Parse(string(k)); err != nil || got != k {
			t.Errorf("%s: %q, %v", k, got, err)
		}
	}
	if _, err := Parse("words"); err == nil || !strings.Contains(err.Error(), "len32") {
		t.Errorf("an unknown kind: %v", err)
	}
}

// FuzzReader writes messages and reads them back.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a\nb"), []byte{0, 1})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, k := range []Kind{Lines, NUL, Len32} {
			if Ambiguous(k, one) || Ambiguous(k, two) {
				continue
			}
			r := NewReader(bytes.NewReader(Append(Append(nil, k, one), k, two)), k)
			r.KeepCR = true
			got, err := all(r)
			if err != nil || !slices.Equal(got, []string{string(one), string(two)}) {
				t.Errorf("%s: %q and %q came back as %q, %v", k, one, two, got, err)
			}
		}
		for _, k := range Kinds {
			all(NewReader(bytes.NewReader(one), k)) // must not panic
		}
	})
}

// TestReaderMax gives messages that are as large as they may be, and larger by a byte.
func TestReaderMax(t *testing.T) {
	const limit = 10000 // more than is buffered
	for _, kind := range Kinds {
		exact := `"` + strings.Repeat("x", limit-2) + `"`
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			r := NewReader(wrap(bytes.NewReader(Append(nil, kind, []byte(exact)))), kind)
			r.Max = limit
			if got, err := all(r); err != nil || len(got) != 1 || got[0] != exact {
				t.Errorf("%s: %d messages, %v", kind, len(got), err)
			}
			endless := io.MultiReader(bytes.NewReader([]byte{0x7f}), forever{})
			r = NewReader(wrap(endless), kind)
			if kind == JSON {
				r = NewReader(io.MultiReader(strings.NewReader(`"`), forever{}), kind)
			}
			r.Max = limit
			if _, err := r.Next(); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s without an end: %v", kind, err)
			}
		}
	}
}

// forever is an input without an end, and without the end of a message.
type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
