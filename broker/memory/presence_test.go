package memory

import (
	"testing"
	"time"

	"github.com/parley-ws/parley/broker"
)

// diffs is a Receiver that keeps who came and who went.
type diffs struct{ got []broker.Diff }

func (*diffs) Message(*broker.Message)               {}
func (*diffs) Gap(broker.Gap)                        {}
func (*diffs) Command(broker.Target, broker.Command) {}
func (d *diffs) Presence(_ string, diff broker.Diff) { d.got = append(d.got, diff) }

// Who comes back as the same, through another session or another node, has never been away.
func TestEnterAgain(t *testing.T) {
	b := New(Options{})
	defer b.Close()
	seen := &diffs{}
	var nodes []broker.Node
	for _, name := range []string{"one", "two"} {
		n, err := b.Attach(t.Context(), name, seen)
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	if err := nodes[0].Subscribe(t.Context(), broker.Exact("a")); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	for i, test := range []struct {
		node   int
		m      broker.Member
		joins  int
		leaves int
	}{
		{0, broker.Member{Key: "ann", Ref: "1", Session: "s1", Since: since}, 1, 0},
		{0, broker.Member{Key: "ann", Ref: "1", Session: "s2", Since: since}, 0, 0},
		{1, broker.Member{Key: "ann", Ref: "1", Session: "s3", Since: since}, 0, 0},
		{1, broker.Member{Key: "ann", Ref: "1", Session: "s3", Since: since, Meta: []byte("{}")}, 1, 1},
		{1, broker.Member{Key: "ann", Ref: "1", Session: "s3", Since: since.Add(1), Meta: []byte("{}")}, 1, 1},
		{1, broker.Member{Key: "bob", Ref: "1", Session: "s3", Since: since.Add(1), Meta: []byte("{}")}, 1, 1},
	} {
		seen.got = nil
		if err := nodes[test.node].Enter(t.Context(), "a", test.m); err != nil {
			t.Fatal(err)
		}
		switch list, err := nodes[0].Members(t.Context(), "a"); {
		case err != nil:
			t.Fatal(err)
		case len(list) != 1 || list[0].Session != test.m.Session || list[0].Node != []string{"one", "two"}[test.node]:
			t.Errorf("%d: members %+v", i, list)
		}
		if test.joins == 0 {
			if len(seen.got) != 0 {
				t.Errorf("%d: told of %+v", i, seen.got)
			}
			continue
		}
		if len(seen.got) != 1 || len(seen.got[0].Joins) != test.joins || len(seen.got[0].Leaves) != test.leaves {
			t.Errorf("%d: told of %+v", i, seen.got)
		}
	}
	// It is where it came last: the node where it was before does not take it along.
	seen.got = nil
	nodes[1].Close()
	if list, err := nodes[0].Members(t.Context(), "a"); err != nil || len(list) != 0 || len(seen.got) != 1 {
		t.Errorf("members %+v, told of %+v: %v", list, seen.got, err)
	}
}
