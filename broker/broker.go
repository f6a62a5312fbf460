package broker

import (
	"context"
	"errors"
	"time"
)

// Broker is what nodes share. Its methods may be called from any goroutine.
type Broker interface {
	// Attach makes a node known under a name that no other node has, and delivers to r from then on. It returns an error if
	// the name is taken or the broker cannot be reached.
	Attach(ctx context.Context, name string, r Receiver) (Node, error)
}

// Node is a node's hold on the broker. Its methods may be called from any goroutine. They end early with the context's
// error; what they were to do may have happened then, or not.
type Node interface {
	// Subscribe makes the receiver get what is published to the topics that f matches. When it returns nil, everything that
	// is published from then on is delivered. A message is delivered once, however many filters match its topic. To subscribe to
	// the same filter again changes nothing.
	Subscribe(ctx context.Context, f Filter) error

	// Unsubscribe takes a filter back. What was published before may still be delivered.
	Unsubscribe(f Filter)

	// Publish appends m to the log of m.Topic, and returns its position when it is stored there: an acknowledgement of it holds.
	// It sets the fields of m that the broker decides, Position, Prev, and Time if that is zero; the broker keeps m, which must
	// not be changed any more. A message whose ID was published within the window of o is not stored again: the position is that of
	// the first, and Duplicate is set.
	Publish(ctx context.Context, m *Message, o Publish) (Published, error)

	// History returns messages of a topic, oldest first. Of a topic that nobody published to it returns an empty page, whose
	// Tail is the position that the next message will come after.
	History(ctx context.Context, topic string, q Query) (Page, error)

	// Topics returns topics that f matches and of which the broker knows something, at most limit of them, by name.
	Topics(ctx context.Context, f Filter, limit int) ([]Topic, error)

	// Enter makes a member present in a topic, or replaces the one with the same Ref. If that changes nothing but the Session and its
	// Node, nobody is told: whoever comes back has never been away. All members of a node leave when it is closed or lost.
	Enter(ctx context.Context, topic string, m Member) error

	// Leave ends the presence of the member with this Ref; nothing happens if there is none.
	Leave(ctx context.Context, topic, ref string) error

	// Members returns who is present in a topic, by Key and then by Ref.
	Members(ctx context.Context, topic string) ([]Member, error)

	// Send has the nodes that t names carry out a command, this one included. It returns when they have been told, not
	// when they have done it. To nobody is no error.
	Send(ctx context.Context, t Target, c Command) error

	// Close takes the node away. Nothing is delivered any more when it has returned.
	Close() error
}

// Receiver gets what the broker delivers to a node. Its methods must not block for long, and may call the Node.
type Receiver interface {
	// Message delivers a message. The messages of a topic come one after the other, in the order of the log; those of different
	// topics may come at the same time. Nothing of m may be changed, and all of it may be kept.
	Message(m *Message)

	// Gap tells that messages of a topic may have been published that the node did not get, because the
	// broker was out of reach or has lost its log. It comes in order with the messages.
	Gap(g Gap)

	// Presence tells who came to a topic and who went, in the order in which it happened.
	Presence(topic string, d Diff)

	// Command delivers a command that was sent to this node, or to sessions that may be here.
	Command(t Target, c Command)
}

// Publish is how a message is published. The zero value keeps nothing.
type Publish struct {
	// Retention is how much of the topic's log is kept from now on.
	Retention Retention

	// Dedup is for how long another message of the same producer with the same ID is taken for this one; 0 is not at all. A message
	// without an ID is never a duplicate.
	Dedup time.Duration
}

// Retention bounds the log of a topic. A message goes when it is beyond any of the limits; the counter of the topic stays.
type Retention struct {
	// Count is how many messages are kept; 0 is none.
	Count int

	// Bytes is how many bytes their bodies may have together; 0 is no limit.
	Bytes int

	// Age is how long a message is kept; 0 is for as long as the broker runs.
	Age time.Duration
}

// Published is where a message went.
type Published struct {
	// Position is that of the message.
	Position Position

	// Duplicate says that the message had been stored before.
	Duplicate bool
}

// Query says which messages History is to return.
type Query struct {
	// Since is the position after which to begin. Zero is the beginning of what is kept, or with Last its end. A position of another
	// epoch comes before everything that is kept.
	Since Position

	// Last makes it the last Limit messages, not the first.
	Last bool

	// Limit is how many messages are wanted at most; 0 is none, to ask for the tail alone.
	Limit int

	// Bytes bounds the bodies of what is wanted; 0 is no limit. One message is always returned, if there is one and Limit allows it.
	Bytes int
}

// Page is a part of a topic's log.
type Page struct {
	// Messages are in the order of the log.
	Messages []*Message

	// Tail is the position of the last message that was published, whether or not it is kept or part of this page.
	Tail Position

	// Complete says that nothing lies between Query.Since and the first message that is not part of the log any more:
	// Since is of this epoch, not beyond the tail, and everything after it is kept. It is false without Since.
	Complete bool

	// More says that messages were left out because of Limit or Bytes: with Last, older ones, otherwise newer ones.
	More bool
}

// Topic is what a broker knows of a topic.
type Topic struct {
	// Name is the topic.
	Name string

	// Tail is the position of its last message.
	Tail Position

	// Retained is how many messages are kept, and Bytes is the size of their bodies.
	Retained int
	Bytes    int

	// Present is how many members are present.
	Present int
}

// Gap is what a node missed.
type Gap struct {
	// Topic is the topic.
	Topic string

	// After is the last message that was delivered before. It may be zero.
	After Position

	// Tail is the position up to which messages may be missing: what comes next comes after it.
	Tail Position
}

// Errors of brokers. Others are returned as they come, wrapped.
var (
	// ErrClosed is returned by the methods of a Node after Close.
	ErrClosed = errors.New("broker: node is closed")

	// ErrNameTaken is returned by Attach if another node has the name.
	ErrNameTaken = errors.New("broker: another node has this name: give each node its own")

	// ErrUnavailable says that the broker could not be reached, and that nothing happened.
	ErrUnavailable = errors.New("broker: unavailable: try again")

	// ErrFull says that the broker has no room for what would have been new, such as one more topic, and that nothing happened. It is wrapped with
	// what is full. It may work when something else is gone.
	ErrFull = errors.New("broker: full: try again later")

	// ErrUnknownOutcome says that it is not known whether a message was stored: publish it again with the same ID.
	ErrUnknownOutcome = errors.New("broker: the outcome is not known: publish again with the same id")
)
