package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/broker"
)

// Call is a call of a method by a session.
type Call struct {
	// Session and Identity are who calls.
	Session  SessionInfo
	Identity *Identity

	// Method is the name of what is called.
	Method string

	// Args are the arguments: JSON, or nil.
	Args json.RawMessage

	// Item sends one item of a streaming result, JSON. It returns an error when the caller does not want any more. It must not be
	// called when the handler has returned.
	Item func(json.RawMessage) error
}

// CallHandler answers calls. It runs on a goroutine of its own. ctx ends when the caller has gone or cancelled, and
// after Limits.CallTimeout. The result is JSON, or nil for null. An *Error is told to the caller as it is.
type CallHandler func(ctx context.Context, c *Call) (json.RawMessage, error)

// CallRequest is a call as a dialect makes it.
type CallRequest struct {
	// Method and Args are what is called.
	Method string
	Args   json.RawMessage

	// Item is called for each item of a streaming result. It may be nil for a caller that takes none: then the call fails.
	Item func(json.RawMessage) error

	// Done is called once with the result or the error.
	Done func(result json.RawMessage, err *Error)
}

// callTable knows who answers what.
type callTable struct {
	mu       sync.RWMutex
	methods  map[string]CallHandler
	prefixes []struct {
		prefix  string
		handler CallHandler
	}
}

// Handle makes a handler answer the calls of a method. A pattern that ends in a star answers all methods that begin with
// what comes before; the longest counts. To handle the same again replaces the handler; nil takes it away.
func (h *Hub) Handle(pattern string, handler CallHandler) {
	t := &h.calls
	t.mu.Lock()
	defer t.mu.Unlock()
	prefix, wide := strings.CutSuffix(pattern, "*")
	if !wide {
		if t.methods == nil {
			t.methods = map[string]CallHandler{}
		}
		if t.methods[pattern] = handler; handler == nil {
			delete(t.methods, pattern)
		}
		return
	}
	for i := range t.prefixes {
		if t.prefixes[i].prefix == prefix {
			if t.prefixes[i].handler = handler; handler == nil {
				t.prefixes = append(t.prefixes[:i:i], t.prefixes[i+1:]...)
			}
			return
		}
	}
	if handler != nil {
		t.prefixes = append(t.prefixes[:len(t.prefixes):len(t.prefixes)], struct {
			prefix  string
			handler CallHandler
		}{prefix, handler})
	}
}

func (t *callTable) find(method string) CallHandler {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if f := t.methods[method]; f != nil {
		return f
	}
	var found CallHandler
	longest := -1
	for _, p := range t.prefixes {
		if strings.HasPrefix(method, p.prefix) && len(p.prefix) > longest {
			found, longest = p.handler, len(p.prefix)
		}
	}
	return found
}

// Call calls a method. It returns an *Error if that is not allowed or too much is under way; otherwise Done is called later, from
// another goroutine. cancel gives the call up.
func (s *Session) Call(r CallRequest) (cancel func(), err error) {
	h := s.hub
	if r.Method == "" || len(r.Method) > maxName {
		return nil, Errorf(BadRequest, "the name of a method has 1 to %d bytes", maxName)
	}
	limits := &h.rules.Load().limits
	ctx, stop := context.WithTimeout(s.ctx, limits.CallTimeout)
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		stop()
		return nil, Errorf(GoingAway, "the session has ended")
	case s.calls >= limits.Calls:
		s.mu.Unlock()
		stop()
		h.refused("calls")
		return nil, Errorf(LimitReached, "%d calls are under way: wait for one of them", limits.Calls)
	}
	s.calls++
	h.working.Add(1)
	s.mu.Unlock()
	go func() {
		defer h.working.Done()
		defer stop()
		begun := time.Now()
		result, err := s.call(ctx, &r)
		s.mu.Lock()
		s.calls--
		s.mu.Unlock()
		if f := h.trace.Called; f != nil {
			f(r.Method, time.Since(begun), err)
		}
		if err != nil {
			r.Done(nil, h.told("call", err))
			return
		}
		r.Done(result, nil)
	}()
	return stop, nil
}

func (s *Session) call(ctx context.Context, r *CallRequest) (result json.RawMessage, err error) {
	handler := s.hub.calls.find(r.Method)
	if err := s.may(ctx, &Access{Action: ActCall, Method: r.Method, Topics: broker.Exact(r.Method)}); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, Errorf(NotFound, "there is no such method")
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("hub: the handler of %q panicked: %v", r.Method, v)
		}
	}()
	item := r.Item
	if item == nil {
		item = func(json.RawMessage) error {
			return Errorf(BadRequest, "the method answers with a stream, which this caller cannot take")
		}
	}
	result, err = handler(ctx, &Call{
		Session:  s.Info(),
		Identity: s.Identity(),
		Method:   r.Method,
		Args:     r.Args,
		Item: func(v json.RawMessage) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !json.Valid(v) {
				return errors.New("hub: an item of a call's result is no JSON")
			}
			if err := s.halfEmpty(ctx); err != nil { // a stream goes as fast as the caller reads
				return err
			}
			return item(v)
		},
	})
	if err == nil && len(result) > 0 && !json.Valid(result) {
		err = fmt.Errorf("hub: the result of %q is no JSON", r.Method)
	}
	return result, err
}
