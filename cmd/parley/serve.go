package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/parley-ws/parley/server"
	"github.com/spf13/cobra"
)

func newServe(std stdio) *cobra.Command {
	var o server.Options
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Serve a page, /echo and /clock",
		Long: `Serves a page with a console, a WebSocket that echoes and one that sends the time.
Ctrl-C closes every connection with 1001 and waits for them; once more ends at once.
Each flag has a variable: --tls-cert is PARLEY_TLS_CERT. Flags win.`,
		Example: `  parley serve
  parley serve --addr 127.0.0.1:8443 --tls-self-signed`,
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			return serve(cmd.Context(), o, verbose, std)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "listen on `HOST:PORT`; port 0 takes a free one")
	f.StringVar(&o.TLSCert, "tls-cert", "", "serve TLS with the certificate in this PEM `FILE`")
	f.StringVar(&o.TLSKey, "tls-key", "", "... and its key in this PEM `FILE`")
	f.BoolVar(&o.TLSSelfSigned, "tls-self-signed", false, "serve TLS with a certificate made in memory")
	f.StringSliceVar(&o.Hosts, "host", nil, "answer to this `NAME` too, beside localhost")
	f.DurationVar(&o.Drain, "drain", 5*time.Second, "how long connections have to close at the end")
	f.BoolVar(&o.InsecureNoAuth, "insecure-no-auth", false, "let other machines in, without authentication")
	f.BoolVarP(&verbose, "verbose", "v", false, "log connections to standard error")
	f.SortFlags = false
	return cmd
}

func serve(parent context.Context, o server.Options, verbose bool, std stdio) error {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	o.Logger = slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level}))
	if o.Drain == 0 {
		o.Drain = time.Nanosecond // to the server zero is the default; to the user it is none
	}
	o.Listening = func(e server.Endpoint) {
		notice(std.err, "serving on %s, Ctrl-C ends\n  page   %s\n  echo   %s\n  clock  %s", e.Addr, e.Page, e.Echo, e.Clock)
		if e.Fingerprint != "" {
			notice(std.err, "self-signed certificate, SHA-256 %s: browsers will ask, parley connect needs -k", pairs(e.Fingerprint))
		}
		if o.InsecureNoAuth {
			notice(std.err, "no authentication: everyone who reaches this address is let in")
		}
	}
	s, err := server.New(o)
	if err != nil {
		return err
	}

	ctx := withSignals(parent, func() {})
	defer ctx.release()
	tell := context.AfterFunc(ctx, func() {
		if n := s.Connections(); n > 0 {
			notice(std.err, "closing %d connections, for at most %v; Ctrl-C ends at once", n, o.Drain)
		}
	})
	defer tell()

	err = s.Run(ctx)
	var cause *stopped
	var drain *server.DrainError
	if errors.As(err, &drain) && errors.As(context.Cause(ctx), &cause) {
		return &failure{cause.code(), drain, "give them longer with --drain"}
	}
	return err
}

// pairs writes a fingerprint as browsers show it: AB:CD:….
func pairs(digest string) string {
	var b strings.Builder
	for i, r := range strings.ToUpper(digest) {
		if i > 0 && i%2 == 0 {
			b.WriteByte(':')
		}
		b.WriteRune(r)
	}
	return b.String()
}
