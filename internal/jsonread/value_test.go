package jsonread_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-ws/parley/internal/jsonread"
)

// A value is read, or what is wrong is said without it. Null is no value.
func TestValues(t *testing.T) {
	readers := map[string]func(json.RawMessage) (string, error){
		"object": as(func(v json.RawMessage) (map[string]json.RawMessage, error) { return jsonread.Object(v) }),
		"text":   as(jsonread.Text), "number": as(jsonread.Number), "rate": as(jsonread.Rate), "count": as(jsonread.Count),
		"time":     as(func(v json.RawMessage) (int64, error) { at, err := jsonread.Time(v); return at.Unix(), err }),
		"patterns": as(jsonread.Patterns), "methods": as(jsonread.Methods),
	}
	for _, c := range []struct{ reader, value, want string }{
		{"object", `{"A":1,"a":2}`, "map[A:[49] a:[50]]"}, {"object", `{}`, "map[]"}, {"object", `[]`, "not a JSON object"},
		{"text", `"a\nb"`, "a\nb"}, {"text", `""`, ""}, {"text", `1`, "it is not a text"},
		{"number", `-1.5`, "-1.5"}, {"number", `"1"`, "it is not a number"}, {"number", `1e999`, "it is not a number"},
		{"rate", `0.5`, "0.5"}, {"rate", `-1`, "it is negative"},
		{"count", `1000000`, "1000000"}, {"count", `1000001`, "it is no whole number from 0 to 1000000"}, {"count", `0.5`, "it is no whole number"}, {"count", `-1`, "it is no whole number"},
		{"time", `253402300799`, "253402300799"}, {"time", `1.9`, "1"}, {"time", `1753402300799000`, "perhaps it is in milliseconds"}, {"time", `-1`, "it is no time"},
		{"patterns", `["a","b/**"]`, "[a b/**]"}, {"patterns", `[]`, "[]"}, {"patterns", `[null]`, "it is not a list of texts"}, {"patterns", `"a"`, "it is not a list"},
		{"patterns", `["a*b"]`, "a star may only be the whole last part"},
		{"methods", `["a.b","c.*","*"]`, "[a.b c.... ...]"}, {"methods", `[3]`, "it is not a list of texts"}, {"methods", `[""]`, "empty"},
	} {
		got, err := readers[c.reader](json.RawMessage(c.value))
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s %s: got %s, want %s", c.reader, c.value, got, c.want)
		}
	}
	for name, read := range readers {
		for _, v := range []string{`null`, ``, `{`, `"swordfish`, `{"swordfish":1}x`} {
			if got, err := read(json.RawMessage(v)); err == nil || strings.Contains(err.Error(), "swordfish") {
				t.Errorf("%s %q: %s, %v", name, v, got, err)
			}
		}
	}
}

func as[T any](read func(json.RawMessage) (T, error)) func(json.RawMessage) (string, error) {
	return func(v json.RawMessage) (string, error) {
		got, err := read(v)
		return fmt.Sprint(got), err
	}
}
