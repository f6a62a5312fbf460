package bridge

import (
	"net"
	"net/http"
	"strings"
)

// knownHost reports whether the Host of a request is this machine: localhost, a loopback address, the address that the
// connection came to, or a name that was given. A page of another site can make a name of its own resolve to this machine, and
// then its Origin equals the Host: only the name tells it apart (DNS rebinding). An address needs no name.
func (h *Handler) knownHost(r *http.Request) bool {
	name, _ := splitHost(r.Host)
	name = canonicalHost(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if h.hosts[name] {
		return true
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if _, unix := local.(*net.UnixAddr); unix {
		return true // no page gets there
	}
	ip := net.ParseIP(name)
	tcp, _ := local.(*net.TCPAddr)
	return ip != nil && (ip.IsLoopback() || tcp != nil && ip.Equal(tcp.IP))
}

// canonicalHost is the form in which names are compared.
func canonicalHost(host string) string {
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
