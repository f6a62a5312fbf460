package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// expectations are what --expect asks for: each is met by a message behind the one that met the last.
type expectations struct {
	list []expectation
	met  int
}

// expectation is one of them.
type expectation struct {
	text  string
	regex *regexp.Regexp // nil: the message is JSON that holds value
	value any
}

// parseExpectations reads the values of --expect: a JSON object or array, or else a regular expression.
func parseExpectations(values []string) (*expectations, error) {
	e := &expectations{}
	for _, text := range values {
		one := expectation{text: text}
		if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if v, ok := parseJSON([]byte(text)); ok {
				one.value = v
				e.list = append(e.list, one)
				continue
			}
		}
		var err error
		if one.regex, err = regexp.Compile(text); err != nil {
			return nil, usage("write a regular expression, or JSON such as '{\"type\":\"ok\"}'", "--expect: %w", err)
		}
		e.list = append(e.list, one)
	}
	return e, nil
}

// parseJSON reads one value and nothing behind it. Numbers keep their digits.
func parseJSON(p []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

// see takes a message into account, and reports whether it was the last that was missing.
func (e *expectations) see(p []byte) bool {
	if e.met == len(e.list) || !e.list[e.met].matches(p) {
		return false
	}
	e.met++
	return e.met == len(e.list)
}

// missing names what was not met, or "".
func (e *expectations) missing() string {
	if e.met == len(e.list) {
		return ""
	}
	return fmt.Sprintf("--expect '%s'", e.list[e.met].text)
}

func (x *expectation) matches(p []byte) bool {
	if x.regex != nil {
		return x.regex.Match(p)
	}
	v, ok := parseJSON(p)
	return ok && holds(v, x.value)
}

// holds reports whether have is want, or an object with more fields than want's. Elements of arrays are compared in turn.
func holds(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		for name, value := range want {
			field, there := object[name]
			if !ok || !there || !holds(field, value) {
				return false
			}
		}
		return ok
	case []any:
		list, ok := have.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !holds(list[i], want[i]) {
				return false
			}
		}
		return true
	case json.Number:
		number, ok := have.(json.Number)
		if !ok || number == want {
			return ok
		}
		a, errA := number.Float64()
		b, errB := want.Float64()
		return errA == nil && errB == nil && a == b // 1 is 1.0
	}
	return reflect.DeepEqual(have, want)
}
