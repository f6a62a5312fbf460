package hook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/jsonread"
)

// answer is what the application has answered to a question.
type answer struct {
	denied *hub.Error      // nil if it is allowed
	cache  time.Duration   // for which it holds; negative if it does not say
	body   json.RawMessage // of the message, or nil
	change []func(*hub.Identity)
}

// parseAnswer reads an answer. It allows only what says so.
func parseAnswer(text []byte) (*answer, error) {
	members, err := jsonread.Object(text)
	if err != nil {
		return nil, fmt.Errorf("hook: the answer is %w", err)
	}
	a := &answer{cache: -1}
	var allow *bool
	for name, v := range members {
		var err error
		switch name {
		case "allow":
			if json.Unmarshal(v, &allow) != nil || allow == nil {
				err = errors.New("it is neither true nor false")
			}
		case "cache":
			a.cache, err = seconds(v, maxCache)
		case "body":
			a.body = v
		default:
			var change func(*hub.Identity)
			if change, err = identityMember(name, v); change != nil {
				a.change = append(a.change, change)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("hook: the answer: %q: %w", name, err)
		}
	}
	if allow == nil {
		return nil, errors.New("hook: the answer does not say whether to allow it: it needs the member allow")
	}
	if !*allow {
		if a.denied, err = parseError(members); err != nil {
			return nil, fmt.Errorf("hook: the answer: %w", err)
		}
	}
	return a, nil
}

// identityMember reads a member that says something about the client. It returns nil for names that it does not know.
func identityMember(name string, v json.RawMessage) (func(*hub.Identity), error) {
	switch name {
	case "user":
		s, err := jsonread.Text(v)
		if err == nil && len(s) > 255 {
			err = errors.New("it has more than 255 bytes")
		}
		return func(id *hub.Identity) { id.User = s }, err
	case "claims":
		return func(id *hub.Identity) { id.Claims = v }, nil
	case "data":
		return func(id *hub.Identity) { id.Data = v }, nil
	case "expires":
		at, err := jsonread.Time(v)
		return func(id *hub.Identity) { id.Expires = at }, err
	case "subscribe":
		f, err := jsonread.Patterns(v)
		return func(id *hub.Identity) { id.Subscribe = f }, err
	case "publish":
		f, err := jsonread.Patterns(v)
		return func(id *hub.Identity) { id.Publish = f }, err
	case "presence":
		f, err := jsonread.Patterns(v)
		return func(id *hub.Identity) { id.Presence = f }, err
	case "call":
		f, err := jsonread.Methods(v)
		return func(id *hub.Identity) { id.Call = f }, err
	case "subscriptions":
		f, err := jsonread.Patterns(v)
		return func(id *hub.Identity) { id.Subscriptions = f }, err
	case "producer":
		s, err := jsonread.Text(v)
		return func(id *hub.Identity) { id.Producer = s }, err
	case "rate":
		n, err := jsonread.Rate(v)
		return func(id *hub.Identity) { id.Rate = n }, err
	case "burst":
		n, err := jsonread.Count(v)
		return func(id *hub.Identity) { id.Burst = n }, err
	}
	return nil, nil
}

// replace gives a message the body that the application wants it to have, of the same kind as before.
func replace(m *broker.Message, body json.RawMessage) error {
	if m.Kind == broker.JSON {
		m.Body = body
		return nil
	}
	s, err := jsonread.Text(body)
	if err != nil {
		return fmt.Errorf("hook: the body of the answer, in the place of %v: %w", m.Kind, err)
	}
	if m.Kind == broker.Text {
		m.Body = []byte(s)
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return errors.New("hook: the body of the answer, in the place of bytes, is no base64")
	}
	m.Body = b
	return nil
}

// codes are those that an application may give, each with what is said if it gives no text.
var codes = map[hub.Code]string{
	hub.Forbidden:       "the application does not allow this",
	hub.Unauthenticated: "the application does not know who you are: connect with a token that holds",
	hub.Expired:         "the application wants a new token: connect with one",
	hub.BadRequest:      "the application cannot make sense of this",
	hub.NotFound:        "the application does not know this",
	hub.TooLarge:        "this is too large for the application",
	hub.RateLimited:     "this is too often for the application; wait, then try again",
	hub.LimitReached:    "this is too much for the application",
	hub.WrongKind:       "the application takes another kind of message here",
	hub.Unavailable:     "the application cannot do this now; try again",
	hub.Timeout:         "it took the application too long; try again",
	hub.Internal:        "the application failed",
}

// parseError reads code, text and retry.
func parseError(members map[string]json.RawMessage) (*hub.Error, error) {
	code := string(hub.Forbidden)
	var err error
	if v, ok := members["code"]; ok {
		if code, err = jsonread.Text(v); err != nil {
			return nil, fmt.Errorf("\"code\": %w", err)
		}
	}
	text, ok := codes[hub.Code(code)]
	if !ok {
		return nil, fmt.Errorf("the code %.40q is none that an application may give", code)
	}
	if v, ok := members["text"]; ok {
		given, err := jsonread.Text(v)
		if err != nil {
			return nil, fmt.Errorf("\"text\": %w", err)
		}
		if given != "" {
			text = cut(given)
		}
	}
	e := hub.Errorf(hub.Code(code), "%s", text)
	if v, ok := members["retry"]; ok {
		if e.After, err = seconds(v, maxAfter); err != nil {
			return nil, fmt.Errorf("\"retry\": %w", err)
		}
		e.Retry = e.Retry || e.After > 0
	}
	return e, nil
}

// cut shortens a text for the client.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// seconds reads a time span, at most most.
func seconds(v json.RawMessage, most time.Duration) (time.Duration, error) {
	n, err := jsonread.Rate(v)
	if err != nil {
		return 0, err
	}
	if n >= most.Seconds() {
		return most, nil
	}
	return time.Duration(n * float64(time.Second)), nil
}
