package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/hub"
)

// Prefix is the path that everything lies under.
const Prefix = "/api/v1"

// Options configure a Handler.
type Options struct {
	// Keys are those that applications show. Without any, and without AllowAll, everything but the OpenAPI document is refused.
	Keys []Key

	// AllowAll lets everybody do everything. It is for servers that only their own machine can reach, and excludes Keys. Requests that a
	// browser sends for a page of another origin are refused then.
	AllowAll bool

	// Version is that of the server, for GET /info.
	Version string

	// Started is when the server began, for GET /info. Zero is when New is called.
	Started time.Time

	// MaxBody is the size of the largest body of a request, in bytes. The default is 8 MiB.
	MaxBody int64

	// Logger is told about each request (debug) and about what went wrong inside (warn). It never gets a key. Nil is silence.
	Logger *slog.Logger

	// Answered, if not nil, is called when a request has been answered, for metrics. It must be quick.
	Answered func(Answer)
}

// Answer is what became of a request.
type Answer struct {
	// Route is the method and the path as the OpenAPI document has it, such as "POST /publish", or empty if there is none.
	Route string

	// Key is the name of the key, or empty.
	Key string

	// Status is that of the answer.
	Status int

	// Code is that of the error, or empty.
	Code hub.Code

	// Took is how long it took.
	Took time.Duration
}

// Handler answers what is asked under Prefix. New makes one.
type Handler struct {
	hub     *hub.Hub
	options Options
	keys    atomic.Pointer[keyring]
	cross   *http.CrossOriginProtection
}

// New makes a Handler for a hub. Its errors say which key is wrong, without showing it.
func New(h *hub.Hub, o Options) (*Handler, error) {
	if o.MaxBody == 0 {
		o.MaxBody = 8 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Started.IsZero() {
		o.Started = time.Now()
	}
	a := &Handler{hub: h, options: o, cross: http.NewCrossOriginProtection()}
	a.options.Keys = nil
	return a, a.Reload(o.Keys, o.AllowAll)
}

// Reload puts other keys in the place of those there are. A key that stays keeps what is left of its rate. If it returns an
// error, nothing has changed.
func (a *Handler) Reload(keys []Key, allowAll bool) error {
	ring, err := newKeyring(keys, allowAll, a.keys.Load())
	if err == nil {
		a.keys.Store(ring)
	}
	return err
}

// call is one request that is being answered.
type call struct {
	*Handler
	w    http.ResponseWriter
	r    *http.Request
	key  *holder
	rest string // what the {name} at the end of the route's path stands for
}

// ServeHTTP answers a request.
func (a *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	found, rest, allow := find(r)
	c := &call{Handler: a, w: w, r: r, key: &holder{}, rest: rest}
	var answer any
	var err error
	switch {
	case found != nil:
		answer, err = c.serve(found)
	case len(allow) > 0:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		err = hub.Errorf(methodNotAllowed, "%.20s does nothing here: use %s", r.Method, strings.Join(allow, " or "))
	default:
		err = hub.Errorf(hub.NotFound, "nothing is at this path: GET %s/openapi.yaml says what there is", Prefix)
	}
	done := Answer{Key: c.key.name}
	if found != nil {
		done.Route, done.Status = found.name(), found.status
	}
	if err != nil {
		e := hub.AsError(err)
		if e.Code == hub.Internal {
			a.options.Logger.Warn("api: a request failed", "route", done.Route, "key", done.Key, "err", err)
		}
		done.Status, done.Code = statusOf(e), e.Code
		answer = refuse(w, e)
	}
	c.reply(done.Status, answer)
	done.Took = time.Since(begun)
	a.options.Logger.Debug("api: answered", "route", done.Route, "key", done.Key, "status", done.Status, "code", done.Code, "took", done.Took)
	if f := a.options.Answered; f != nil {
		f(done)
	}
}

// serve answers a request to a route.
func (c *call) serve(r *route) (any, error) {
	if !r.open {
		ring := c.keys.Load()
		if ring.allowAll {
			if err := c.cross.Check(c.r); err != nil {
				return nil, hub.Errorf(hub.Forbidden, "a page of another origin may not do this")
			}
		}
		key, err := ring.find(c.r)
		if err != nil {
			c.w.Header().Set("WWW-Authenticate", `Bearer realm="parley"`)
			return nil, err
		}
		c.key = key
		if err := key.may(r.scope); err != nil {
			return nil, err
		}
		if err := key.spend(1); err != nil {
			return nil, err
		}
	}
	return r.serve(c)
}

// reply writes an answer: a document as it is, everything else as JSON.
func (c *call) reply(status int, answer any) {
	h := c.w.Header()
	body, plain := answer.(document)
	if plain {
		h.Set("Content-Type", "application/yaml")
	} else {
		h.Set("Content-Type", "application/json")
		var err error
		if body, err = encode(answer); err != nil {
			c.options.Logger.Warn("api: an answer could not be encoded", "err", err)
			status = http.StatusInternalServerError
			body, _ = encode(refuse(c.w, hub.AsError(err))) // it is text alone, which can be
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.w.WriteHeader(status)
	c.w.Write(body) // a client that is gone needs no answer
}

// encode returns v as JSON, with < and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
