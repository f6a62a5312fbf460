package broker

import "time"

// Member is one presence: a user may have several in a topic, one for each tab or device.
type Member struct {
	// Key is who is present: the user, or whatever the topic goes by.
	Key string

	// Ref names this presence; no other in the topic has it.
	Ref string

	// Meta is what it says about itself: a JSON object, or nil.
	Meta []byte

	// Session is the public id of the session it belongs to.
	Session string

	// Node is where that session is. The broker sets it.
	Node string

	// Since is when it came.
	Since time.Time
}

// Diff is who came and who went. A Member that changed has left with its old Meta and joined with its new.
type Diff struct {
	// Joins are those who came, and Leaves those who went.
	Joins  []Member
	Leaves []Member
}

// Empty reports whether nothing happened.
func (d Diff) Empty() bool { return len(d.Joins) == 0 && len(d.Leaves) == 0 }
