// Package mutant holds echo endpoints for WebSocket connections that are wrong on purpose: a server and a client, each
// with at most one [Fault]. They prove that the conformance suite judges rightly: it must find nothing wrong with the
// endpoint without a fault, which follows RFC 6455 and RFC 7692 to the letter, and must find every fault.
//
//	l, err := net.Listen("tcp", "127.0.0.1:0")
//	...
//	go mutant.Serve(l, "accepts-masked") // until l is closed
//
// The package is for tests. It is made to be read next to the RFCs: it is neither fast nor complete in anything but
// what an echo needs, and it knows nothing of the suite, nor of any other code of the project.
package mutant

// A Role is the side of the connection that an endpoint takes.
type Role string

// The roles.
const (
	RoleServer Role = "server"
	RoleClient Role = "client"
)

// A Fault is what an endpoint does wrong. The empty Fault is none.
type Fault string

// Faults returns the faults that an endpoint of that role can have.
func Faults(role Role) []Fault {
	var list []Fault
	for _, k := range known {
		if k.role == "" || k.role == role {
			list = append(list, k.fault)
		}
	}
	return list
}

// Doc says in a sentence what an endpoint with the fault does.
func (f Fault) Doc() string {
	for _, k := range known {
		if k.fault == f {
			return k.doc
		}
	}
	return "It makes no mistakes."
}

// description is what is known of a fault.
type description struct {
	fault Fault
	role  Role // the only role that can have it; empty if both can
	doc   string
}

var known = joined(framingFaults, messageFaults, textFaults, closeFaults, deflateFaults, requestFaults, responseFaults)

func joined(lists ...[]description) []description {
	var all []description
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
