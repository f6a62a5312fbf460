package check

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Target is the subject of a run, and how it is judged. Either URL or Client is set.
type Target struct {
	// Name is the subject's name in reports. Empty means its URL, or "client".
	Name string

	// URL is that of a server which echoes: ws or wss, with host and path.
	URL string

	// Client is a client: it connects to the URL and echoes each message in the type that it came in, until the
	// connection ends, then returns. Its error counts for nothing: connections are judged as they are seen. It is
	// called for each case, by several goroutines if Parallel says so.
	Client func(ctx context.Context, url string) error

	// Dial opens a TCP connection to a server instead of a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// TLS is for wss. Nil means the defaults of crypto/tls.
	TLS *tls.Config

	// Header is added to every request to a server.
	Header http.Header

	// Subprotocols are offered to a server in every request that is not itself about subprotocols.
	Subprotocols []string

	// Cases chooses cases by their IDs: a pattern of path.Match in which * stands for dots too. Nil means all.
	Cases []string

	// Skip leaves out cases by their IDs, with patterns like those of Cases.
	Skip []string

	// Tags chooses cases that have one of the tags, or belong to a group of that name. Nil means all.
	Tags []string

	// Parallel is how many cases run at a time. 0 means 8.
	Parallel int

	// Timeout is how long the subject may be silent where it has to do something. 0 means 5 seconds.
	Timeout time.Duration

	// Memory measures the memory of the subject in bytes, for the cases that watch it. Nil means that nobody looks.
	Memory func() (int64, error)

	// Done is called with each result, by one goroutine at a time.
	Done func(*Result)
}

const (
	defaultParallel = 8
	defaultTimeout  = 5 * time.Second
)

// role is what the target is.
func (t *Target) role() Role {
	if t.Client != nil {
		return RoleClient
	}
	return RoleServer
}

func (t *Target) timeout() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return defaultTimeout
}

func (t *Target) parallel() int {
	if t.Parallel > 0 {
		return t.Parallel
	}
	return defaultParallel
}

// Choose returns the cases for subjects of the role that Cases, Skip and Tags of a [Target] choose, in order. None at all
// is an error.
func Choose(role Role, globs, skip, tags []string) ([]*Case, error) {
	for _, g := range slices.Concat(globs, skip) {
		if _, err := path.Match(g, ""); err != nil {
			return nil, fmt.Errorf("check: the pattern %q: %w", g, err)
		}
	}
	var chosen []*Case
	for _, c := range Cases() {
		id := func(g string) bool { ok, _ := path.Match(g, c.ID); return ok || g == c.ID }
		if c.For(role) && !slices.ContainsFunc(skip, id) && (len(globs) == 0 || slices.ContainsFunc(globs, id)) && (len(tags) == 0 || slices.ContainsFunc(tags, c.Tagged)) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("check: no case for a %s is named %s with a tag of %s: see Cases", role, orAny(globs), orAny(tags))
	}
	return chosen, nil
}

func orAny(list []string) string {
	if len(list) == 0 {
		return "anything"
	}
	return strings.Join(list, " or ")
}

// A server is a server as it is judged.
type server struct {
	t        *Target
	url      *url.URL
	address  string
	timeout  time.Duration
	grace    time.Duration
	fields   []string
	features features
}

// features are what a server was found to know.
type features struct {
	deflate bool
}

// A HandshakeError says why not even a plain handshake with the subject succeeds, so that there is nothing to judge.
type HandshakeError struct {
	Status int         // of the response; 0 if there was none
	Header http.Header // of the response
	Body   []byte      // of the response, its first 4 KiB
	Reason string      // what is wrong
	Err    error       // of the network, or nil
}

// Error implements error.
func (e *HandshakeError) Error() string {
	s := "check: the plain handshake failed: " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the error of the network.
func (e *HandshakeError) Unwrap() error { return e.Err }

func newServer(t *Target) (*server, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, fmt.Errorf("check: the URL of the server: %w", err)
	}
	s := &server{t: t, url: u, timeout: t.timeout()}
	port := map[string]string{"ws": "80", "http": "80", "wss": "443", "https": "443"}[u.Scheme]
	switch {
	case port == "":
		return nil, fmt.Errorf("check: the URL %s does not begin with ws:// or wss://", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("check: the URL %s names no host", u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("check: the URL %s has a fragment, which RFC 6455 §3 forbids: write %%23 for #", u.Redacted())
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s.address = net.JoinHostPort(u.Hostname(), port)
	names := make([]string, 0, len(t.Header))
	for name := range t.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range t.Header[name] {
			if !isToken(name) || strings.ContainsAny(v, "\r\n\x00") {
				return nil, fmt.Errorf("check: the header field %q cannot be sent: it has a character that is not allowed", name)
			}
			s.fields = append(s.fields, name+": "+v)
		}
	}
	if u.User != nil && t.Header.Get("Authorization") == "" {
		r := http.Request{Header: http.Header{}}
		password, _ := u.User.Password()
		r.SetBasicAuth(u.User.Username(), password)
		s.fields = append(s.fields, "Authorization: "+r.Header.Get("Authorization"))
	}
	for _, p := range t.Subprotocols {
		if !isToken(p) {
			return nil, fmt.Errorf("check: the subprotocol %q is not a token: RFC 6455 §4.1", p)
		}
	}
	return s, nil
}

// dial opens a connection.
func (s *server) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	dial := s.t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", s.address)
	if err != nil || s.url.Scheme == "ws" || s.url.Scheme == "http" {
		return conn, err
	}
	config := s.t.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = s.url.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (s *server) request(o *Open) *request {
	target := s.url.RequestURI()
	r := &request{target: target, host: s.url.Host, fields: s.fields, open: o, key: newKey()}
	if !o.Head.about("Sec-WebSocket-Protocol") {
		r.protocols = s.t.Subprotocols
	}
	return r
}

// about reports whether the head leaves out or adds a field of that name.
func (h *Head) about(name string) bool {
	is := func(line string) bool { n, _, _ := strings.Cut(line, ":"); return strings.EqualFold(n, name) }
	return h.Raw != "" || slices.ContainsFunc(h.Without, is) || slices.ContainsFunc(h.With, is)
}

// probe does a plain handshake that offers compression, to learn whether there is anything to judge.
func (s *server) probe(ctx context.Context) error {
	start := time.Now()
	conn, err := s.dial(ctx)
	if err != nil {
		return &HandshakeError{Reason: "connecting to " + s.address, Err: err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(s.timeout))
	r := s.request(&Open{Extensions: []string{permessageDeflate + "; client_max_window_bits"}})
	text := r.text()
	if _, err := conn.Write([]byte(text)); err != nil {
		return &HandshakeError{Reason: "sending the request", Err: err}
	}
	br := bufio.NewReader(conn)
	head, err := readHead(br)
	if err != nil {
		if errors.Is(err, context.Canceled) || ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &HandshakeError{Reason: "reading the response", Err: err}
	}
	h := r.judge(head, text)
	if head.status() != http.StatusSwitchingProtocols {
		e := &HandshakeError{Status: head.status(), Header: http.Header{}, Reason: "the server answers " + statusText(head.status())}
		for _, f := range head.fields {
			e.Header.Add(f.name, f.value)
		}
		conn.SetReadDeadline(time.Now().Add(time.Second))
		e.Body, _ = io.ReadAll(io.LimitReader(br, min(bodySize(e.Header), 4<<10))) // as much as there is
		return e
	}
	s.features.deflate = h.deflate != nil
	s.grace = min(300*time.Millisecond+4*time.Since(start), 2*time.Second)
	return nil
}

// bodySize is how long the body of a response is, or a large number.
func bodySize(h http.Header) int64 {
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		return n
	}
	return math.MaxInt64
}

// run judges the server by one case.
func (s *server) run(ctx context.Context, c *Case) *Result {
	log := &wireLog{start: time.Now()}
	if c.Open.Extension && !s.features.deflate || c.Open.Deflate != nil && !s.features.deflate {
		return newResult(c, Unimplemented, "the server declines permessage-deflate", log)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return newResult(c, Fail, "connecting failed: "+err.Error(), log)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	l := newLink(conn, true, log, s.timeout)
	session := newSession(c, l, s.timeout, s.grace)
	unimplemented, err := s.open(ctx, session)
	switch {
	case unimplemented != "":
		return newResult(c, Unimplemented, unimplemented, log)
	case err != nil:
		return newResult(c, Fail, err.Error(), log)
	}
	if !session.over() {
		go l.listen()
		session.perform(ctx)
		conn.Close()
		<-l.done
	}
	return session.result(log)
}

// open does the handshake of the case.
func (s *server) open(ctx context.Context, session *session) (unimplemented string, err error) {
	l, c := session.l, session.c
	r := s.request(&c.Open)
	text := r.text()
	out := []byte(text)
	for i := range c.Open.Pipelined {
		out = c.Open.Pipelined[i].Append(out, true)
		session.sentClose = session.sentClose || c.Open.Pipelined[i].Op == OpClose
	}
	l.log.add("out", shownHead(text), nil)
	l.logPipelined(c.Open.Pipelined)
	written := make(chan error, 1)
	go func() {
		written <- l.write(out, c.Open.Head.Chop, c.Open.Head.Delay, func() bool { return ctx.Err() != nil })
	}()
	// A request in pieces may be answered, or cut, before it is whole.
	patience := s.timeout + c.Open.Head.Wait
	if h := &c.Open.Head; h.Delay > 0 {
		patience += h.Delay * time.Duration(len(out)/max(1, h.Chop))
	}
	l.conn.SetReadDeadline(time.Now().Add(patience))
	head, err := readHead(l.br)
	if err != nil {
		l.conn.Close()
		<-written
		if head.raw != "" {
			l.log.add("in", shownHead(head.raw), nil)
		}
		return "", session.unanswered(err)
	}
	l.log.add("in", shownHead(head.raw), nil)
	l.conn.SetReadDeadline(time.Time{})
	h := r.judge(head, text)
	status := head.status()
	if status == http.StatusSwitchingProtocols {
		if err := <-written; err != nil {
			return "", fmt.Errorf("sending the request: %w", err)
		}
	} else {
		l.conn.Close()
		<-written
	}
	if c.judges(SawHandshake) {
		session.observe(Event{Kind: SawHandshake, Status: status, shake: h})
	} else if status != http.StatusSwitchingProtocols {
		return "", fmt.Errorf("the server answered the handshake with %s", statusText(status))
	}
	if h.deflate == nil && c.Open.Deflate != nil {
		return "the server declines " + c.Open.Deflate.offer(), nil
	}
	if h.deflate != nil && h.deflate.clientNoTakeover && c.Open.Deflate != nil && c.Open.Deflate.OwnTakeover {
		return "the server excludes the takeover of the client", nil
	}
	l.agree(h.deflate)
	return "", nil
}

// unanswered ends a session whose handshake got no answer; it is an error where the case does not judge that.
func (s *session) unanswered(err error) error {
	s.refused = true
	timeout, ok := errors.AsType[net.Error](err)
	silent := ok && timeout.Timeout()
	switch {
	case s.c.judges(SawHandshake) && silent:
		s.observe(Event{Kind: SawSilence})
	case s.c.judges(SawHandshake):
		e, _ := ended(err, "")
		s.observe(e)
	case silent:
		return errors.New("the server did not answer the handshake")
	default:
		return fmt.Errorf("the server answered the handshake by ending the connection: %w", err)
	}
	return nil
}

// shownHead is a head as the log has it.
func shownHead(text string) string {
	const most = 2048
	if len(text) > most {
		return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
	}
	return strings.TrimRight(text, "\r\n")
}
