package native

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// The functions below append to frames: what is JSON already is copied as it is, everything else is escaped where it must be.

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || n != 1 {
				i += n
				continue
			}
		}
		b = append(b, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, "\ufffd"...)
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// begin begins a frame of this type, with the command that it answers if id is not 0.
func begin(b []byte, kind string, id uint64) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, '"')
	if id != 0 {
		b = append(b, `,"re":`...)
		b = strconv.AppendUint(b, id, 10)
	}
	return b
}

// name appends a comma and the name of a member.
func name(b []byte, s string) []byte {
	b = append(b, ',', '"')
	b = append(b, s...)
	return append(b, '"', ':')
}

// appendStr appends a member that is a string, unless it is empty.
func appendStr[T string | []byte](b []byte, member string, s T) []byte {
	if len(s) == 0 {
		return b
	}
	return appendString(name(b, member), s)
}

// appendInt appends a member that is a number.
func appendInt(b []byte, member string, n int64) []byte {
	return strconv.AppendInt(name(b, member), n, 10)
}

// appendBool appends a member that is true or false.
func appendBool(b []byte, member string, v bool) []byte {
	return strconv.AppendBool(name(b, member), v)
}

// appendJSON appends a member that is JSON already, unless there is none.
func appendJSON(b []byte, member string, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return append(name(b, member), v...)
}

// appendAt appends a position, unless it is zero.
func appendAt(b []byte, member string, at broker.Position) []byte {
	if at.IsZero() {
		return b
	}
	b = append(name(b, member), '"')
	b = append(b, at.Epoch...)
	b = append(b, ':')
	b = strconv.AppendUint(b, at.Offset, 10)
	return append(b, '"')
}

// milliseconds rounds up, so that nobody comes too early.
func milliseconds(d time.Duration) int64 {
	return int64((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

// appendFilter appends the member that names topics, as in the commands.
func appendFilter(b []byte, f broker.Filter) []byte {
	switch f.Type {
	case broker.ExactTopic:
		return appendString(name(b, "topic"), f.Name)
	case broker.BytePrefix:
		return appendString(name(b, "prefix"), f.Name)
	}
	return appendString(name(b, "pattern"), f.String())
}

// appendMatched appends by which filters something came, if not only by the topic itself.
func appendMatched(b []byte, matched []broker.Filter) []byte {
	if len(matched) == 0 {
		return b
	}
	b = append(name(b, "matched"), '[')
	for _, f := range matched {
		at := len(b)
		b = appendFilter(b, f)
		b[at] = '{' // the comma before the member
		b = append(b, '}', ',')
	}
	b[len(b)-1] = ']'
	return b
}

// appendMessage appends the frame of a message.
func appendMessage(b []byte, m *broker.Message, matched []broker.Filter) []byte {
	b = begin(b, "message", 0)
	b = appendString(name(b, "topic"), m.Topic)
	b = appendAt(b, "position", m.Position)
	b = appendStr(b, "event", m.Event)
	switch m.Kind {
	case broker.JSON:
		b = appendJSON(b, "data", m.Body)
	case broker.Text:
		b = appendString(name(b, "text"), m.Body)
	default:
		b = append(name(b, "b64"), '"')
		b = base64.StdEncoding.AppendEncode(b, m.Body)
		b = append(b, '"')
	}
	b = appendStr(b, "content_type", m.ContentType)
	b = appendStr(b, "mid", m.ID)
	b = appendStr(b, "key", m.Key)
	b = appendStr(b, "from", m.From)
	if len(m.Headers) > 0 {
		b = append(name(b, "headers"), '{')
		for _, k := range slices.Sorted(maps.Keys(m.Headers)) {
			b = append(appendString(b, k), ':')
			b = append(appendString(b, m.Headers[k]), ',')
		}
		b[len(b)-1] = '}'
	}
	if !m.Time.IsZero() {
		b = appendInt(b, "time", m.Time.UnixMilli())
	}
	b = appendMatched(b, matched)
	return append(b, '}')
}

// appendMembers appends a list of who is present.
func appendMembers(b []byte, member string, list []broker.Member) []byte {
	b = append(name(b, member), '[')
	for i := range list {
		b = append(appendMember(b, &list[i]), ',')
	}
	if len(list) > 0 {
		b = b[:len(b)-1]
	}
	return append(b, ']')
}

func appendMember(b []byte, m *broker.Member) []byte {
	b = append(b, `{"key":`...)
	b = appendString(b, m.Key)
	b = appendStr(b, "ref", m.Ref)
	b = appendJSON(b, "meta", m.Meta)
	b = appendStr(b, "session", m.Session)
	if !m.Since.IsZero() {
		b = appendInt(b, "since", m.Since.UnixMilli())
	}
	return append(b, '}')
}

// appendSubscribed appends the answer to a subscribe. members says that who is present was asked for.
func appendSubscribed(b []byte, id uint64, r *hub.Subscribed, members bool) []byte {
	b = begin(b, "subscribed", id)
	b = appendFilter(b, r.Filter)
	b = appendOutcome(b, r)
	if r.Topics != nil {
		b = append(name(b, "topics"), '{')
		for _, topic := range slices.Sorted(maps.Keys(r.Topics)) {
			one := r.Topics[topic]
			b = append(appendString(b, topic), ':')
			at := len(b)
			if b = appendOutcome(b, &one); len(b) == at {
				b = append(b, '{')
			} else {
				b[at] = '{'
			}
			b = append(b, '}', ',')
		}
		if len(r.Topics) > 0 {
			b = b[:len(b)-1]
		}
		b = append(b, '}')
	}
	if members {
		b = appendMembers(b, "members", r.Members)
	}
	return append(b, '}')
}

// appendOutcome appends where a topic is, and what became of resuming.
func appendOutcome(b []byte, r *hub.Subscribed) []byte {
	b = appendAt(b, "position", r.Position)
	if r.Resumed {
		b = appendBool(b, "recovered", r.Recovered)
	}
	if r.Replayed > 0 {
		b = appendInt(b, "replayed", int64(r.Replayed))
	}
	return b
}

// appendError appends an error as a member.
func appendError(b []byte, e *hub.Error) []byte {
	b = append(b, `,"error":{"code":`...)
	b = appendString(b, string(e.Code))
	b = appendStr(b, "text", e.Text)
	b = appendBool(b, "retry", e.Retry)
	if e.After > 0 {
		b = appendInt(b, "after_ms", milliseconds(e.After))
	}
	return append(b, '}')
}

// errorFrame returns the frame that says that a command failed.
func errorFrame(id uint64, e *hub.Error) []byte {
	return append(appendError(begin(nil, "error", id), e), '}')
}
