package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// The limits of the HTTP side.
const (
	headerTimeout = 5 * time.Second  // for the TLS handshake, and for a request's header
	readTimeout   = 5 * time.Second  // for a whole request: nothing here takes a body
	writeTimeout  = 30 * time.Second // for a whole answer; a WebSocket has its own
	idleTimeout   = 60 * time.Second // between requests on one connection
	finishTimeout = time.Second      // for requests that are being answered when Run stops; all of them are short
	headerBytes   = 8 << 10          // the request line and all header lines
	readerBytes   = 4 << 10          // what http.Server adds to its MaxHeaderBytes for its buffer
)

// Server serves Parley's endpoints. New makes one, Run runs it, once.
type Server struct {
	options     Options
	tls         *tls.Config // nil without TLS
	fingerprint string
	group       ws.Group
	clock       clock
	handler     http.Handler
}

// New checks the options and loads the certificate. It opens nothing yet.
// Its errors are an *OptionError or a *CertificateError.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o}
	if s.tls, s.fingerprint, err = tlsConfig(o); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// DrainError is returned by Run when connections had to be cut because they did not end in time.
type DrainError struct {
	// Drain is how long they had: Options.Drain.
	Drain time.Duration
}

// Error says how long they had.
func (e *DrainError) Error() string {
	return fmt.Sprintf("server: drain: connections that did not end within %v were cut (Options.Drain)", e.Drain)
}

// Run listens and serves until ctx ends. Then it accepts nothing more, ends every WebSocket with 1001 and waits for
// them, at most Options.Drain. It returns nil if all of them ended in good order, a *DrainError if some were cut, and
// what went wrong if it could not listen or go on.
func (s *Server) Run(ctx context.Context) error {
	listener, err := listen(s.options)
	if err != nil {
		return err
	}
	hs := s.httpServer()
	failed := make(chan error, 1)
	go func() {
		if s.tls != nil {
			failed <- hs.ServeTLS(listener, "", "")
		} else {
			failed <- hs.Serve(listener)
		}
	}()

	ticking, stopTicking := context.WithCancel(context.WithoutCancel(ctx))
	var ticker sync.WaitGroup
	ticker.Go(func() { s.clock.run(ticking) })

	if s.options.Listening != nil {
		s.options.Listening(endpoint(listener.Addr(), s.tls != nil, s.fingerprint))
	}

	select {
	case <-ctx.Done():
	case err = <-failed:
		failed <- http.ErrServerClosed // it has returned: the wait below is over at once
		err = fmt.Errorf("server: serve: %w", err)
	}
	stopTicking()
	drained := s.stop(hs)
	<-failed
	ticker.Wait()
	return errors.Join(err, drained)
}

// httpServer returns the HTTP side with every limit set; net/http has none by default.
func (s *Server) httpServer() *http.Server {
	// A WebSocket starts with HTTP/1.1 (RFC 6455); over HTTP/2 it would need its own limits.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           s.handler,
		TLSConfig:         s.tls,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes - readerBytes,
		ErrorLog:          s.errorLog(),
	}
}

// errorLog passes on what http.Server complains about. Broken handshakes are the clients' doing, hence debug.
func (s *Server) errorLog() *log.Logger {
	return slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug)
}

// stop ends everything: HTTP within finishTimeout, WebSockets within Options.Drain, both at the same time.
func (s *Server) stop(hs *http.Server) error {
	var requests sync.WaitGroup
	requests.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
		defer cancel()
		if hs.Shutdown(ctx) != nil {
			hs.Close() // what is left are connections that never asked for anything
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Drain)
	defer cancel()
	err := s.group.Shutdown(ctx)
	requests.Wait()
	if err != nil {
		return &DrainError{Drain: s.options.Drain}
	}
	return nil
}

// Connections returns how many WebSocket connections are open.
func (s *Server) Connections() int { return s.group.Len() }

// Handler returns what Run serves, for use in another http.Server, which has to set the limits that Run sets.
func (s *Server) Handler() http.Handler { return s.handler }
