package api_test

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// schemas checks values against the JSON Schemas of a document, as far as openapi.yaml uses them. A keyword that it does not know
// is an error.
type schemas struct{ root map[string]any }

// resolve returns what a reference in the document stands for.
func (s schemas) resolve(v any) map[string]any {
	m := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	var at any = s.root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if at, ok = at.(map[string]any)[part]; !ok {
			panic("nothing is at " + ref)
		}
	}
	return s.resolve(at)
}

// properties returns the names of all properties that a schema has, with those of allOf.
func (s schemas) properties(schema any) []string {
	m := s.resolve(schema)
	var names []string
	all, _ := m["allOf"].([]any)
	for _, sub := range all {
		names = append(names, s.properties(sub)...)
	}
	p, _ := m["properties"].(map[string]any)
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// check returns what is wrong with a value, or "".
func (s schemas) check(schema, v any, at string) string {
	for word, want := range s.resolve(schema) {
		if wrong := s.word(s.resolve(schema), word, want, v, at); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (s schemas) word(schema map[string]any, word string, want, v any, at string) string {
	object, _ := v.(map[string]any)
	list, isList := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	wrong := func(format string, args ...any) string {
		return fmt.Sprintf("%s: %s: "+format, append([]any{at, word}, args...)...)
	}
	length := func() float64 {
		switch {
		case strings.HasSuffix(word, "Length") && isText:
			return float64(utf8.RuneCountInString(text))
		case strings.HasSuffix(word, "Items") && isList:
			return float64(len(list))
		case strings.HasSuffix(word, "Properties") && object != nil:
			return float64(len(object))
		case strings.HasSuffix(word, "imum") && isNumber:
			return number
		}
		return math.NaN() // neither more nor less than anything
	}
	switch word {
	case "description", "default":
	case "type":
		names, ok := want.([]any)
		if !ok {
			names = []any{want}
		}
		if !slices.ContainsFunc(names, func(name any) bool { return isType(v, name.(string)) }) {
			return wrong("%v is not of %v", v, want)
		}
	case "enum":
		if !slices.Contains(want.([]any), v) {
			return wrong("%v", v)
		}
	case "format":
		if _, err := time.Parse(time.RFC3339, text); want != "date-time" || isText && err != nil {
			return wrong("%v", v)
		}
	case "pattern":
		if isText && !regexp.MustCompile(want.(string)).MatchString(text) {
			return wrong("%q", text)
		}
	case "minimum", "minLength", "minItems", "minProperties":
		if length() < want.(float64) {
			return wrong("%v", v)
		}
	case "maximum", "maxLength", "maxItems", "maxProperties":
		if length() > want.(float64) {
			return wrong("%v", v)
		}
	case "required":
		for _, name := range want.([]any) {
			if _, ok := object[name.(string)]; object != nil && !ok {
				return wrong("%s is missing", name)
			}
		}
	case "properties":
		for name, sub := range want.(map[string]any) {
			if value, ok := object[name]; ok {
				if w := s.check(sub, value, at+"."+name); w != "" {
					return w
				}
			}
		}
	case "additionalProperties", "unevaluatedProperties":
		known := s.properties(schema)
		for name, value := range object {
			if slices.Contains(known, name) {
				continue
			}
			if want == false {
				return wrong("%s is not known", name)
			}
			if w := s.check(want, value, at+"."+name); w != "" {
				return w
			}
		}
	case "items":
		for i, value := range list {
			if w := s.check(want, value, fmt.Sprintf("%s[%d]", at, i)); w != "" {
				return w
			}
		}
	case "allOf", "anyOf", "oneOf":
		fit, last := 0, ""
		for _, sub := range want.([]any) {
			if w := s.check(sub, v, at); w == "" {
				fit++
			} else {
				last = w
			}
		}
		n := len(want.([]any))
		if word == "allOf" && fit < n || word == "anyOf" && fit == 0 || word == "oneOf" && fit != 1 {
			return wrong("%d of %d fit; %s", fit, n, last)
		}
	default:
		return wrong("this test does not know the word")
	}
	return ""
}

func isType(v any, name string) bool {
	switch name {
	case "null":
		return v == nil
	case "boolean":
		return reflect.TypeOf(v) == reflect.TypeFor[bool]()
	case "string":
		return reflect.TypeOf(v) == reflect.TypeFor[string]()
	case "number":
		return reflect.TypeOf(v) == reflect.TypeFor[float64]()
	case "integer":
		f, ok := v.(float64)
		return ok && f == math.Trunc(f)
	case "array":
		return reflect.TypeOf(v) == reflect.TypeFor[[]any]()
	case "object":
		return reflect.TypeOf(v) == reflect.TypeFor[map[string]any]()
	}
	return false
}

func TestSchemas(t *testing.T) {
	s := schemas{map[string]any{}}
	schema := readYAML(`
type: object
required: [a]
unevaluatedProperties: false
allOf:
  - properties:
      b:
        type: [string, "null"]
        maxLength: 2
properties:
  a:
    oneOf:
      - type: integer
        minimum: 1
      - type: array
        maxItems: 1
        items:
          enum: [x]
`)
	for value, ok := range map[string]bool{
		`{"a": 1}`: true, `{"a": ["x"], "b": null}`: true, `{"a": 1, "b": "xy"}`: true,
		`{"a": 0}`: false, `{"a": 1.5}`: false, `{"a": ["y"]}`: false, `{"a": ["x", "x"]}`: false, `{"b": "x"}`: false, `{"a": 1, "b": "xyz"}`: false,
		`{"a": 1, "c": 1}`: false, `[]`: false,
	} {
		if wrong := s.check(schema, readYAML("v: " + value).(map[string]any)["v"], "it"); (wrong == "") != ok {
			t.Errorf("%s: %q, want right: %v", value, wrong, ok)
		}
	}
}
