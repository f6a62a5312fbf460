package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
)

// shape is a filter as JSON: a string where people can write it as one, and otherwise an object that says what is meant:
// {"exact": …} for a topic that ends in a star, {"prefix": …} for a byte prefix, or {"prefix_b64": …} where that is not UTF-8.
type shape struct{ broker.Filter }

// MarshalJSON writes it.
func (s shape) MarshalJSON() ([]byte, error) {
	text := s.String()
	if f, err := broker.Pattern(text); err == nil && f == s.Filter {
		return encode(text)
	}
	switch {
	case s.Type == broker.ExactTopic:
		return encode(map[string]string{"exact": s.Name})
	case s.Type == broker.BytePrefix && utf8.ValidString(s.Name):
		return encode(map[string]string{"prefix": s.Name})
	case s.Type == broker.BytePrefix:
		return encode(map[string]string{"prefix_b64": base64.StdEncoding.EncodeToString([]byte(s.Name))})
	}
	return encode(text) // a pattern with a star in its name, which nobody can write
}

func shapes(list []broker.Filter) []shape {
	out := make([]shape, len(list))
	for i, f := range list {
		out[i] = shape{f}
	}
	return out
}

// readFilter is the inverse of MarshalJSON.
func readFilter(v json.RawMessage) (broker.Filter, error) {
	if len(v) == 0 || v[0] != '{' {
		s, err := readString(v)
		if err != nil {
			return broker.Filter{}, errors.New("want a pattern, or an object with exact or prefix")
		}
		f, err := broker.Pattern(s)
		return f, plain(err)
	}
	var exact, prefix, coded *string
	take := func(to **string) reader {
		return func(v json.RawMessage) error {
			s, err := readString(v)
			*to = &s
			return err
		}
	}
	if err := readObject(v, "the filter.", fields{"exact": take(&exact), "prefix": take(&prefix), "prefix_b64": take(&coded)}); err != nil {
		return broker.Filter{}, err
	}
	var f broker.Filter
	switch {
	case exact != nil && prefix == nil && coded == nil:
		f = broker.Exact(*exact)
	case exact == nil && prefix != nil && coded == nil:
		f = broker.Prefix(*prefix)
	case exact == nil && prefix == nil && coded != nil:
		bytes, err := base64.StdEncoding.Strict().DecodeString(*coded)
		if err != nil {
			return f, errors.New("prefix_b64 is no base64")
		}
		f = broker.Prefix(string(bytes))
	default:
		return f, errors.New("want one of exact, prefix and prefix_b64")
	}
	return f, plain(f.Check())
}

// plain takes the name of the package out of an error of the broker, which is for people here.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), "broker: "))
}
