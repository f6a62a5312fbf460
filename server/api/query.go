package api

import (
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// query reads the parameters of a request, which may have these alone, each once.
func (c *call) query(names ...string) (url.Values, error) {
	return readQuery(c.r.URL.RawQuery, names)
}

// noQuery returns an error if the request has parameters.
func (c *call) noQuery() error {
	_, err := c.query()
	return err
}

func readQuery(text string, names []string) (url.Values, error) {
	q, err := url.ParseQuery(text)
	if err != nil {
		return nil, hub.Errorf(hub.BadRequest, "the query of the URL is malformed: escape what is special in URLs")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(names, name):
			return nil, hub.Errorf(hub.BadRequest, "%s", unknown("parameter", name, slices.Clone(names)))
		case len(values) > 1:
			return nil, hub.Errorf(hub.BadRequest, "the parameter %s is there twice", name)
		case !utf8.ValidString(values[0]):
			return nil, hub.Errorf(hub.BadRequest, "the parameter %s is not UTF-8", name)
		}
	}
	return q, nil
}

// count reads a whole number from 0 to maxList.
func count(q url.Values, name string, otherwise int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 0 || n > maxList {
		return 0, hub.Errorf(hub.BadRequest, "%s: want a whole number from 0 to %d", name, maxList)
	}
	return n, nil
}

// topicOf reads the topic that is asked about, which the key has to be for.
func (c *call) topicOf(name string) (string, error) {
	if err := broker.CheckTopic(name); err != nil {
		return "", hub.Errorf(hub.BadRequest, "topic: %v", plain(err))
	}
	return name, c.key.covers(broker.Exact(name))
}
