package hub

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Authoriser decides who may do what, for every dialect. Its methods may be called from any goroutine, and should honour the
// context. An error that is no *Error is logged, and the client told no more than that the server failed.
type Authoriser interface {
	// Connect decides about a client that wants in, and says who it is.
	Connect(ctx context.Context, c *Credentials) (*Identity, error)

	// Allow decides whether a session may do something. The topic's rule has been asked before, and has not decided.
	Allow(ctx context.Context, a *Access) error
}

// Credentials are what is known of a client that wants to connect, or to stay with a new token.
type Credentials struct {
	// Token is what it showed: from the Authorization header, a first message, or a subprotocol. It may be empty.
	Token string

	// Dialect and Transport are how it speaks: native, raw; websocket, sse, poll.
	Dialect   string
	Transport string

	// Name and Version are what the client says of itself.
	Name    string
	Version string

	// Remote is the address of the client, without a port.
	Remote string

	// Header is that of the HTTP request it came with, or nil. It is not to be changed.
	Header http.Header

	// Data is what the client sent along for the application, in JSON, or nil.
	Data json.RawMessage

	// Refresh says that a session which is connected as Old shows a new token.
	Refresh bool
	Old     *Identity
}

// Identity is who a session belongs to. It is not changed once Connect has returned it.
type Identity struct {
	// User is the name of the user. Empty is somebody unknown.
	User string

	// Claims are what the token says, or what the application said when it was asked: JSON, or nil.
	Claims json.RawMessage

	// Expires is when the session ends unless it is refreshed; zero is never.
	Expires time.Time

	// Subscribe, Publish and Call are patterns of the topics and methods that the token names. See Names.
	Subscribe []broker.Filter
	Publish   []broker.Filter
	Presence  []broker.Filter
	Call      []broker.Filter

	// Subscriptions are what the session is subscribed to without asking.
	Subscriptions []broker.Filter

	// Producer is whose message ids the session's are, if not the user's.
	Producer string

	// Rate and Burst are the session's own limits of commands, if Rate is not 0: commands a second, and how many at once.
	Rate  float64
	Burst int

	// Data is given to the client when it has connected: JSON, or nil.
	Data json.RawMessage
}

// Action is what a session wants to do.
type Action string

// The actions.
const (
	ActSubscribe Action = "subscribe"
	ActPublish   Action = "publish"
	ActPresence  Action = "presence" // see who is there; to enter needs the same
	ActHistory   Action = "history"  // ask for old messages, as subscribing with a position does
	ActCall      Action = "call"
)

// Access is something that a session wants to do.
type Access struct {
	// Session is a copy of what there is to know about who asks.
	Session SessionInfo

	// Identity is who that is.
	Identity *Identity

	// Action is what it wants.
	Action Action

	// Topics are those it wants it with, for all but ActCall.
	Topics broker.Filter

	// Method is what it wants to call.
	Method string

	// Message is what it wants to publish, for ActPublish.
	Message *broker.Message
}

// Names reports whether one of the patterns covers everything that f matches.
func Names(patterns []broker.Filter, f broker.Filter) bool {
	for _, p := range patterns {
		if covers(p, f) {
			return true
		}
	}
	return false
}

// covers reports whether p matches whatever f matches.
func covers(p, f broker.Filter) bool {
	if p == f || f.IsExact() {
		return p == f || p.Match(f.Name)
	}
	switch p.Type {
	case broker.Subtree:
		if p.Name == "" {
			return true
		}
		if f.Type == broker.BytePrefix { // the bytes must lie below p, slash and all
			return len(f.Name) > len(p.Name) && f.Name[:len(p.Name)+1] == p.Name+"/"
		}
		return f.Name == p.Name || p.Match(f.Name)
	case broker.BytePrefix:
		if f.Type == broker.BytePrefix || f.Name == "" {
			return p.Name == "" || p.Match(f.Name)
		}
		return p.Match(f.Name + "/")
	}
	return false
}

// AllowAll is an Authoriser that lets everybody in as nobody in particular, and leaves the rest to the rules of the topics.
type AllowAll struct{}

// Connect returns an empty Identity.
func (AllowAll) Connect(context.Context, *Credentials) (*Identity, error) { return &Identity{}, nil }

// Allow allows it.
func (AllowAll) Allow(context.Context, *Access) error { return nil }
