package check

import (
	"slices"
	"strings"
)

// A Role is what the subject of a run is: the endpoint that is judged.
type Role string

// The roles.
const (
	RoleServer Role = "server" // a server, to which the suite connects
	RoleClient Role = "client" // a client, which connects to the suite
)

// A Verdict is the judgement on one case.
type Verdict string

// The verdicts, from the best to the worst.
const (
	OK            Verdict = "ok"            // it did what the RFC demands
	Informational Verdict = "informational" // the RFC leaves it open; what it did is told
	Unimplemented Verdict = "unimplemented" // it declined the extension that the case is about
	NonStrict     Verdict = "non-strict"    // allowed, but not what the RFC recommends: a SHOULD, or later than possible
	WrongCode     Verdict = "wrong-code"    // right to fail the connection, but with the wrong close
	Fail          Verdict = "fail"          // it broke a rule
)

// Verdicts lists all verdicts from the best to the worst.
var Verdicts = []Verdict{OK, Informational, Unimplemented, NonStrict, WrongCode, Fail}

// The tags that cases have besides the name of their group.
const (
	TagServer      = "role:server" // only servers are judged by it
	TagClient      = "role:client" // only clients are judged by it
	TagSecurity    = "security"    // what it looks for is known from attacks
	TagPerformance = "performance" // it moves many bytes
	TagExtension   = "extension"   // it is about permessage-deflate
	TagSlow        = "slow"        // it takes seconds by its nature
)

// A Case is one thing that an endpoint does right or wrong, as data.
type Case struct {
	ID       string    // what it is, from the general to the special, as in "framing.length.non-minimal-16"
	RFC      string    // the section that decides, as in "RFC 6455 §5.2"
	Expect   string    // what is expected, in one sentence
	Why      string    // what the RFC demands, and why; empty where [Explain] has it for the whole group
	Tags     []string  // what it is about, for choosing
	Open     Open      // how the connection is opened; the zero value is a plain handshake
	Steps    []Step    // what is done once it is open, one after the other, until the subject ends the connection
	Outcomes []Outcome // what may come of it; the first that fits counts, and none is a failure

	// Memory is by how many bytes the memory of the subject may grow while the case runs, where it can be measured.
	// Such a case runs alone. 0 means that nobody looks.
	Memory int64
}

// Group is the first part of the case's ID.
func (c *Case) Group() string {
	group, _, _ := strings.Cut(c.ID, ".")
	return group
}

// For reports whether the case judges subjects of that role.
func (c *Case) For(role Role) bool {
	switch {
	case slices.Contains(c.Tags, TagServer):
		return role == RoleServer
	case slices.Contains(c.Tags, TagClient):
		return role == RoleClient
	}
	return true
}

// Tagged reports whether the case has the tag, or belongs to the group of that name.
func (c *Case) Tagged(tag string) bool {
	return slices.Contains(c.Tags, tag) || c.Group() == tag
}

// An Outcome is one way in which a case may go, and the verdict on it.
type Outcome struct {
	Verdict Verdict   // the verdict if it goes so
	Say     string    // what the subject did in this outcome; empty where the case's expectation says it
	Seen    []Pattern // what is seen of the subject, from the handshake to the end of the connection
}
