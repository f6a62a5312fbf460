// Package record writes what happens on a connection as lines of JSON, one an
// event: what the commands print with --json.
//
//	log := record.NewLog(os.Stdout)
//	log.Add(record.Event{Ev: "msg", Dir: "in", Type: "text", …})
//	err := log.Close()
//
// It knows no connection: whoever has one says what happened.
package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// Version is what stands in the field v of each event.
const Version = 1

// Event is something that happened on a connection. Fields that do not fit the kind of event are left out.
type Event struct {
	// V is the version of the format; Add sets it.
	V int `json:"v"`
	// T is when it happened, in UTC; Add sets it if it is zero.
	T time.Time `json:"t"`
	// Conn numbers the connections of a run from 1; Add sets it if it is zero.
	Conn int `json:"conn"`
	// Ev is the kind: open, msg, ping, pong, close, error, stat.
	Ev string `json:"ev"`
	// Dir is in or out, as this side sees it.
	Dir string `json:"dir,omitempty"`
	// Type is text or binary, for a message.
	Type string `json:"type,omitempty"`
	// Len is the size of the content in bytes.
	Len *int64 `json:"len,omitempty"`
	// Wire is how many bytes carried the content, after compression.
	Wire *int64 `json:"wire,omitempty"`
	// Data is the content if it is text, B64 if it is not.
	Data *string `json:"data,omitempty"`
	// B64 is the content of what is not text, in base64.
	B64 *string `json:"b64,omitempty"`

	// URL, Status, Subprotocol and Extensions describe what was opened, or what was answered instead (Status, Body).
	URL         string `json:"url,omitempty"`
	Status      int    `json:"status,omitempty"`
	Subprotocol string `json:"subprotocol,omitempty"`
	Extensions  string `json:"extensions,omitempty"`
	Body        string `json:"body,omitempty"`

	// Code and Reason are those of a close; 1005 and 1006 stand for none.
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Error says what failed.
	Error string `json:"error,omitempty"`

	// Seq numbers the pings of a run from 1; RTT is the round-trip time in milliseconds.
	Seq int      `json:"seq,omitempty"`
	RTT *float64 `json:"rtt_ms,omitempty"`
	// Stat holds figures.
	Stat any `json:"stat,omitempty"`
}

// Content sets the fields that hold a content and its size. With text, p is UTF-8.
func (e *Event) Content(p []byte, text bool) {
	n := int64(len(p))
	e.Len = &n
	if text && utf8.Valid(p) {
		s := string(p)
		e.Data = &s
		return
	}
	s := base64.StdEncoding.EncodeToString(p)
	e.B64 = &s
}

// waiting is how many events may wait to be written before Wait waits for them.
const waiting = 256

// Log writes events in the order in which they are added. Its methods may be called from any goroutine.
type Log struct {
	w    io.Writer
	done chan struct{}

	mu     sync.Mutex
	change *sync.Cond
	queue  []Event
	closed bool
	err    error
}

// NewLog returns a log that writes to w, until Close.
func NewLog(w io.Writer) *Log {
	l := &Log{w: w, done: make(chan struct{})}
	l.change = sync.NewCond(&l.mu)
	go l.write()
	return l
}

// Add adds an event. It never blocks, so that it may be called where a connection is locked.
func (l *Log) Add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.V = Version
	if e.T.IsZero() {
		e.T = time.Now()
	}
	e.T = e.T.UTC()
	if e.Conn == 0 {
		e.Conn = 1
	}
	l.queue = append(l.queue, e)
	l.change.Broadcast()
}

// Wait waits until few events are left to be written, and returns the error of writing. A receiver that calls it before it
// takes more cannot fill the memory.
func (l *Log) Wait() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > waiting && l.err == nil {
		l.change.Wait()
	}
	return l.err
}

// Close writes what waits and returns the error of writing.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.change.Broadcast()
	l.mu.Unlock()
	<-l.done
	return l.err
}

// write writes until Close.
func (l *Log) write() {
	defer close(l.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.queue) == 0 && !l.closed {
			l.change.Wait()
		}
		batch := l.queue
		l.queue = nil
		if len(batch) == 0 {
			return
		}
		if l.err != nil {
			continue // nobody can have it
		}
		l.mu.Unlock()
		var lines []byte
		var err error
		for _, e := range batch {
			if lines, err = AppendJSON(lines, e); err != nil {
				break
			}
		}
		if err == nil {
			_, err = l.w.Write(lines)
		}
		l.mu.Lock()
		l.err = err
		l.change.Broadcast()
	}
}

// AppendJSON appends v as a line of JSON that has no power over a terminal: beside what JSON escapes anyway, the control
// characters DEL and C1 and those that turn the direction of text are escaped.
func AppendJSON(b []byte, v any) ([]byte, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b, fmt.Errorf("record: %w", err)
	}
	for _, r := range line.String() { // valid UTF-8: the encoder makes it so
		if r >= 0x7f && r < 0xa0 || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			b = fmt.Appendf(b, `\u%04x`, r)
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return b, nil
}
