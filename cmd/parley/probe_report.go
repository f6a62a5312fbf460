package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/parley-ws/parley/cmd/parley/internal/record"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
)

// probeReport is what probe found: printed as it comes for a person, or at the end as JSON.
type probeReport struct {
	V   int       `json:"v"`
	T   time.Time `json:"t"`
	URL string    `json:"url"`
	// OK is set if a connection was made and all was well with it.
	OK    bool        `json:"ok"`
	Steps []probeStep `json:"steps"`
	// Why and Remedy are about a failure.
	Why    string `json:"why,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	Exit   int    `json:"exit"`

	out    io.Writer
	colour bool
	asJSON bool
	err    error // of writing
}

// probeStep is one step.
type probeStep struct {
	Name string  `json:"name"`
	OK   bool    `json:"ok"`
	Ms   float64 `json:"ms,omitempty"`
	// Text says what came of it.
	Text    string         `json:"text"`
	Notes   []string       `json:"notes,omitempty"`
	Details map[string]any `json:"details,omitempty"`
}

// outcome is how a step went.
type outcome int

const (
	good    outcome = iota
	bad             // the reason for a failure, or something to be corrected
	neutral         // neither
)

// extra is something that belongs to a step.
type extra interface{ add(*probeStep) }

// noteText is a line below a step.
type noteText string

func (n noteText) add(s *probeStep) { s.Notes = append(s.Notes, string(n)) }

func note(format string, args ...any) extra { return noteText(fmt.Sprintf(format, args...)) }

// detail is a field for programs.
type detail struct {
	name  string
	value any
}

func (d detail) add(s *probeStep) {
	if s.Details == nil {
		s.Details = map[string]any{}
	}
	s.Details[d.name] = d.value
}

func newProbeReport(out *os.File, target string, flags *probeFlags) *probeReport {
	r := &probeReport{V: record.Version, T: time.Now().UTC(), URL: redacted(target), out: out, asJSON: flags.json,
		colour: coloured(flags.color, out)}
	r.printf("probe of %s\n\n", screen.Escape(r.URL))
	return r
}

func (r *probeReport) printf(format string, args ...any) {
	if r.asJSON || r.err != nil {
		return
	}
	_, err := fmt.Fprintf(r.out, format, args...)
	r.err = writeError(err)
}

// step adds a step and prints it.
func (r *probeReport) step(name string, how outcome, took time.Duration, text string, more ...extra) {
	s := probeStep{Name: name, OK: how != bad, Text: text}
	if took > 0 {
		s.Ms = milliseconds(took)
	}
	for _, x := range more {
		x.add(&s)
	}
	r.Steps = append(r.Steps, s)
	mark := map[outcome]string{good: paint(r.colour, green, "ok  "), bad: paint(r.colour, red, "FAIL"), neutral: "--  "}[how]
	after := ""
	if took > 0 {
		after = millis(took)
	}
	r.printf("%s %-8s %10s  %s\n", mark, name, after, screen.Escape(text))
	for _, n := range s.Notes {
		r.printf("%26s%s\n", "", paint(r.colour, faint, screen.Escape(n)))
	}
}

// finish prints what it all came to.
func (r *probeReport) finish(err error) error {
	r.OK = err == nil
	if err != nil {
		f := explain(err)
		r.Exit = f.code
		var q quiet
		if errors.As(err, &q) {
			f, r.Exit = &failure{err: errors.New("interrupted")}, int(q)
		}
		if r.Why == "" {
			r.Why, r.Remedy = strings.TrimPrefix(f.err.Error(), "probe: "), f.hint
		}
		r.printf("\n%s %s\n", paint(r.colour, red, "why:"), screen.Escape(r.Why))
		if r.Remedy != "" {
			r.printf("%s %s\n", paint(r.colour, yellow, "do: "), screen.Escape(r.Remedy))
		}
	} else {
		r.printf("\n%s\n", paint(r.colour, green, "A connection works."))
	}
	if r.asJSON {
		line, jerr := record.AppendJSON(nil, r)
		if jerr != nil {
			return jerr
		}
		_, werr := r.out.Write(line)
		return writeError(werr)
	}
	return r.err
}
