package load

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
)

// Setup is what a run was asked to do, as its report keeps it. It holds no text of a message, which may be a secret.
type Setup struct {
	// Connections is how many there should be, ConnectRate how many a second; negative: all at once.
	Connections int     `json:"connections"`
	ConnectRate float64 `json:"connect_rate"`
	// Rate is that of Plan, of each connection if PerConnection is set. Zero: as fast as the replies are.
	Rate          float64 `json:"rate"`
	PerConnection bool    `json:"per_connection,omitempty"`
	// Stages are the changes of the rate, such as "30s:5000".
	Stages []string `json:"stages,omitempty"`
	// Duration and Warmup are in seconds; a Count of zero is no bound.
	Duration float64 `json:"duration,omitempty"`
	Warmup   float64 `json:"warmup,omitempty"`
	Count    int64   `json:"count,omitempty"`
	// Closed is that of Plan.
	Closed bool `json:"closed,omitempty"`
	// Messages describes them: a size, or how many templates there are and the beginning of their hash. Hello does so, too.
	Messages string `json:"messages"`
	Hello    string `json:"hello,omitempty"`
	// Type is "text" or "binary", Match how replies are found, Timeout how long they may take, in seconds.
	Type    string  `json:"type"`
	Match   string  `json:"match,omitempty"`
	Timeout float64 `json:"timeout"`
	// Compression reports that it was offered.
	Compression bool `json:"compression,omitempty"`
	// Topic, Publishers and Subscribers are those of a fan-out.
	Topic       string `json:"topic,omitempty"`
	Publishers  int    `json:"publishers,omitempty"`
	Subscribers int    `json:"subscribers,omitempty"`
	// Slow is how many read slowly, SlowRate how many messages a second.
	Slow     int     `json:"slow,omitempty"`
	SlowRate float64 `json:"slow_rate,omitempty"`
	// LocalAddrs is from how many addresses connections came; zero if the system chose.
	LocalAddrs int `json:"local_addrs,omitempty"`
}

// setup describes a plan that has its defaults.
func (p *Plan) setup() *Setup {
	s := &Setup{Connections: p.Connections, ConnectRate: p.ConnectRate, Rate: p.Rate, PerConnection: p.PerConnection, Duration: p.Duration.Seconds(),
		Warmup: p.Warmup.Seconds(), Count: p.Count, Closed: p.Closed, Messages: describe(p.Messages), Hello: describe(p.Hello), Type: "text",
		Timeout: p.Timeout.Seconds(), Compression: p.Dial.Compression != nil, LocalAddrs: len(p.LocalAddrs)}
	for _, one := range p.Stages {
		s.Stages = append(s.Stages, fmt.Sprintf("%v:%g", one.For, one.Rate))
	}
	if p.Type == ws.Binary {
		s.Type = "binary"
	}
	if p.Fanout != nil {
		s.Topic, s.Publishers, s.Subscribers = p.Fanout.Topic, p.Fanout.Publishers, p.Fanout.Subscribers
	} else {
		s.Match = p.Match.String()
	}
	if p.Slow > 0 {
		s.Slow, s.SlowRate = p.Slow, p.SlowRate
	}
	return s
}

// describe says what messages are without their text.
func describe(list []*Template) string {
	if len(list) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, t := range list {
		for _, p := range t.parts {
			if (p.kind == partFill || p.kind == partStamp) && len(list) == 1 && (p.a > 0 || p.b > 0) {
				quotes := int64(len(t.parts) - 1) // of a stamp, which is a JSON string
				return sizeText(p.a+quotes, p.b+quotes)
			}
			fmt.Fprintf(sum, "%d %q %d %d,", p.kind, p.text, p.a, p.b)
		}
		sum.Write([]byte{'\n'})
	}
	return fmt.Sprintf("%s (%s)", several(len(list), "template"), hex.EncodeToString(sum.Sum(nil)[:4]))
}

// sizeText names a size, or two.
func sizeText(low, high int64) string {
	if low == high {
		return fmt.Sprintf("%s bytes", formatNumber(float64(low)))
	}
	return fmt.Sprintf("%s to %s bytes", formatNumber(float64(low)), formatNumber(float64(high)))
}

// several is a number of things: 1 template, 2 templates.
func several(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return formatNumber(float64(n)) + " " + what
}

// String says in some words what was asked for.
func (s *Setup) String() string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if s.Publishers > 0 {
		add("%s, %s", several(s.Publishers, "publisher"), several(s.Subscribers, "subscriber"))
		if s.Topic != "" {
			add("topic %s by parley.v1", s.Topic)
		}
	} else {
		add("%s", several(s.Connections, "connection"))
	}
	each := ""
	if s.PerConnection {
		each = " on each"
	}
	switch {
	case len(s.Stages) > 0:
		add("from %s/s%s by stages %s", formatNumber(s.Rate), each, strings.Join(s.Stages, " "))
	case s.Rate > 0:
		add("%s/s%s", formatNumber(s.Rate), each)
	default:
		add("as fast as replies come")
	}
	if s.Duration > 0 {
		add("for %v", seconds(s.Duration))
	}
	if s.Count > 0 {
		add("%s at most", several(int(s.Count), "message"))
	}
	if s.Warmup > 0 {
		add("the first %v not measured", seconds(s.Warmup))
	}
	add("%s, %s", s.Messages, s.Type)
	if s.Compression {
		add("compression offered")
	}
	if s.Match != "" {
		add("match %s", s.Match)
	}
	return strings.Join(words, ", ")
}

// differences calls say for each thing in which two runs were asked for something else.
func (s *Setup) differences(t *Setup, say func(what string, x, y any)) {
	a, b := reflect.ValueOf(*s), reflect.ValueOf(*t)
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		x, y := a.Field(i).Interface(), b.Field(i).Interface()
		if list, ok := x.([]string); ok {
			x, y = strings.Join(list, " "), strings.Join(y.([]string), " ")
		}
		if x != y {
			say(strings.ReplaceAll(name, "_", " "), orNone(x), orNone(y))
		}
	}
}

// orNone stands for what is not there.
func orNone(v any) any {
	if reflect.ValueOf(v).IsZero() {
		if _, ok := v.(bool); !ok {
			return "none"
		}
	}
	return v
}

// over reports whether a schedule ends before a time.
func (s *schedule) over(at time.Duration) bool {
	last, ok := s.at(s.total() - 1)
	return !ok || last < at
}
