package server

import (
	"errors"
	"log/slog"
	"net"

	"github.com/parley-ws/parley/server/config"
)

// Options configures a Server. The zero value serves on 127.0.0.1:8080 without TLS, to this machine alone.
type Options struct {
	// Config is what config.Load returned; nil is config.Default.
	Config *config.Config
	// Logger is told about connections (debug) and about what goes wrong (warn). If nil, nothing is logged.
	Logger *slog.Logger
	// Version is told by the API and the metrics.
	Version string
	// Listening, if not nil, is called once Run accepts connections, with the endpoints in the order of Config.Listen.
	Listening func([]Endpoint)
}

// Endpoint is where the server is found.
type Endpoint struct {
	// Addr is the address that the server listens on.
	Addr net.Addr
	// URL is what its paths are appended to: http://127.0.0.1:8080. Of a unix socket it is unix:/path.
	URL string
	// Socket is the same for WebSockets: ws://127.0.0.1:8080, or ws+unix:/path:.
	Socket string
	// Private says that it serves metrics, profiles and the API alone.
	Private bool
	// Fingerprint is the SHA-256 digest of a self-signed certificate in hexadecimal, else empty.
	Fingerprint string
}

// OptionError says which key of the configuration cannot be used, and why.
type OptionError struct {
	// Option is the key, as in listen[0].addr.
	Option string
	// Err is the reason.
	Err error
}

// Error names the key and the reason.
func (e *OptionError) Error() string { return "server: " + e.Option + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// ErrExposed is the reason why an address that other machines can reach is refused without authentication.
var ErrExposed = errors.New("other machines can reach it and there is no authentication")
