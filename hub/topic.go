package hub

import (
	"fmt"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Topic is a rule for the topics that a pattern matches. The first rule in Options.Topics that matches a topic holds; where none does,
// DefaultTopic does.
type Topic struct {
	// Pattern says which topics: a name, a/*, a/**, * or **.
	Pattern string

	// History is how much of the log is kept for those who come back.
	History broker.Retention

	// Presence says that sessions may enter, and others see them.
	Presence bool

	// Policy is what happens when a subscriber does not keep up.
	Policy Policy

	// Kind is the one kind of messages that is allowed; 0 is any.
	Kind broker.Kind

	// NoEcho says that the session which publishes a message does not get it back.
	NoEcho bool

	// MaxSize is the size of the largest message, in bytes; 0 is Limits.MessageBytes.
	MaxSize int

	// Rate and Burst bound the messages a second that may be published to one topic on this node, by whomever; 0 is no bound.
	Rate  float64
	Burst int

	// MaySubscribe, MayPublish and MaySeePresence say who may. History goes with subscribing.
	MaySubscribe   Who
	MayPublish     Who
	MaySeePresence Who

	// Dedup is for how long the id of a message is remembered: 0 is 2 minutes, negative is not at all.
	Dedup time.Duration

	filter broker.Filter
}

// Policy is what happens when a subscriber does not keep up.
type Policy uint8

// The policies.
const (
	// DropOldest drops the oldest messages that wait, and puts a notice in their place.
	DropOldest Policy = iota

	// Conflate drops messages for which one with the same key comes later, with a notice; beyond that it is DropOldest.
	Conflate

	// Disconnect ends the session, so that the client comes back and resumes.
	Disconnect
)

var policies = [...]string{"drop-oldest", "conflate", "disconnect"}

// String returns drop-oldest, conflate or disconnect.
func (p Policy) String() string {
	if int(p) < len(policies) {
		return policies[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// ParsePolicy is the inverse of String.
func ParsePolicy(s string) (Policy, error) {
	for i, name := range policies {
		if s == name {
			return Policy(i), nil
		}
	}
	return 0, fmt.Errorf("hub: policy %.40q: want drop-oldest, conflate or disconnect", s)
}

// Who says who may do something with a topic.
type Who uint8

// Who may.
const (
	// Ask leaves it to the Authoriser.
	Ask Who = iota

	// Anyone may, known or not.
	Anyone

	// Users may: those whose Identity names a user.
	Users

	// Named may: those whose token names the topic for this.
	Named

	// Nobody may, but the application through the server.
	Nobody
)

var whos = [...]string{"ask", "anyone", "user", "token", "nobody"}

// String returns ask, anyone, user, token or nobody.
func (w Who) String() string {
	if int(w) < len(whos) {
		return whos[w]
	}
	return fmt.Sprintf("Who(%d)", uint8(w))
}

// ParseWho is the inverse of String.
func ParseWho(s string) (Who, error) {
	for i, name := range whos {
		if s == name {
			return Who(i), nil
		}
	}
	return 0, fmt.Errorf("hub: who may %.40q: want ask, anyone, user, token or nobody", s)
}

// DefaultTopic is the rule for topics that no other matches: the last 100 messages or 256 KiB of five minutes are kept, and everything is
// left to the Authoriser.
var DefaultTopic = Topic{
	Pattern:  "**",
	History:  broker.Retention{Count: 100, Bytes: 256 << 10, Age: 5 * time.Minute},
	Presence: true,
}

// Kind returns the one kind of messages that a topic takes, or 0 if it takes any.
func (h *Hub) Kind(topic string) broker.Kind { return h.rules.Load().find(topic).Kind }
