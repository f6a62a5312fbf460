package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"golang.org/x/net/http2"
)

// http2 asks, on a connection of its own, whether the server takes WebSockets over HTTP/2 (RFC 8441): it says so in the
// settings that it sends first.
func (p *prober) http2(ctx context.Context, a *attempt) {
	u, err := url.Parse(a.target)
	if err != nil || !a.reached || !a.trusted || ctx.Err() != nil {
		return
	}
	if a.proxy != nil {
		p.report.step("http/2", neutral, 0, "not asked: there is a proxy between")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(p.options.HandshakeTimeout, 5*time.Second))
	defer cancel()
	begun := time.Now()
	text, offered, err := p.askHTTP2(ctx, u)
	if err != nil {
		p.report.step("http/2", neutral, time.Since(begun), "not spoken: "+err.Error(), detail{"websocket", false})
		return
	}
	p.report.step("http/2", neutral, time.Since(begun), text, detail{"websocket", offered})
}

// errNoHTTP2 says that the server chose another protocol.
var errNoHTTP2 = errors.New("ALPN does not choose h2")

func (p *prober) askHTTP2(ctx context.Context, u *url.URL) (text string, offered bool, err error) {
	dial := p.options.NetDial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	network, address := "tcp", hostAndPort(u)
	if u.Scheme == "ws+unix" {
		return "", false, errors.New("not asked on a Unix socket")
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return "", false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if u.Scheme == "wss" || u.Scheme == "https" {
		config := &tls.Config{}
		if p.options.TLS != nil {
			config = p.options.TLS.Clone()
		}
		config.NextProtos = []string{"h2", "http/1.1"}
		if config.ServerName == "" {
			config.ServerName = u.Hostname()
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return "", false, err
		}
		if secure.ConnectionState().NegotiatedProtocol != "h2" {
			return "", false, errNoHTTP2
		}
		conn = secure
	}
	return readSettings(conn)
}

// readSettings says hello in HTTP/2 and looks at the settings in the answer.
func readSettings(conn io.ReadWriter) (text string, offered bool, err error) {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return "", false, err
	}
	framer := http2.NewFramer(conn, conn)
	framer.SetMaxReadFrameSize(1 << 14)
	if err := framer.WriteSettings(); err != nil {
		return "", false, err
	}
	frame, err := framer.ReadFrame()
	if err != nil {
		return "", false, errors.New("no HTTP/2 settings came")
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return "", false, fmt.Errorf("a %v frame came instead of settings", frame.Header().Type)
	}
	value, there := settings.Value(http2.SettingEnableConnectProtocol)
	switch {
	case there && value == 1:
		return "spoken, and WebSockets over it are offered (SETTINGS_ENABLE_CONNECT_PROTOCOL is 1, RFC 8441)", true, nil
	case there:
		return fmt.Sprintf("spoken, but WebSockets over it are turned off (SETTINGS_ENABLE_CONNECT_PROTOCOL is %d)", value), false, nil
	}
	return "spoken, but WebSockets over it are not offered (no SETTINGS_ENABLE_CONNECT_PROTOCOL): they use HTTP/1.1", false, nil
}
