package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/parley-ws/parley/server/config"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configured returns a configuration that listens on a free port, changed by the functions.
func configured(change ...func(*config.Config)) *config.Config {
	cfg := config.Default()
	cfg.Listen = []config.Listener{{Addr: "127.0.0.1:0", Mode: 0o600}}
	cfg.Drain = 5 * time.Second
	for _, f := range change {
		f(cfg)
	}
	return cfg
}

// start runs a server. Its stop ends it and returns what Run returned; the test does so at its end anyway.
func start(t *testing.T, cfg *config.Config) (e Endpoint, stop func() error) {
	t.Helper()
	_, e, stop = run(t, cfg)
	return e, stop
}

// run is start for tests that want the server, too.
func run(t *testing.T, cfg *config.Config) (s *Server, e Endpoint, stop func() error) {
	t.Helper()
	listening := make(chan Endpoint, 1)
	s, err := New(Options{Config: cfg, Version: "test", Listening: func(list []Endpoint) { listening <- list[0] }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var result error
	go func() {
		defer close(done)
		result = s.Run(ctx)
	}()
	stop = func() error {
		cancel()
		<-done
		return result
	}
	t.Cleanup(func() { stop() })
	select {
	case e = <-listening:
		return s, e, stop
	case <-done:
		t.Fatalf("Run: %v", result)
		panic("unreachable")
	}
}

// httpClient trusts everything and keeps no connection beyond the test.
func httpClient(t *testing.T) *http.Client {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected") }}
}
