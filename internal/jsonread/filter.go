package jsonread

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// Patterns reads a list of patterns of topics. Without an error it is never nil: that a list is there says something, too.
func Patterns(v json.RawMessage) ([]broker.Filter, error) { return filters(v, broker.Pattern) }

// Methods reads a list of methods: their names, or what names begin with and a star. Without an error it is never nil.
func Methods(v json.RawMessage) ([]broker.Filter, error) { return filters(v, method) }

func method(s string) (broker.Filter, error) {
	f := broker.Exact(s)
	if prefix, wide := strings.CutSuffix(s, "*"); wide {
		f = broker.Prefix(prefix)
	}
	return f, f.Check()
}

func filters(v json.RawMessage, read func(string) (broker.Filter, error)) ([]broker.Filter, error) {
	var texts []*string
	if err := json.Unmarshal(v, &texts); err != nil || texts == nil {
		return nil, errors.New("it is not a list of texts")
	}
	list := make([]broker.Filter, 0, len(texts))
	for _, s := range texts {
		if s == nil {
			return nil, errors.New("it is not a list of texts")
		}
		f, err := read(*s)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}
