package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// netDial is DialOptions.NetDial.
type netDial func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial and DialContext make a netDial the forwarder of a SOCKS5 dialer.
func (d netDial) Dial(network, addr string) (net.Conn, error) {
	return d(context.Background(), network, addr)
}

func (d netDial) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d(ctx, network, addr)
}

// dialProxy opens a connection to address through a proxy.
func dialProxy(ctx context.Context, dial netDial, p *url.URL, address string, config *tls.Config) (net.Conn, error) {
	switch p.Scheme {
	case "http", "https":
		return dialConnect(ctx, dial, p, address, config)
	case "socks5", "socks5h":
		d, err := proxy.FromURL(&url.URL{Scheme: "socks5", User: p.User, Host: hostPort(p, "1080")}, dial)
		if err != nil {
			return nil, err
		}
		// The SOCKS5 dialer of golang.org/x/net takes contexts.
		return d.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	}
	return nil, fmt.Errorf("proxy %s: unknown scheme: want http, https, socks5 or socks5h", p.Redacted())
}

func hostPort(u *url.URL, port string) string {
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// dialConnect opens a tunnel with HTTP CONNECT (RFC 9110 §9.3.6).
func dialConnect(ctx context.Context, dial netDial, p *url.URL, address string, config *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, "tcp", hostPort(p, defaultPort(p.Scheme)))
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if p.Scheme == "https" {
		if config != nil {
			config = config.Clone()
			config.ServerName = "" // it names the server, not the proxy
		}
		tc, err := startTLS(ctx, conn, p.Hostname(), config, "http/1.1")
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		conn = tc
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo) })
	tunnel, err := connectTunnel(conn, p, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close() // the tunnel failed already
		return nil, fmt.Errorf("proxy: CONNECT %s: %w", address, err)
	}
	return tunnel, nil
}

func connectTunnel(conn net.Conn, p *url.URL, address string) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if p.User != nil {
		password, _ := p.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(p.User.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	br := bufio.NewReader(&io.LimitedReader{R: conn, N: maxAnswerHeader})
	resp, err := readAnswer(br, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 { // any 2xx opens the tunnel (RFC 9110 §9.3.6)
		return nil, fmt.Errorf("the proxy answered %s", resp.Status)
	}
	if br.Buffered() > 0 {
		// Nobody has spoken through the tunnel yet.
		return nil, fmt.Errorf("the proxy sent %d bytes too many", br.Buffered())
	}
	return conn, nil
}
