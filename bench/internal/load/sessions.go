package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Sessions opens clients of parley serve that are then silent.
type Sessions struct {
	// Form is how they speak.
	Form Form
	// Conns is their number.
	Conns int
	// Topic is the topic of all of them with a number behind it, so that each has its own.
	Topic string
}

// Open opens the clients and hands them to hold, while they are open.
func (o Sessions) Open(t Target, hold func() error) error {
	return onThread(t, func() error {
		var conns []*conn
		defer func() { hangUp(conns) }()
		for len(conns) < o.Conns {
			first := len(conns)
			topic := func(i int) string { return fmt.Sprintf("%s/%d", o.Topic, first+i) }
			more, err := t.clients(o.Form, min(batch, o.Conns-first), topic)
			conns = append(conns, more...)
			if err != nil {
				return err
			}
		}
		return hold()
	})
}

// clients opens n clients together, each with the topic of that number. Those that are open are returned with an error, too.
func (t Target) clients(f Form, n int, topic func(i int) string) (conns []*conn, err error) {
	to, err := t.address()
	if err != nil {
		return nil, err
	}
	for i := range n {
		c, err := open(to)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
		if err := c.send(f.request(t, topic(i))); err != nil {
			return conns, err
		}
	}
	for i, c := range conns {
		if c.rest, err = f.join(c, topic(i)); err != nil {
			return conns, err
		}
		if err := unix.SetNonblock(c.fd, true); err != nil {
			return conns, err
		}
	}
	return conns, nil
}
