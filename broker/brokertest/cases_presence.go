package brokertest

import (
	"fmt"
	"time"

	"github.com/parley-ws/parley/broker"
)

var _ = add(
	testCase{name: "Presence", run: presence},
	testCase{name: "PresenceReplaced", run: presenceReplaced},
	testCase{name: "PresenceComesBack", run: presenceComesBack},
	testCase{name: "PresenceAtClose", run: presenceAtClose},
	testCase{name: "PresenceInOrder", run: presenceInOrder},
	testCase{name: "Commands", run: commands},
)

// diffsUntil returns the diffs of a topic when there are n, and nothing follows.
func (p *peer) diffsUntil(topic string, n int) []broker.Diff {
	p.e.Helper()
	p.eventually(fmt.Sprintf("diff %d of %s", n, topic), func() bool { return len(p.diffs[topic]) >= n })
	p.e.settle()
	return p.diffsOf(topic)
}

// presence: who came, who went, who is there.
func presence(e *env) {
	a, b, c := e.attach("a"), e.attach("b", broker.Exact("room")), e.attach("c", broker.Filter{Type: broker.Subtree}, broker.Exact("room"))
	if got := a.members("room"); len(got) != 0 {
		e.Errorf("in an empty room: %s", refs(got))
	}
	since := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	full := broker.Member{Key: "mia", Ref: "2", Meta: []byte(`{"x":1}`), Session: "s", Since: since}
	a.enter("room", full)
	b.enter("room", broker.Member{Key: "leo", Ref: "9"})
	b.enter("room", broker.Member{Key: "mia", Ref: "1"})
	a.enter("hall", broker.Member{Key: "mia", Ref: "2"}) // the ref is of the room alone
	want := "3 [leo/9@b mia/1@b mia/2{\"x\":1}@a]"
	for _, p := range []*peer{a, b, c} {
		got := p.members("room")
		e.same(p.name+": who is in the room", refs(got), want)
		if m := got[2]; m.Session != "s" || !m.Since.Equal(since) {
			e.Errorf("%s: the member came as %+v", p.name, m)
		}
	}
	a.leave("room", "nobody")
	a.leave("nowhere", "2")
	a.leave("room", "2")
	a.leave("room", "2")
	b.leave("room", "9") // the last one to go is mia/1
	b.leave("room", "1")
	for _, p := range []*peer{b, c} {
		e.same(p.name+": what happened in the room", changes(p.diffsUntil("room", 6)), list([]string{
			`-0 []+1 [mia/2{"x":1}@a]`, `-0 []+1 [leo/9@b]`, `-0 []+1 [mia/1@b]`,
			`-1 [mia/2{"x":1}@a]+0 []`, `-1 [leo/9@b]+0 []`, `-1 [mia/1@b]+0 []`,
		}))
	}
	e.same("what c heard of the hall", changes(c.diffsUntil("hall", 1)), list([]string{`-0 []+1 [mia/2@a]`}))
	if got := b.diffsOf("hall"); len(got) > 0 {
		e.Errorf("b has not subscribed to the hall, and heard %s", changes(got))
	}
	e.same("who is in the hall", refs(a.members("hall")), "1 [mia/2@a]")
	e.same("who is in the room", refs(a.members("room")), "0 []")
}

// presenceReplaced: entering again with the same ref takes the place of the first.
func presenceReplaced(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("room"))
	a.enter("room", broker.Member{Key: "mia", Ref: "1", Meta: []byte(`{"n":1}`)})
	a.enter("room", broker.Member{Key: "mia", Ref: "1", Meta: []byte(`{"n":2}`)})
	e.same("who is there", refs(b.members("room")), `1 [mia/1{"n":2}@a]`)
	// It moves to another node, and stays when the first one goes.
	b.enter("room", broker.Member{Key: "mia", Ref: "1", Meta: []byte(`{"n":3}`)})
	a.close()
	e.same("what happened", changes(b.diffsUntil("room", 3)), list([]string{
		`-0 []+1 [mia/1{"n":1}@a]`, `-1 [mia/1{"n":1}@a]+1 [mia/1{"n":2}@a]`, `-1 [mia/1{"n":2}@a]+1 [mia/1{"n":3}@b]`,
	}))
	e.same("who is there in the end", refs(b.members("room")), `1 [mia/1{"n":3}@b]`)
}

// presenceComesBack: nobody is told of who enters again as another session, be it on another node; Members says which it is.
func presenceComesBack(e *env) {
	a, b, c := e.attach("a"), e.attach("b", broker.Exact("room")), e.attach("c", broker.Exact("room"))
	mia := broker.Member{Key: "mia", Ref: "1", Meta: []byte(`{"n":1}`), Session: "s1", Since: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)}
	where := func(want string) {
		e.Helper()
		for _, p := range []*peer{b, c} {
			list := p.members("room")
			e.same(p.name+": who is there", refs(list), `1 [mia/1{"n":1}@`+want[:1]+`]`)
			e.same(p.name+": where it is", list[0].Node+" "+list[0].Session, want)
		}
	}
	a.enter("room", mia)
	where("a s1")
	mia.Session = "s2"
	a.enter("room", mia)
	where("a s2")
	mia.Session = "s3"
	c.enter("room", mia)
	where("c s3")
	a.close() // it is not there any more
	e.settle()
	where("c s3")
	mia.Meta = []byte(`{"n":2}`)
	c.enter("room", mia) // of this they are told
	for _, p := range []*peer{b, c} {
		e.same(p.name+": what happened", changes(p.diffsUntil("room", 2)), list([]string{
			`-0 []+1 [mia/1{"n":1}@a]`, `-1 [mia/1{"n":1}@c]+1 [mia/1{"n":2}@c]`,
		}))
	}
}

// presenceAtClose: those of a node go with it, and no others.
func presenceAtClose(e *env) {
	a, b := e.attach("a"), e.attach("b", broker.Exact("room"), broker.Exact("hall"))
	a.enter("room", broker.Member{Key: "mia", Ref: "1"})
	a.enter("room", broker.Member{Key: "leo", Ref: "2"})
	a.enter("hall", broker.Member{Key: "leo", Ref: "2"})
	b.enter("room", broker.Member{Key: "ida", Ref: "3"})
	b.diffsUntil("room", 3)
	a.close()
	b.eventually("the leaving of a's members", func() bool {
		left := 0
		for _, topic := range []string{"room", "hall"} {
			for _, d := range b.diffs[topic] {
				left += len(d.Leaves)
			}
		}
		return left == 3
	})
	e.same("who is in the room", refs(b.members("room")), "1 [ida/3@b]")
	e.same("who is in the hall", refs(b.members("hall")), "0 []")
	e.settle()
	present := map[string]int{}
	for _, d := range b.diffsOf("room") {
		for _, m := range d.Joins {
			present[m.Ref]++
		}
		for _, m := range d.Leaves {
			present[m.Ref]--
		}
	}
	if present["1"] != 0 || present["2"] != 0 || present["3"] != 1 {
		e.Errorf("by the diffs there are %v", present)
	}
}

// presenceInOrder: who goes by the diffs has what Members says, however many come and go at once.
func presenceInOrder(e *env) {
	nodes := []*peer{e.attach("a", broker.Exact("room")), e.attach("b", broker.Exact("room"))}
	e.parallel(4, func(i int) error {
		n := nodes[i%2]
		for k := range 20 {
			ref := fmt.Sprint(k % 3) // of all
			if err := n.Enter(e.Context(), "room", broker.Member{Key: "k", Ref: ref, Meta: fmt.Appendf(nil, `{"i":%d,"k":%d}`, i, k)}); err != nil {
				return err
			}
			if (i+k)%2 == 0 {
				if err := n.Leave(e.Context(), "room", ref); err != nil {
					return err
				}
			}
		}
		return nil
	})
	e.settle()
	want := refs(nodes[0].members("room"))
	for _, n := range nodes {
		here := map[string]broker.Member{}
		for i, d := range n.diffsOf("room") {
			for _, m := range d.Leaves {
				if before, ok := here[m.Ref]; !ok || refs([]broker.Member{before}) != refs([]broker.Member{m}) {
					e.Fatalf("%s: diff %d: %s left, but there was %s", n.name, i, refs([]broker.Member{m}), refs([]broker.Member{before}))
				}
				delete(here, m.Ref)
			}
			for _, m := range d.Joins {
				if before, ok := here[m.Ref]; ok {
					e.Fatalf("%s: diff %d: %s came, but there still was %s", n.name, i, refs([]broker.Member{m}), refs([]broker.Member{before}))
				}
				here[m.Ref] = m
			}
		}
		var list []broker.Member
		for _, ref := range []string{"0", "1", "2"} {
			if m, ok := here[ref]; ok {
				list = append(list, m)
			}
		}
		e.same(n.name+": who is there by the diffs", refs(list), want)
	}
}

// commands: who is named gets them, and only those.
func commands(e *env) {
	a, b, c := e.attach("a"), e.attach("b"), e.attach("c")
	send := func(p *peer, t broker.Target, op string) {
		e.Helper()
		if err := p.Send(e.Context(), t, broker.Command{Op: op, Args: []byte(`{"x":1}`), From: "nobody"}); err != nil {
			e.Fatalf("Send: %v", err)
		}
	}
	send(a, broker.Target{Node: "b", Session: "s1"}, "to b")
	send(a, broker.Target{Node: "a"}, "to a")
	send(a, broker.Target{Node: "nobody"}, "to nobody")
	send(b, broker.Target{User: "mia", Topic: "news"}, "to all")
	for _, c := range []struct {
		p    *peer
		want []string
	}{
		{a, []string{"to a of a {Node:a Session: User: Topic:}", "to all of b {Node: Session: User:mia Topic:news}"}},
		{b, []string{"to b of a {Node:b Session:s1 User: Topic:}", "to all of b {Node: Session: User:mia Topic:news}"}},
		{c, []string{"to all of b {Node: Session: User:mia Topic:news}"}},
	} {
		c.p.eventually("the commands", func() bool { return len(c.p.commands) >= len(c.want) })
		e.settle()
		var got []string
		for _, s := range c.p.sent() {
			got = append(got, fmt.Sprintf("%s of %s %+v", s.command.Op, s.command.From, s.to))
			e.same("the arguments", string(s.command.Args), `{"x":1}`)
		}
		e.same("the commands that "+c.p.name+" got", list(got), list(c.want))
	}
}
