package api

import (
	_ "embed"
	"net/http"
	"net/url"
	"strings"
)

// route is one thing that can be asked for.
type route struct {
	method string
	path   string // below Prefix; a {name} at its end stands for the rest of the path, slashes too
	scope  Scope
	open   bool // needs no key
	status int  // of an answer that is no error
	serve  func(*call) (any, error)
}

// routes are all there are. A test holds them against the OpenAPI document.
var routes = []*route{
	{method: http.MethodPost, path: "/publish", scope: Publish, status: http.StatusOK, serve: (*call).publish},
	{method: http.MethodPost, path: "/publish/batch", scope: Publish, status: http.StatusOK, serve: (*call).publishBatch},
	{method: http.MethodPost, path: "/broadcast", scope: Publish, status: http.StatusOK, serve: (*call).broadcast},

	{method: http.MethodGet, path: "/history", scope: Read, status: http.StatusOK, serve: (*call).history},
	{method: http.MethodGet, path: "/presence", scope: Read, status: http.StatusOK, serve: (*call).presence},
	{method: http.MethodGet, path: "/topics", scope: Read, status: http.StatusOK, serve: (*call).topics},
	{method: http.MethodGet, path: "/topics/{topic}", scope: Read, status: http.StatusOK, serve: (*call).topic},

	{method: http.MethodGet, path: "/sessions", scope: Sessions, status: http.StatusOK, serve: (*call).sessions},
	{method: http.MethodGet, path: "/sessions/{id}", scope: Sessions, status: http.StatusOK, serve: (*call).session},
	{method: http.MethodPost, path: "/subscribe", scope: Sessions, status: http.StatusAccepted, serve: (*call).subscribe},
	{method: http.MethodPost, path: "/unsubscribe", scope: Sessions, status: http.StatusAccepted, serve: (*call).unsubscribe},
	{method: http.MethodPost, path: "/refresh", scope: Sessions, status: http.StatusAccepted, serve: (*call).refresh},
	{method: http.MethodPost, path: "/disconnect", scope: Sessions, status: http.StatusAccepted, serve: (*call).disconnect},

	{method: http.MethodGet, path: "/info", scope: Admin, status: http.StatusOK, serve: (*call).info},
	{method: http.MethodGet, path: "/openapi.yaml", open: true, status: http.StatusOK, serve: (*call).openapi},
}

// name is what the route is called in metrics and logs.
func (r *route) name() string { return r.method + " " + r.path }

// match reports whether a path, escaped and without Prefix, is that of the route, and what its {name} stands for.
func (r *route) match(path string) (rest string, ok bool) {
	brace := strings.IndexByte(r.path, '{')
	if brace < 0 {
		return "", path == r.path
	}
	escaped, ok := strings.CutPrefix(path, r.path[:brace])
	if !ok || escaped == "" {
		return "", false
	}
	rest, err := url.PathUnescape(escaped)
	return rest, err == nil
}

// find returns the route of a request and what its {name} stands for, or the methods that there are at its path. It looks at the path as it was sent: a
// topic may have slashes at its ends, and next to each other, and those of a mux that cleans paths would be lost.
func find(r *http.Request) (found *route, rest string, allow []string) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), Prefix)
	if !ok {
		return nil, "", nil
	}
	for _, x := range routes {
		rest, ok := x.match(path)
		if !ok {
			continue
		}
		if r.Method == x.method || r.Method == http.MethodHead && x.method == http.MethodGet {
			return x, rest, nil
		}
		allow = append(allow, x.method)
		if x.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	return nil, "", allow
}

// document is an answer that is no JSON.
type document []byte

//go:embed openapi.yaml
var openapi document

// openapi answers with the description of all this.
func (c *call) openapi() (any, error) { return openapi, c.noQuery() }
