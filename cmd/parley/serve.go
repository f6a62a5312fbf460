package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"

	"github.com/parley-ws/parley/server"
	"github.com/parley-ws/parley/server/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newServe(std stdio) *cobra.Command {
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Serve topics to browsers, curl and applications",
		Long: `A topic is a URL that a WebSocket joins, curl -N streams and curl -d publishes to.
Ctrl-C tells sessions to come back and waits for them; once more ends at once. SIGHUP reloads.
Each key of parley.toml has a variable and a flag: [limits] outbox is PARLEY_LIMITS_OUTBOX and
--limits-outbox. Flags win, then variables. docs/configuration.md lists them all.`,
		Example: `  parley serve
  parley serve --tls-self-signed --topic 'chat/** history=1000'`,
		Args: exactly(0, ""),
	}
	f := cmd.Flags()
	flags := config.Flags(f)
	f.BoolVar(&printConfig, "print-config", false, "print the configuration, with where each value came from")
	for name, short := range shortHelp {
		f.Lookup(name).Usage = short
	}
	for _, name := range []string{"log-level", "log-format", "listen"} { // the help has to fit a screen
		f.Lookup(name).Hidden = true
	}
	f.SortFlags = false
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("see "+cmd.CommandPath()+" --help", "%w", config.FlagError(f, err))
	})
	load := func() (*config.Config, error) {
		return config.Load(config.Input{Flags: flags, Environ: os.Environ(), Ignore: ignored(cmd)})
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if printConfig {
			withheld, err := config.Print(std.out, cfg)
			if err == nil && len(withheld) > 0 {
				notice(std.err, "secrets are not shown: before this is used as a file, fill in %s", strings.Join(withheld, ", "))
			}
			return err
		}
		return serve(cmd.Context(), cfg, load, std)
	}
	return cmd
}

// shortHelp is what the help says of flags whose description in the documentation does not fit a line.
var shortHelp = map[string]string{
	"addr":             "listen on `HOST:PORT` or unix:/path",
	"drain":            "how long sessions have to end",
	"insecure-no-auth": "let other machines in, without authentication",
	"host":             "answer to this `NAME` too, beside localhost",
	"origin":           "let pages of this `ORIGIN` connect, too",
	"topic":            "a rule `'PATTERN key=value …'`; may be repeated",
}

// ignored returns what reports whether a variable belongs to other commands: whoever sets one for clients may serve, too.
func ignored(serve *cobra.Command) func(name string) bool {
	return func(name string) bool {
		if name == "PARLEY_REQUIRE_ALL" { // for tests
			return true
		}
		for _, c := range serve.Root().Commands() {
			if _, ok := ownKeys[c.Name()]; !ok {
				continue
			}
			found := false
			c.Flags().VisitAll(func(flag *pflag.Flag) { found = found || variable(flag.Name) == name })
			if found {
				return true
			}
		}
		return false
	}
}

// newLogger returns the logger that a configuration asks for, and what its level is read from.
func newLogger(cfg *config.Config, std stdio) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, cfg)
	o := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(std.err, o)), level
	}
	return slog.New(slog.NewTextHandler(std.err, o)), level
}

func setLevel(level *slog.LevelVar, cfg *config.Config) {
	var l slog.Level
	if l.UnmarshalText([]byte(cfg.LogLevel)) == nil {
		level.Set(l)
	}
}

func serve(parent context.Context, cfg *config.Config, load func() (*config.Config, error), std stdio) error {
	log, level := newLogger(cfg, std)
	s, err := server.New(server.Options{
		Config:    cfg,
		Logger:    log,
		Version:   readBuild().Version,
		Listening: func(list []server.Endpoint) { announce(cfg, list, std) },
	})
	if err != nil {
		return err
	}

	ctx := withSignals(parent, s.Kill)
	defer ctx.release()
	defer deafToPipes()() // nobody reads the log any more: no reason to end without a word
	tell := context.AfterFunc(ctx, func() {
		switch n := s.Connections(); {
		case cfg.DrainDelay > 0:
			notice(std.err, "letting nobody in any more, and closing %d connections in %v; Ctrl-C ends at once", n, cfg.DrainDelay)
		case n > 0:
			notice(std.err, "closing %d connections, for at most %v; Ctrl-C ends at once", n, cfg.Drain)
		}
	})
	defer tell()
	stopReloading := onHangup(func() {
		next, err := load()
		if err == nil {
			err = s.Reload(next)
		}
		if err != nil {
			log.Error("the new configuration is refused: the old one stays", "err", err)
			return
		}
		setLevel(level, next)
		if keys := config.NeedRestart(cfg, next); len(keys) > 0 {
			log.Warn("reloaded, but some keys need a restart", "keys", strings.Join(keys, ", "))
			return
		}
		log.Info("reloaded")
	})
	defer stopReloading()

	err = s.Run(ctx)
	var cause *stopped
	var drain *server.DrainError
	if errors.As(err, &drain) && errors.As(context.Cause(ctx), &cause) {
		return &failure{cause.code(), drain, "give them longer with --drain"}
	}
	return err
}

// announce says where the server is found.
func announce(cfg *config.Config, list []server.Endpoint, std stdio) {
	for _, e := range list {
		if e.Private {
			notice(std.err, "metrics, profiles and the API on %s", e.URL)
			continue
		}
		commands := ""
		for _, c := range cfg.Commands {
			if c.Path != "" {
				commands += "\n  run    " + e.Socket + c.Path
			}
		}
		notice(std.err, "serving on %s, Ctrl-C ends\n  page   %s/\n  topic  %s/t/TOPIC  (WebSocket, curl -N, curl -d)\n  echo   %s/echo\n  clock  %s/clock%s",
			e.Addr, e.URL, e.URL, e.Socket, e.Socket, commands)
		if e.Fingerprint != "" {
			notice(std.err, "self-signed certificate, SHA-256 %s: browsers will ask, parley connect needs -k", pairs(e.Fingerprint))
		}
	}
	if cfg.InsecureNoAuth && !cfg.Authenticates() {
		notice(std.err, "no authentication: everyone who reaches this address is let in")
	}
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
