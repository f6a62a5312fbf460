package raw

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/dialect/internal/origin"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// Options configure a Handler. The zero value works.
type Options struct {
	// Prefix is what the path of a topic's URL begins with: it begins and ends with a slash. If empty, "/t/".
	Prefix string

	// Accept configures the WebSockets: their origins, limits and compression. Subprotocols, Check and QueueLimit are
	// the package's own.
	Accept ws.AcceptOptions

	// CORS says which pages of other origins may use the topics by HTTP.
	CORS CORS

	// BodyLimit is the size of the largest body of a request, in bytes. If zero, 1 MiB. The rule of a topic may allow less.
	BodyLimit int64

	// Rate and Burst bound how many requests a second are answered for one user, or one address where the user is not known, and how many
	// at once. Addresses of the loopback network are exempt. If zero, 50 and 100; a negative Rate is no bound. An Identity that has rates
	// of its own goes by those.
	Rate  float64
	Burst int

	// MaxWait is how long a long poll may wait at most. If zero, one minute.
	MaxWait time.Duration

	// KeepAlive is the silence after which an event stream sends a comment. If zero, 15 seconds.
	KeepAlive time.Duration

	// Retry is when a client of an event stream should come back after the connection is lost. If zero, 2 seconds.
	Retry time.Duration

	// ReadTimeout is for how long a request may send nothing of its body: 32 KiB may take that long. If zero, 10 seconds.
	ReadTimeout time.Duration

	// WriteTimeout is how long an event stream may wait without a client taking anything. If zero, 10 seconds.
	WriteTimeout time.Duration

	// Remote returns the address of the client, without a port, where a proxy stands between. The default is that of the connection.
	Remote func(*http.Request) string

	// Logger gets what went wrong inside; nil is silence.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "/t/"
	}
	if !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	set(&o.BodyLimit, 1<<20)
	set(&o.Rate, 50)
	set(&o.Burst, 100)
	set(&o.MaxWait, time.Minute)
	set(&o.KeepAlive, 15*time.Second)
	set(&o.Retry, 2*time.Second)
	set(&o.ReadTimeout, 10*time.Second)
	set(&o.WriteTimeout, 10*time.Second)
	if o.Remote == nil {
		o.Remote = remote
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Accept.Logger == nil {
		o.Accept.Logger = o.Logger
	}
	o.Accept.Subprotocols, o.Accept.SelectSubprotocol = []string{subprotocol}, nil
	o.Accept.QueueLimit = transport.QueueLimit
	return o
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Handler is an http.Handler that serves the topics of a hub. New makes one.
type Handler struct {
	hub   *hub.Hub
	o     Options
	guard *origin.Guard
	rates rates
}

// New returns the handler of all URLs that begin with Options.Prefix.
func New(h *hub.Hub, o Options) *Handler {
	o = o.withDefaults()
	return &Handler{hub: h, o: o, guard: origin.NewGuard(o.CORS, offer), rates: rates{rate: o.Rate, burst: o.Burst}}
}

// allow is what can be done with a topic.
const allow = "GET, HEAD, POST, PUT, OPTIONS"

// ServeHTTP answers a request. It answers WebSockets before they have ended, and event streams when they have.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	page := h.guard.Enter(w, r)
	if r.Method == http.MethodOptions {
		h.guard.Options(w, r, page, own)
		return
	}
	f, err := parsePath(escaped(r.URL), h.o.Prefix)
	if err != nil {
		fail(w, err)
		return
	}
	q, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		fail(w, err)
		return
	}
	switch {
	case asksForSocket(r):
		h.socket(w, r, f, &q)
	case r.Method == http.MethodGet:
		h.get(w, r, f, &q)
	case r.Method == http.MethodHead:
		h.head(w, r, f, &q)
	case r.Method == http.MethodPost || r.Method == http.MethodPut:
		if err := h.forged(r, page); err != nil {
			fail(w, err)
			return
		}
		h.publish(w, r, f, &q)
	default:
		header.Set("Allow", allow)
		failWith(w, http.StatusMethodNotAllowed, hub.Errorf(hub.BadRequest, "%.20s does nothing here: there are %s", r.Method, allow))
	}
}

// get answers a GET: which of its answers is wanted, the query says, and then Accept.
func (h *Handler) get(w http.ResponseWriter, r *http.Request, f broker.Filter, q *query) {
	w.Header().Add("Vary", "Accept")
	events, json := accepts(r, "text/event-stream"), accepts(r, "application/json")
	switch {
	case q.presence:
		h.members(w, r, f, q)
	case events:
		h.stream(w, r, f, q)
	case q.has("since") || q.has("wait"):
		h.poll(w, r, f, q)
	case q.has("history"):
		h.history(w, r, f, q, q.history)
	case json:
		h.history(w, r, f, q, usualHistory)
	default:
		h.stream(w, r, f, q)
	}
}

// accepts reports whether a request names a media type among those it wants.
func accepts(r *http.Request, mediaType string) bool {
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return true
			}
		}
	}
	return false
}

// asksForSocket reports whether a request wants to become a WebSocket.
func asksForSocket(r *http.Request) bool {
	for _, line := range r.Header.Values("Upgrade") {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "websocket") {
				return true
			}
		}
	}
	return false
}
