package load

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

// A Plan says what a run does. Its URL has to be given; the zero value of all else stands for what its comment says.
type Plan struct {
	// URL is the server's: ws, wss or ws+unix. {conn} in it becomes the number of the connection, from 0.
	URL string
	// Dial configures the connections. If NetDial is set, LocalAddrs must be empty.
	Dial ws.DialOptions
	// Connections is how many there are. If zero, 10. It must be zero if Fanout is set.
	Connections int
	// ConnectRate is how many are opened a second. If zero, 500; if negative, all at once.
	ConnectRate float64
	// LocalAddrs are addresses of this machine from which connections are opened in turn. If there is none, the system chooses.
	LocalAddrs []netip.Addr

	// Rate is how many messages are due a second, all connections together. If zero, 100, or without Stages and with
	// Closed as many as are answered. With Stages it is the rate at their beginning, and zero if it is not set.
	Rate float64
	// PerConnection makes Rate, and the rates of Stages, those of each connection.
	PerConnection bool
	// Stages change the rate. If there are none, it is constant.
	Stages []Stage
	// Duration is how long messages are sent. If zero, 10 seconds, or until Count are sent. It must be zero with Stages.
	Duration time.Duration
	// Warmup is how long, from the first message on, nothing is measured. It is a part of Duration.
	Warmup time.Duration
	// Count is how many messages are sent at most. If zero, there is no such bound.
	Count int64
	// Closed makes each connection wait for the reply before it sends its next message. Without a Rate it sends as fast as that
	// is, and the latency of a server that stalls looks better than it is. With a Rate, or Stages, messages are due as in an open
	// load and wait for their connection: latencies count from when they were due, and the raw ones show what is left out.
	Closed bool

	// Hello are messages that every connection sends once, as soon as it is open, such as those that log in or join.
	Hello []*Template
	// Messages are the messages, in turn. If there is none, 64 bytes that begin with a number; with Fanout the JSON string of
	// a stamp, 128 bytes. With Fanout each has to hold {{stamp}}.
	Messages []*Template
	// Type is that of the messages. If zero, ws.Text.
	Type ws.Type
	// Match finds the replies. The zero value takes what equals the message.
	Match Match
	// Timeout is how long a reply, or a delivery after the last message, may take. If zero, 10 seconds.
	Timeout time.Duration

	// Fanout publishes on some connections and receives on others. If nil, every connection sends and awaits replies.
	Fanout *Fanout
	// Slow is how many of the connections, or of the subscribers, read slowly. What they receive is not measured; what became of them is.
	Slow int
	// SlowRate is how many messages a second each of them reads. If zero, 1.
	SlowRate float64

	// Progress is called about four times a second with how far it is, on a goroutine of the run. May be nil.
	Progress func(Progress)
}

// Fanout is a load of publishers and subscribers.
type Fanout struct {
	// Publishers and Subscribers are how many of each there are. If zero, 1.
	Publishers, Subscribers int
	// Topic makes all of them speak the subprotocol parley.v1 at the URL, and names the topic. If empty, the URL is that of
	// the topic: what is sent there, every other connection to it receives.
	Topic string
}

// errPlan begins the message of every fault in a plan.
func errPlan(format string, args ...any) error {
	return fmt.Errorf("load: plan: "+format, args...)
}

// complete returns the plan with its defaults, or what is wrong with it.
func (p Plan) complete() (Plan, error) {
	if p.URL == "" {
		return p, errPlan("there is no URL")
	}
	if p.Fanout != nil {
		f := *p.Fanout
		p.Fanout = &f
		if p.Connections != 0 {
			return p, errPlan("with fan-out, say how many publishers and subscribers there are, not how many connections")
		}
		if f.Publishers < 0 || f.Subscribers < 0 {
			return p, errPlan("a number of publishers or subscribers is negative")
		}
		p.Fanout.Publishers, p.Fanout.Subscribers = max(f.Publishers, 1), max(f.Subscribers, 1)
		if p.Closed {
			return p, errPlan("a fan-out has no replies to wait for: it cannot be closed")
		}
		p.Connections = p.Fanout.Publishers + p.Fanout.Subscribers
		if len(p.Messages) == 0 {
			p.Messages = []*Template{FillStamp(128, 128)}
		}
	}
	if p.Connections == 0 {
		p.Connections = 10
	}
	if p.ConnectRate == 0 {
		p.ConnectRate = 500
	}
	if p.Timeout == 0 {
		p.Timeout = 10 * time.Second
	}
	if p.Type == 0 {
		p.Type = ws.Text
	}
	if len(p.Messages) == 0 {
		p.Messages = []*Template{Fill(64, 64)}
	}
	if p.SlowRate == 0 {
		p.SlowRate = 1
	}
	if p.Rate == 0 && len(p.Stages) == 0 && !p.Closed {
		p.Rate = 100
	}
	if p.Duration == 0 && p.Count == 0 && len(p.Stages) == 0 {
		p.Duration = 10 * time.Second
	}
	return p, p.check()
}

// check says what is wrong with a plan that has its defaults.
func (p *Plan) check() error {
	readers := p.Connections
	for _, rate := range []float64{p.Rate, p.ConnectRate, p.SlowRate} {
		if math.IsNaN(rate) || math.IsInf(rate, 0) {
			return errPlan("%v is no rate", rate)
		}
	}
	for _, m := range p.Messages {
		if m.stamped() != (p.Fanout != nil) {
			return errPlan("a message of a fan-out has to hold {{stamp}}, and no other message may")
		}
	}
	for _, m := range p.Hello {
		if m.stamped() {
			return errPlan("only messages that are published may hold {{stamp}}")
		}
	}
	if p.Fanout != nil {
		readers = p.Fanout.Subscribers
	}
	var length time.Duration
	most := p.Rate
	for _, s := range p.Stages {
		if !(s.For >= 0 && s.Rate >= 0) {
			return errPlan("a stage has a negative time or rate, or no number")
		}
		length += s.For
		most = max(most, s.Rate)
	}
	if p.PerConnection {
		most *= float64(p.sending())
	}
	switch {
	case p.Connections < 0:
		return errPlan("%d connections", p.Connections)
	case p.Rate < 0 || p.SlowRate < 0 || p.Duration < 0 || p.Warmup < 0 || p.Count < 0 || p.Timeout < 0:
		return errPlan("a rate, time or number is negative")
	case len(p.Stages) > 0 && p.Duration != 0:
		return errPlan("stages have times of their own: leave the duration out")
	case len(p.Stages) > 0 && (length == 0 || most == 0):
		return errPlan("the stages send nothing: give one a time and a rate")
	case p.Closed && p.Match.kind == matchNone:
		return errPlan("a closed load waits for replies: choose how they are matched")
	case most > 1e7:
		return errPlan("%g messages a second are more than any clock can tell apart", most)
	case p.Slow < 0 || p.Slow > readers:
		return errPlan("%d of %d connections cannot read slowly", p.Slow, readers)
	case p.Slow == readers && p.Slow > 0:
		return errPlan("all %d connections read slowly: there would be nothing to measure", readers)
	case len(p.LocalAddrs) > 0 && p.Dial.NetDial != nil:
		return errPlan("local addresses and a way to dial cannot both be given")
	case p.Duration != 0 && p.Warmup >= p.Duration:
		return errPlan("the warm-up of %v leaves nothing of %v", p.Warmup, p.Duration)
	case length != 0 && p.Warmup >= length:
		return errPlan("the warm-up of %v leaves nothing of %v", p.Warmup, length)
	case p.Warmup > 0 && p.paced() && p.schedule(p.sending()).over(p.Warmup):
		return errPlan("the warm-up of %v leaves nothing: all messages are due before it ends", p.Warmup)
	}
	return p.enough(maxFiles, localPorts)
}

// sending is how many connections there should be that send.
func (p *Plan) sending() int {
	if p.Fanout != nil {
		return p.Fanout.Publishers
	}
	return p.Connections
}

// paced reports whether messages are due at times that are known beforehand.
func (p *Plan) paced() bool { return p.Rate > 0 || len(p.Stages) > 0 }

// schedule returns when messages are due if so many connections send.
func (p *Plan) schedule(senders int) *schedule {
	factor := 1.0
	if p.PerConnection {
		factor = float64(senders)
	}
	stages := make([]Stage, len(p.Stages))
	for i, s := range p.Stages {
		stages[i] = Stage{For: s.For, Rate: s.Rate * factor}
	}
	return newSchedule(p.Rate*factor, p.Duration, stages, p.Count)
}

// spareFiles is how many files a run needs beside its connections.
const spareFiles = 48

// enough says what this machine has too little of for so many connections. What it cannot know it does not judge.
func (p *Plan) enough(files func() (uint64, bool), ports func() (int, bool)) error {
	if p.Dial.NetDial != nil {
		return nil
	}
	if most, ok := files(); ok && uint64(p.Connections)+spareFiles > most {
		return errPlan("%d connections need as many open files, of which this process may have %d: raise that limit (ulimit -n %d), or open fewer",
			p.Connections, most, p.Connections+spareFiles)
	}
	// A proxy is one destination, too.
	if !strings.HasPrefix(p.URL, "ws+unix:") && !strings.Contains(p.URL, "{conn}") {
		addresses := max(1, len(p.LocalAddrs))
		if each, ok := ports(); ok && p.Connections > each*addresses {
			return errPlan("%d connections to one destination need as many local ports, of which %s %d: add local addresses, or open fewer",
				p.Connections, map[bool]string{true: "one address has", false: "these addresses have"}[addresses == 1], each*addresses)
		}
	}
	return nil
}

// ErrNoConnection is wrapped in the error of a run in which no connection could be opened, together with why the first failed.
var ErrNoConnection = errors.New("load: no connection could be opened")
