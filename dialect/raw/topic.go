package raw

import (
	"net/url"
	"strings"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
)

// escaped is the path of u as it was on the wire. URL.EscapedPath is not where it holds characters that should have been escaped.
func escaped(u *url.URL) string {
	if path, err := url.PathUnescape(u.RawPath); err == nil && path == u.Path {
		return u.RawPath
	}
	return u.EscapedPath()
}

// parsePath returns what the escaped path of a URL names below the prefix. It is split at its slashes first, each part is unescaped, and
// the parts joined by slashes are the topic: so that an escaped slash is a slash of the topic, too, and one may write "a//b" or "../a" in
// a way that nothing on its way cleans up. A star that is not escaped may only be the whole last part, as * or as **.
func parsePath(path, prefix string) (broker.Filter, *hub.Error) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return broker.Filter{}, hub.Errorf(hub.NotFound, "a topic is a URL that begins with %s", prefix)
	}
	f := broker.Filter{Type: broker.ExactTopic}
	parts := strings.Split(rest, "/")
	switch last := parts[len(parts)-1]; last {
	case "*":
		f.Type = broker.Level
	case "**":
		f.Type = broker.Subtree
	}
	if f.Type != broker.ExactTopic {
		parts = parts[:len(parts)-1]
	}
	below := len(parts) > 0
	for i, part := range parts {
		if strings.Contains(part, "*") {
			return f, hub.Errorf(hub.BadRequest, "a star may only be the whole last part of a pattern, * or **: write %%2A for a star in the name of a topic")
		}
		name, err := url.PathUnescape(part)
		if err != nil {
			return f, hub.Errorf(hub.BadRequest, "the path is not escaped as a URL has to be")
		}
		parts[i] = name
	}
	f.Name = strings.Join(parts, "/")
	if f.Type != broker.ExactTopic && f.Name == "" && below {
		return f, hub.Errorf(hub.BadRequest, "nothing stands before the slash of the pattern: %s* and %s** mean everything", prefix, prefix)
	}
	if err := f.Check(); err != nil {
		return f, hub.Errorf(hub.BadRequest, "%s", strings.TrimPrefix(err.Error(), "broker: "))
	}
	return f, nil
}
