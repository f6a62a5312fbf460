package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-ws/parley/bridge"
	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/config"
	"github.com/parley-ws/parley/server/limit"
	"github.com/parley-ws/parley/ws"
)

// The subprotocols of a command: the one that a browser is given back which shows its token in the other one, as it cannot set header
// fields.
const (
	subprotocolCommand = "parley.command"
	bearer             = "parley.bearer."
)

// guest is who asks for a command, from the request to the end of the connection.
type guest struct {
	credentials hub.Credentials
	identity    *hub.Identity // nil before it is known
}

type guestKey struct{}

func guestOf(r *http.Request) *guest {
	g, _ := r.Context().Value(guestKey{}).(*guest)
	return g
}

// who says whose request it is, to the command.
func who(r *http.Request) (user string, claims json.RawMessage) {
	if g := guestOf(r); g != nil && g.identity != nil {
		return g.identity.User, g.identity.Claims
	}
	return "", nil
}

// serve has a request answered that has passed the guards of the server. A token is not for the command: its environment may be seen by
// others.
func (c *command) serve(h *bridge.Handler, w http.ResponseWriter, r *http.Request) {
	cfg := c.s.config.Load()
	g := &guest{credentials: hub.Credentials{Dialect: "command", Transport: "websocket", Remote: limit.Remote(r), Header: r.Header}}
	r = r.WithContext(context.WithValue(r.Context(), guestKey{}, g))
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && host != g.credentials.Remote {
		r.RemoteAddr = net.JoinHostPort(g.credentials.Remote, "0") // behind a proxy the port is not known
	}
	if cfg.Authenticates() {
		offered := subprotocols(r)
		r.Header = r.Header.Clone()
		g.credentials.Token = shownToken(r, offered)
		r.Header.Del("Authorization")
		left := slices.DeleteFunc(slices.Clone(offered), func(name string) bool { return strings.HasPrefix(name, bearer) })
		switch {
		case len(left) > 0:
			r.Header.Set("Sec-Websocket-Protocol", strings.Join(left, ", "))
		case len(offered) > 0:
			problem(w, http.StatusBadRequest, "offer the subprotocol "+subprotocolCommand+", too, beside the one with the token, which is never sent back")
			return
		}
	}
	h.ServeHTTP(w, r)
}

// shownToken returns what Authorization says, or the subprotocol for those who cannot set it.
func shownToken(r *http.Request, offered []string) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	for _, name := range offered {
		if token, ok := strings.CutPrefix(name, bearer); ok {
			return token
		}
	}
	return ""
}

// subprotocols are those that a request offers.
func subprotocols(r *http.Request) []string {
	var names []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, strings.Trim(name, " \t"))
		}
	}
	return names
}

// accept gives a connection the settings that all WebSockets of the server have, and asks who it is before anything is started for it.
func (c *command) accept(_ *http.Request, o *ws.AcceptOptions) {
	cfg := c.s.config.Load()
	common := c.s.acceptOptions(cfg)
	o.Origins, o.AnyOrigin, o.Compression = common.Origins, common.AnyOrigin, common.Compression
	o.Trace, o.PingInterval, o.PingTimeout, o.WriteTimeout = common.Trace, common.PingInterval, common.PingTimeout, common.WriteTimeout
	begin := o.Check
	o.Check = func(r *http.Request) error {
		g := guestOf(r)
		if err := c.admit(r.Context(), cfg, g); err != nil {
			return refusal(hub.AsError(err))
		}
		return begin(r)
	}
}

// admit finds out who a guest is, and whether they may have the command.
func (c *command) admit(ctx context.Context, cfg *config.Config, g *guest) error {
	s, err := c.s.hub.Connect(ctx, hub.Connect{Credentials: g.credentials, Visit: true})
	if err != nil {
		return err
	}
	id := s.Identity()
	g.identity = id
	if !cfg.Authenticates() {
		return nil
	}
	name := strings.TrimPrefix(c.spec.Path, "/")
	switch {
	case c.spec.Connect == "anyone":
	case c.spec.Connect == "token" && !hub.Names(id.Call, broker.Exact(name)):
		return hub.Errorf(hub.Forbidden, "the token does not name %q as a call", name)
	case c.spec.Connect == "user" && id.User == "" && g.credentials.Token == "":
		return hub.Errorf(hub.Unauthenticated, "this is for those who show a token")
	case c.spec.Connect == "user" && id.User == "":
		return hub.Errorf(hub.Forbidden, "this is for those whose token names a user")
	}
	return nil
}

// refusal is the answer to a handshake that an error of the hub refuses.
func refusal(e *hub.Error) *ws.RejectError {
	status := map[hub.Code]int{
		hub.BadRequest: http.StatusBadRequest, hub.Unauthenticated: http.StatusUnauthorized, hub.Expired: http.StatusUnauthorized,
		hub.Forbidden: http.StatusForbidden, hub.RateLimited: http.StatusTooManyRequests, hub.Unavailable: http.StatusServiceUnavailable,
		hub.GoingAway: http.StatusServiceUnavailable, hub.Timeout: http.StatusGatewayTimeout,
	}[e.Code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	no := &ws.RejectError{Status: status, Header: http.Header{"Cache-Control": {"no-store"}},
		Body: fmt.Sprintf("%d %s: %s\n", status, strings.ToLower(http.StatusText(status)), e.Text)}
	switch {
	case status == http.StatusUnauthorized:
		no.Header.Set("WWW-Authenticate", "Bearer")
	case e.Retry:
		no.Header.Set("Retry-After", strconv.Itoa(max(1, int(e.After/time.Second))))
	}
	return no
}

// opened has the connection end with the token: there is no way to show a new one.
func (c *command) opened(r *http.Request, conn *ws.Conn) {
	g := guestOf(r)
	if g == nil || g.identity == nil || g.identity.Expires.IsZero() {
		return
	}
	timer := time.AfterFunc(time.Until(g.identity.Expires)+c.s.config.Load().Auth.Grace, func() {
		conn.Close(context.Background(), ws.CodePolicyViolation, "the token has expired")
	})
	context.AfterFunc(conn.Context(), func() { timer.Stop() })
}

// trace counts processes, and logs those that are not for one connection alone.
func (c *command) trace(log *slog.Logger) *bridge.Trace {
	level := slog.LevelInfo
	if !c.spec.Shared() && c.spec.Mode != "pool" {
		level = slog.LevelDebug
	}
	return &bridge.Trace{
		Started: func(pid int) {
			c.s.metrics.CommandStarted()
			log.Log(context.Background(), level, "a command has been started", "pid", pid)
		},
		Ended: func(pid int, err error) {
			c.s.metrics.CommandEnded(err == nil)
			status := "exit status 0"
			if err != nil {
				status = strings.TrimPrefix(err.Error(), "bridge: the command ended: ")
			}
			log.Log(context.Background(), level, "a command has ended", "pid", pid, "status", status)
		},
	}
}
