package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/parley-ws/parley/ws"
)

// attempt is one handshake, seen from outside: package ws does it, and what it calls on the way tells the time.
type attempt struct {
	*prober
	target string
	proxy  *url.URL // nil: none

	reached bool // the network connection was made
	trusted bool // TLS succeeded, or there is none

	mu       sync.Mutex // guards what follows
	dialled  time.Time  // when the network connection was there
	hello    time.Time  // when TLS began
	asked    time.Time  // when the request was sent
	verified time.Time  // when the certificate was judged
	state    *tls.ConnectionState
	chain    []*x509.Certificate // that the server showed
	judged   error               // for what it was refused
}

// connect does the handshake and reports its steps.
func (a *attempt) connect(ctx context.Context) (*ws.Conn, error) {
	o := *a.options
	find := o.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	o.Proxy = func(r *http.Request) (*url.URL, error) {
		p, err := find(r)
		a.proxy = p
		a.reportProxy(p, err)
		return p, err
	}
	dial := o.NetDial
	o.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := a.open(ctx, dial, network, addr)
		if err != nil {
			return nil, err
		}
		a.reached, a.dialled = true, time.Now()
		return &watched{Conn: conn, a: a}, nil
	}
	o.TLS = a.watchTLS(o.TLS)
	u, err := url.Parse(a.target)
	if err != nil {
		return nil, err
	}
	secure := u.Scheme == "wss" || u.Scheme == "https"
	conn, err := ws.Dial(ctx, a.target, &o)
	end := time.Now()
	if !a.reached {
		return conn, err // what failed was reported
	}
	begun := a.asked // of HTTP
	if a.proxy != nil {
		first := a.hello
		if first.IsZero() {
			first = a.asked
		}
		if first.IsZero() {
			a.report.step("tunnel", bad, end.Sub(a.dialled), errText(err), note("the proxy %s did not let us through", a.proxy.Redacted()))
			return conn, err
		}
		a.report.step("tunnel", good, first.Sub(a.dialled), "the proxy lets us through to "+u.Host)
	}
	if secure {
		if !a.reportTLS(u.Hostname(), end, err) {
			return conn, err
		}
		begun = a.verified
	}
	a.trusted = true
	a.reportHTTP(conn, err, begun, end)
	return conn, err
}

// errText returns the innermost words of an error: those that say what happened.
func errText(err error) string {
	var he *ws.HandshakeError
	if errors.As(err, &he) && he.Err != nil {
		return he.Err.Error()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func (a *attempt) reportProxy(p *url.URL, err error) {
	how := "by the environment"
	if a.dial.proxy != "" {
		how = "by -x"
	}
	switch {
	case err != nil:
		a.report.step("proxy", bad, 0, err.Error(), note("look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY"))
	case p != nil:
		a.report.step("proxy", good, 0, p.Redacted()+", "+how, detail{"url", p.Redacted()})
	default:
		a.report.step("proxy", neutral, 0, "none")
	}
}

// open makes the network connection: DNS, then TCP to each address in turn.
func (a *attempt) open(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	begun := time.Now()
	if dial != nil || network == "unix" {
		how := addr
		if dial == nil {
			dial = dialer.DialContext
		}
		if a.dial.unixSocket != "" {
			how = a.dial.unixSocket
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			a.report.step("connect", bad, time.Since(begun), err.Error())
			return nil, err
		}
		a.report.step("connect", good, time.Since(begun), "to "+how+", as the flags say")
		return conn, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addresses := []string{host}
	if net.ParseIP(strings.Split(host, "%")[0]) == nil {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		took := time.Since(begun)
		if err != nil {
			a.report.step("dns", bad, took, err.Error())
			return nil, err
		}
		addresses = nil
		for _, ip := range ips {
			addresses = append(addresses, ip.Unmap().String())
		}
		a.report.step("dns", good, took, host+": "+strings.Join(addresses, ", "), detail{"addresses", addresses})
	}
	var first error
	for i, ip := range addresses {
		limited, cancel := ctx, context.CancelFunc(func() {})
		if i < len(addresses)-1 {
			limited, cancel = context.WithTimeout(ctx, 5*time.Second) // leave time for the others
		}
		begun := time.Now()
		conn, err := dialer.DialContext(limited, "tcp", net.JoinHostPort(ip, port))
		cancel()
		if err == nil {
			a.report.step("tcp", good, time.Since(begun), conn.RemoteAddr().String()+" from "+conn.LocalAddr().String(),
				detail{"address", conn.RemoteAddr().String()})
			return conn, nil
		}
		a.report.step("tcp", bad, time.Since(begun), err.Error(), detail{"address", net.JoinHostPort(ip, port)})
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// watched is a network connection that notes when TLS and the request begin.
type watched struct {
	net.Conn
	a *attempt
}

func (w *watched) Write(p []byte) (int, error) {
	a := w.a
	a.mu.Lock()
	switch {
	case len(p) > 2 && p[0] == 0x16 && p[1] == 3 && a.hello.IsZero(): // a TLS handshake record
		a.hello = time.Now()
	case strings.HasPrefix(string(p[:min(4, len(p))]), "GET ") && a.asked.IsZero():
		a.asked = time.Now()
	}
	a.mu.Unlock()
	return w.Conn.Write(p)
}

// watchTLS returns config, made to tell when it has judged the certificate and what it saw. The judgement stays crypto/tls's.
func (a *attempt) watchTLS(config *tls.Config) *tls.Config {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.state, a.verified = &state, time.Now()
		return nil
	}
	return config
}

// wouldTrust says what is wrong with a chain that -k has accepted, for the report alone.
func wouldTrust(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the server showed no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}

// certificate is one of a chain, for programs.
type certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	Names    []string  `json:"names,omitempty"`
	NotAfter time.Time `json:"not_after"`
	Days     int       `json:"days_left"`
}

// reportTLS reports the TLS handshake, and whether it succeeded.
func (a *attempt) reportTLS(host string, end time.Time, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		a.chain, a.judged = refused.UnverifiedCertificates, refused.Err
		more := append(a.certificates(), detail{"trusted", false}, note("%s", explainCertificate(a.judged, a.chain)))
		a.report.step("tls", bad, end.Sub(a.hello), a.judged.Error(), more...)
		return false
	}
	if a.state == nil || a.hello.IsZero() {
		a.report.step("tls", bad, end.Sub(a.dialled), errText(err))
		return false
	}
	a.chain = a.state.PeerCertificates
	alpn := a.state.NegotiatedProtocol
	if alpn == "" {
		alpn = "not negotiated"
	}
	more := append(a.certificates(), detail{"version", tls.VersionName(a.state.Version)},
		detail{"cipher", tls.CipherSuiteName(a.state.CipherSuite)}, detail{"alpn", a.state.NegotiatedProtocol})
	text := fmt.Sprintf("%s, %s, ALPN %s", tls.VersionName(a.state.Version), tls.CipherSuiteName(a.state.CipherSuite), alpn)
	how := good
	if c := a.options.TLS; c != nil && c.InsecureSkipVerify {
		if doubt := wouldTrust(a.chain, host, c.RootCAs); doubt != nil {
			how = neutral
			more = append(more, note("not trusted, but -k accepts it: %v", doubt))
		}
	}
	more = append(more, detail{"trusted", how == good})
	if len(a.chain) > 0 {
		if days := daysLeft(a.chain[0]); days < 21 {
			more = append(more, note("the certificate expires soon: %s", remaining(days)))
		}
	}
	a.report.step("tls", how, a.verified.Sub(a.hello), text, more...)
	return true
}

// certificates describes the chain that the server showed.
func (a *attempt) certificates() (more []extra) {
	var chain []certificate
	for i, c := range a.chain {
		one := certificate{c.Subject.String(), c.Issuer.String(), c.DNSNames, c.NotAfter.UTC(), daysLeft(c)}
		for _, ip := range c.IPAddresses {
			one.Names = append(one.Names, ip.String())
		}
		chain = append(chain, one)
		more = append(more, note("%d. %s, by %s, until %s (%s)", i+1, orUnnamed(one.Subject), orUnnamed(one.Issuer), c.NotAfter.UTC().Format(time.DateOnly), remaining(one.Days)))
		if i == 0 && len(one.Names) > 0 {
			more = append(more, note("   for %s", shorten(one.Names, 6)))
		}
	}
	return append(more, detail{"certificates", chain})
}

func daysLeft(c *x509.Certificate) int { return int(math.Floor(time.Until(c.NotAfter).Hours() / 24)) }

func orUnnamed(s string) string {
	if s == "" {
		return "(no name)"
	}
	return s
}

func remaining(days int) string {
	if days < 0 {
		return "expired " + some(-days, "day") + " ago"
	}
	return some(days, "day") + " left"
}

// shorten joins the first names.
func shorten(names []string, n int) string {
	if len(names) > n {
		return strings.Join(names[:n], ", ") + fmt.Sprintf(" and %d more", len(names)-n)
	}
	return strings.Join(names, ", ")
}

// reportHTTP reports the request and its answer, and the upgrade.
func (a *attempt) reportHTTP(conn *ws.Conn, err error, begun, end time.Time) {
	took := end.Sub(begun)
	if begun.IsZero() {
		took = end.Sub(a.dialled)
	}
	if conn != nil {
		res := conn.Response()
		a.report.step("http", good, took, res.Proto+" "+res.Status, append(explainHeader(res.Header), detail{"status", res.StatusCode}, detail{"header", withoutSecrets(res.Header)})...)
		a.reportUpgrade(conn)
		return
	}
	var he *ws.HandshakeError
	if !errors.As(err, &he) || he.Status == 0 {
		a.report.step("http", bad, took, errText(err))
		return
	}
	more := append(explainHeader(he.Header), detail{"status", he.Status}, detail{"header", withoutSecrets(he.Header)}, detail{"body", string(he.Body)})
	how := bad
	if he.Status == http.StatusSwitchingProtocols || he.Status >= 300 && he.Status < 400 {
		how = neutral
	}
	a.report.step("http", how, took, fmt.Sprintf("%d %s", he.Status, http.StatusText(he.Status)), append(more, bodyNotes(he.Body)...)...)
	if he.Status == http.StatusSwitchingProtocols {
		a.report.step("upgrade", bad, 0, he.Reason)
	}
}

// bodyNotes returns the first lines of a body.
func bodyNotes(body []byte) (notes []extra) {
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if r := []rune(line); len(r) > 200 {
			line = string(r[:200]) + "…"
		}
		if notes = append(notes, note("| %s", line)); len(notes) == 8 {
			return append(notes, note("| …"))
		}
	}
	return notes
}

// reportUpgrade says what was agreed.
func (a *attempt) reportUpgrade(conn *ws.Conn) {
	http2 := a.options.HTTPVersion == 2 // where no key is sent (RFC 8441 §5)
	more := []extra{detail{"accept_verified", !http2}, detail{"subprotocol", conn.Subprotocol()}, detail{"extensions", conn.Extensions()}}
	agreed := "no subprotocol"
	switch {
	case conn.Subprotocol() != "":
		agreed = "subprotocol " + conn.Subprotocol()
	case len(a.options.Subprotocols) > 0:
		more = append(more, note("the server took none of the subprotocols offered: %s; a browser would fail the connection only if the page insists", strings.Join(a.options.Subprotocols, ", ")))
	}
	switch {
	case conn.Extensions() != "":
		agreed += ", " + conn.Extensions()
		more = append(more, explainExtensions(conn.Extensions())...)
	case a.options.Compression != nil:
		agreed += ", no compression: the server declined it"
	default:
		agreed += ", no extension: none was offered, see --compress"
	}
	how := "Sec-WebSocket-Accept fits the key"
	if http2 {
		how = "the server took the extended CONNECT of HTTP/2"
	}
	a.report.step("upgrade", good, 0, how+"; "+agreed, more...)
}
