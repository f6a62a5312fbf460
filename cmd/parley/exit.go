package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/parley-ws/parley/check"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/server"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/ws"
)

// The exit codes of all commands.
const (
	exitDone      = 0   // all went well; the connection ended with 1000, 1001 or without a code
	exitIO        = 1   // something went wrong on this side: a file, an address, a stream
	exitUsage     = 2   // the command line cannot be understood
	exitNetwork   = 3   // DNS, TCP or TLS failed
	exitRefused   = 4   // the server refused the handshake
	exitAuth      = 5   // ... with 401 or 403
	exitClosed    = 6   // the connection broke, or was closed with another code
	exitProtocol  = 7   // one of the two sides broke the protocol, or sent text that is not UTF-8
	exitExpect    = 8   // an expectation, or a case of the conformance suite, failed
	exitTimeout   = 124 // it took too long
	exitInterrupt = 130 // SIGINT; SIGTERM is 143
	exitTerminate = 143
)

const exitCodesText = `Exit codes of all commands:
    0  done; the connection ended with 1000, 1001 or without a code
    1  something failed on this side: a file, an address, a stream
    2  the command line cannot be understood
    3  DNS, TCP or TLS failed
    4  the server refused the handshake
    5  the server refused the handshake with 401 or 403
    6  the connection broke, or was closed with another code
    7  a protocol error, or text that is not UTF-8
    8  no message met --expect, or a case of the conformance suite failed
   99  a load test failed by a threshold
  124  it took too long
  130  ended by SIGINT (143: by SIGTERM, 141: by SIGPIPE); a server that drained in good order: 0
`

// failure is an error with its exit code and what to do about it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a failure of the command line itself.
func usage(hint, format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...), hint}
}

// quiet ends with a code when everything has been said already.
type quiet int

func (q quiet) Error() string { return fmt.Sprintf("exit code %d", int(q)) }

// report prints an error as one line that ends with what to do, and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	var q quiet
	if errors.As(err, &q) {
		return int(q)
	}
	var problems config.Error
	if errors.As(err, &problems) { // each says what to do
		for _, p := range problems {
			fmt.Fprintln(w, "parley: "+oneLine(p.Where+": "+p.Text))
		}
		return exitUsage
	}
	f := explain(err)
	line := "parley: " + oneLine(f.err.Error())
	if f.hint != "" {
		line += "; " + f.hint
	}
	fmt.Fprintln(w, line)
	var he *ws.HandshakeError
	var checked *check.HandshakeError
	switch {
	case errors.As(err, &he):
		printAnswer(w, he.Status, he.Header, he.Body)
	case errors.As(err, &checked):
		printAnswer(w, checked.Status, checked.Header, checked.Body)
	}
	return f.code
}

// oneLine puts a message on one line and takes the power over the terminal from it: parts of it may come from a server.
func oneLine(s string) string {
	return screen.Escape(strings.Join(strings.Fields(s), " "))
}

// explain finds the exit code and the advice for an error of a package.
func explain(err error) *failure {
	var f *failure
	var option *server.OptionError
	var cert *server.CertificateError
	var drain *server.DrainError
	var he *ws.HandshakeError
	var checked *check.HandshakeError
	var path *os.PathError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &checked): // the same thing, found by another codec
		e := explainHandshake(&ws.HandshakeError{Status: checked.Status, Header: checked.Header, Body: checked.Body, Reason: checked.Reason, Err: checked.Err})
		if checked.Status == 0 && checked.Err != nil && e.code == exitUsage {
			e.code = exitNetwork
		}
		return &failure{e.code, checked, e.hint}
	case errors.Is(err, server.ErrExposed):
		return &failure{exitUsage, err, "listen on 127.0.0.1, or write --insecure-no-auth to let everyone in"}
	case errors.As(err, &option):
		return &failure{exitUsage, option, "see parley serve --print-config, and docs/configuration.md"}
	case errors.As(err, &cert):
		return &failure{exitIO, cert, "--tls-cert and --tls-key name PEM files that belong together; --tls-self-signed needs none"}
	case errors.As(err, &drain):
		return &failure{exitIO, drain, "give them longer with --drain"}
	case addressInUse(err):
		return &failure{exitIO, err, "stop what listens there, or choose another address with --addr 127.0.0.1:0"}
	case errors.As(err, &path) && path.Op == "write" && path.Path == os.Stdout.Name():
		return &failure{exitIO, err, "check where the output goes"}
	case errors.Is(err, os.ErrPermission):
		return &failure{exitIO, err, "choose what you may use; ports below 1024 often belong to root"}
	case errors.As(err, &he):
		e := explainHandshake(he)
		if he.Status >= 300 && he.Status < 400 {
			e.hint += ", or follow it with -L"
		}
		return e
	}
	return &failure{code: exitIO, err: err}
}

// addressInUse knows Windows' number too, which package syscall's EADDRINUSE is not.
func addressInUse(err error) bool {
	const wsaEADDRINUSE = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaEADDRINUSE)
}

// explainHandshake sorts the reasons for which a connection was not made.
func explainHandshake(he *ws.HandshakeError) *failure {
	var (
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		netErr  net.Error
		op      *net.OpError
	)
	f := func(code int, hint string) *failure { return &failure{code, he, hint} }
	switch {
	case he.Status == 401:
		return f(exitAuth, "give credentials with -u USER:PASSWORD or -H 'Authorization: …'")
	case he.Status == 403:
		return f(exitAuth, "the server's answer follows; it may want credentials (-u, -H) or another --origin")
	case he.Status == 404:
		return f(exitRefused, "check the path of the URL")
	case he.Status >= 300 && he.Status < 400:
		return f(exitRefused, "connect to the address in its Location header")
	case he.Status == 101:
		return f(exitProtocol, "the server's answer follows")
	case he.Status != 0:
		return f(exitRefused, "the server's answer follows")
	case he.Err == nil: // nothing was opened yet
		return f(exitUsage, "see parley help client-flags")
	case errors.As(he, &dns):
		return f(exitNetwork, "check the host's name")
	case errors.As(he, &name):
		return f(exitNetwork, "use a name that the certificate is for (--resolve says where that is), or accept any with -k")
	case errors.As(he, &invalid) && invalid.Reason == x509.Expired:
		return f(exitNetwork, "renew the certificate, check the clock, or accept any with -k")
	case errors.As(he, &unknown), errors.As(he, &invalid):
		return f(exitNetwork, "trust it with --cacert FILE, or accept any with -k")
	case errors.As(he, &record):
		return f(exitNetwork, "the server speaks no TLS there: try ws:// instead of wss://")
	case errors.Is(he, os.ErrDeadlineExceeded), errors.As(he, &netErr) && netErr.Timeout():
		return f(exitTimeout, "give it longer with --connect-timeout")
	case errors.As(he, &op) && op.Net == "unix":
		return f(exitNetwork, "check that the server runs and that this is the path of its socket")
	case errors.Is(he, syscall.ECONNREFUSED), errors.Is(he, syscall.Errno(10061)):
		return f(exitNetwork, "check that the server runs and that host and port are right")
	}
	if strings.Contains(he.Error(), "HTTP/2") {
		return f(exitNetwork, "leave out --http 2; parley probe says whether a server offers it")
	}
	if strings.Contains(he.Error(), "malformed HTTP") { // net/http has no type for it
		return f(exitProtocol, "what listens there speaks no HTTP")
	}
	return f(exitNetwork, "check host, port and scheme of the URL")
}

// printAnswer shows what a server said instead of upgrading.
func printAnswer(w io.Writer, status int, header http.Header, body []byte) {
	if status == 0 {
		return
	}
	fmt.Fprintf(w, "< HTTP %d\n", status)
	printHeader(w, "< ", header)
	if len(body) == 0 {
		return
	}
	fmt.Fprintln(w, "<")
	for line := range strings.Lines(string(body)) {
		fmt.Fprintln(w, "< "+screen.Escape(strings.TrimRight(line, "\r\n")))
	}
}
