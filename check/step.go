package check

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// A Step is one thing that is done on an open connection: just one of Frames, Message, Raw, Await, Grace, Pause, Cut
// and End is set, the rest says how. Once the subject has closed or ended the connection, no further step is done.
type Step struct {
	Frames  []Frame  // sent together
	Message *Message // sent as frames
	Raw     Data     // bytes that are sent as they are

	Times int           // how often it is sent, one right after the other; 0 means once
	Chop  int           // bytes in one write; 0 means everything in one
	Delay time.Duration // between the writes
	Deaf  bool          // nothing is read until all is written, or nothing more can be written for half a second

	// Await waits until so many messages and pongs have come since the last Await.
	Await int

	// Messages waits until so many messages have come in all, whatever the number of pongs.
	Messages int

	// Grace waits for a subject that fails the connection at once. What comes after it and fits only outcomes with
	// Late has come late.
	Grace bool

	Pause time.Duration // waits
	Cut   bool          // ends the TCP connection
	End   bool          // ends the TCP connection on the suite's side: nothing more can be sent
}

// A Message is a whole message and how it is cut into frames.
type Message struct {
	Op       Op     // text or binary
	Payload  Data   // what it carries
	Fragment int    // bytes in a frame; 0 means one frame
	Split    []int  // bytes of each frame but the last, instead of Fragment
	Compress bool   // with permessage-deflate, as it was agreed
	Between  *Frame // a frame that is sent between two fragments
}

// Steps.

func send(frames ...Frame) Step { return Step{Frames: frames} }
func raw(s string) Step         { return Step{Raw: lit(s)} }
func await(n int) Step          { return Step{Await: n} }
func awaitMessages(n int) Step  { return Step{Messages: n} }
func grace() Step               { return Step{Grace: true} }
func pause(d time.Duration) Step {
	return Step{Pause: d}
}
func cut() Step { return Step{Cut: true} }
func end() Step { return Step{End: true} }

func message(m Message) Step { return Step{Message: &m} }
func text(d Data) Step       { return message(Message{Op: OpText, Payload: d}) }
func binaryMessage(d Data) Step {
	return message(Message{Op: OpBinary, Payload: d})
}

// closing sends a close frame with a code and a reason.
func closing(code int, reason string) Step {
	return send(closeFrame(code, reason))
}

func (s Step) times(n int) Step { s.Times = n; return s }
func (s Step) chop(n int) Step  { s.Chop = n; return s }
func (s Step) deaf() Step       { s.Deaf = true; return s }
func (s Step) every(d time.Duration) Step {
	s.Delay = d
	return s
}

// Frames.

func frame(op Op, payload string) Frame { return Frame{Op: op, Payload: lit(payload)} }
func ping(payload string) Frame         { return frame(OpPing, payload) }
func pong(payload string) Frame         { return frame(OpPong, payload) }
func (f Frame) more() Frame             { f.More = true; return f }
func (f Frame) rsv(bits byte) Frame     { f.RSV = bits; return f }

func closeFrame(code int, reason string) Frame {
	return frame(OpClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// frames cuts the payload of a message, compressed or not, into frames and calls each with them in order.
func (m *Message) frames(payload []byte, each func(f *Frame, part []byte)) {
	op, rsv := m.Op, byte(0)
	if m.Compress {
		rsv = RSV1
	}
	for i := 0; ; i++ {
		n := len(payload)
		switch {
		case i < len(m.Split):
			n = min(n, m.Split[i])
		case len(m.Split) == 0 && m.Fragment > 0:
			n = min(n, m.Fragment)
		}
		last := n == len(payload) && i >= len(m.Split)
		f := Frame{Op: op, RSV: rsv, More: !last}
		each(&f, payload[:n])
		payload = payload[n:]
		if last {
			return
		}
		if m.Between != nil {
			each(m.Between, m.Between.Payload.Bytes())
		}
		op, rsv = OpContinuation, 0
	}
}

// String describes the step in a few words.
func (s Step) String() string {
	var b strings.Builder
	switch {
	case s.Message != nil:
		m := s.Message
		fmt.Fprintf(&b, "send %v message %v", m.Op, m.Payload)
		switch {
		case len(m.Split) > 0:
			fmt.Fprintf(&b, ", split after %v bytes", m.Split)
		case m.Fragment > 0:
			fmt.Fprintf(&b, ", in fragments of %d bytes", m.Fragment)
		}
		if m.Compress {
			b.WriteString(", compressed")
		}
		if m.Between != nil {
			fmt.Fprintf(&b, ", between them %v", m.Between)
		}
	case len(s.Frames) > 0:
		b.WriteString("send ")
		for i := range s.Frames {
			if i == 8 {
				fmt.Fprintf(&b, " | %d frames more", len(s.Frames)-i)
				break
			}
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(s.Frames[i].String())
		}
	case s.Raw.Len() > 0:
		b.WriteString("send the bytes ")
		if s.Raw.Size > 0 {
			b.WriteString(s.Raw.String())
		} else {
			p := []byte(s.Raw.Text)
			b.WriteString(hexed(p[:min(len(p), 32)]))
			if len(p) > 32 {
				fmt.Fprintf(&b, " … (%d)", len(p))
			}
		}
	case s.Await == 1:
		return "wait for an answer"
	case s.Await > 1:
		return fmt.Sprintf("wait for %d answers", s.Await)
	case s.Messages > 0:
		return fmt.Sprintf("wait until %d messages have come", s.Messages)
	case s.Grace:
		return "leave time to fail the connection"
	case s.Pause > 0:
		return fmt.Sprintf("wait %v", s.Pause)
	case s.Cut:
		return "end the TCP connection"
	case s.End:
		return "end the TCP connection on the own side"
	}
	if s.Times > 1 {
		fmt.Fprintf(&b, ", %d times", s.Times)
	}
	if s.Chop > 0 {
		fmt.Fprintf(&b, ", %d bytes in a write", s.Chop)
	}
	if s.Delay > 0 {
		fmt.Fprintf(&b, ", %v apart", s.Delay)
	}
	if s.Deaf {
		b.WriteString(", reading nothing meanwhile")
	}
	return b.String()
}
