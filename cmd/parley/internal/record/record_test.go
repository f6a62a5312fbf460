package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLog(t *testing.T) {
	var out bytes.Buffer
	l := NewLog(&out)
	at := time.Date(2026, 1, 2, 15, 4, 5, 678, time.FixedZone("east", 3600))
	text := Event{T: at, Ev: "msg", Dir: "in", Type: "text"}
	text.Content([]byte("<grüß> \x1b\u009b\u202e"), true)
	binary := Event{T: at, Conn: 2, Ev: "msg", Dir: "out", Type: "binary"}
	binary.Content([]byte{0, 255}, false)
	empty := Event{T: at, Ev: "ping", Dir: "in"}
	empty.Content(nil, false)
	for _, e := range []Event{text, binary, empty, {T: at, Ev: "close", Code: 1000}} {
		l.Add(e)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"t":"2026-01-02T14:04:05.000000678Z","conn":1,"ev":"msg","dir":"in","type":"text","len":15,"data":"<grüß> \u001b\u009b\u202e"}
{"v":1,"t":"2026-01-02T14:04:05.000000678Z","conn":2,"ev":"msg","dir":"out","type":"binary","len":2,"b64":"AP8="}
{"v":1,"t":"2026-01-02T14:04:05.000000678Z","conn":1,"ev":"ping","dir":"in","len":0,"b64":""}
{"v":1,"t":"2026-01-02T14:04:05.000000678Z","conn":1,"ev":"close","code":1000}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	var back Event
	if err := json.Unmarshal(out.Bytes()[:bytes.IndexByte(out.Bytes(), '\n')], &back); err != nil || *back.Data != "<grüß> \x1b\u009b\u202e" {
		t.Errorf("read back: %v, %v", back, err)
	}
}

// slow is a stream that takes one write at a time, when it is allowed to.
type slow struct{ allow chan struct{} }

func (s slow) Write(p []byte) (int, error) { <-s.allow; return len(p), nil }

func TestWait(t *testing.T) {
	s := slow{make(chan struct{})}
	l := NewLog(s)
	for i := range 2 * waiting {
		l.Add(Event{Ev: "msg", Data: new(fmt.Sprint(i))})
	}
	waited := make(chan error, 1)
	go func() { waited <- l.Wait() }()
	close(s.allow)
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestError(t *testing.T) {
	full := errors.New("disk full")
	l := NewLog(broken{full})
	for range 2 * waiting {
		l.Add(Event{Ev: "msg"})
	}
	if err := l.Wait(); err != nil && !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	l.Add(Event{Ev: "msg"})
	if err := l.Close(); !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
}

func TestAppendJSON(t *testing.T) {
	if _, err := AppendJSON(nil, func() {}); err == nil {
		t.Error("a function was encoded")
	}
	b, err := AppendJSON([]byte("x"), map[string]string{"a": "\x7f\xff"})
	if err != nil || string(b) != "x"+`{"a":"\u007f`+"\ufffd"+`"}`+"\n" && !strings.Contains(string(b), `\ufffd`) {
		t.Errorf("%q, %v", b, err)
	}
}
