package server

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// limitHeaderLines refuses requests with more header lines than that. http.Server bounds their bytes, not their
// number.
func limitHeaderLines(most int, refused func(limit string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := 1 // Host, which net/http takes out
		for _, values := range r.Header {
			lines += len(values)
		}
		if lines > most {
			refused("header_lines")
			w.Header().Set("Connection", "close")
			problem(w, http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("more than %d header lines", most))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wellFormed refuses requests whose Host is none, or whose target is no path: net/http lets more pass (RFC 9112 section 3.2).
func wellFormed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isHost(r.Host):
			problem(w, http.StatusBadRequest, fmt.Sprintf("the Host %q is not a host", r.Host))
		case !strings.HasPrefix(r.URL.Path, "/"):
			problem(w, http.StatusBadRequest, fmt.Sprintf("the target %q is not a path", r.RequestURI))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// localHosts refuses requests whose Host is not this machine or one of the hosts given.
//
// The server has no authentication, and relies on who can reach it. A page of evil.example can make its own name
// resolve to 127.0.0.1 (DNS rebinding): then its requests reach this server with an Origin that equals their Host,
// and only the Host's name tells them apart. An address needs no name to be resolved, so the address that the
// connection came to is safe as well.
func localHosts(hosts []string, next http.Handler) http.Handler {
	known := make(map[string]bool, len(hosts)+1)
	for _, host := range append([]string{"localhost"}, hosts...) {
		known[canonical(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := canonical(hostname(r.Host))
		ip := net.ParseIP(host)
		if known[host] || ip != nil && (ip.IsLoopback() || ip.Equal(localIP(r))) || isUnix(r) {
			next.ServeHTTP(w, r)
			return
		}
		problem(w, http.StatusForbidden, fmt.Sprintf("this server does not answer to the Host %q.\n"+
			"Without authentication it answers to localhost, to its own addresses and to names that it was given, so that\n"+
			"no page elsewhere can reach it under a name of its own (DNS rebinding). If the name is yours, start it with\n"+
			"  parley serve --host NAME", r.Host))
	})
}

// isHost reports whether s is a host, perhaps with a port; net/http lets more pass.
func isHost(s string) bool {
	u, err := url.Parse("//" + s)
	return err == nil && s != "" && u.Host == s && (strings.HasPrefix(s, "[") || strings.Count(s, ":") <= 1)
}

// localIP returns the address that the connection of r came to, or nil.
func localIP(r *http.Request) net.IP {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return nil
	}
	return addr.IP
}

// hostname returns the Host header without its port and without the brackets of an IPv6 address.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// canonical returns a name in the form in which names are compared: "LocalHost." is localhost, "::0001" is ::1.
func canonical(host string) string {
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// sameOrigin refuses unsafe methods that a browser sends for a page of another origin, but for the paths whose handlers
// do so themselves because they know exceptions.
func sameOrigin(next http.Handler, but ...string) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(w, http.StatusForbidden, r.Method+" from a page of another origin is refused")
	}))
	protected := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range but {
			if strings.HasPrefix(r.URL.Path, prefix) {
				next.ServeHTTP(w, r)
				return
			}
		}
		protected.ServeHTTP(w, r)
	})
}

// problem answers with a status and a text for the person who meets it.
func problem(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, fmt.Sprintf("%d %s: %s", status, strings.ToLower(http.StatusText(status)), text), status)
}
