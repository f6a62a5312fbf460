package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reader turns what is written into values.
type reader struct {
	file func(name string) ([]byte, error) // reads the file of a secret
	refs []string                          // "@name" of the secrets read, in the order in which they were
}

// text sets v to what stands in a flag, a variable or a table in one line.
func (r *reader) text(v reflect.Value, k *Key, s string) error {
	if !utf8.ValidString(s) {
		return errors.New("the value is not UTF-8")
	}
	if k.typ.Kind() == reflect.Slice {
		separator := ","
		if k.typ.Elem() == typeHeader {
			separator = "\n" // a header may hold commas
		}
		list := []any{}
		for part := range strings.SplitSeq(s, separator) {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return r.value(v, k, list)
	}
	switch k.typ {
	case typeDuration, typeSize, typeMode, typeSecret:
		return r.value(v, k, s)
	}
	switch k.typ.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%.40q is neither true nor false", s)
		}
		return r.value(v, k, b)
	case reflect.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%.40q is no whole number", s)
		}
		return r.value(v, k, n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%.40q is no number", s)
		}
		return r.value(v, k, n)
	}
	return r.value(v, k, s)
}

// value sets v to what stands in a TOML file, and checks it.
func (r *reader) value(v reflect.Value, k *Key, in any) error {
	if k.typ.Kind() != reflect.Slice {
		if err := r.single(v, k, in); err != nil {
			return err
		}
		if k.isDefault != nil && reflect.DeepEqual(v.Interface(), k.isDefault) {
			return nil
		}
		return k.allowed(v)
	}
	items, ok := in.([]any)
	if !ok {
		return fmt.Errorf("want a list, [%s], not %s", example(k.typ.Elem()), kindOf(in))
	}
	var list reflect.Value // nil if empty, as it is by default
	if list = reflect.Zero(k.typ); len(items) > 0 {
		list = reflect.MakeSlice(k.typ, len(items), len(items))
	}
	for i, item := range items {
		if err := r.single(list.Index(i), k, item); err != nil {
			return err
		}
		if err := k.allowed(list.Index(i)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// single sets v to a value that is no list.
func (r *reader) single(v reflect.Value, k *Key, in any) error {
	s, isText := in.(string)
	n, isInt := in.(int64)
	wrong := fmt.Errorf("want %s, not %s", example(v.Type()), kindOf(in))
	switch v.Type() {
	case typeDuration:
		if !isText {
			return wrong
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%.40q is no duration: write one as 30s, 1m30s or 500ms", s)
		}
		v.SetInt(int64(d))
		return nil
	case typeSize:
		if isInt {
			v.SetInt(n)
			return nil
		} else if !isText {
			return wrong
		}
		size, err := ParseSize(s)
		v.SetInt(int64(size))
		return err
	case typeMode:
		if !isText {
			return wrong
		}
		mode, err := strconv.ParseUint(s, 8, 32)
		if err != nil || mode > uint64(fs.ModePerm) {
			return fmt.Errorf("%.40q are no permissions: write them in octal, as \"0660\"", s)
		}
		v.SetUint(mode)
		return nil
	case typeSecret:
		if !isText {
			return wrong
		}
		secret, err := r.secret(s)
		v.Set(reflect.ValueOf(secret))
		return err
	case typePrefix:
		if !isText {
			return wrong
		}
		p, err := network(s)
		v.Set(reflect.ValueOf(p))
		return err
	case typeHeader:
		if !isText {
			return wrong
		}
		h, err := r.header(s)
		v.Set(reflect.ValueOf(h))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		if !isText {
			return wrong
		}
		v.SetString(s)
		return nil
	case reflect.Bool:
		b, ok := in.(bool)
		if !ok {
			return wrong
		}
		v.SetBool(b)
		return nil
	case reflect.Int:
		if !isInt {
			return wrong
		}
		if n > math.MaxInt32 {
			return fmt.Errorf("%d is more than %d", n, math.MaxInt32)
		}
		v.SetInt(n)
		return nil
	case reflect.Float64:
		f, isFloat := in.(float64)
		if isInt {
			f = float64(n)
		} else if !isFloat {
			return wrong
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("want a number that is finite; 0 where none is a bound")
		}
		v.SetFloat(f)
		return nil
	}
	panic("config: no values of type " + v.Type().String())
}

// secret reads a secret: the text, or @FILE.
func (r *reader) secret(s string) (Secret, error) {
	if s == redacted {
		return Secret{}, errors.New("\"(set)\" stands where a secret was not shown: write the secret, or @FILE")
	}
	name, isFile := strings.CutPrefix(s, "@")
	if !isFile {
		r.refs = append(r.refs, "")
		return Secret{s}, nil
	}
	if name == "" {
		return Secret{}, errors.New("no file is named after the @")
	}
	text, err := r.file(name)
	if err != nil {
		return Secret{}, fmt.Errorf("the secret cannot be read: %w: create the file, or allow the server to read it", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || !utf8.ValidString(secret) {
		return Secret{}, fmt.Errorf("the secret cannot be read: %s is empty or not UTF-8", name)
	}
	r.refs = append(r.refs, s)
	return Secret{secret}, nil
}

// header reads "NAME: VALUE". What it returns must not show the value.
func (r *reader) header(s string) (Header, error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok {
		return Header{}, errors.New("want a header as \"NAME: VALUE\": there is no colon")
	}
	if !isToken(name) {
		return Header{}, errors.New("want a header as \"NAME: VALUE\": before the colon there is no name of a header")
	}
	secret, err := r.secret(strings.TrimSpace(value))
	if err == nil && strings.ContainsFunc(secret.text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		err = fmt.Errorf("the value of the header %s has control characters", name)
	}
	return Header{name, secret}, err
}

// network reads an address or a network.
func network(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%.60q is neither an address nor a network: write 192.0.2.1 or 192.0.2.0/24", s)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s has bits beyond its length: did you mean %s?", p, p.Masked())
	}
	return p, nil
}

// allowed checks a value, or an element of a list, against the tags of its key.
func (k *Key) allowed(v reflect.Value) error {
	if len(k.oneOf) > 0 && !slices.Contains(k.oneOf, v.String()) {
		hint := didYouMean(v.String(), k.oneOf, `"`, `"`)
		if hint == "" {
			hint = ": it is one of " + strings.Join(k.oneOf, ", ")
		}
		return fmt.Errorf("%.40q is not allowed%s", v.String(), hint)
	}
	if k.checks != nil && (v.String() != "" || k.typ.Kind() == reflect.Slice) {
		return k.checks(v.String())
	}
	if v.CanInt() || v.CanFloat() {
		least, most := k.bound(k.min), k.bound(k.max)
		switch at := number(v); {
		case at < number(least):
			return fmt.Errorf("%v is too little: the least is %v", v.Interface(), least.Interface())
		case k.max != "" && at > number(most):
			return fmt.Errorf("%v is too much: the most is %v", v.Interface(), most.Interface())
		}
	}
	return nil
}

// bound reads the tag min or max; nothing is 0.
func (k *Key) bound(s string) reflect.Value {
	of := k.typ
	if of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	v := reflect.New(of).Elem()
	if s == "" {
		return v
	}
	plain := &Key{typ: of, max: "", min: s} // so that it does not check itself
	var err error
	switch of.Kind() {
	case reflect.Int:
		var n int64
		n, err = strconv.ParseInt(s, 10, 64)
		v.SetInt(n)
	case reflect.Float64:
		var n float64
		n, err = strconv.ParseFloat(s, 64)
		v.SetFloat(n)
	default:
		err = (&reader{}).single(v, plain, s)
	}
	if err != nil {
		panic("config: a bound of " + k.Path() + ": " + err.Error())
	}
	return v
}

func number(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}

// example says how a value of a type is written.
func example(t reflect.Type) string {
	switch t {
	case typeDuration:
		return `a duration, "30s"`
	case typeSize:
		return `a size, "64KiB" or 65536`
	case typeMode:
		return `permissions, "0660"`
	case typeSecret:
		return `a secret in quotes, or "@FILE"`
	case typePrefix:
		return `a network, "10.0.0.0/8"`
	case typeHeader:
		return `a header, "NAME: VALUE"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a text in quotes"
}

// kindOf says what a TOML value is.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}
