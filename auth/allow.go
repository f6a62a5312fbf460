package auth

import (
	"context"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// Allow allows what the token names, and nothing else. To read history takes the same as to subscribe. The error is
// an *hub.Error that says where in the token it is missing.
func (j *JWT) Allow(_ context.Context, a *hub.Access) error {
	id := a.Identity
	if id == nil {
		id = &hub.Identity{}
	}
	member, names, what := "", []broker.Filter(nil), a.Topics
	switch a.Action {
	case hub.ActSubscribe, hub.ActHistory:
		member, names = "subscribe", id.Subscribe
	case hub.ActPublish:
		member, names = "publish", id.Publish
	case hub.ActPresence:
		member, names = "presence", id.Presence
	case hub.ActCall:
		member, names, what = "call", id.Call, broker.Exact(a.Method)
	default:
		return hub.Errorf(hub.Forbidden, "clients may not do this")
	}
	switch {
	case hub.Names(names, what):
		return nil
	case names != nil:
		return hub.Errorf(hub.Forbidden, "the token does not name this under %q in its claim %q", member, claimLists)
	case id.Claims != nil:
		return hub.Errorf(hub.Forbidden, "the token has no claim %q, which would have to name this under %q", claimLists, member)
	}
	return hub.Errorf(hub.Forbidden, "this takes a token that names it under %q in its claim %q", member, claimLists)
}
