package load

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"time"
)

// Room sends messages to a room that delivers each to everybody in it, the sender included.
type Room struct {
	// Size is that of a message in bytes.
	Size int
	// Conns is how many are in the room.
	Conns int
	// Flight is how many messages are under way: the next is sent when the oldest has reached everybody.
	Flight int
}

// Run measures a round. Its messages are deliveries.
func (o Room) Run(t Target) (m Measure, err error) {
	r := rand.New(rand.NewPCG(2, uint64(o.Size)))
	list := make([]exchange, 64)
	for i := range list {
		p := plain(r, o.Size)
		list[i] = exchange{appendFrame(nil, text, p, true), appendFrame(nil, text, p, false)}
	}
	err = onThread(t, func() error {
		conns, _, err := t.dial(o.Conns, "")
		if err != nil {
			return err
		}
		defer hangUp(conns)
		l := &loop{conns: conns}
		sent, done := 0, 0           // messages sent, and those of them that everybody has
		reached := make([]int, 1024) // how many have message i, at i%1024
		l.handle = func(c *conn, p []byte) error {
			for len(p) > 0 {
				reply := list[c.turn%len(list)].reply
				n := min(len(p), len(reply)-c.got)
				if !bytes.Equal(p[:n], reply[c.got:c.got+n]) {
					return errNotExact
				}
				p = p[n:]
				if c.got += n; c.got < len(reply) {
					return nil
				}
				if c.turn >= sent {
					return errors.New("load: a message was delivered twice")
				}
				c.got = 0
				l.messages++
				reached[c.turn%len(reached)]++
				c.turn++
				for done < sent && reached[done%len(reached)] == o.Conns {
					reached[done%len(reached)] = 0
					done++
				}
			}
			return nil
		}
		// What may be sent leaves together.
		l.before = func(time.Time) error {
			if sent-done == o.Flight {
				return nil
			}
			var b []byte
			for ; sent-done < o.Flight; sent++ {
				b = append(b, list[sent%len(list)].request...)
			}
			return conns[0].send(b)
		}
		m, err = l.run(t, func(*conn) error { return nil })
		return err
	})
	return m, err
}
