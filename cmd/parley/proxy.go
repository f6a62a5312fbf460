package main

import (
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
)

// environmentProxy chooses the proxy by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case. net/http, which
// does it by default, knows nothing of ALL_PROXY.
func environmentProxy() func(*http.Request) (*url.URL, error) {
	c := httpproxy.FromEnvironment()
	all := os.Getenv("ALL_PROXY")
	if all == "" {
		all = os.Getenv("all_proxy")
	}
	if c.HTTPProxy == "" && !c.CGI { // in CGI, HTTP_PROXY may be a request's header field Proxy
		c.HTTPProxy = all
	}
	if c.HTTPSProxy == "" {
		c.HTTPSProxy = all
	}
	choose := c.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}
