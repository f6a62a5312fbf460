package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// scan takes the whole units at the beginning of p, which came at that time, and returns the rest. A message that another subscriber has
// got already looks the same here: then it need not be taken apart.
func (f *fanout) scan(c *conn, p []byte, now time.Duration) (rest []byte, err error) {
	s := c.sub
	for len(p) > 0 {
		if s.next >= 0 && s.next < len(f.units) {
			want := f.units[s.next]
			if len(p) >= len(want) && len(want) > 0 && bytes.Equal(p[:len(want)], want) {
				p = p[len(want):]
				if err := f.got(s, now); err != nil {
					return p, err
				}
				continue
			}
		}
		form := f.Form
		if c == f.pub {
			form = Native
		}
		u, err := form.cut(p)
		if err != nil || u.size == 0 {
			return p, err
		}
		if err := f.unit(c, u, p[:u.size], now); err != nil {
			return p, err
		}
		p = p[u.size:]
	}
	return p, nil
}

// got notes that a subscriber has got its next message.
func (f *fanout) got(s *sub, now time.Duration) error {
	if s.next >= f.from {
		took := now - f.due(s.next)
		f.times.add(took)
		if f.GiveUp > 0 && took > f.GiveUp {
			return ErrBehind
		}
	}
	s.next++
	f.messages++
	return nil
}

// unit takes a unit that is not what the subscriber was to get next, as far as is known.
func (f *fanout) unit(c *conn, u unit, all []byte, now time.Duration) error {
	switch {
	case u.op == 9:
		return c.send(appendFrame(nil, 10, u.data, true))
	case u.op == 8:
		reason := u.data
		if len(reason) >= 2 {
			reason = fmt.Appendf(nil, "%d %s", int(reason[0])<<8|int(reason[1]), reason[2:])
		}
		return fmt.Errorf("load: the server closed a connection: %s", reason)
	case u.op != text:
		return fmt.Errorf("load: a frame with the opcode %d came", u.op)
	}
	n, ok := number(u.data)
	switch {
	case c == f.pub:
		return fmt.Errorf("load: whoever publishes got %q", u.data)
	case ok:
		return f.message(c, n, u.data, all, now)
	case gap(u.data):
		c.sub.gap = true
		f.gaps++
		return nil
	case bytes.HasPrefix(u.data, []byte(`{"type":"error"`)):
		return fmt.Errorf("load: a subscriber got %q", u.data)
	}
	return nil // the place where a stream begins, a comment
}

// gap reports whether a unit is the notice of a gap.
func gap(data []byte) bool {
	return bytes.HasPrefix(data, []byte(`{"type":"gap"`)) || bytes.Contains(data, []byte("event: gap\n"))
}

// number returns the number of the message in a unit.
func number(data []byte) (n int, ok bool) {
	_, digits, ok := bytes.Cut(data, []byte(numbered))
	if !ok || len(digits) < 8 {
		return 0, false
	}
	n, err := strconv.Atoi(string(digits[:8]))
	return n, err == nil
}

// message takes a message that is the first with its number, or not the one that was to come.
func (f *fanout) message(c *conn, n int, data, all []byte, now time.Duration) error {
	s := c.sub
	switch {
	case n >= f.sent:
		return fmt.Errorf("load: message %d came before it was published", n)
	case s.next < 0: // the first
		s.next = n
		f.started++
	case n < s.next:
		return fmt.Errorf("load: message %d came where %d was to be: twice, or out of order", n, s.next)
	case n > s.next && !s.gap:
		return fmt.Errorf("load: message %d came where %d was to be, without notice of a gap", n, s.next)
	case n > s.next:
		f.lost += int64(n - s.next)
		s.next = n
	}
	s.gap = false
	for len(f.units) <= n {
		f.units = append(f.units, nil)
	}
	if known := f.units[n]; known == nil {
		if err := f.check(n, data); err != nil {
			return err
		}
		f.units[n] = bytes.Clone(all)
	} else if !bytes.Equal(known, all) {
		return fmt.Errorf("load: message %d is %q for one subscriber and %q for another", n, known, all)
	}
	return f.got(s, now)
}

// check checks what a message looks like that nobody has had before.
func (f *fanout) check(n int, data []byte) error {
	if !bytes.Contains(data, f.body(nil, n)) {
		return errors.Join(errNotExact, fmt.Errorf("load: message %d is %q", n, data))
	}
	offset, err := f.Form.position(data)
	if err != nil || offset == 0 {
		return err
	}
	if f.offset == 0 {
		f.offset = offset - uint64(n)
	}
	if f.offset+uint64(n) != offset {
		return fmt.Errorf("load: message %d has the offset %d, where %d was to be", n, offset, f.offset+uint64(n))
	}
	return nil
}
