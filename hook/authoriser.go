package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/parley-ws/parley/hub"
)

// Questions say which URL of the application is asked what, and who is asked besides. A URL may be there several times.
type Questions struct {
	// Connect is asked whether a client may connect, or stay with a new token, and who it is. If it is empty, Inner alone decides.
	Connect string

	// Subscribe, Publish and Presence are asked whether a session may do that, and Publish also what to publish instead; Subscribe is asked
	// about history, too. MayCall is asked whether a session may call a method. If one is empty, Inner alone
	// decides, and without Inner it is denied.
	Subscribe string
	Publish   string
	Presence  string
	MayCall   string

	// Inner, if it is not nil, is asked before the application, which is asked only if Inner allows it: both must agree. Where its Connect
	// knows nobody and returns nil, the application is given the token.
	Inner hub.Authoriser

	// IdentityOnly says that Inner is asked who a client is, and not what it may do.
	IdentityOnly bool
}

// Authoriser is a hub.Authoriser that asks an application.
type Authoriser struct {
	client *Client
	q      Questions
}

var _ hub.Authoriser = (*Authoriser)(nil)

// Authoriser returns one that asks these questions, or an error that says which URL is wrong.
func (c *Client) Authoriser(q Questions) (*Authoriser, error) {
	if q.Connect == "" && q.Inner == nil {
		return nil, errors.New("hook: Questions: nobody says who may connect: set Connect or Inner")
	}
	for name, url := range map[string]string{
		"Connect": q.Connect, "Subscribe": q.Subscribe, "Publish": q.Publish, "Presence": q.Presence, "MayCall": q.MayCall,
	} {
		if url == "" {
			continue
		}
		if err := checkURL(url); err != nil {
			return nil, fmt.Errorf("hook: Questions.%s: %w", name, err)
		}
	}
	return &Authoriser{c, q}, nil
}

// Connect asks Inner and then the application. The error is a *hub.Error, but for those of Inner.
func (a *Authoriser) Connect(ctx context.Context, c *hub.Credentials) (*hub.Identity, error) {
	var known *hub.Identity
	if a.q.Inner != nil {
		var err error
		if known, err = a.q.Inner.Connect(ctx, c); err != nil {
			return nil, err
		}
	}
	if a.q.Connect == "" {
		if known == nil {
			known = &hub.Identity{}
		}
		return known, nil
	}
	says, err := a.client.ask(ctx, a.q.Connect, connecting(c, known), a.client.forward(c.Header))
	if err != nil {
		return nil, err
	}
	if says.denied != nil {
		return nil, says.denied
	}
	id := &hub.Identity{}
	if known != nil {
		*id = *known // Inner may keep its own
	}
	for _, change := range says.change {
		change(id)
	}
	return id, nil
}

// Allow asks Inner and then the application, unless an answer of it still holds. The error is a *hub.Error, but for those of Inner.
func (a *Authoriser) Allow(ctx context.Context, access *hub.Access) error {
	if a.q.Inner != nil && !a.q.IdentityOnly {
		if err := a.q.Inner.Allow(ctx, access); err != nil {
			return err
		}
	}
	event, url := string(access.Action), ""
	switch access.Action {
	case hub.ActSubscribe, hub.ActHistory:
		event, url = string(hub.ActSubscribe), a.q.Subscribe
	case hub.ActPublish:
		url = a.q.Publish
	case hub.ActPresence:
		url = a.q.Presence
	case hub.ActCall:
		event, url = eventMayCall, a.q.MayCall
	}
	if url == "" {
		if a.q.Inner != nil && !a.q.IdentityOnly {
			return nil
		}
		return hub.Errorf(hub.Forbidden, "nobody here decides about this, so it is not allowed")
	}
	id := access.Identity
	if id == nil {
		id = &hub.Identity{}
	}
	k := key{event: event, who: asker(&access.Session, id), topics: access.Topics, method: access.Method}
	if denied, ok := a.client.cache.get(k); ok {
		return asError(denied)
	}
	q := sessionQuestion(event, &access.Session, id)
	if access.Action == hub.ActCall {
		q.Method = access.Method
	} else {
		q.about(access.Topics)
	}
	if access.Action == hub.ActPublish && access.Message != nil {
		if err := q.says(access.Message); err != nil {
			return broken(err)
		}
	}
	says, err := a.client.ask(ctx, url, q, nil)
	if err != nil {
		return err
	}
	if says.denied == nil && says.body != nil && access.Action == hub.ActPublish && access.Message != nil {
		if err := replace(access.Message, says.body); err != nil {
			return broken(err)
		}
		return nil // which is about this message alone
	}
	holds := says.cache
	if holds < 0 {
		holds = 0
		if event == string(hub.ActSubscribe) || event == string(hub.ActPresence) {
			holds = a.client.o.Cache
		}
	}
	a.client.cache.put(k, says.denied, holds)
	return asError(says.denied)
}

// asError makes a nil *hub.Error a nil error.
func asError(e *hub.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// ask sends a question and reads the answer. The error is a *hub.Error.
func (c *Client) ask(ctx context.Context, url string, q *question, header http.Header) (*answer, error) {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	says, err := c.askWithin(ctx, url, q, header)
	if err != nil && outer.Err() != nil {
		return nil, hub.AsError(outer.Err()) // who asked does not want to know any more
	}
	return says, err
}

func (c *Client) askWithin(ctx context.Context, url string, q *question, header http.Header) (*answer, error) {
	if err := take(ctx, c.asks); err != nil {
		return nil, err
	}
	defer func() { <-c.asks }()
	resp, err := c.post(ctx, url, q, header, failed)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return &answer{denied: hub.Errorf(hub.Unauthenticated, "%s", codes[hub.Unauthenticated])}, nil
	case http.StatusForbidden:
		return &answer{denied: hub.Errorf(hub.Forbidden, "%s", codes[hub.Forbidden])}, nil
	default:
		return nil, broken(fmt.Errorf("hook: the application answered %s with the status %d: 200, 401 and 403 are understood", q.Event, resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(c.o.AnswerBytes)+1))
	if err != nil {
		return nil, unavailable(fmt.Errorf("hook: the answer to %s broke off: %w", q.Event, err), 0)
	}
	if len(text) > c.o.AnswerBytes {
		return nil, broken(fmt.Errorf("hook: the answer to %s has more than %d bytes: see Options.AnswerBytes", q.Event, c.o.AnswerBytes))
	}
	says, err := parseAnswer(text)
	if err != nil {
		return nil, broken(fmt.Errorf("%w (%s)", err, q.Event))
	}
	return says, nil
}
