package load

import (
	"bytes"
	"slices"
	"time"
)

// Latency sends messages at a fixed rate, whether or not earlier ones have come back.
type Latency struct {
	// Size is that of a message in bytes.
	Size int
	// Conns is the number of connections, which take turns.
	Conns int
	// Rate is the number of messages in a second.
	Rate int
}

// due is a message under way: which, and when it should have been sent.
type due struct {
	turn int
	at   time.Time
}

// Run measures a round. The time of a message counts from the moment at which it was due, even if the generator is late.
func (o Latency) Run(t Target) (m Measure, err error) {
	list := Echo{Size: o.Size, Flight: 1}.exchanges(t.Raw)
	var took []time.Duration
	err = onThread(t, func() error {
		conns, _, err := t.dial(o.Conns, "")
		if err != nil {
			return err
		}
		defer hangUp(conns)
		l := &loop{conns: conns}
		took = make([]time.Duration, 0, int(float64(o.Rate)*(t.Warm+t.Measure).Seconds())+o.Rate)
		l.handle = func(c *conn, p []byte) error {
			for len(p) > 0 {
				if len(c.due) == 0 {
					return errNotExact
				}
				reply := list[c.due[0].turn%len(list)].reply
				n := min(len(p), len(reply)-c.got)
				if !bytes.Equal(p[:n], reply[c.got:c.got+n]) {
					return errNotExact
				}
				p = p[n:]
				if c.got += n; c.got < len(reply) {
					return nil
				}
				took = append(took, time.Since(c.due[0].at))
				c.got = 0
				c.due = c.due[:copy(c.due, c.due[1:])]
				l.messages++
			}
			return nil
		}
		begin, sent := time.Time{}, 0
		l.before = func(now time.Time) error {
			if begin.IsZero() {
				begin = now
			}
			for {
				at := begin.Add(time.Duration(sent) * time.Second / time.Duration(o.Rate))
				if at.After(now) {
					return nil
				}
				c := conns[sent%len(conns)]
				c.due = append(c.due, due{sent, at})
				if err := c.send(list[sent%len(list)].request); err != nil {
					return err
				}
				sent++
			}
		}
		m, err = l.run(t, func(*conn) error { return nil })
		return err
	})
	if err == nil {
		took = took[len(took)-int(m.Messages):]
		slices.Sort(took)
		m.P50, m.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	return m, err
}
