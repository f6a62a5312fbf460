package jsonread_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-ws/parley/internal/jsonread"
)

func TestHalf(t *testing.T) {
	for text, want := range map[string]int{
		``:                           -1,
		`{"a":"b\\n\u0041"}`:         -1,
		`"\ud83d\ude00"`:             -1,
		`"\uD83D\uDE00\uDBFF\uDFFF"`: -1,
		`"\\ud800"`:                  -1,
		`"\ud800"`:                   1,
		`"\\\udc00"`:                 3,
		`{"\ud83d\u0041":1}`:         2,
		`"\ud83d\ud83d\ude00"`:       1,
		`"\ud83d\ude0"`:              1,
		`["x","\ud83d"]`:             6,
		`"\ufffd\ud7ff\ue000"`:       -1,
		`\`:                          -1,
		`\u12`:                       -1,
	} {
		if got := jsonread.Half([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// encoding/json puts U+FFFD in the place of what is found, and of nothing else.
func FuzzHalf(f *testing.F) {
	for _, s := range []string{`"a"`, `"\ud800"`, `"\udc00\ud800"`, `["\ud83d\ude00","\uD83D\u0041\\\""]`, `"\\\\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := jsonread.Half([]byte(s)) // must end, whatever it is given
		var v string
		if json.Unmarshal([]byte(s), &v) != nil || !utf8.ValidString(s) || strings.Contains(s, "\ufffd") || strings.Contains(strings.ToLower(s), `\ufffd`) {
			return
		}
		if lossy := strings.Contains(v, "\ufffd"); lossy != (got >= 0) {
			t.Errorf("encoding/json replaces half a surrogate pair: %t; we found one at %d", lossy, got)
		}
	})
}
