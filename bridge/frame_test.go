package bridge

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// split returns all messages of a stream; "too large" stands for each one beyond the limit.
func split(t *testing.T, s *splitter) []string {
	t.Helper()
	var all []string
	for {
		m, err := s.next()
		switch {
		case errors.Is(err, errTooLarge):
			all = append(all, "too large")
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			return append(all, err.Error())
		default:
			all = append(all, string(m))
		}
	}
}

func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", 3*chunk)
	for _, c := range []struct {
		name    string
		framing Framing
		in      string
		limit   int64
		want    []string
	}{
		{"nothing", Lines, "", 10, nil},
		{"lines", Lines, "a\nb\r\n\n\r\nc\rd\n", 10, []string{"a", "b", "", "", "c\rd"}},
		{"no line break at the end", Lines, "a\nb", 10, []string{"a", "b"}},
		{"CR at the end", Lines, "a\r", 10, []string{"a"}},
		{"at the limit", Lines, "1234567890\n12345678901\nc\n", 10, []string{"1234567890", "too large", "c"}},
		{"too large at the end", Lines, "12345678901", 10, []string{"too large"}},
		{"a long line", Lines, long + "\n" + long + "y\r\nz", 1 << 20, []string{long, long + "y", "z"}},
		{"a long line beyond the limit", Lines, long + "\nz\n", chunk, []string{"too large", "z"}},
		{"NUL", NUL, "a\nb\x00\x00c", 10, []string{"a\nb", "", "c"}},
		{"len32", Len32, "\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x00\x01c", 10, []string{"ab", "", "c"}},
		{"len32 beyond the limit", Len32, "\x00\x00\x00\x0bxxxxxxxxxxx\x00\x00\x00\x01c", 10, []string{"too large", "c"}},
		{"len32 promises", Len32, "\xff\xff\xff\xffabc", 10, []string{"too large", "bridge: read from the command: the stream ends after 3 of 4294967295 bytes: unexpected EOF"}},
		{"len32 cut", Len32, "\x00\x00\x00\x05ab", 10, []string{"bridge: read from the command: the stream ends after 2 of 5 bytes: unexpected EOF"}},
		{"len32 cut in the length", Len32, "\x00\x00", 10, []string{"bridge: read from the command: the stream ends inside a length: unexpected EOF"}},
	} {
		for how, r := range map[string]io.Reader{
			"at once":      strings.NewReader(c.in),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
			"with the end": iotest.DataErrReader(strings.NewReader(c.in)),
		} {
			got := split(t, newSplitter(r, c.framing, c.limit))
			if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
				t.Errorf("%s, %s: got %.200q, want %.200q", c.name, how, got, c.want)
			}
		}
	}
	if got := split(t, newSplitter(iotest.OneByteReader(strings.NewReader("abc")), Chunks, 10)); strings.Join(got, "|") != "a|b|c" {
		t.Errorf("chunks: %q", got)
	}
	if got := split(t, newSplitter(strings.NewReader("abcde"), Chunks, 2)); strings.Join(got, "|") != "ab|cd|e" {
		t.Errorf("chunks with a limit: %q", got)
	}
}

// FuzzSplitter checks that what was framed comes back, that no message is beyond the limit, and that nothing gets lost.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("a\nb\r\nc"), byte(Lines), uint8(3))
	f.Add([]byte("\x00\x00\x00\x02ab\xff\xff\xff\xff"), byte(Len32), uint8(1))
	f.Add([]byte("a\x00b"), byte(NUL), uint8(0))
	f.Add([]byte("abc"), byte(Chunks), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, framing byte, limit uint8) {
		fr := Framing(framing) % (Chunks + 1)
		if fr == Chunks && limit == 0 {
			limit = 1 // a chunk holds something
		}
		s := newSplitter(iotest.HalfReader(bytes.NewReader(in)), fr, int64(limit))
		total, large := 0, 0
		for range len(in) + 2 {
			m, err := s.next()
			if errors.Is(err, errTooLarge) {
				large++
				continue
			}
			if err != nil {
				if fr == Chunks && total != len(in) {
					t.Fatalf("%d of %d bytes", total, len(in))
				}
				return
			}
			if len(m) > int(limit) {
				t.Fatalf("a message of %d bytes, limit %d", len(m), limit)
			}
			total += len(m)
		}
		t.Fatalf("more messages than bytes: %d bytes, %d too large", len(in), large)
	})
}

// FuzzFrames checks that a message comes back from its frame.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("a"), []byte("b\x00\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		stream := appendFrame(appendFrame(nil, Len32, a), Len32, b)
		s := newSplitter(bytes.NewReader(stream), Len32, 1<<20)
		for _, want := range [][]byte{a, b} {
			if got, err := s.next(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
		}
		for framing, end := range map[Framing]byte{Lines: '\n', NUL: 0} {
			m := bytes.ReplaceAll(bytes.TrimRight(a, "\r"), []byte{end}, nil)
			s := newSplitter(bytes.NewReader(appendFrame(nil, framing, m)), framing, 1<<20)
			want := m
			if framing == Lines {
				want = bytes.TrimSuffix(m, []byte("\r"))
			}
			if got, err := s.next(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%v: got %q, %v, want %q", framing, got, err, want)
			}
		}
	})
}

// FuzzEvents reads whatever a command may write.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{`{"data":"x"}`, `{"b64":"/w==","conn":1}`, `{"ev":"close","code":4000,"conn":2}`, `{"data":"x","b64":""}`, `null`, `{"code":99999999}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEvent(line)
		if err != nil {
			return
		}
		if _, data, ok, err := e.message(); ok && err == nil && len(data) > len(line) {
			t.Errorf("%d bytes out of a line of %d", len(data), len(line))
		}
		if code, _ := e.closing(); code < 1000 || code > 4999 || code == 1005 || code == 1006 || code == 1015 {
			t.Errorf("%v must not be sent", code)
		}
	})
}
