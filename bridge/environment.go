package bridge

import (
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultPassEnv returns the names of the variables that a command needs on this system: where programs and libraries are.
func DefaultPassEnv() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"PATH", "SystemRoot", "COMSPEC", "PATHEXT", "WINDIR"}
	case "darwin":
		return []string{"PATH", "DYLD_LIBRARY_PATH"}
	}
	return []string{"PATH", "LD_LIBRARY_PATH"}
}

// base is the environment of a process that no request belongs to.
func (o *Options) base() []string {
	env := []string{"SERVER_SOFTWARE=" + o.Software, "GATEWAY_INTERFACE=CGI/1.1"}
	if o.Terminal && !slices.ContainsFunc(o.Env, func(v string) bool { return strings.HasPrefix(v, "TERM=") }) {
		env = append(env, "TERM=xterm-256color")
	}
	return append(env, o.Env...)
}

// cgi is the environment of a process for one request: that of RFC 3875 section 4.1 with the additions of websocketd.
func (o *Options) cgi(r *http.Request, script, info string) []string {
	env := o.base()
	set := func(name, value string) {
		env = append(env, name+"="+strings.TrimSpace(breaks.Replace(value)))
	}
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host, port = "", "" // a Unix socket
	}
	name, serverPort := splitHost(r.Host)
	if serverPort == "" {
		serverPort = "80"
		if r.TLS != nil {
			serverPort = "443"
		}
	}
	set("REMOTE_ADDR", host)
	set("REMOTE_HOST", host)
	set("REMOTE_PORT", port)
	set("SERVER_NAME", name)
	set("SERVER_PORT", serverPort)
	set("SERVER_PROTOCOL", r.Proto)
	set("REQUEST_METHOD", r.Method)
	set("REQUEST_URI", r.URL.RequestURI())
	set("SCRIPT_NAME", script)
	set("PATH_INFO", info)
	set("PATH_TRANSLATED", r.URL.Path)
	set("QUERY_STRING", r.URL.RawQuery)
	set("UNIQUE_ID", strconv.FormatInt(time.Now().UnixNano(), 10))
	if r.TLS != nil {
		set("HTTPS", "on")
	}
	for _, name := range []string{"AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "REMOTE_IDENT"} {
		set(name, "")
	}
	user := ""
	if o.Who != nil {
		user, _ = o.Who(r)
	}
	set("REMOTE_USER", user)
	for name, values := range r.Header {
		if variable, ok := headerVariable(name); ok {
			trimmed := make([]string, len(values))
			for i, v := range values {
				trimmed[i] = strings.TrimSpace(breaks.Replace(v))
			}
			set(variable, strings.Join(trimmed, ", "))
		}
	}
	return env
}

// headerVariable returns the name of the variable for a header field. A field whose name is not letters, digits and hyphens
// has none: X_Real would pass for X-Real. Proxy has none either, for HTTP_PROXY is what HTTP clients ask for a proxy.
func headerVariable(name string) (string, bool) {
	if strings.EqualFold(name, "Proxy") {
		return "", false
	}
	for _, c := range []byte(name) {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "", false
		}
	}
	return "HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")), true
}

// splitHost splits the Host of a request, whose port may be missing.
func splitHost(hostport string) (host, port string) {
	if host, port, err := net.SplitHostPort(hostport); err == nil {
		return host, port
	}
	return hostport, ""
}
