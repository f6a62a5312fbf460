package broker

// Target says whose sessions a command is for. What is empty does not matter; an empty Target is every session.
type Target struct {
	// Node is the name of a node.
	Node string

	// Session is the public id of a session.
	Session string

	// User is whom the session belongs to.
	User string

	// Topic is one that the session is subscribed to, be it by a pattern.
	Topic string
}

// Command is something that a session is to do or to suffer. The hub says what there is; a broker carries it.
type Command struct {
	// Op names the command.
	Op string

	// Args are its arguments, in JSON.
	Args []byte

	// From is the node that sent it. The broker sets it.
	From string
}
