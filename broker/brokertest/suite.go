package brokertest

import (
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Suite is the suite and what it has to know of a broker. Run runs it.
type Suite struct {
	// New returns a new broker that knows nothing yet. Its nodes are closed at the end of the test; what else there is to end belongs into t.Cleanup.
	New func(t testing.TB) broker.Broker

	// Around runs a test, for instance in a bubble of testing/synctest. If nil, it is just called.
	Around func(t *testing.T, test func(t *testing.T))

	// Settle returns when nothing is being delivered any more. If nil, it waits for 100 ms.
	Settle func()

	// Advance lets that much time pass. If nil, the tests of ages and windows are skipped.
	Advance func(d time.Duration)

	// Forget makes the broker forget a topic that no node has subscribed to by its name and of which it need not know anything any more. If
	// nil, the tests of the epoch are skipped.
	Forget func(t testing.TB, b broker.Broker, topic string)
}

// Test runs what can be tested of any broker. Each subtest calls create for a broker of its own.
func Test(t *testing.T, create func(t *testing.T) broker.Broker) {
	Suite{New: func(t testing.TB) broker.Broker { return create(t.(*testing.T)) }}.Run(t)
}

// Run runs the suite, a subtest for each of its cases.
func (s Suite) Run(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if missing := s.missing(c); missing != "" {
				t.Skip("not tested: the Suite has no " + missing)
			}
			s.around(t, func(t *testing.T) { s.run(t, c) })
		})
	}
}

// testCase is one case of the suite.
type testCase struct {
	name  string
	needs need
	run   func(e *env)
}

// need says which optional field of the Suite a case needs.
type need int

const (
	nothing need = iota
	advance
	forget
)

// cases are all of the suite. Each file adds its own.
var cases []testCase

// add adds cases; it returns something so that it can initialise a variable.
func add(list ...testCase) bool {
	cases = append(cases, list...)
	return true
}

func (s Suite) missing(c testCase) string {
	switch {
	case c.needs == advance && s.Advance == nil:
		return "Advance"
	case c.needs == forget && s.Forget == nil:
		return "Forget"
	}
	return ""
}

func (s Suite) around(t *testing.T, test func(t *testing.T)) {
	if s.Around == nil {
		test(t)
	} else {
		s.Around(t, test)
	}
}

// run runs one case. Problems go to t, which need not be a real test.
func (s Suite) run(t testing.TB, c testCase) {
	e := &env{TB: t, suite: s, broker: s.New(t)}
	c.run(e)
	e.finish()
}
