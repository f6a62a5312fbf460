package native

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/parley-ws/parley/hub"
)

// connect carries out the first command, which lets the client in or ends everything.
func (p *peer) connect(c *command) {
	if c.err == nil && c.name != "connect" {
		c.fail("the first command must be connect")
	}
	r := p.request()
	cred := hub.Credentials{
		Token:     c.str(fToken),
		Dialect:   "native",
		Transport: p.transport,
		Name:      c.str(fName),
		Version:   c.str(fVersion),
		Remote:    p.h.remote(r),
		Header:    r.Header,
		Data:      c.json(fData),
	}
	wait := c.number(fWait, 0, int(p.h.limits.PollWait.Milliseconds()))
	if len(cred.Name) > maxName || len(cred.Version) > maxName {
		c.fail(`"name" and "version" have at most %d bytes`, maxName)
	}
	if c.err != nil {
		p.end(c.id, c.err)
		return
	}
	if cred.Token == "" {
		cred.Token = bearer(r)
	}
	p.wait = min(p.h.limits.PollWait, milli(wait))
	ctx, stop := context.WithTimeout(context.Background(), p.h.o.ConnectTimeout)
	defer stop()
	s, err := p.h.hub.Connect(ctx, hub.Connect{
		Credentials:  cred,
		Codec:        p.codec,
		Sink:         p.sink,
		Capabilities: hub.Capabilities{Binary: true},
		Greet:        func(s *hub.Session) hub.Frame { return p.greeting(c, s) },
	})
	if err != nil {
		p.end(c.id, hub.AsError(err))
		return
	}
	p.stopTimer()
	p.session = s
	p.live.Store(s)
	if p.over.Load() { // the transport has gone meanwhile
		s.Close(hub.Lost(p.sink.Err()))
		return
	}
	if p.secret != "" {
		p.h.enlist(p)
	}
	p.secret = ""
	if err := s.Start(s.Context()); err != nil {
		p.end(0, hub.AsError(err))
	}
}

// greeting is the answer to connect.
func (p *peer) greeting(c *command, s *hub.Session) hub.Frame {
	id := s.Identity()
	return p.codec.frame(func(b []byte) []byte {
		b = begin(b, "connected", c.id)
		b = appendStr(b, "session", s.ID())
		b = appendStr(b, "secret", p.secret)
		b = appendStr(b, "node", p.h.hub.Node())
		b = appendStr(b, "user", id.User)
		if every := p.h.silence(p.transport); every > 0 {
			b = appendInt(b, "ping_ms", milliseconds(every))
		}
		b = appendInt(b, "frame_bytes", p.h.o.Accept.MessageLimit)
		b = appendExpiry(b, id)
		return append(appendJSON(b, "data", id.Data), '}')
	})
}

// maxName bounds what a client calls itself, in bytes.
const maxName = 255

// bearer returns the token of the Authorization header.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// remote returns the address of a client, without the port.
func (h *Handler) remote(r *http.Request) string {
	if h.o.Remote != nil {
		return h.o.Remote(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
