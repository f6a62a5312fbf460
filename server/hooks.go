package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hook"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/server/config"
)

// newClient returns what asks the application.
func newClient(cfg *config.Config) (*hook.Client, error) {
	h := &cfg.Hooks
	o := hook.Options{Secret: []byte(h.Secret.Reveal()), Headers: http.Header{}, ForwardHeaders: h.ForwardHeaders, Timeout: h.Timeout, Retries: h.Retries, Cache: h.Cache}
	if o.Retries == 0 {
		o.Retries = -1
	}
	for _, header := range h.Headers {
		o.Headers.Add(header.Name, header.Value.Reveal())
	}
	c, err := hook.New(o)
	if err != nil {
		return nil, &OptionError{"hooks", err}
	}
	return c, nil
}

// newHook returns the Authoriser that asks the application after inner, which may be nil; or nil if the application is asked nothing.
func newHook(cfg *config.Config, inner hub.Authoriser) (hub.Authoriser, *hook.Client, error) {
	h := &cfg.Hooks
	if h.Connect == "" && h.Subscribe == "" && h.Publish == "" {
		return nil, nil, nil
	}
	if inner == nil {
		inner = unasked{cfg}
	}
	c, err := newClient(cfg)
	if err != nil {
		return nil, nil, err
	}
	a, err := c.Authoriser(hook.Questions{Connect: h.Connect, Subscribe: h.Subscribe, Publish: h.Publish, Inner: inner})
	if err != nil {
		c.Close()
		return nil, nil, &OptionError{"hooks", err}
	}
	return a, c, nil
}

// unasked decides, where there are no tokens, what the application is not asked: with a connect hook, what its answer names; without one,
// everything.
type unasked struct{ cfg *config.Config }

// Connect knows nobody: the application gets the token.
func (unasked) Connect(context.Context, *hub.Credentials) (*hub.Identity, error) { return nil, nil }

// Allow is asked before the application.

func (u unasked) Allow(_ context.Context, a *hub.Access) error {
	h := &u.cfg.Hooks
	names := a.Identity.Subscribe
	asked := h.Subscribe
	switch a.Action {
	case hub.ActPublish:
		names, asked = a.Identity.Publish, h.Publish
	case hub.ActPresence:
		names, asked = a.Identity.Presence, ""
	case hub.ActCall:
		names, asked = a.Identity.Call, ""
	}
	if asked != "" || h.Connect == "" || hub.Names(names, a.Topics) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "you may not do this here")
}

// calls has the hub answer calls by the URLs of the configuration.
func (s *Server) calls(cfg *config.Config) error {
	type backend struct {
		methods broker.Filter
		handler hub.CallHandler
	}
	var backends []backend
	if len(cfg.Calls) > 0 || cfg.Hooks.Call != "" {
		c, err := newClient(cfg)
		if err != nil {
			return err
		}
		for i, call := range cfg.Calls {
			key := fmt.Sprintf("call[%d]", i)
			f, err := broker.Pattern(call.Method)
			if err != nil {
				return &OptionError{key + ".method", err}
			}
			h, err := c.Call(call.URL)
			if err != nil {
				return &OptionError{key + ".url", err}
			}
			backends = append(backends, backend{f, h})
		}
		if cfg.Hooks.Call != "" {
			h, err := c.Call(cfg.Hooks.Call)
			if err != nil {
				return &OptionError{"hooks.call", err}
			}
			backends = append(backends, backend{broker.Filter{Type: broker.Subtree}, h})
		}
	}
	s.hub.Handle("*", func(ctx context.Context, c *hub.Call) (json.RawMessage, error) {
		for _, b := range backends {
			if b.methods.Match(c.Method) {
				return b.handler(ctx, c)
			}
		}
		return nil, hub.Errorf(hub.NotFound, "there is no such method")
	})
	return nil
}

// onlyLocal reports whether only this machine can reach the addresses of a configuration.
func onlyLocal(cfg *config.Config) bool {
	for _, l := range cfg.Listen {
		host, _, _ := strings.Cut(l.Addr, ":")
		if strings.HasPrefix(l.Addr, "unix:") || host == "localhost" || strings.HasPrefix(host, "127.") || strings.HasPrefix(l.Addr, "[::1]:") {
			continue
		}
		return false
	}
	return true
}
