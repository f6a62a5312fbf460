package check

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Kind is what is seen of a subject.
type Kind string

// The kinds of what is seen.
const (
	SawHandshake Kind = "handshake" // its request or its response
	SawMessage   Kind = "message"   // a whole message
	SawPing      Kind = "ping"      // a ping; fits no pattern and disturbs none
	SawPong      Kind = "pong"      // a pong
	SawClose     Kind = "close"     // its close frame; code 1005 if it was empty
	SawEnd       Kind = "end"       // it ended the TCP connection without a close frame
	SawLate      Kind = "late"      // the time it was given to fail at once is over
	SawSilence   Kind = "silence"   // nothing more came of it, and the connection is open
	SawGone      Kind = "gone"      // it ended the TCP connection after its close frame; seen only by cases that name it
	SawViolation Kind = "violation" // it sent what nobody may send; fits no pattern
)

// An Event is one thing that was seen of the subject.
type Event struct {
	Kind   Kind          // what it is
	Op     Op            // of a message
	Data   []byte        // of a message or pong, the reason of a close; only the beginning once it has been judged
	Size   int           // bytes of Data when it came
	Code   int           // of a close
	Status int           // of a response; 101 for the request of a client
	Text   string        // what is wrong, for a violation or an end
	At     time.Duration // since the case began

	deflated bool       // the message came compressed
	shake    *handshake // what is wrong with a handshake, and what was agreed
}

// A Pattern is what an event has to be in an outcome.
type Pattern struct {
	Kind     Kind           // what it has to be
	Op       Op             // of a message
	Data     *Data          // of a message or pong; nil means any
	Codes    []int          // of a close; none means any
	Statuses []int          // of a handshake; one digit stands for all that begin with it, none means any but 101
	Field    string         // of a handshake: a field that has to be there, as in "Allow", or a token in it, as in "Upgrade: websocket"
	Rules    []string       // of a handshake: what is judged in it; none means every rule
	Agreed   *regexp.Regexp // of a handshake: the extensions that were agreed
	Declined bool           // of a handshake: no extension was agreed
	Optional bool           // it need not come
	Repeated bool           // it may come again
}

// Patterns.

// echoed is a message, as it was sent.
func echoed(op Op, d Data) Pattern { return Pattern{Kind: SawMessage, Op: op, Data: &d} }
func ponged(d Data) Pattern        { return Pattern{Kind: SawPong, Data: &d} }

// closed is a close frame with one of the codes, dropped the end of the connection without one.
func closed(codes ...int) Pattern { return Pattern{Kind: SawClose, Codes: codes} }
func dropped() Pattern            { return Pattern{Kind: SawEnd} }
func late() Pattern               { return Pattern{Kind: SawLate} }
func silent() Pattern             { return Pattern{Kind: SawSilence} }
func gone() Pattern               { return Pattern{Kind: SawGone} }

// opened is a handshake that succeeded, with what the rules named say as it should be.
func opened(rules ...string) Pattern {
	return Pattern{Kind: SawHandshake, Statuses: []int{101}, Rules: rules}
}

// agreed is a handshake that succeeded with extensions that match.
func agreed(extensions string) Pattern {
	return Pattern{Kind: SawHandshake, Statuses: []int{101}, Agreed: regexp.MustCompile("(?i)^(?:" + extensions + ")$")}
}

// declined is a handshake that succeeded without an extension.
func declined() Pattern {
	return Pattern{Kind: SawHandshake, Statuses: []int{101}, Declined: true}
}

// refused is a handshake that was answered with one of the statuses, or any but 101; 4 means all from 400 to 499.
func refused(statuses ...int) Pattern { return Pattern{Kind: SawHandshake, Statuses: statuses} }

func (p Pattern) field(f string) Pattern { p.Field = f; return p }
func (p Pattern) optional() Pattern      { p.Optional = true; return p }
func (p Pattern) repeated() Pattern      { p.Repeated = true; return p }

// fits reports whether the event is what the pattern says.
func (p *Pattern) fits(e *Event) bool {
	if p.Kind != e.Kind {
		return false
	}
	switch p.Kind {
	case SawMessage:
		return p.Op == e.Op && (p.Data == nil || p.Data.Len() == e.Size && bytes.Equal(p.Data.Bytes(), e.Data))
	case SawPong:
		return p.Data == nil || bytes.Equal(p.Data.Bytes(), e.Data)
	case SawClose:
		return len(p.Codes) == 0 || slices.Contains(p.Codes, e.Code)
	case SawHandshake:
		switch {
		case len(p.Statuses) == 0 && e.Status == 101:
			return false
		case len(p.Statuses) > 0 && !slices.Contains(p.Statuses, e.Status) && !slices.Contains(p.Statuses, e.Status/100):
			return false
		case p.Field != "" && !e.shake.head.names(p.Field):
			return false
		case e.Status != 101:
			return e.shake.broken([]string{ruleInjected}) == ""
		case e.shake.broken(p.Rules) != "":
			return false
		case p.Declined:
			return e.shake.extensions == ""
		case p.Agreed != nil:
			return p.Agreed.MatchString(e.shake.extensions)
		}
	}
	return true
}

// String describes what is expected in a few words.
func (p *Pattern) String() string {
	var s string
	switch p.Kind {
	case SawHandshake:
		switch {
		case len(p.Statuses) == 0:
			s = "a refused handshake"
		case p.Statuses[0] != 101:
			s = "a handshake refused with " + either(p.Statuses)
		case p.Declined:
			s = "a handshake without extension"
		case p.Agreed != nil:
			s = "a handshake that agrees on " + p.Agreed.String()[len("(?i)^(?:"):len(p.Agreed.String())-len(")$")]
		default:
			s = "a handshake"
		}
	case SawMessage:
		s = fmt.Sprintf("a %v message", p.Op)
		if p.Data != nil {
			s += " " + p.Data.String()
		}
	case SawPong:
		s = "a pong"
		if p.Data != nil {
			s += " " + p.Data.String()
		}
	case SawClose:
		s = "a close"
		if len(p.Codes) > 0 {
			s += " with " + either(p.Codes)
		}
	case SawEnd:
		s = "the end of the connection"
	case SawLate:
		s = "nothing at first"
	case SawSilence:
		s = "nothing more"
	case SawGone:
		s = "the end of the TCP connection"
	default:
		s = string(p.Kind)
	}
	if p.Field != "" {
		s += " that has " + p.Field
	}
	if p.Repeated {
		s += ", any number of times"
	}
	if p.Optional {
		s += " or not"
	}
	return s
}

func either(numbers []int) string {
	s := make([]string, len(numbers))
	for i, n := range numbers {
		if s[i] = fmt.Sprint(n); n < 10 { // all statuses that begin with it
			s[i] += "xx"
		}
	}
	return strings.Join(s, " or ")
}

// String describes what was seen in a few words.
func (e *Event) String() string {
	switch e.Kind {
	case SawHandshake:
		s := fmt.Sprintf("a handshake with status %d", e.Status)
		if e.shake != nil {
			if e.shake.extensions != "" {
				s += " and the extensions " + e.shake.extensions
			}
			if why := e.shake.broken(nil); why != "" {
				s += ": " + why
			}
		}
		return s
	case SawMessage:
		return fmt.Sprintf("a %v message %s", e.Op, e.shown())
	case SawPing, SawPong:
		return fmt.Sprintf("a %s %s", e.Kind, e.shown())
	case SawClose:
		if e.Code == 1005 {
			return "an empty close"
		}
		if e.Size == 0 {
			return fmt.Sprintf("a close with %d", e.Code)
		}
		return fmt.Sprintf("a close with %d %s", e.Code, e.shown())
	case SawEnd:
		return "the end of the connection without a close (" + e.Text + ")"
	case SawLate:
		return "no failure at once"
	case SawSilence:
		return "nothing more"
	case SawGone:
		return "the end of the TCP connection"
	}
	return e.Text
}

func (e *Event) shown() string {
	if e.Size > len(e.Data) {
		return fmt.Sprintf("of %d bytes", e.Size)
	}
	return quote(e.Data)
}

// A follower follows one outcome, event by event. The places are those in its patterns where the next event has to fit.
type follower struct {
	outcome *Outcome
	places  []int
}

func follow(o *Outcome) *follower {
	f := &follower{outcome: o}
	f.reach(0)
	return f
}

// reach adds the place i, and those behind patterns that need not come.
func (f *follower) reach(i int) {
	for ; ; i++ {
		if !slices.Contains(f.places, i) {
			f.places = append(f.places, i)
		}
		if i >= len(f.outcome.Seen) || !f.outcome.Seen[i].Optional {
			return
		}
	}
}

// next takes the next event. The outcome is out of question once no place is left.
func (f *follower) next(e *Event) {
	places := f.places
	f.places = nil
	for _, i := range places {
		if i < len(f.outcome.Seen) && f.outcome.Seen[i].fits(e) {
			if f.outcome.Seen[i].Repeated {
				f.reach(i)
			}
			f.reach(i + 1)
		}
	}
}

func (f *follower) alive() bool { return len(f.places) > 0 }
func (f *follower) whole() bool { return slices.Contains(f.places, len(f.outcome.Seen)) }

// want describes what has to come next.
func (f *follower) want() string {
	var s []string
	for _, i := range f.places {
		if i < len(f.outcome.Seen) {
			s = append(s, f.outcome.Seen[i].String())
		} else {
			s = append(s, "nothing more")
		}
	}
	return strings.Join(s, ", or ")
}
