package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Options configures a Server. The zero value serves on 127.0.0.1:8080 without TLS.
type Options struct {
	// Addr is the address to listen on, "host:port". Port 0 takes a free one. If empty, 127.0.0.1:8080.
	Addr string
	// TLSCert and TLSKey name PEM files: the certificate, followed by those between it and its root, and its key.
	// Both or neither are given.
	TLSCert, TLSKey string
	// TLSSelfSigned makes a certificate for localhost, 127.0.0.1, ::1 and Hosts, in memory. It excludes TLSCert.
	TLSSelfSigned bool
	// Hosts lists further names and addresses that a Host header may have, without ports, such as
	// "parley.example.com".
	Hosts []string
	// InsecureNoAuth allows an address that other machines can reach, although nobody is asked who they are.
	InsecureNoAuth bool
	// Drain is how long connections have to end in good order when Run stops. If zero, 5 seconds.
	Drain time.Duration
	// Logger is told about connections (debug) and about what goes wrong (warn). If nil, nothing is logged.
	Logger *slog.Logger
	// Listening, if not nil, is called once Run accepts connections.
	Listening func(Endpoint)
}

// Endpoint is what Options.Listening is told: where the server is found.
type Endpoint struct {
	// Addr is the address that the server listens on.
	Addr net.Addr
	// Page, Echo and Clock are the URLs to open.
	Page, Echo, Clock string
	// Fingerprint is the SHA-256 digest of a self-signed certificate in hexadecimal, else empty.
	Fingerprint string
}

// OptionError says which option cannot be used, and why.
type OptionError struct {
	// Option is the name of the field in Options.
	Option string
	// Err is the reason.
	Err error
}

// Error names the option and the reason.
func (e *OptionError) Error() string { return "server: option " + e.Option + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// ErrExposed is the reason why an address that other machines can reach is refused without Options.InsecureNoAuth.
var ErrExposed = errors.New("other machines can reach it and there is no authentication")

// withDefaults returns o with every zero replaced by its documented default, or an *OptionError.
func (o Options) withDefaults() (Options, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:8080"
	}
	if o.Drain == 0 {
		o.Drain = 5 * time.Second
	}
	if o.Drain < 0 {
		return o, &OptionError{"Drain", fmt.Errorf("%v is negative", o.Drain)}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.TLSSelfSigned && o.TLSCert+o.TLSKey != "":
		return o, &OptionError{"TLSSelfSigned", errors.New("a certificate is given as well")}
	case o.TLSCert == "" && o.TLSKey != "":
		return o, &OptionError{"TLSCert", errors.New("missing: there is a key without a certificate")}
	case o.TLSCert != "" && o.TLSKey == "":
		return o, &OptionError{"TLSKey", errors.New("missing: there is a certificate without a key")}
	}
	for _, host := range o.Hosts {
		if host == "" || strings.ContainsAny(host, "/*@ \t") || net.ParseIP(host) == nil && strings.Contains(host, ":") {
			return o, &OptionError{"Hosts", fmt.Errorf("%q is not a name or an address without a port", host)}
		}
	}
	return o, nil
}
