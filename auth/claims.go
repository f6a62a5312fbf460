package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/jsonread"
)

// Bounds of what a token may say.
const (
	maxUser    = 255      // bytes
	claimLists = "parley" // the claim that says what the session may do
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
	members, err := jsonread.Object(text)
	if err != nil {
		return fmt.Errorf("auth: the claims are %w", err)
	}
	c.raw = bytes.Clone(text)
	for name, read := range map[string]func(json.RawMessage) error{
		"iss": func(v json.RawMessage) (err error) { c.issuer, err = jsonread.Text(v); return err },
		"sub": func(v json.RawMessage) (err error) { c.subject, err = jsonread.Text(v); return err },
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
		return nil, errors.New("auth: the claims are not a JSON object")
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
	members, err := jsonread.Object(c.parley)
	if err != nil {
		return nil, fmt.Errorf("auth: the claim parley is %w", err)
	}
	// A list that is empty says that the claim is there: see Allow.
	id.Subscribe, id.Publish, id.Presence, id.Call = []broker.Filter{}, []broker.Filter{}, []broker.Filter{}, []broker.Filter{}
	for name, v := range members {
		var err error
		switch name {
		case "subscribe":
			id.Subscribe, err = jsonread.Patterns(v)
		case "publish":
			id.Publish, err = jsonread.Patterns(v)
		case "presence":
			id.Presence, err = jsonread.Patterns(v)
		case "call":
			id.Call, err = jsonread.Methods(v)
		case "subscriptions":
			id.Subscriptions, err = jsonread.Patterns(v)
		case "producer":
			id.Producer, err = jsonread.Text(v)
		case "rate":
			id.Rate, err = jsonread.Rate(v)
		case "burst":
			id.Burst, err = jsonread.Count(v)
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

// date reads a number of seconds since 1970.
func date(v json.RawMessage) (*jwt.NumericDate, error) {
	at, err := jsonread.Time(v)
	if err != nil {
		return nil, err
	}
	return &jwt.NumericDate{Time: at}, nil
}
