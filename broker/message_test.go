package broker

import (
	"strings"
	"testing"
)

func TestKind(t *testing.T) {
	for k, want := range map[Kind]string{JSON: "json", Text: "text", Bytes: "bytes"} {
		if k.String() != want {
			t.Errorf("%d: %s, want %s", k, k, want)
		}
		if got, err := ParseKind(want); got != k || err != nil {
			t.Errorf("%s: %d, %v, want %d", want, got, err, k)
		}
	}
	for _, k := range []Kind{0, Bytes + 1, 255} {
		if s := k.String(); !strings.HasPrefix(s, "Kind(") {
			t.Errorf("%d: %s", uint8(k), s)
		}
	}
	for _, s := range []string{"", "JSON", "Kind(0)", "any", "json ", strings.Repeat("x", 1000)} {
		if k, err := ParseKind(s); err == nil || k != 0 || len(err.Error()) > 120 {
			t.Errorf("%.20q: %d, %v", s, k, err)
		}
	}
}

func TestCheckTopic(t *testing.T) {
	for _, ok := range []string{"a", "/", " ", "*", "a/**", "ä", "\x00", "\n", strings.Repeat("a", MaxTopic)} {
		if err := CheckTopic(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("a", MaxTopic+1)} {
		if CheckTopic(bad) == nil {
			t.Errorf("%.20q: no error", bad)
		}
	}
}

func TestDiffEmpty(t *testing.T) {
	if !(Diff{}).Empty() || (Diff{Joins: []Member{{}}}).Empty() || (Diff{Leaves: []Member{{}}}).Empty() {
		t.Error("Empty is wrong")
	}
}
