package load

import (
	"bytes"
	"errors"
	"math/rand/v2"
)

// Echo sends messages that come back.
type Echo struct {
	// Size is that of a message in bytes.
	Size int
	// Conns is the number of connections.
	Conns int
	// Flight is how many messages a connection sends together; when all have come back, it sends the next ones.
	Flight int
}

// exchange is what is sent together, and what must come back.
type exchange struct {
	request, reply []byte
}

// exchanges returns a few of them, of which no two are alike.
func (e Echo) exchanges(raw bool) []exchange {
	r := rand.New(rand.NewPCG(1, uint64(e.Size)))
	count := max(2, min(64, 1<<20/e.Size))
	list := make([]exchange, count)
	for i := range list {
		x := &list[i]
		for range e.Flight {
			p := plain(r, e.Size)
			x.request = appendFrame(x.request, text, p, true)
			x.reply = appendFrame(x.reply, text, p, false)
		}
		if raw {
			x.reply = x.request
		}
	}
	return list
}

// errNotExact fails a round.
var errNotExact = errors.New("load: a reply differs from what was sent")

// Run measures a round.
func (e Echo) Run(t Target) (m Measure, err error) {
	list := e.exchanges(t.Raw)
	err = onThread(t, func() error {
		conns, _, err := t.dial(e.Conns, "")
		if err != nil {
			return err
		}
		defer hangUp(conns)
		l := &loop{conns: conns}
		l.handle = func(c *conn, p []byte) error {
			for len(p) > 0 {
				x := &list[c.turn%len(list)]
				n := min(len(p), len(x.reply)-c.got)
				if !bytes.Equal(p[:n], x.reply[c.got:c.got+n]) {
					return errNotExact
				}
				p = p[n:]
				if c.got += n; c.got < len(x.reply) {
					return nil
				}
				if len(p) > 0 {
					return errors.New("load: more came back than was sent")
				}
				l.messages += int64(e.Flight)
				c.got = 0
				c.turn++
				if err := c.send(list[c.turn%len(list)].request); err != nil {
					return err
				}
			}
			return nil
		}
		for i, c := range conns {
			c.turn = i
		}
		m, err = l.run(t, func(c *conn) error { return c.send(list[c.turn%len(list)].request) })
		return err
	})
	return m, err
}
