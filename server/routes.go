package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"
	"time"

	"github.com/parley-ws/parley/console"
	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/dialect/raw"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/api"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/server/limit"
	"github.com/parley-ws/parley/ws"
)

// routes returns what is answered on addresses that are not private, and on those that are, behind their guards.
func (s *Server) routes(cfg *config.Config) (public, private http.Handler, err error) {
	apiHandler, err := s.api(cfg)
	if err != nil {
		return nil, nil, err
	}
	hasPrivate := false
	for i := range cfg.Listen {
		hasPrivate = hasPrivate || cfg.Listen[i].Private
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", health)
	mux.HandleFunc("/readyz", s.ready)
	inside := http.NewServeMux()
	inside.HandleFunc("/healthz", health)
	inside.HandleFunc("/readyz", s.ready)
	inside.HandleFunc("/", notFoundPrivate)

	mux.HandleFunc("/", notFound(!hasPrivate, cfg.Metrics.Enabled))
	console.Mount(mux)
	accept := s.acceptOptions(cfg)
	echo := accept
	echo.Group, echo.MessageLimit = &s.group, echoLimit
	mux.Handle("/echo", s.admitted(cfg, s.echo(echo)))
	ticks := accept
	ticks.Group = &s.group
	mux.Handle("/clock", s.admitted(cfg, s.clock.handler(ticks)))

	l := &cfg.Limits
	accept.Group = &s.sockets
	spoken := accept
	spoken.MessageLimit = int64(l.MessageBytes)*3/2 + 4<<10 // base64, and what stands around it
	nativeHandler := s.told(cfg, native.New(s.hub, native.Options{
		Accept:         spoken,
		CORS:           s.cors(cfg),
		ConnectTimeout: l.Unauthenticated,
		Limits:         native.Limits{PollWait: l.PollWait},
		Remote:         limit.Remote,
		Logger:         s.log,
	}))
	mux.Handle("/ws", nativeHandler)
	mux.Handle("/ws/", nativeHandler)
	accept.MessageLimit = int64(l.MessageBytes)
	topics := s.told(cfg, raw.New(s.hub, raw.Options{
		Accept:    accept,
		CORS:      s.cors(cfg),
		BodyLimit: int64(l.MessageBytes),
		Rate:      rateOrNone(l.CommandRate),
		Burst:     l.CommandBurst,
		MaxWait:   l.PollWait,
		Remote:    limit.Remote,
		Logger:    s.log,
	}))
	mux.HandleFunc("/asyncapi.yaml", s.asyncAPI)

	for i := range cfg.Commands {
		path := cfg.Commands[i].Path
		if path == "" {
			continue
		}
		if _, pattern := mux.Handler(&http.Request{Method: http.MethodGet, Host: "localhost", URL: &url.URL{Path: path}}); pattern != "/" {
			return nil, nil, &OptionError{fmt.Sprintf("command[%d].path", i), fmt.Errorf("%s is taken: choose another path", path)}
		}
		mux.Handle(path, s.admitted(cfg, s.serveCommand(path)))
	}

	inner := mux
	if hasPrivate {
		inner = inside
	}
	inner.Handle(api.Prefix+"/", apiHandler)
	if cfg.Metrics.Enabled {
		scraped := s.metrics.Handler()
		inner.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			scraped.ServeHTTP(w, r)
		})
	}
	if cfg.Metrics.Profiles {
		inside.HandleFunc("/debug/pprof/", pprof.Index)
		inside.HandleFunc("/debug/pprof/profile", pprof.Profile)
		inside.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		inside.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return s.guarded(cfg, !cfg.Authenticates(), unclean("/t/", topics, mux)), s.guarded(cfg, true, inside), nil
}

// unclean has a handler answer all paths that begin with a prefix, as they are: a mux would redirect those with empty parts or dots, which
// are topics like others.
func unclean(prefix string, handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix) {
			handler.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guarded puts the guards that every request has to pass around a handler. Where nobody is asked who they are (open), names of others are
// refused, lest a page reach us under one.
func (s *Server) guarded(cfg *config.Config, open bool, next http.Handler) http.Handler {
	next = sameOrigin(next, "/t/", "/ws/", api.Prefix+"/")
	if open {
		next = localHosts(cfg.Hosts, next)
	}
	return s.limits.Forwarded(limitHeaderLines(cfg.Limits.HeaderLines, s.metrics.Refused, wellFormed(next)))
}

// admitted refuses whoever comes new while the server is going to stop or memory runs out, and counts those that come through a proxy.
func (s *Server) admitted(cfg *config.Config, next http.Handler) http.Handler {
	return s.unless(cfg, func(*http.Request) bool { return false }, next)
}

// told is admitted for dialects, which tell streams themselves: to a browser, every answer but a stream is a reason never to come back.
// They ask the hub, which refuses whom admitted does.
func (s *Server) told(cfg *config.Config, next http.Handler) http.Handler {
	return s.unless(cfg, streams, next)
}

// unless is admitted, but for requests whose answer is left to next.
func (s *Server) unless(cfg *config.Config, left func(*http.Request) bool, next http.Handler) http.Handler {
	if len(cfg.TrustedProxies) > 0 {
		next = s.staying(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case left(r):
		case s.draining.Load():
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusServiceUnavailable, "the server is about to stop: come back in a moment")
			return
		default:
			if no := s.shed.Admit(); no != nil {
				no.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// admit is what the hub asks before it lets a session in.
func (s *Server) admit() *hub.Error {
	if s.draining.Load() { // which the hub does not know before the delay is over
		return &hub.Error{Code: hub.GoingAway, Text: "the server is about to stop; come back in a moment", Retry: true, After: time.Second}
	}
	if no := s.shed.Admit(); no != nil {
		return &hub.Error{Code: hub.Unavailable, Text: "the server is short of memory; come back in a while", Retry: true, After: no.After}
	}
	return nil
}

// api returns the handler of the HTTP API, as the configuration has it.
func (s *Server) api(cfg *config.Config) (http.Handler, error) {
	keys := make([]api.Key, 0, len(cfg.APIKeys))
	for _, k := range cfg.APIKeys {
		key := api.Key{Name: k.Name, Secret: k.Key.Reveal(), SHA256: k.SHA256, Topics: k.Topics, Rate: k.Rate, Burst: k.Burst}
		for _, scope := range k.Scopes {
			key.Scopes = append(key.Scopes, api.Scope(scope))
		}
		keys = append(keys, key)
	}
	h, err := api.New(s.hub, api.Options{
		Keys:     keys,
		AllowAll: len(keys) == 0 && !cfg.Authenticates() && onlyLocal(cfg),
		Version:  s.version,
		Started:  s.started,
		MaxBody:  max(8<<20, 2*int64(cfg.Limits.MessageBytes)),
		Logger:   s.log,
	})
	if err != nil {
		return nil, &OptionError{"api_key", err}
	}
	return h, nil
}

// rateOrNone makes the zero of the configuration, which is no bound, that of others, which is a negative one.
func rateOrNone(r float64) float64 {
	if r == 0 {
		return -1
	}
	return r
}

// cors returns what pages of other origins may do over HTTP.
func (s *Server) cors(cfg *config.Config) raw.CORS {
	origins := cfg.CORS.Origins
	if len(origins) == 0 {
		origins = cfg.Origins
	}
	return raw.CORS{Origins: origins, Credentials: cfg.CORS.Credentials, MaxAge: cfg.CORS.MaxAge}
}

// acceptOptions returns what every WebSocket of the server has in common.
func (s *Server) acceptOptions(cfg *config.Config) ws.AcceptOptions {
	l := &cfg.Limits
	o := ws.AcceptOptions{
		Options: ws.Options{
			Logger:       s.log,
			Trace:        s.trace(),
			PingInterval: l.PingInterval,
			PingTimeout:  l.PingTimeout,
			WriteTimeout: l.WriteTimeout,
		},
	}
	for _, origin := range cfg.Origins {
		if origin == "*" {
			o.AnyOrigin = true
		} else {
			o.Origins = append(o.Origins, origin)
		}
	}
	if c := &cfg.Compression; c.Mode != "off" {
		takeover := c.Mode == "takeover" // both sides must want it
		o.Compression = &ws.Compression{ServerTakeover: takeover, ClientTakeover: takeover, Threshold: int(c.MinSize)}
	}
	return o
}

// health answers whether the server works.
func health(w http.ResponseWriter, r *http.Request) { say(w, r, http.StatusOK, "ok") }

// ready answers whether the server takes new sessions: not when it is about to stop.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.draining.Load():
		say(w, r, http.StatusServiceUnavailable, "draining")
	case s.shed.Over():
		say(w, r, http.StatusServiceUnavailable, "short of memory")
	default:
		say(w, r, http.StatusOK, "ready")
	}
}

func say(w http.ResponseWriter, r *http.Request, status int, text string) {
	if !readOnly(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") // a client that is gone needs no answer
}

// asyncAPI serves the description of the protocols that this server speaks.
func (s *Server) asyncAPI(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Access-Control-Allow-Origin", "*") // it is no secret, and tools in browsers want it
	w.Write(native.AsyncAPI(native.APIInfo{Host: r.Host, TLS: r.TLS != nil, Version: s.version, Path: "/ws", Topics: "/t"}))
}

// notFound says what there is instead.
func notFound(api, metrics bool) http.HandlerFunc {
	list := "  /               a page to try it\n" +
		"  /t/TOPIC        a topic: WebSocket, curl -N, curl -d\n" +
		"  /ws             many topics on one connection: subprotocol parley.v1\n"
	if api {
		list += "  /api/v1/        the HTTP API for applications\n"
	}
	list += "  /asyncapi.yaml  what is spoken here\n" +
		"  /console        a console for WebSockets\n" +
		"  /echo /clock    WebSockets to test with\n"
	if api && metrics {
		list += "  /metrics        for Prometheus\n"
	}
	list += "  /healthz /readyz"
	return func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusNotFound, fmt.Sprintf("nothing is at %q. There are:\n%s", r.URL.EscapedPath(), list))
	}
}

// notFoundPrivate is notFound on a private address.
func notFoundPrivate(w http.ResponseWriter, r *http.Request) {
	problem(w, http.StatusNotFound, fmt.Sprintf("nothing is at %q. There are: /api/v1/ /metrics /healthz /readyz /debug/pprof/", r.URL.EscapedPath()))
}

// readOnly answers 405 and returns false unless r only asks for something.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	problem(w, http.StatusMethodNotAllowed, r.Method+" does nothing here: ask with GET")
	return false
}
