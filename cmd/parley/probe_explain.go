package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/parley-ws/parley/ws"
)

// diagnosis is the likely reason of a failure, and what to do.
type diagnosis struct {
	why, remedy string
	certain     bool // there is nothing to try
}

// headerMeanings says what header fields of an answer mean to somebody who wants a WebSocket.
var headerMeanings = map[string]string{
	"Access-Control-Allow-Origin": "means nothing here: CORS does not apply to WebSockets, the server has to check Origin",
	"Allow":                       "the methods that this path takes; a handshake is a GET",
	"Alt-Svc":                     "the server is there over other protocols, too, such as HTTP/3",
	"Cf-Ray":                      "Cloudflare is in front: it must allow WebSockets (Network settings) and ends idle ones after 100 s",
	"Connection":                  "Upgrade, as it has to be with a 101; otherwise what happens to this connection",
	"Content-Type":                "the type of the body below; text/html often is a page, of the application or of a proxy",
	"Retry-After":                 "when to try again, in seconds",
	"Sec-Websocket-Accept":        "proves that the server read our key: SHA-1 over the key and a constant (RFC 6455 §4.2.2)",
	"Sec-Websocket-Extensions":    "the extensions that the server agreed to",
	"Sec-Websocket-Protocol":      "the subprotocol that the server chose",
	"Sec-Websocket-Version":       "the versions that the server speaks; ours is 13",
	"Server":                      "what answered; it may stand in front of the application",
	"Set-Cookie":                  "a cookie, often for sticky sessions",
	"Strict-Transport-Security":   "browsers will use wss only for this host",
	"Upgrade":                     "the protocol spoken from here on; in a refusal, what the server wants",
	"Via":                         "proxies on the way; each has to pass Upgrade on",
	"Www-Authenticate":            "what credentials the server wants",
	"X-Amz-Cf-Id":                 "CloudFront is in front: it passes WebSockets on and ends idle ones after 10 min",
	"X-Amzn-Trace-Id":             "an AWS load balancer is in front: it ends idle connections after 60 s unless told otherwise",
	"X-Cache":                     "a cache is in front; a handshake must pass it",
	"X-Powered-By":                "what the application runs on",
}

// withoutSecrets returns a copy of an answer's header without the values of cookies, and what is secret in where a redirect leads.
func withoutSecrets(h http.Header) http.Header {
	h = h.Clone()
	for i, cookie := range h["Set-Cookie"] {
		name, _, _ := strings.Cut(cookie, "=")
		h["Set-Cookie"][i] = name + "=…"
	}
	for i, location := range h["Location"] {
		h["Location"][i] = redacted(location)
	}
	return h
}

// explainHeader lists the fields, each with what it means.
func explainHeader(h http.Header) (notes []extra) {
	h = withoutSecrets(h)
	for _, name := range sortedNames(h) {
		for _, value := range h[name] {
			line := name + ": " + value
			meaning := headerMeanings[name]
			if name == "Date" {
				meaning = clockNote(value)
			}
			if meaning != "" {
				line += "   (" + meaning + ")"
			}
			notes = append(notes, note("%s", line))
		}
	}
	return notes
}

// clockNote compares the server's clock with ours.
func clockNote(value string) string {
	t, err := http.ParseTime(value)
	if err != nil {
		return "no valid date"
	}
	if off := time.Since(t).Round(time.Second); off.Abs() > time.Minute {
		return fmt.Sprintf("its clock and ours differ by %v: tokens and certificates may not be valid yet, or any more", off.Abs())
	}
	return ""
}

// explainExtensions says what was agreed about compression.
func explainExtensions(extensions string) (notes []extra) {
	for _, m := range []struct{ word, meaning string }{
		{"permessage-deflate", "messages may be compressed (RFC 7692)"},
		{"server_no_context_takeover", "the server compresses each message by itself: less memory, less compression"},
		{"client_no_context_takeover", "so do we"},
		{"server_max_window_bits", "the server looks back less than 32 KiB"},
		{"client_max_window_bits", "so do we"},
	} {
		if strings.Contains(extensions, m.word) {
			notes = append(notes, note("%s: %s", m.word, m.meaning))
		}
	}
	return notes
}

// explainCertificate says what is wrong with a chain.
func explainCertificate(err error, chain []*x509.Certificate) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return "it is a certificate for other names: is this the right host, and does the server know it (SNI)?"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && len(chain) > 0:
		if time.Now().Before(chain[0].NotBefore) {
			return "it is not valid yet: is the clock right?"
		}
		return "it has expired: renew it"
	case errors.As(err, &unknown) && len(chain) == 1 && bytes.Equal(chain[0].RawIssuer, chain[0].RawSubject):
		return "it is signed by itself: trust it with --cacert, or accept any with -k"
	case errors.As(err, &unknown) && len(chain) == 1:
		return "the server shows its own certificate alone: it has to show the intermediate ones, too (browsers may hide that)"
	case errors.As(err, &unknown):
		return "who signed it is not trusted here: give the root with --cacert"
	}
	return "the certificate is not good for this"
}

// diagnose finds the likely reason for which no connection was made.
func (p *prober) diagnose(ctx context.Context, a *attempt, err error) diagnosis {
	var he *ws.HandshakeError
	if !errors.As(err, &he) {
		return diagnosis{why: err.Error()}
	}
	secure := strings.HasPrefix(a.target, "wss") || strings.HasPrefix(a.target, "https")
	if he.Status == 0 {
		return diagnoseNetwork(a, he, secure)
	}
	d := diagnoseStatus(he, a.target, secure)
	if !d.certain && p.options.Header.Get("Origin") == "" && (he.Status == 400 || he.Status == 403 || he.Status == 401) && p.withOrigin(ctx, a) {
		d = diagnosis{fmt.Sprintf("the server refuses requests without an Origin (status %d); with that of its own host it agrees", he.Status),
			"add --origin " + originOf(a.target) + "; browsers send theirs by themselves", true}
	}
	return d
}

// withOrigin tries again as a page of the same host would, and reports whether that works.
func (p *prober) withOrigin(ctx context.Context, a *attempt) bool {
	o := *p.options
	o.Header = o.Header.Clone()
	if o.Header == nil {
		o.Header = http.Header{}
	}
	o.Header.Set("Origin", originOf(a.target))
	o.HandshakeTimeout = min(o.HandshakeTimeout, 5*time.Second)
	begun := time.Now()
	conn, err := ws.Dial(ctx, a.target, &o)
	if err != nil {
		p.report.step("again", bad, time.Since(begun), "the same with Origin: "+originOf(a.target)+" is refused, too")
		return false
	}
	conn.CloseNow()
	p.report.step("again", good, time.Since(begun), "the same with Origin: "+originOf(a.target)+" works")
	return true
}

// originOf returns the origin of a page of the host itself.
func originOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	scheme := "http"
	if u.Scheme == "wss" || u.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + u.Host
}

// diagnoseNetwork is about failures before there was an answer.
func diagnoseNetwork(a *attempt, he *ws.HandshakeError, secure bool) diagnosis {
	f := explainHandshake(he)
	text := he.Error()
	var record tls.RecordHeaderError
	switch {
	case !secure && strings.Contains(text, `\x15\x03`):
		return diagnosis{"the port speaks TLS, and the URL says ws", "write wss:// instead of ws://", true}
	case errors.As(he, &record):
		return diagnosis{"the port speaks no TLS, and the URL says wss", "write ws:// instead of wss://, or find the port for TLS", true}
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "remote error: tls: bad certificate"):
		return diagnosis{"the server wants a certificate from us, or another one", "show one with --cert FILE and --key FILE", false}
	case strings.Contains(text, "remote error: tls: protocol version"), strings.Contains(text, "remote error: tls: handshake failure"):
		return diagnosis{"the server and we have no version of TLS, or no cipher, in common: " + errText(he), "the server has to speak TLS 1.2 or 1.3; it may not know this host's name (SNI), either", false}
	case a.judged != nil:
		return diagnosis{"the certificate is not trusted: " + a.judged.Error(), explainCertificate(a.judged, a.chain), false}
	case errors.Is(he, io.EOF), errors.Is(he, io.ErrUnexpectedEOF), errors.Is(he, syscall.ECONNRESET):
		remedy := "look into its log; a firewall may do that, too"
		switch {
		case !secure:
			remedy = "try wss://; a firewall may do that, too"
		case !a.trusted:
			remedy = "it may speak no TLS there: try ws://; look into its log; a firewall may do that, too"
		}
		return diagnosis{"the server ended the connection instead of answering", remedy, false}
	case f.code == exitTimeout && a.reached:
		return diagnosis{"the connection was made, but no answer came in time", "what listens there may not speak HTTP, or wait for something else; give it longer with --connect-timeout", false}
	case f.code == exitTimeout:
		return diagnosis{"the connection was not made in time: " + errText(he), "a firewall may drop the packets; check host and port", false}
	case f.code == exitNetwork && strings.Contains(f.hint, "server runs"):
		return diagnosis{"nothing listens there: " + errText(he), "check that the server runs, that it listens on this address and not on 127.0.0.1 alone, and that the port is right", false}
	}
	return diagnosis{errText(he), f.hint, false}
}

// behindProxy is what servers in front need.
const behindProxy = "if a reverse proxy is in front, it has to pass the upgrade on; nginx: proxy_http_version 1.1; " +
	"proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\""

// diagnoseStatus is about answers that are no upgrade.
func diagnoseStatus(he *ws.HandshakeError, target string, secure bool) diagnosis {
	body := strings.ToLower(string(he.Body))
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(body, w) {
				return true
			}
		}
		return false
	}
	server := strings.ToLower(he.Header.Get("Server"))
	status := fmt.Sprintf(" (status %d)", he.Status)
	switch {
	case he.Status == 101:
		return diagnosis{he.Reason, "the server, or something in front of it, does not follow RFC 6455 §4.2.2: use a WebSocket library there", false}
	case he.Status >= 300 && he.Status < 400:
		location := redacted(he.Header.Get("Location"))
		if location == "" {
			return diagnosis{"the server redirects, but does not say where to" + status, "correct that in the server: a redirect has a Location", false}
		}
		if !secure && strings.HasPrefix(location, "https:") {
			return diagnosis{"the server wants TLS: it redirects to " + location, "write wss:// instead of ws://; browsers follow no redirect here", true}
		}
		if strings.Contains(strings.ToLower(location), "login") || strings.Contains(strings.ToLower(location), "auth") {
			return diagnosis{"the server redirects to a login: " + location, "give credentials: -u, -H 'Cookie: …', or --curl with what a logged-in browser sends", false}
		}
		return diagnosis{"the server redirects to " + location, "connect there, or follow with -L; browsers follow no redirect here", false}
	case he.Status == 400 && !secure && has("https", "ssl"):
		return diagnosis{"the port speaks TLS, and the URL says ws" + status, "write wss:// instead of ws://", true}
	case has("transport unknown", "\"code\":0,\"message\""):
		return diagnosis{"this is a Socket.IO endpoint, and the URL does not say so" + status, "use …/socket.io/?EIO=4&transport=websocket", true}
	case has("connection id required", "connectionid"):
		return diagnosis{"this is a SignalR endpoint that wants to negotiate first" + status, "POST to …/negotiate and add ?id=TOKEN, or use skipNegotiation", true}
	case he.Status == 401 || he.Status == 407:
		return diagnosis{"credentials are missing or wrong" + status, "give them with -u, -H 'Authorization: …' or a cookie; a browser page cannot set headers, it needs a cookie, a subprotocol or a ticket", false}
	case he.Status == 403 && he.Header.Get("Cf-Ray") != "":
		return diagnosis{"Cloudflare refuses" + status, "allow WebSockets and this client in its settings; a challenge cannot be answered in a handshake", true}
	case he.Status == 403:
		return diagnosis{"not allowed" + status + ": by far most often because of the Origin, else for lack of rights", "add the page's origin to those that the server allows, or --origin here; check credentials", false}
	case he.Status == 404:
		return diagnosis{"there is nothing at this path" + status, "check path and query; Phoenix wants …/websocket, Socket.IO …/socket.io/?EIO=4&transport=websocket; " + behindProxy, false}
	case he.Status == 405:
		return diagnosis{"this path takes no GET" + status, "check the path", false}
	case he.Status == 426 && he.Header.Get("Sec-Websocket-Version") != "" && !strings.Contains(he.Header.Get("Sec-Websocket-Version"), "13"):
		return diagnosis{"the server speaks another version of the protocol: " + he.Header.Get("Sec-Websocket-Version"), "update its WebSocket library: RFC 6455 is version 13", true}
	case he.Status == 426 || he.Status == 400 && has("upgrade", "websocket"):
		return diagnosis{"the request arrived without its Upgrade" + status, behindProxy, false}
	case he.Status == 400:
		return diagnosis{"the server does not like the request" + status, "its answer may say why: a missing subprotocol, query or header; " + behindProxy, false}
	case he.Status == 429:
		return diagnosis{"too many connections" + status, "wait; Retry-After says how long", false}
	case he.Status == 502 || he.Status == 504:
		return diagnosis{"a proxy in front cannot reach the application" + status, "check that the application runs and that the proxy knows its address", false}
	case he.Status == 503:
		return diagnosis{"the service is overloaded, restarts, or is not there" + status, "wait, and look at Retry-After and the server's log", false}
	case he.Status >= 500:
		return diagnosis{"the application failed" + status, "look into its log", false}
	case he.Status == 200 && strings.Contains(he.Header.Get("Content-Type"), "html"):
		return diagnosis{"a web page answered: this path is no WebSocket endpoint, or the upgrade got lost on the way" + status, "check the path; " + behindProxy, false}
	case he.Status == 200 && strings.Contains(server, "nginx"):
		return diagnosis{"nginx answered without an upgrade" + status, behindProxy, false}
	}
	return diagnosis{"the server answered, but did not upgrade" + status, "check the path; " + behindProxy, false}
}
