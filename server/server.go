package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-ws/parley/broker/memory"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/server/limit"
	"github.com/parley-ws/parley/server/metrics"
	"github.com/parley-ws/parley/ws"
)

// The limits of the HTTP side that are not configured.
const (
	readTimeout   = 5 * time.Second  // for a whole request; handlers that take a body may give it longer
	writeTimeout  = 30 * time.Second // for a whole answer; a WebSocket and a stream have their own
	idleTimeout   = 60 * time.Second // between requests on one connection
	finishTimeout = time.Second      // for requests that are being answered when Run stops
	readerBytes   = 4 << 10          // what http.Server adds to its MaxHeaderBytes for its buffer
)

// Server serves Parley's endpoints. New makes one, Run runs it, once.
type Server struct {
	log       *slog.Logger
	version   string
	started   time.Time
	listening func([]Endpoint)
	broker    *memory.Broker
	hub       *hub.Hub
	metrics   *metrics.Metrics
	group     ws.Group // of /echo and /clock
	sockets   ws.Group // of sessions, which the hub ends: to count them
	clock     clock
	limits    *limit.Limiter
	shed      *limit.Shed
	commands  commands

	mu        sync.Mutex // for Reload
	judge     *judge
	listeners []*listener

	config   atomic.Pointer[config.Config]
	public   atomic.Pointer[http.Handler]
	private  atomic.Pointer[http.Handler]
	draining atomic.Bool
}

// New checks the configuration and makes what it says, but opens no address yet. Its errors are an *OptionError or a *CertificateError. What
// it has made is given back by Run, or by Close if Run is never called.
func New(o Options) (*Server, error) {
	cfg := o.Config
	if cfg == nil {
		cfg = config.Default()
	}
	s := &Server{log: o.Logger, version: o.Version, started: time.Now(), listening: o.Listening}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for i := range cfg.Listen { // what is wrong with a certificate is said before anything else happens
		if _, _, err := certificate(&cfg.Listen[i], cfg.Hosts); err != nil {
			return nil, err
		}
	}
	if err := s.checkCommands(cfg); err != nil {
		return nil, err
	}
	j, err := s.newJudge(cfg)
	if err != nil {
		return nil, err
	}
	options, err := hubOptions(cfg, j)
	if err == nil {
		if options.Node == "" {
			options.Node = "node-" + rand.Text()[:8]
		}
		s.metrics = metrics.New(metrics.Options{Version: o.Version, Node: options.Node})
		options.Logger = s.log
		options.Trace = s.hubTrace()
		options.Admit = s.admit
		s.broker = newBroker(cfg)
		options.Broker = s.broker
		if s.hub, err = hub.New(options); err != nil {
			s.broker.Close()
		}
	}
	if err != nil {
		j.Close()
		return nil, err
	}
	s.judge = j
	s.limits = limit.New(s.limitOptions(cfg))
	s.shed = limit.NewShed(limit.ShedOptions{Percent: rateOrNone(float64(cfg.Limits.ShedMemory)), Refused: s.metrics.Refused})
	s.metrics.Watch(metrics.Watched{Hub: s.hub, Connections: s.limits.Open, WebSockets: func() int {
		return s.group.Len() + s.sockets.Len() + s.commands.connections()
	}})
	if err := s.apply(cfg); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// apply puts a configuration into force, as far as the handlers go.
func (s *Server) apply(cfg *config.Config) error {
	if err := s.calls(cfg); err != nil {
		return err
	}
	public, private, err := s.routes(cfg)
	if err != nil {
		return err
	}
	s.config.Store(cfg)
	s.public.Store(&public)
	s.private.Store(&private)
	s.setCommands(cfg)
	return nil
}

// Reload puts another configuration into force without ending a connection. If it returns an error, nothing has changed. The keys that
// config.Reloadable names keep their old values until the server is started again.
func (s *Server) Reload(cfg *config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range cfg.Listen {
		if _, _, err := certificate(&cfg.Listen[i], cfg.Hosts); err != nil {
			return err
		}
	}
	if err := s.checkCommands(cfg); err != nil {
		return err
	}
	j, err := s.newJudge(cfg)
	if err != nil {
		return err
	}
	options, err := hubOptions(cfg, j)
	if err == nil {
		err = s.hub.Reload(options)
	}
	if err != nil {
		j.Close()
		return err
	}
	if err := s.apply(cfg); err != nil {
		if old, was := hubOptions(s.config.Load(), s.judge); was == nil {
			err = errors.Join(err, s.hub.Reload(old))
		}
		j.Close()
		return err
	}
	s.limits.Set(s.limitOptions(cfg))
	s.shed.Set(rateOrNone(float64(cfg.Limits.ShedMemory)))
	s.judge.Close()
	s.judge = j
	for i, l := range s.listeners {
		if i < len(cfg.Listen) && !cfg.Listen[i].TLSSelfSigned {
			if err := l.load(&cfg.Listen[i], cfg.Hosts); err != nil {
				s.log.Error("a certificate could not be loaded: the old one stays", "err", err)
			}
		}
	}
	return nil
}

// Close gives back what New has made, when Run is not going to be called.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
	defer cancel()
	s.endCommands(ctx) // an error says that they were killed
	s.hub.Close()
	s.broker.Close()
	s.judge.Close()
}

// DrainError is returned by Run when connections had to be cut because they did not end in time.
type DrainError struct {
	// Drain is how long they had.
	Drain time.Duration
}

// Error says how long they had.
func (e *DrainError) Error() string {
	return fmt.Sprintf("server: drain: connections that did not end within %v were cut", e.Drain)
}

// Run listens and serves until ctx ends. For the configured delay it goes on then without new sessions, and says that it is not ready. After that it accepts
// nothing more, tells every session to come back, spread over a window so that they do
// not come all at once, ends other WebSockets with 1001 and waits for them, at most for the configured drain. It returns nil if all of them ended
// in good order, a *DrainError if some were cut, and what went wrong if it could not listen or go on.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	cfg := s.config.Load()
	addresses := cfg.Listen
	if len(addresses) == 0 {
		addresses = []config.Listener{{Addr: "127.0.0.1:8080"}}
	}
	var servers []*http.Server
	defer func() {
		for _, l := range s.listeners {
			l.Close()
		}
	}()
	for i := range addresses {
		l, err := open(fmt.Sprintf("listen[%d]", i), &addresses[i], cfg)
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, l)
	}
	s.startCommands()
	failed := make(chan error, len(s.listeners))
	var endpoints []Endpoint
	for _, l := range s.listeners {
		hs := s.httpServer(cfg, l)
		servers = append(servers, hs)
		endpoints = append(endpoints, l.endpoint())
		limited := s.limited(l)
		go func() {
			if l.tls != nil {
				failed <- hs.ServeTLS(limited, "", "")
			} else {
				failed <- hs.Serve(limited)
			}
		}()
	}
	ticking, stopTicking := context.WithCancel(context.WithoutCancel(ctx))
	var ticker sync.WaitGroup
	ticker.Go(func() { s.clock.run(ticking) })
	if s.listening != nil {
		s.listening(endpoints)
	}

	var err error
	running := len(servers)
	select {
	case <-ctx.Done():
		err = s.linger(failed)
	case err = <-failed:
	}
	if err != nil {
		running--
		err = fmt.Errorf("server: serve: %w", err)
	}
	stopTicking()
	drained := s.stop(servers)
	for range running {
		<-failed
	}
	ticker.Wait()
	return errors.Join(err, drained)
}

// linger goes on for the configured delay, without new sessions: whoever asks whether the server is ready can do so on a new connection, and
// has the time to send no more clients. It returns at once what a listener fails with.
func (s *Server) linger(failed <-chan error) error {
	s.draining.Store(true)
	delay := s.config.Load().DrainDelay
	if delay <= 0 {
		return nil
	}
	s.log.Info("not ready any more: the drain begins after the delay", "delay", delay, "sessions", s.hub.Len())
	over := time.NewTimer(delay)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case err := <-failed:
		return err
	}
}

// httpServer returns the HTTP side with every limit set; net/http has none by default.
func (s *Server) httpServer(cfg *config.Config, l *listener) *http.Server {
	// A WebSocket starts with HTTP/1.1 (RFC 6455); over HTTP/2 it would need its own limits.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	handler := &s.public
	if l.private {
		handler = &s.private
	}
	return &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }),
		TLSConfig:         l.tls,
		Protocols:         &protocols,
		ReadHeaderTimeout: cfg.Limits.HeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    max(1, int(cfg.Limits.HeaderBytes)-readerBytes),
		ErrorLog:          s.errorLog(),
	}
}

// errorLog passes on what http.Server complains about. Broken handshakes are the clients' doing, hence debug.
func (s *Server) errorLog() *log.Logger {
	return slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
}

// leaveRate is how many sessions a second are told to come back at least: they need not take all of the drain if they are few.
const leaveRate = 200

// stop ends everything: the addresses at once, then sessions spread over a window, other WebSockets and requests at the same time.
func (s *Server) stop(servers []*http.Server) error {
	s.draining.Store(true)
	drain := s.config.Load().Drain
	for _, l := range s.listeners {
		l.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var ending sync.WaitGroup
	var sessions, sockets, commands error
	ending.Go(func() {
		sessions = s.hub.Drain(ctx, min(drain*8/10, time.Duration(s.hub.Len())*time.Second/leaveRate))
	})
	ending.Go(func() { sockets = s.group.Shutdown(ctx) })
	ending.Go(func() { commands = s.endCommands(ctx) })
	ending.Wait()
	// Streams have ended with their sessions: what is left is short, or was never begun.
	for _, hs := range servers {
		ending.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
			defer cancel()
			if hs.Shutdown(ctx) != nil {
				hs.Close()
			}
		})
	}
	ending.Wait()
	if sessions != nil || sockets != nil || commands != nil {
		return &DrainError{Drain: drain}
	}
	return nil
}

// Connections returns how many sessions and other WebSockets there are.
func (s *Server) Connections() int { return s.hub.Len() + s.group.Len() + s.commands.connections() }

// Hub returns the hub, for a program that embeds the server.
func (s *Server) Hub() *hub.Hub { return s.hub }

// Handler returns what is served on addresses that are not private, for use in another http.Server, which has to set the limits that Run sets.
// It starts the commands of the configuration, which Close ends.
func (s *Server) Handler() http.Handler {
	s.startCommands()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.public.Load()).ServeHTTP(w, r) })
}

// isUnix reports whether a request came through a unix socket.
func isUnix(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && strings.HasPrefix(a.Network(), "unix")
}
