package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server on a free port. Its stop ends it and returns what Run returned; the test does so at its end anyway.
func start(t *testing.T, o Options) (e Endpoint, stop func() error) {
	t.Helper()
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	listening := make(chan Endpoint, 1)
	o.Listening = func(e Endpoint) { listening <- e }
	s, err := New(o)
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
		return e, stop
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
