package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/cmd/parley/internal/screen"
	"github.com/parley-ws/parley/ws"
)

func (b *bridger) logger() *slog.Logger {
	level := slog.LevelInfo
	if b.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(b.std.err, &slog.HandlerOptions{Level: level}))
}

// serve waits for connections.
func (b *bridger) serve(parent context.Context, o bridge.Options) error {
	what := strings.Join(o.Command, " ")
	switch {
	case b.dir != "":
		what = "the programs in " + b.dir
	case b.tcp != "":
		if _, _, err := net.SplitHostPort(b.tcp); err != nil {
			return usage("write --tcp HOST:PORT", "--tcp: %q is not host:port", b.tcp)
		}
		what, o.Dial = b.tcp, dialer("tcp", b.tcp)
	case b.unix != "":
		what, o.Dial = b.unix, dialer("unix", b.unix)
	}
	config, err := b.tls()
	if err != nil {
		return err
	}
	l, err := b.open("listen", b.listen)
	if err != nil {
		return err
	}
	defer l.Close()
	h, err := bridge.New(o)
	if err != nil {
		return explainBridge(err)
	}

	signals := ending(parent, h.Kill)
	defer signals.release()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: h, TLSConfig: config, Protocols: protocols,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 4 << 10, // and as much again, which net/http adds
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if config != nil {
			ended <- server.ServeTLS(l, "", "")
		} else {
			ended <- server.Serve(l)
		}
	}()
	b.announce(l.Addr(), what)

	select {
	case <-signals.Done():
		if n := h.Connections(); n > 0 {
			notice(b.std.err, "closing %d connections, for at most %v; Ctrl-C ends at once", n, b.drain)
		}
	case <-h.Done():
		err = h.Err()
	case err = <-ended:
		ended <- err
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.drain)
	defer cancel()
	late := h.Shutdown(ctx)
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) && err == nil {
		err = e
	}
	var cause *stopped
	if errors.As(context.Cause(signals), &cause) && late != nil && err == nil {
		return &failure{cause.code(), fmt.Errorf("bridge: connections or processes did not end within %v", b.drain), "give them longer with --drain"}
	}
	var status *bridge.CommandError
	if errors.As(err, &status) {
		return &failure{exitIO, err, "standard error may say why"}
	}
	return err
}

func dialer(network, address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

// announce says where the endpoint is found.
func (b *bridger) announce(addr net.Addr, what string) {
	scheme := "ws"
	if b.cert != "" {
		scheme = "wss"
	}
	url := scheme + "://" + addr.String() + "/"
	if addr.Network() == "unix" {
		url = "ws+unix://" + addr.String() + ":/"
	}
	notice(b.std.err, "bridge to %s, Ctrl-C ends\n  socket %s", screen.Escape(what), url)
	if b.console {
		notice(b.std.err, "  page   http%s", strings.TrimPrefix(url, "ws"))
	}
	if b.exposed {
		notice(b.std.err, "no authentication: everyone who reaches this address is let in")
	}
}

// open opens an address: this machine alone can reach it, unless more was asked for.
func (b *bridger) open(flag, address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, cannotListen(flag, err)
		}
		return l, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usage("write --"+flag+" 127.0.0.1:8080", "--%s: %q is not host:port", flag, address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, usage("write --"+flag+" 127.0.0.1:8080", "--%s: %w", flag, err)
	}
	if !addr.IP.IsLoopback() && !b.exposed {
		return nil, usage("listen on 127.0.0.1, or write --insecure-no-auth to let everyone in",
			"--%s: %s is open to other machines, and there is no authentication", flag, address)
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, cannotListen(flag, err)
	}
	return l, nil
}

// tls returns how TLS is served, nil for not at all.
func (b *bridger) tls() (*tls.Config, error) {
	switch {
	case b.cert == "" && b.key == "":
		return nil, nil
	case b.cert == "" || b.key == "":
		return nil, usage("give both, as PEM files", "--tls-cert and --tls-key belong together")
	}
	pair, err := tls.LoadX509KeyPair(b.cert, b.key)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("--tls-cert: %w", err), "--tls-cert and --tls-key name PEM files that belong together"}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// runFor runs the command for a connection that is opened here.
func (b *bridger) runFor(parent context.Context, o bridge.Options) error {
	target, dialOptions, err := b.target()
	if err != nil {
		return err
	}
	c, err := bridge.NewClient(o)
	if err != nil {
		return explainBridge(err)
	}
	dialOptions.Options = c.ConnOptions()
	if o.Terminal {
		dialOptions.Subprotocols = append(dialOptions.Subprotocols, bridge.SubprotocolTerminal)
	}
	signals := ending(parent, c.Kill)
	defer signals.release()
	conn, err := ws.Dial(signals, target, dialOptions)
	var s *stopped
	if err != nil {
		if errors.As(context.Cause(signals), &s) {
			return quiet(s.code())
		}
		return err
	}
	err = c.Run(signals, conn)
	var end *ws.CloseError
	errors.As(context.Cause(conn.Context()), &end)
	var status *bridge.CommandError
	switch {
	case errors.As(context.Cause(signals), &s):
		return quiet(s.code())
	case end == nil || err != nil && !errors.As(err, &status):
		return err // the command could not be started
	case !end.Remote && end.Err == nil && end.Code == ws.CodeInternalError: // the command failed
		return &failure{exitIO, fmt.Errorf("bridge: the command ended: %s", end.Reason), "standard error may say why"}
	}
	notice(b.std.err, "%s", closing(end))
	if code := exitCode(end); code != exitDone {
		return quiet(code)
	}
	return nil
}

// target returns what --connect and its flags say.
func (b *bridger) target() (string, *ws.DialOptions, error) {
	target, err := parseTarget(b.connect)
	if err != nil {
		return "", nil, err
	}
	o, err := b.dial.options()
	return target, o, err
}

// forward makes a TCP service of a WebSocket endpoint.
func (b *bridger) forward(parent context.Context) error {
	target, dialOptions, err := b.target()
	if err != nil {
		return err
	}
	dialOptions.Subprotocols = append([]string{bridge.SubprotocolTCP}, dialOptions.Subprotocols...)
	l, err := b.open("listen-tcp", b.listenTCP)
	if err != nil {
		return err
	}
	signals := ending(parent, func() {})
	defer signals.release()
	f := &bridge.Forwarder{
		Dial:           func(ctx context.Context) (*ws.Conn, error) { return ws.Dial(ctx, target, dialOptions) },
		MaxConnections: b.most,
		Logger:         b.logger(),
	}
	notice(b.std.err, "bridge to %s, Ctrl-C ends\n  tcp    %s", screen.Escape(redacted(b.connect)), l.Addr())
	return f.Serve(signals, l)
}
