package native

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/dialect/internal/origin"
	"github.com/parley-ws/parley/dialect/internal/transport"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// Options configure a Handler. The zero value works.
type Options struct {
	// Accept is how WebSockets are accepted: origins, compression, pings, the Group. Its MessageLimit is that of a frame of the client, and of
	// the body of a request over HTTP: it has to leave room for base64 around the largest message. The default is 1.5 MiB. Subprotocols and
	// QueueLimit are set here; Check is asked after the check of the subprotocol.
	Accept ws.AcceptOptions

	// CORS says which pages of other origins may use the ways over HTTP. If it has no Origins, those count that Accept has for WebSockets.
	CORS CORS

	// Limits bound what clients may send.
	Limits Limits

	// ConnectTimeout is for how long a client may be without a session; it bounds the Authoriser, too. The default is 5 s.
	ConnectTimeout time.Duration

	// Remote returns the address of the client, without a port, where a proxy stands between. The default is that of the connection.
	Remote func(*http.Request) string

	// Logger gets what nobody else is told; nil is silence.
	Logger *slog.Logger
}

// Limits bound what clients may send. A zero field means its default.
type Limits struct {
	// Depth is how deep the JSON of a frame may be nested. The default is 64.
	Depth int

	// Commands is how many commands may come in one frame or request. The default is 1,000.
	Commands int

	// PollWait is the longest that a poll waits for something to tell, and what it waits where the client does not say. The default is 30 s.
	PollWait time.Duration

	// PollBytes is the size from which a poll is answered without waiting for more, in bytes. The default is 1 MiB.
	PollBytes int

	// Keepalive is the silence after which a stream over HTTP gets a comment. The default is 15 s.
	Keepalive time.Duration

	// Progress is for how long a stream over HTTP may take nothing, or a request send nothing. The default is 10 s.
	Progress time.Duration
}

// Handler is an http.Handler that serves the protocol. The last part of the path says how: sse, send and poll are the ways over HTTP,
// everything else is a WebSocket. Mount it at a path and at what lies below that.
type Handler struct {
	hub    *hub.Hub
	o      Options
	limits Limits
	log    *slog.Logger
	ws     ws.Handler
	guard  *origin.Guard

	mu    sync.Mutex
	peers map[string]*peer // those that stream over HTTP, by the id of their session
}

// New makes a Handler that connects clients to h.
func New(h *hub.Hub, o Options) *Handler {
	set(&o.Accept.MessageLimit, 3<<19)
	set(&o.ConnectTimeout, 5*time.Second)
	set(&o.Limits.Depth, 64)
	set(&o.Limits.Commands, 1000)
	set(&o.Limits.PollWait, 30*time.Second)
	set(&o.Limits.PollBytes, 1<<20)
	set(&o.Limits.Keepalive, 15*time.Second)
	set(&o.Limits.Progress, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Accept.Subprotocols = []string{Protocol}
	o.Accept.QueueLimit = transport.QueueLimit
	check := o.Accept.Check
	o.Accept.Check = func(r *http.Request) error {
		if err := checkSubprotocol(r); err != nil || check == nil {
			return err
		}
		return check(r)
	}
	n := &Handler{hub: h, o: o, limits: o.Limits, log: o.Logger, guard: newGuard(&o), peers: map[string]*peer{}}
	n.ws = ws.Handler{Options: o.Accept, Handle: n.socket}
	return n
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// checkSubprotocol refuses those who speak something else. Who names no subprotocol at all is taken to speak this one.
func checkSubprotocol(r *http.Request) error {
	offered := r.Header.Values("Sec-WebSocket-Protocol")
	if len(offered) == 0 {
		return nil
	}
	for _, line := range offered {
		for one := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(one) == Protocol {
				return nil
			}
		}
	}
	return &ws.RejectError{Status: http.StatusBadRequest, Body: "offer the subprotocol " + Protocol + "\n"}
}

// silence is after how long at most something is heard from the server.
func (h *Handler) silence(transport string) time.Duration {
	switch transport {
	case overSSE:
		return h.limits.Keepalive
	case overPoll:
		return 0
	}
	if d := h.o.Accept.PingInterval; d != 0 {
		return d
	}
	return 25 * time.Second
}

// The names of the transports.
const (
	overSocket = "websocket"
	overSSE    = "sse"
	overPoll   = "poll"
)

// ServeHTTP serves a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var serve func(http.ResponseWriter, *http.Request)
	switch path.Base(r.URL.Path) {
	case "sse":
		serve = h.sse
	case "send":
		serve = h.send
	case "poll":
		serve = h.poll
	default:
		h.ws.ServeHTTP(w, r)
		return
	}
	page := h.guard.Enter(w, r)
	switch {
	case r.Method == http.MethodOptions:
		h.guard.Options(w, r, page, nil)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", offer.Allow)
		refuse(w, http.StatusMethodNotAllowed, hub.Errorf(hub.BadRequest, "the method must be POST"))
		return
	case h.guard.Forged(r, page):
		refuse(w, http.StatusForbidden, hub.Errorf(hub.Forbidden, "pages of this origin may not do this"))
		return
	}
	serve(w, r)
}

// socket serves a WebSocket. It waits for messages with as little on its stack as can be: there may be very many of it.
func (h *Handler) socket(c *ws.Conn) error {
	p := h.begin(c)
	defer p.gone() // also when a command panics
	return c.Run(context.Background(), ws.Events{Message: p.message})
}

// begin makes the peer of a WebSocket. Not inlined, it leaves nothing on the stack of socket.
//
//go:noinline
func (h *Handler) begin(c *ws.Conn) *peer {
	p := &peer{h: h, codec: socket, transport: overSocket, request: c.Request, sink: &transport.WebSocket{Conn: c, CloseWith: closeWith}}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(h.o.ConnectTimeout, p.late)
	return p
}

// message takes a message of a WebSocket.
func (p *peer) message(_ *ws.Conn, t ws.Type, body []byte) error {
	if p.over.Load() {
		return nil // it is closing
	}
	if t != ws.Text {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.end(0, hub.Errorf(hub.BadRequest, "a frame must be text"))
		return nil
	}
	p.run(body)
	return nil
}

func milli(n int) time.Duration { return time.Duration(n) * time.Millisecond }
