package native

import (
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// field is a member of a command that means something.
type field uint8

const (
	fType field = iota
	fID
	fTopic
	fPattern
	fPrefix
	fSince
	fPositions
	fHistory
	fPresence
	fEvent
	fData
	fText
	fB64
	fMid
	fProducer
	fKey
	fHeaders
	fContentType
	fEcho
	fMeta
	fMethod
	fArgs
	fCall
	fToken
	fName
	fVersion
	fLimit
	fWait
	fieldCount
)

var fieldNames = [fieldCount]string{
	"type", "id", "topic", "pattern", "prefix", "since", "positions", "history", "presence", "event", "data", "text", "b64", "mid",
	"producer", "key", "headers", "content_type", "echo", "meta", "method", "args", "call", "token", "name", "version", "limit", "wait_ms",
}

// fieldOf returns which field a name in quotes is, or fieldCount.
func fieldOf(quoted []byte) field {
	switch string(quoted) { // as clients write it; no copy is made
	case `"type"`:
		return fType
	case `"id"`:
		return fID
	case `"topic"`:
		return fTopic
	case `"data"`:
		return fData
	case `"event"`:
		return fEvent
	case `"mid"`:
		return fMid
	case `"text"`:
		return fText
	}
	if len(quoted) > 2+6*len("content_type") { // even if every letter is escaped
		return fieldCount
	}
	name := unquote(quoted)
	for f, known := range fieldNames {
		if name == known {
			return field(f)
		}
	}
	return fieldCount
}

// command is one command as it came: the texts of its members, which are lent. The first of its methods that finds something wrong sets err.
type command struct {
	raw   [fieldCount][]byte // nil for what is not there
	twice field              // a member that is there twice, or fieldCount
	name  string             // the type
	id    uint64             // 0 if there is none
	err   *hub.Error
}

// reader reads the commands of one body, which is a message or a request: objects one after the other, or an array of them.
type reader struct {
	scanner
	most  int // how many commands there may be
	count int
	array bool
	begun bool
}

// next reads the next command into c. ok is false at the end. An error is one after which nothing of the body can be trusted any more.
func (r *reader) next(c *command) (ok bool, err *hub.Error) {
	b := r.peek()
	if !r.begun {
		r.begun = true
		if b == 0 && r.i >= len(r.p) {
			return false, nothing()
		}
		if b == '[' {
			r.array = true
			r.i++
			b = r.peek()
			if b == ']' {
				if _, err := r.end(); err != nil {
					return false, err
				}
				return false, nothing()
			}
		}
	} else if r.array {
		switch b {
		case ',':
			r.i++
			b = r.peek()
		case ']':
			return r.end()
		default:
			return false, r.malformed()
		}
	} else if r.i >= len(r.p) {
		return false, nil
	}
	if b != '{' {
		if _, err := r.value(0); err != nil {
			return false, err
		}
		return false, hub.Errorf(hub.BadRequest, "a command must be a JSON object")
	}
	if r.count++; r.count > r.most {
		return false, hub.Errorf(hub.BadRequest, "more than %d commands came together: send fewer at once", r.most)
	}
	return true, r.command(c)
}

// nothing is the error for a body without a command.
func nothing() *hub.Error {
	return hub.Errorf(hub.BadRequest, "there is no command: a JSON object was expected")
}

// end takes the end of an array, after which nothing may come.
func (r *reader) end() (bool, *hub.Error) {
	r.i++
	if r.peek(); r.i < len(r.p) {
		return false, r.malformed()
	}
	return false, nil
}

func (r *reader) command(c *command) *hub.Error {
	*c = command{twice: fieldCount}
	r.half = 0
	depth := 0
	if r.array {
		depth = 1
	}
	err := r.object(depth, func(name, value []byte) *hub.Error {
		f := fieldOf(name)
		if f == fieldCount {
			return nil
		}
		if c.raw[f] != nil && c.twice == fieldCount {
			c.twice = f
		}
		c.raw[f] = value
		return nil
	})
	if err != nil {
		return err
	}
	if raw := c.raw[fID]; raw != nil && c.twice != fID {
		n, ok := integer(raw)
		if !ok || n == 0 {
			c.fail(`"id" must be an integer from 1 to 9007199254740991`)
		} else {
			c.id = n
		}
	}
	if c.twice != fieldCount {
		c.fail(`"%s" is there twice`, fieldNames[c.twice])
	}
	if r.half > 0 {
		c.fail("half a surrogate pair at byte %d: it is no text", r.half-1)
	}
	c.name = c.need(fType)
	return nil
}

// fail notes what is wrong, if nothing was before.
func (c *command) fail(format string, args ...any) {
	if c.err == nil {
		c.err = hub.Errorf(hub.BadRequest, format, args...)
	}
}

// has reports whether a member is there.
func (c *command) has(f field) bool { return c.raw[f] != nil }

// str returns a string, "" if it is not there.
func (c *command) str(f field) string {
	raw := c.raw[f]
	if raw == nil {
		return ""
	}
	if raw[0] != '"' {
		c.fail(`"%s" must be a string`, fieldNames[f])
		return ""
	}
	return unquote(raw)
}

// need is str for what must be there.
func (c *command) need(f field) string {
	if c.raw[f] == nil {
		c.fail(`"%s" is missing`, fieldNames[f])
	}
	return c.str(f)
}

// flag returns a boolean, or what holds where it is not there.
func (c *command) flag(f field, otherwise bool) bool {
	switch string(c.raw[f]) {
	case "":
		return otherwise
	case "true":
		return true
	case "false":
		return false
	}
	c.fail(`"%s" must be true or false`, fieldNames[f])
	return otherwise
}

// number returns an integer from least to 2^31-1, or what holds where it is not there.
func (c *command) number(f field, least, otherwise int) int {
	raw := c.raw[f]
	if raw == nil {
		return otherwise
	}
	n, ok := integer(raw)
	if !ok || n > 1<<31-1 || int(n) < least {
		c.fail(`"%s" must be an integer from %d to 2147483647`, fieldNames[f], least)
		return otherwise
	}
	return int(n)
}

// json returns a copy of any value, nil if it is not there.
func (c *command) json(f field) json.RawMessage { return slices.Clone(c.raw[f]) }

// topic returns the name of the one topic that a command is about.
func (c *command) topic() string {
	name := c.need(fTopic)
	if c.err == nil {
		if err := broker.CheckTopic(name); err != nil {
			c.fail(`"topic": %s`, plain(err))
		}
	}
	return name
}

// filter returns which topics a command is about.
func (c *command) filter() broker.Filter {
	n := 0
	for _, f := range [...]field{fTopic, fPattern, fPrefix} {
		if c.has(f) {
			n++
		}
	}
	if n != 1 {
		c.fail(`one of "topic", "pattern" and "prefix" must be there`)
		return broker.Filter{}
	}
	switch {
	case c.has(fTopic):
		return broker.Exact(c.topic())
	case c.has(fPrefix):
		f := broker.Prefix(c.str(fPrefix))
		if err := f.Check(); err != nil {
			c.fail(`"prefix": %s`, plain(err))
		}
		return f
	}
	f, err := broker.Pattern(c.str(fPattern))
	if err != nil {
		c.fail(`"pattern": %s`, plain(err))
	}
	return f
}

// since returns the position of a command, zero if there is none.
func (c *command) since() broker.Position {
	if !c.has(fSince) {
		return broker.Position{}
	}
	return c.position(fSince, c.str(fSince))
}

func (c *command) position(f field, s string) broker.Position {
	at, err := broker.ParsePosition(s)
	if c.err == nil && (err != nil || at.IsZero()) {
		c.fail(`"%s" must be a position as it was received, EPOCH:OFFSET`, fieldNames[f])
	}
	return at
}

// pairs calls each for the members of an object whose values are strings.
func (c *command) pairs(f field, each func(name, value string)) {
	raw := c.raw[f]
	if raw == nil {
		return
	}
	if raw[0] != '{' {
		c.fail(`"%s" must be an object of strings`, fieldNames[f])
		return
	}
	s := scanner{p: raw, depth: 2}
	err := s.object(0, func(name, value []byte) *hub.Error {
		if value[0] != '"' {
			return hub.Errorf(hub.BadRequest, "")
		}
		each(unquote(name), unquote(value))
		return nil
	})
	if err != nil {
		c.fail(`"%s" must be an object of strings`, fieldNames[f])
	}
}

// positions returns the positions of topics, nil if there are none.
func (c *command) positions() map[string]broker.Position {
	if !c.has(fPositions) {
		return nil
	}
	list := map[string]broker.Position{}
	c.pairs(fPositions, func(topic, at string) { list[topic] = c.position(fPositions, at) })
	return list
}

// message returns what is to be published.
func (c *command) message() *broker.Message {
	m := &broker.Message{
		Topic:       c.topic(),
		Event:       c.str(fEvent),
		ID:          c.str(fMid),
		Producer:    c.str(fProducer),
		Key:         c.str(fKey),
		ContentType: c.str(fContentType),
		NoEcho:      !c.flag(fEcho, true),
	}
	n := 0
	for _, f := range [...]field{fData, fText, fB64} {
		if c.has(f) {
			n++
		}
	}
	switch {
	case n != 1:
		c.fail(`one of "data", "text" and "b64" must be there`)
	case c.has(fData):
		m.Kind, m.Body = broker.JSON, c.json(fData)
	case c.has(fText):
		m.Kind, m.Body = broker.Text, []byte(c.str(fText))
	default:
		body, err := base64.StdEncoding.Strict().DecodeString(c.str(fB64))
		if err != nil {
			c.fail(`"b64" must be base64 with padding (RFC 4648, section 4)`)
		}
		m.Kind, m.Body = broker.Bytes, body
	}
	if c.has(fHeaders) {
		m.Headers = map[string]string{}
		c.pairs(fHeaders, func(name, value string) { m.Headers[name] = value })
	}
	return m
}

// plain is the text of an error of the broker, for the client.
func plain(err error) string {
	const ours = "broker: "
	if s := err.Error(); len(s) > len(ours) && s[:len(ours)] == ours {
		return s[len(ours):]
	}
	return err.Error()
}
