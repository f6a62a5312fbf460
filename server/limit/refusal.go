package limit

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Refusal says why a request is turned away. It is an http.Handler that answers so.
type Refusal struct {
	// Limit is the name of the limit.
	Limit string

	// Status is the HTTP status: 429 if it is the client's doing, else 503.
	Status int

	// After is when it is worth trying again, counted from now: one to five seconds at random, so that not all come back at once.
	After time.Duration
}

func refuse(limit string) *Refusal {
	r := &Refusal{Limit: limit, Status: http.StatusServiceUnavailable, After: time.Duration(1+rand.IntN(5)) * time.Second}
	if limit == AddressConnections || limit == AddressRate {
		r.Status = http.StatusTooManyRequests
	}
	return r
}

var sentences = map[string]string{
	Connections:        "the server has as many connections as it takes",
	AddressConnections: "too many connections are open from your address",
	AddressRate:        "too many connections came from your address in a short time",
	Accepts:            "too many connections come at once",
	Memory:             "the server is short of memory",
}

// Error returns the name of the limit and what it means.
func (r *Refusal) Error() string { return "limit: " + r.Limit + ": " + sentences[r.Limit] }

// Text is what the client is told.
func (r *Refusal) Text() string {
	return fmt.Sprintf("%d %s: %s; try again in %d s\n", r.Status, strings.ToLower(http.StatusText(r.Status)), sentences[r.Limit],
		r.seconds())
}

func (r *Refusal) seconds() int { return int(r.After / time.Second) }

// Header returns the fields of the answer.
func (r *Refusal) Header() http.Header {
	return http.Header{
		"Retry-After":            {strconv.Itoa(r.seconds())},
		"Cache-Control":          {"no-store"},
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

// ServeHTTP answers a request with the refusal.
func (r *Refusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(r.Status)
	io.WriteString(w, r.Text()) // a client that is gone needs no answer
}

// The bounds of telling connections that they are refused.
const (
	maxLeaving  = 64
	leaveTime   = 500 * time.Millisecond
	leaveAnswer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nConnection: close\r\nCache-Control: no-store\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
)

// turnAway closes a connection, after an answer if that is possible.
func (l *listener) turnAway(c net.Conn, limit string) {
	if l.protocol != PlainHTTP || !l.leave(c) {
		if t, ok := c.(*net.TCPConn); ok {
			// A reset leaves nothing of it in the kernel. That it may fail does not matter.
			_ = t.SetLinger(0)
		}
		c.Close()
		return
	}
	r := refuse(limit)
	r.Status = http.StatusServiceUnavailable // before a request was read, nobody is to blame
	go func() {
		defer l.left(c)
		text := r.Text()
		if c.SetDeadline(time.Now().Add(leaveTime)) != nil {
			return
		}
		if _, err := fmt.Fprintf(c, leaveAnswer, r.seconds(), len(text), text); err != nil {
			return
		}
		half, ok := c.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
		// A request that nobody reads would make the kernel throw the answer away.
		_, _ = io.CopyN(io.Discard, c, 16<<10)
	}()
}

// leave takes a place among those that are being told, if there is one.
func (l *listener) leave(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.leaving) >= maxLeaving {
		return false
	}
	l.leaving[c] = struct{}{}
	l.done.Add(1)
	return true
}

func (l *listener) left(c net.Conn) {
	c.Close()
	l.mu.Lock()
	delete(l.leaving, c)
	l.mu.Unlock()
	l.done.Done()
}
