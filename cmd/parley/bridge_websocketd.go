package main

import (
	"errors"

	"github.com/spf13/pflag"
)

// fromWebsocketd is what to write in the place of flags of websocketd that have another name here.
var fromWebsocketd = map[string]string{
	"port":          "write --listen 127.0.0.1:8080",
	"address":       "write --listen ADDRESS:PORT",
	"unixsocket":    "write --listen unix:/path",
	"ssl":           "write --tls-cert FILE --tls-key FILE",
	"sslcert":       "write --tls-cert FILE --tls-key FILE",
	"sslkey":        "write --tls-cert FILE --tls-key FILE",
	"sslca":         "put a proxy in front that asks for certificates",
	"redirport":     "put a proxy in front that redirects",
	"passstderr":    "write --stderr json",
	"maxframesize":  "write --max-size 1MiB",
	"closems":       "write --ladder 1s,1s,5s: the times after the end of input, SIGINT and SIGTERM",
	"pingms":        "leave it out: there are pings after 25 s of silence",
	"header-ws":     "write -H 'NAME: VALUE', which is for all answers",
	"header-http":   "write -H 'NAME: VALUE', which is for all answers",
	"reverselookup": "leave it out: REMOTE_HOST is the address",
	"cgidir":        "put a web server in front that has CGI",
	"loglevel":      "write -v for a line about each connection",
	"license":       "see the file LICENSE",
}

// bridgeAdvice ends the error of a flag.
func bridgeAdvice(err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if advice, ok := fromWebsocketd[unknown.GetSpecifiedName()]; ok {
			return advice + "; docs/cli.md has the other flags of websocketd"
		}
	}
	return "see parley bridge --help"
}
