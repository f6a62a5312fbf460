package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/ws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// handshakeFlags are the flags about a request and whom to trust. Where curl has a flag, it is curl's.
type handshakeFlags struct {
	headers      []string
	lower        [][]string // those of variables and files, the first of which count more
	userLevel    int        // user comes from this one of lower, counted from 1; 0: from the command line
	user         string
	subprotocols []string
	origin       string
	insecure     bool
	cacert       string
}

func (h *handshakeFlags) register(f *pflag.FlagSet) {
	f.StringArrayVarP(&h.headers, "header", "H", nil, "add the header line `'NAME: VALUE'`, or those in @FILE")
	f.StringVarP(&h.user, "user", "u", "", "authenticate with `USER:PASSWORD`, or with that in @FILE")
	f.StringArrayVar(&h.subprotocols, "subprotocol", nil, "offer the subprotocol `NAME`; may be repeated")
	f.StringVar(&h.origin, "origin", "", "send this `ORIGIN`, as a page of it would")
	f.BoolVarP(&h.insecure, "insecure", "k", false, "accept any certificate")
	f.StringVar(&h.cacert, "cacert", "", "trust the certificates in this PEM `FILE`")
}

// header returns the fields to send, or says what is wrong with the flags. What is said further up counts more: each field by
// itself, and of credentials -u or a field.
func (h *handshakeFlags) header() (http.Header, error) {
	header := http.Header{}
	authorized := -1 // at which level
	for level, values := range append([][]string{h.headers}, h.lower...) {
		fields, err := readHeaders(values)
		if err != nil {
			return nil, err
		}
		for name, content := range fields {
			if _, ok := header[name]; ok {
				continue
			}
			header[name] = content
			if name == "Authorization" {
				authorized = level
			}
		}
	}
	if h.origin != "" {
		header.Set("Origin", h.origin)
	}
	if h.user != "" && (authorized < 0 || h.userLevel <= authorized) {
		credentials, err := fromFile("-u", h.user)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(credentials, ":") {
			return nil, usage("write -u USER:PASSWORD, or -u @FILE with that in it", "-u: there is no colon in the credentials")
		}
		header.Set("Authorization", basic(credentials))
	}
	for _, name := range h.subprotocols {
		if !isToken(name) {
			return nil, usage("give one name in each --subprotocol", "--subprotocol: %q is not a token", name)
		}
	}
	return header, nil
}

// basic is the value of Authorization for USER:PASSWORD (RFC 7617 §2).
func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// trust returns how certificates are checked, nil for the default.
func (h *handshakeFlags) trust() (*tls.Config, error) {
	if !h.insecure && h.cacert == "" {
		return nil, nil
	}
	config := &tls.Config{InsecureSkipVerify: h.insecure} // the user asked for it in as many words
	if h.cacert != "" {
		var err error
		if config.RootCAs, err = readRoots(h.cacert); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// dialFlags are the flags that every command shares which opens a connection of package ws.
type dialFlags struct {
	handshakeFlags
	proxy      string
	compress   string
	http       string
	timeout    time.Duration
	maxSize    size
	cert, key  string
	unixSocket string
	resolve    []string
	location   bool
	netrc      bool
	netrcFile  string
	curl       string
	config     string // the file to read in place of those that there are
	set        *pflag.FlagSet

	address string // that target has found, with the user who is in it
	failed  error  // of merge
}

// connectionFlag is the annotation of the flags that say how to connect; compactHelp puts them together.
const connectionFlag = "connection"

func (d *dialFlags) register(f *pflag.FlagSet) {
	d.set = f
	own := pflag.NewFlagSet("connection", pflag.ContinueOnError)
	own.SortFlags = false
	d.handshakeFlags.register(own)
	own.StringVar(&d.compress, "compress", "off", "offer compression: `off|on|takeover`")
	own.StringVarP(&d.proxy, "proxy", "x", "", "connect through the proxy at `URL`: http, https, socks5")
	own.DurationVar(&d.timeout, "connect-timeout", 30*time.Second, "how long connecting may take")
	d.maxSize = 64 << 20
	own.Var(&d.maxSize, "max-size", "the largest message to receive, such as 64MiB")
	usual := map[string]bool{}
	own.VisitAll(func(flag *pflag.Flag) { usual[flag.Name] = true })

	own.StringVar(&d.http, "http", "1.1", "the version of HTTP: `1.1|2`")
	own.BoolVarP(&d.location, "location", "L", false, "follow redirects; credentials stay with the origin they are for")
	own.StringVar(&d.cert, "cert", "", "show the certificate in this PEM `FILE` to the server")
	own.StringVar(&d.key, "key", "", "its key is in this PEM `FILE`; else it is in that of --cert")
	own.StringVar(&d.unixSocket, "unix-socket", "", "connect through the Unix socket at `PATH`, whatever the host")
	own.StringArrayVar(&d.resolve, "resolve", nil, "take this for the address: `HOST:PORT:ADDRESS`; may be repeated")
	own.BoolVar(&d.netrc, "netrc", false, "take user and password for the host from $NETRC or ~/.netrc")
	own.StringVar(&d.netrcFile, "netrc-file", "", "take them from this `FILE` of that form")
	own.StringVar(&d.curl, "curl", "", "take URL and headers from the `LINE` that a browser copies as cURL")
	own.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = !usual[flag.Name] // parley help client-flags has them all
		flag.Annotations = map[string][]string{connectionFlag: {"true"}}
	})
	f.AddFlagSet(own)
	f.StringVar(&d.config, "config", "", "read this `FILE` in place of parley.toml and the user's file")
	f.Lookup("config").Hidden = true
}

// target returns the URL to connect to and the other arguments. With --curl the URL is that of the line.
func (d *dialFlags) target(args []string, missing string) (url string, rest []string, err error) {
	if d.curl == "" {
		if len(args) == 0 {
			return "", nil, usage("give an address such as ws://127.0.0.1:8080/echo", "%s", missing)
		}
		url, rest = args[0], args[1:]
	} else {
		rest = args
		if url, err = d.fromCurl(); err != nil {
			return "", nil, err
		}
	}
	d.address, err = parseTarget(url)
	return d.address, rest, err
}

// onlyTarget is target for a command that takes no other arguments.
func (d *dialFlags) onlyTarget(cmd *cobra.Command, args []string) (string, error) {
	target, rest, err := d.target(args, cmd.Name()+": the URL is missing")
	if err == nil && len(rest) > 0 {
		return "", usage("see "+cmd.CommandPath()+" --help", "%s: unexpected argument %q", cmd.Name(), rest[0])
	}
	return target, err
}

// options turns the flags into options, or says what is wrong with them.
func (d *dialFlags) options() (*ws.DialOptions, error) {
	o := &ws.DialOptions{
		Options:          ws.Options{MessageLimit: int64(d.maxSize)},
		Subprotocols:     d.subprotocols,
		HandshakeTimeout: d.timeout,
	}
	if d.timeout <= 0 {
		return nil, usage("give a time such as 10s", "--connect-timeout: %v is not more than zero", d.timeout)
	}
	if d.location {
		o.MaxRedirects = 20
	}
	var err error
	if o.Header, err = d.header(); err != nil {
		return nil, err
	}
	if o.TLS, err = d.tls(); err != nil {
		return nil, err
	}
	if err := d.fromNetrc(o.Header); err != nil {
		return nil, err
	}
	if host := o.Header.Get("Host"); host != "" {
		o.Host = host
		o.Header.Del("Host")
	}
	switch d.compress {
	case "off":
	case "on":
		o.Compression = &ws.Compression{}
	case "takeover":
		o.Compression = &ws.Compression{ServerTakeover: true, ClientTakeover: true}
	default:
		return nil, usage("choose off, on or takeover", "--compress: unknown mode %q", d.compress)
	}
	switch d.http {
	case "1", "1.1":
	case "2":
		o.HTTPVersion = 2
	case "3":
		return nil, usage("choose 1.1 or 2", "--http: WebSockets over HTTP/3 (RFC 9220) are not spoken yet")
	default:
		return nil, usage("choose 1.1 or 2", "--http: unknown version %q", d.http)
	}
	if d.proxy != "" {
		proxy, err := parseProxy(d.proxy)
		if err != nil {
			return nil, err
		}
		o.Proxy = http.ProxyURL(proxy)
	} else {
		o.Proxy = environmentProxy()
	}
	o.NetDial, err = d.netDial()
	if d.unixSocket != "" {
		if d.proxy != "" {
			return nil, usage("leave one of them out", "--unix-socket: there is a proxy (-x), too")
		}
		o.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } // not that of the environment
	}
	return o, err
}

// tls returns how TLS is done, nil for the default.
func (d *dialFlags) tls() (*tls.Config, error) {
	config, err := d.trust()
	if err != nil || d.cert == "" && d.key == "" {
		return config, err
	}
	if d.cert == "" {
		return nil, usage("add --cert FILE", "--key: there is no certificate for it")
	}
	key := d.key
	if key == "" {
		key = d.cert
	}
	pair, err := tls.LoadX509KeyPair(d.cert, key)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("--cert: %w", err), "give it a PEM file, and --key the one with its key"}
	}
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// netDial returns what opens the network connection if --unix-socket or --resolve say how, else nil.
func (d *dialFlags) netDial() (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	var dialer net.Dialer
	if d.unixSocket != "" {
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", d.unixSocket)
		}, nil
	}
	if len(d.resolve) == 0 {
		return nil, nil
	}
	known := map[string][]string{}
	for _, value := range d.resolve {
		name, addresses, err := parseResolve(value)
		if err != nil {
			return nil, err
		}
		known[name] = addresses
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr) // package ws has put it together
		addresses, ok := known[strings.ToLower(addr)]
		if !ok {
			addresses, ok = known["*:"+port]
		}
		if !ok || network != "tcp" {
			return dialer.DialContext(ctx, network, addr)
		}
		var first error
		for _, ip := range addresses {
			conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(ip, port))
			if err == nil {
				return conn, nil
			}
			if first == nil {
				first = err
			}
		}
		return nil, first
	}, nil
}

// parseResolve reads the value of --resolve as curl does: HOST:PORT:ADDRESS[,ADDRESS]…, where * is any host.
func parseResolve(value string) (name string, addresses []string, err error) {
	const hint = "write --resolve example.com:443:192.0.2.1"
	text := strings.TrimPrefix(value, "+")
	host, rest, ok := strings.Cut(text, ":")
	if strings.HasPrefix(text, "[") {
		host, rest, ok = strings.Cut(strings.TrimPrefix(text, "["), "]:")
	}
	port, list, ok2 := strings.Cut(rest, ":")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || !ok || !ok2 || host == "" {
		return "", nil, usage(hint, "--resolve: %q is not HOST:PORT:ADDRESS", value)
	}
	for text := range strings.SplitSeq(list, ",") {
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		if err != nil {
			return "", nil, usage(hint, "--resolve: %q is not an IP address", text)
		}
		addresses = append(addresses, ip.String())
	}
	return net.JoinHostPort(strings.ToLower(host), port), addresses, nil
}

// keepaliveFlags are about pings that notice a peer which has gone.
type keepaliveFlags struct{ interval, timeout time.Duration }

func (k *keepaliveFlags) register(f *pflag.FlagSet) {
	f.DurationVar(&k.interval, "ping-interval", 25*time.Second, "send a ping after this long a silence; 0: never")
	f.DurationVar(&k.timeout, "ping-timeout", 20*time.Second, "give up when a ping brings no byte for this long")
}

// apply sets the options, or says what is wrong with the flags.
func (k *keepaliveFlags) apply(o *ws.Options) error {
	switch {
	case k.interval < 0:
		return usage("give a time such as 25s, or 0 for no pings", "--ping-interval: %v is less than zero", k.interval)
	case k.timeout <= 0:
		return usage("give a time such as 20s", "--ping-timeout: %v is not more than zero", k.timeout)
	}
	o.PingInterval, o.PingTimeout = k.interval, k.timeout
	if k.interval == 0 {
		o.PingInterval = -1
	}
	return nil
}

// readHeaders parses the values of -H.
func readHeaders(values []string) (http.Header, error) {
	h := http.Header{}
	for _, value := range values {
		text, err := fromFile("-H", value)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				continue
			}
			name, content, ok := strings.Cut(line, ":")
			if !ok || !isToken(name) {
				// Nothing of it is shown: it may be a secret.
				return nil, usage("write -H 'Name: value'", "-H: this is no header line: there is no name before a colon")
			}
			content = strings.TrimSpace(content)
			if strings.ContainsFunc(content, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, usage("remove it", "-H: the value of %s holds a control character", name)
			}
			h.Add(name, content)
		}
	}
	return h, nil
}

// fromFile returns what the file holds if value is @FILE, without the line break at its end, else value itself. @- is
// standard input.
func fromFile(flag, value string) (string, error) {
	name, ok := strings.CutPrefix(value, "@")
	if !ok {
		return value, nil
	}
	if name == "-" {
		return fromInput(flag)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", &failure{exitIO, fmt.Errorf("%s: %w", flag, err), "check the name after the @"}
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// readRoots returns the certificates in a file.
func readRoots(name string) (*x509.CertPool, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, &failure{exitIO, fmt.Errorf("--cacert: %w", err), "check the name of the file"}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, &failure{exitIO, fmt.Errorf("--cacert: %s holds no certificate", name), "give it a PEM file"}
	}
	return pool, nil
}

// parseProxy reads the value of -x; like curl it takes an address without a scheme for HTTP.
func parseProxy(s string) (*url.URL, error) {
	const hint = "write -x http://HOST:PORT or -x socks5://HOST:PORT"
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, usage(hint, "-x: the URL of the proxy cannot be read")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, usage(hint, "-x: proxies of scheme %q are not known", u.Scheme)
	}
	if u.Host == "" {
		return nil, usage(hint, "-x: the URL of the proxy names no host")
	}
	return u, nil
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2, as header names and subprotocols are.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

func sortedNames(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

// size is a flag for a number of bytes: 1048576, 1024KiB, 1MiB.
type size int64

var errSize = errors.New("want a number of bytes, KiB, MiB or GiB, such as 16MiB")

// String writes the largest unit that fits.
func (s *size) String() string {
	for _, u := range units {
		if int64(*s) >= u.bytes && int64(*s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(*s)/u.bytes, u.name)
		}
	}
	return fmt.Sprint(int64(*s))
}

// Set reads a size.
func (s *size) Set(text string) error {
	factor := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			text, factor = number, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 1<<40/factor {
		return errSize
	}
	*s = size(n * factor)
	return nil
}

// Type names the kind of value in the help.
func (s *size) Type() string { return "SIZE" }

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
