package broker

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestPosition(t *testing.T) {
	for _, p := range []Position{{}, {"a", 0}, {"aZ9", 1}, {strings.Repeat("x", MaxEpoch), math.MaxUint64}} {
		got, err := ParsePosition(p.String())
		if err != nil || got != p {
			t.Errorf("%q: %+v, %v", p, got, err)
		}
		if p.IsZero() != (p == Position{}) || p.IsZero() != (p.String() == "") {
			t.Errorf("%q: IsZero is %v", p, p.IsZero())
		}
		text, err := json.Marshal(map[string]Position{"at": p})
		if err != nil || string(text) != `{"at":"`+p.String()+`"}` {
			t.Errorf("%q: JSON %s, %v", p, text, err)
		}
		back := map[string]Position{}
		if err := json.Unmarshal(text, &back); err != nil || back["at"] != p {
			t.Errorf("%q: from JSON %+v, %v", p, back, err)
		}
	}
	for _, s := range []string{
		":", "a", "a:", ":1", "a:01", "a:+1", "a:-1", "a: 1", " a:1", "a:1 ", "a:1:2", "a:18446744073709551616", "ä:1", "a-b:1", "a:1\n",
		strings.Repeat("x", MaxEpoch+1) + ":1", "0", "a:0x1", "a:1_0", strings.Repeat("x", 10_000),
	} {
		p, err := ParsePosition(s)
		if err == nil || p != (Position{}) {
			t.Errorf("%.20q: %+v, %v", s, p, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("%.20q: the error has %d bytes", s, len(err.Error()))
		}
		if err := p.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%.20q: UnmarshalText takes it", s)
		}
	}
}

// What is read as a position is written as it was.
func FuzzPosition(f *testing.F) {
	for _, s := range []string{"", "a:0", "aZ9:18446744073709551615", "a:01", ":1", "a:+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q: String is %q", s, p)
		}
		if len(p.Epoch) > MaxEpoch || strings.ContainsAny(p.Epoch, ":\r\n \"") {
			t.Errorf("%q: the epoch is %q", s, p.Epoch)
		}
	})
}
