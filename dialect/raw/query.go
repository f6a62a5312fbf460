package raw

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// parameters are all that a URL may have.
var parameters = []string{"envelope", "event", "history", "kind", "presence", "since", "wait"}

// query is what the part of a URL behind the question mark says.
type query struct {
	given    []string // the names
	since    string
	history  int
	presence bool
	wait     time.Duration
	envelope bool
	kind     broker.Kind // 0 if not given
	event    string
}

func (q *query) has(name string) bool { return slices.Contains(q.given, name) }

// only returns an error if a parameter is given that means nothing for what is asked.
func (q *query) only(asked string, names ...string) *hub.Error {
	for _, name := range q.given {
		if !slices.Contains(names, name) {
			if len(names) == 0 {
				return hub.Errorf(hub.BadRequest, "the parameter %s means nothing for %s, which takes none", name, asked)
			}
			return hub.Errorf(hub.BadRequest, "the parameter %s means nothing for %s, which takes %s", name, asked, strings.Join(names, ", "))
		}
	}
	return nil
}

// parseQuery reads a query. It takes nothing that it does not know: a parameter with a typo must not go unnoticed. Its errors
// repeat no value, for one may be a secret.
func parseQuery(raw string) (query, *hub.Error) {
	var q query
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, hub.Errorf(hub.BadRequest, "the query is not escaped as a URL has to be")
	}
	for name, list := range values {
		switch {
		case !slices.Contains(parameters, name) && secret(name):
			return q, hub.Errorf(hub.BadRequest, "a token does not belong into a URL: send it as Authorization: Bearer TOKEN, or to a WebSocket as the subprotocol %sTOKEN", bearer)
		case !slices.Contains(parameters, name):
			return q, hub.Errorf(hub.BadRequest, "unknown parameter %.40q: there are %s", name, strings.Join(parameters, ", "))
		case len(list) != 1:
			return q, hub.Errorf(hub.BadRequest, "the parameter %s is given %d times", name, len(list))
		}
		q.given = append(q.given, name)
	}
	slices.Sort(q.given)
	for _, name := range q.given {
		if err := q.set(name, values.Get(name)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// secret reports whether somebody who names a parameter so means a token.
func secret(name string) bool {
	switch strings.ToLower(name) {
	case "token", "access_token", "auth", "authorization", "bearer", "jwt", "api_key", "apikey":
		return true
	}
	return false
}

// maxWait is beyond what is worth writing in ?wait.
const maxWait = 24 * time.Hour

func (q *query) set(name, value string) *hub.Error {
	switch name {
	case "since":
		if q.since = value; value == "now" {
			q.since = ""
		}
	case "history":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return hub.Errorf(hub.BadRequest, "the parameter history wants a number of messages, as in history=10")
		}
		q.history = int(n)
	case "wait":
		d, err := time.ParseDuration(value)
		if n, e := strconv.ParseUint(value, 10, 31); e == nil {
			d, err = time.Duration(n)*time.Second, nil
		}
		if err != nil || d < 0 {
			return hub.Errorf(hub.BadRequest, "the parameter wait wants a time, as in wait=30s")
		}
		q.wait = min(d, maxWait)
	case "kind":
		kind, err := broker.ParseKind(value)
		if err != nil {
			return hub.Errorf(hub.BadRequest, "the parameter kind wants json, text or bytes")
		}
		q.kind = kind
	case "event":
		q.event = value
	case "envelope", "presence":
		if value != "" && value != "1" && value != "true" {
			return hub.Errorf(hub.BadRequest, "the parameter %s wants no value", name)
		}
		if name == "envelope" {
			q.envelope = true
		} else {
			q.presence = true
		}
	}
	return nil
}

// position is what ?since says for one topic: zero is now.
func (q *query) position() (broker.Position, *hub.Error) {
	p, err := broker.ParsePosition(q.since)
	if err != nil {
		return p, hub.Errorf(hub.BadRequest, "the parameter since wants a position as it was received, EPOCH:OFFSET, or now")
	}
	return p, nil
}

// positions is what ?since says for a pattern: a JSON object, or nil for now.
func (q *query) positions() (map[string]broker.Position, *hub.Error) {
	if q.since == "" {
		return nil, nil
	}
	var list map[string]broker.Position
	if err := json.Unmarshal([]byte(q.since), &list); err != nil || list == nil {
		return nil, hub.Errorf(hub.BadRequest, "the parameter since of a pattern wants a JSON object of topics and their positions")
	}
	return list, nil
}
