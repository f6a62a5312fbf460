package server

import (
	"fmt"
	"io"
	"net/http"

	"github.com/parley-ws/parley/console"
)

// routes returns everything that the server answers, behind its guards.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	console.Mount(mux)
	mux.Handle("/echo", s.echo())
	mux.Handle("/clock", s.clock.handler(s.acceptOptions()))
	mux.HandleFunc("/healthz", health)
	mux.HandleFunc("/", notFound)
	return limitHeaderLines(localHosts(s.options.Hosts, sameOrigin(mux)))
}

// health answers whether the server works; while it drains it no longer accepts connections.
func health(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, "ok\n") // a client that is gone needs no answer
}

// notFound says what there is instead.
func notFound(w http.ResponseWriter, r *http.Request) {
	problem(w, http.StatusNotFound, fmt.Sprintf("nothing is at %q. There are:\n"+
		"  /         a page with a console\n"+
		"  /echo     a WebSocket that sends back what it gets\n"+
		"  /clock    a WebSocket that sends the time each second\n"+
		"  /healthz  whether the server works", r.URL.EscapedPath()))
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
