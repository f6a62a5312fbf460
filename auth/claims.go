package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// Bounds of what a token may say.
const (
	maxUser    = 255          // bytes
	maxTime    = 253402300799 // the last second of the year 9999
	maxBurst   = 1_000_000    // commands
	claimLists = "parley"     // the claim that says what the session may do
)

// claims are those of a token that the package reads. It implements jwt.Claims.
type claims struct {
	raw      json.RawMessage // all of them
	issuer   string
	subject  string
	audience jwt.ClaimStrings
	expires  *jwt.NumericDate
	begins   *jwt.NumericDate
	parley   json.RawMessage // nil if there is none
}

// UnmarshalJSON reads claims. Their names are compared as they are, which encoding/json does not do for structs: Sub is not sub.
func (c *claims) UnmarshalJSON(text []byte) error {
	members, err := object(text)
	if err != nil {
		return fmt.Errorf("auth: the claims are %w", err)
	}
	c.raw = bytes.Clone(text)
	for name, read := range map[string]func(json.RawMessage) error{
		"iss": func(v json.RawMessage) error { return str(v, &c.issuer) },
		"sub": func(v json.RawMessage) error { return str(v, &c.subject) },
		"aud": func(v json.RawMessage) error { return json.Unmarshal(v, &c.audience) },
		"exp": func(v json.RawMessage) (err error) { c.expires, err = date(v); return err },
		"nbf": func(v json.RawMessage) (err error) { c.begins, err = date(v); return err },
	} {
		if v, ok := members[name]; ok {
			if err := read(v); err != nil {
				return fmt.Errorf("auth: the claim %s: %w", name, err)
			}
		}
	}
	if len(c.subject) > maxUser {
		return fmt.Errorf("auth: the claim sub has %d bytes: at most %d are allowed", len(c.subject), maxUser)
	}
	c.parley = members[claimLists]
	return nil
}

// GetExpirationTime, and the others, are what a jwt.Validator asks.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.begins, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return c.audience, nil }

// identity returns who the claims are about, and what they name.
func (c *claims) identity(userPrefix string) (*hub.Identity, error) {
	if c.raw == nil {
		return nil, errors.New("auth: the claims are not an object")
	}
	id := &hub.Identity{Claims: c.raw}
	if c.subject != "" {
		id.User = userPrefix + c.subject
	}
	if c.expires != nil {
		id.Expires = c.expires.Time
	}
	if c.parley == nil {
		return id, nil
	}
	members, err := object(c.parley)
	if err != nil {
		return nil, fmt.Errorf("auth: the claim parley is %w", err)
	}
	// A list that is empty says that the claim is there: see Allow.
	id.Subscribe, id.Publish, id.Presence, id.Call = []broker.Filter{}, []broker.Filter{}, []broker.Filter{}, []broker.Filter{}
	for name, v := range members {
		var err error
		switch name {
		case "subscribe":
			id.Subscribe, err = filters(v, broker.Pattern)
		case "publish":
			id.Publish, err = filters(v, broker.Pattern)
		case "presence":
			id.Presence, err = filters(v, broker.Pattern)
		case "call":
			id.Call, err = filters(v, method)
		case "subscriptions":
			id.Subscriptions, err = filters(v, broker.Pattern)
		case "producer":
			err = str(v, &id.Producer)
		case "rate":
			if id.Rate, err = number(v); err == nil && id.Rate < 0 {
				err = errors.New("it is negative")
			}
		case "burst":
			var n float64
			if n, err = number(v); err == nil && (n < 0 || n > maxBurst || n != math.Trunc(n)) {
				err = fmt.Errorf("it is no whole number from 0 to %d", maxBurst)
			}
			id.Burst = int(n)
		case "data":
			id.Data = v
		default:
			err = errors.New("there is no such member: see the documentation of the claim")
		}
		if err != nil {
			return nil, fmt.Errorf("auth: the claim parley: %.40q: %w", name, err)
		}
	}
	return id, nil
}

// method reads the name of a method, or what names begin with and a star.
func method(s string) (broker.Filter, error) {
	if prefix, wide := strings.CutSuffix(s, "*"); wide {
		f := broker.Prefix(prefix)
		return f, f.Check()
	}
	f := broker.Exact(s)
	return f, f.Check()
}

// filters reads a list of patterns. It never returns nil without an error.
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

// object reads the members of a JSON object.
func object(v []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(v, &members); err != nil || members == nil {
		return nil, errors.New("not an object")
	}
	return members, nil
}

// str reads a text. What is wrong with it is said without it.
func str(v json.RawMessage, to *string) error {
	var s *string
	if err := json.Unmarshal(v, &s); err != nil || s == nil {
		return errors.New("it is not a text")
	}
	*to = *s
	return nil
}

func number(v json.RawMessage) (float64, error) {
	var n *float64
	if err := json.Unmarshal(v, &n); err != nil || n == nil {
		return 0, errors.New("it is not a number")
	}
	return *n, nil
}

// date reads a number of seconds since 1970. A null must not make a token live forever.
func date(v json.RawMessage) (*jwt.NumericDate, error) {
	n, err := number(v)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxTime {
		return nil, errors.New("it is no time in seconds from 1970 to 9999: perhaps it is in milliseconds")
	}
	return &jwt.NumericDate{Time: time.Unix(int64(n), 0)}, nil
}
