package config

import (
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// taken are the first parts of paths that the server has for itself.
var taken = []string{
	"t", "ws", "echo", "clock", "console", "assets", "asyncapi.yaml", "favicon.ico", "favicon.svg", "api", "v1", "healthz", "readyz", "metrics", "debug",
}

// checkPath takes paths of commands. What a mux would take for a pattern is none.
func checkPath(s string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(s, "/"), "/")
	switch {
	case !strings.HasPrefix(s, "/") || first == "" || path.Clean(s) != s:
		return fmt.Errorf("%.80q is not a path with a slash before each of its parts: write /run/date", s)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`{}%?#\"`, r) }):
		return fmt.Errorf("%.80q has signs that a URL cannot have in a path: use letters, digits, hyphens and slashes", s)
	case slices.Contains(taken, first):
		return fmt.Errorf("%.80q is taken: the server has all below /%s for itself; write /run/date", s, first)
	}
	return nil
}

func checkTopic(s string) error {
	if err := broker.CheckTopic(s); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "broker: "))
	}
	if f, err := broker.Pattern(s); err != nil || !f.IsExact() {
		return fmt.Errorf("%.80q is a pattern: write the name of one topic", s)
	}
	return nil
}

func checkArgument(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("an argument cannot have a zero byte: take it out")
	}
	return nil
}

func checkVariable(s string) error {
	if s == "" || strings.ContainsAny(s, "=\x00 ") {
		return fmt.Errorf("%.80q is not the name of a variable: write names alone, as [\"PATH\", \"HOME\"]", s)
	}
	return nil
}

// OnTopic reports whether the command belongs to a topic and not to a path.
func (c *Command) OnTopic() bool { return c.Topic != "" }

// Shared reports whether there is one process for all.
func (c *Command) Shared() bool { return c.Mode == "shared" || c.Mode == "" && c.OnTopic() }

// commands finds commands that cannot be, and keys that would do nothing. A key with its default is taken for one that was not given, for
// so it is when a configuration is printed.
func (l *loader) commands() {
	paths, topics := map[string]bool{}, map[string]bool{}
	standard := &Command{}
	tableNamed("command").setDefaults(reflect.ValueOf(standard).Elem())
	for i := range l.cfg.Commands {
		c := &l.cfg.Commands[i]
		at := func(keys ...string) []string {
			var list []string
			for _, key := range append(keys, "") {
				list = append(list, fmt.Sprintf("command[%d].%s", i, key))
			}
			return list
		}
		if l.failed[at("path")[0]] || l.failed[at("topic")[0]] {
			continue
		}
		switch {
		case c.Path == "" && c.Topic == "":
			l.conflict("a command is on a path or a topic: write path = \"/run/date\", or topic = \"logs/app\"", at()...)
		case c.Path != "" && c.Topic != "":
			l.conflict("a command is on a path or a topic, not on both: take one out, or write two [[command]]", at("topic", "path")...)
		case c.Path != "" && paths[c.Path]:
			l.conflict(fmt.Sprintf("two commands have the path %.80s: change one, or take it out", c.Path), at("path")...)
		case c.Topic != "" && topics[c.Topic]:
			l.conflict(fmt.Sprintf("two commands have the topic %.80q: change one, or take it out", c.Topic), at("topic")...)
		}
		paths[c.Path], topics[c.Topic] = true, true
		if len(c.Run) == 0 || c.Run[0] == "" {
			l.conflict("a command needs a program: write run = [\"date\", \"+%s\"]", at("run")...)
		}
		switch {
		case c.OnTopic() && !c.Shared():
			l.conflict("a topic has one process: write mode = \"shared\", or take it out", at("mode", "topic")...)
		case c.Mode == "pool" && c.Processes == 0:
			l.conflict("a pool needs to know how many: write processes = 4", at("mode", "processes")...)
		case c.Mode == "pool" && c.Processes > c.MaxConnections:
			l.conflict(fmt.Sprintf("no more than max_connections = %d processes would be used: set processes to that at most", c.MaxConnections),
				at("processes", "max_connections")...)
		case c.Binary && c.Frame == "json":
			l.conflict("events are JSON, and say themselves what is binary: take out binary = true", at("binary", "frame")...)
		case c.Binary && c.Frame == "" && c.Shared():
			l.conflict("a shared process needs frames, or nobody knew where a message begins: write frame = \"len32\", \"lines\" or \"nul\"",
				at("binary", "frame", "mode")...)
		case c.Stderr == "json" && (c.Binary || c.Frame == "json" || c.Frame == "len32"):
			l.conflict("stderr = \"json\" needs lines of text: take it out, or binary and frame", at("stderr", "frame", "binary")...)
		case len(c.Ladder) != 3:
			l.conflict("the ladder has three times: write [\"100ms\", \"250ms\", \"500ms\"]", at("ladder")...)
		case c.PTY && (c.Frame != "" || c.Binary || c.Stderr != standard.Stderr):
			l.conflict("a terminal has one stream of bytes: take out frame, binary and stderr", at("pty", "frame", "binary", "stderr")...)
		}
		path, pool, shared := !c.OnTopic(), c.Mode == "pool", c.Shared()
		for _, rule := range []struct {
			key     string
			changed bool // it has another value than its default
			met     bool
			with    string
		}{
			{"processes", c.Processes != standard.Processes, pool, `mode = "pool"`},
			{"restart", c.Restart != standard.Restart, shared, `mode = "shared"`},
			{"history", c.History != standard.History, shared && path, `mode = "shared" on a path`},
			{"slow", c.Slow != standard.Slow, shared && path, `mode = "shared" on a path`},
			{"connect", c.Connect != standard.Connect, path, "a path"},
			{"max_connections", c.MaxConnections != standard.MaxConnections, path, "a path"},
			{"pty", c.PTY, path && !pool && !shared, `mode = "per-connection" on a path`},
			{"input", c.Input, !path, "a topic"},
			{"input_full", c.InputFull != standard.InputFull, c.Input, "input = true"},
		} {
			if rule.changed && !rule.met {
				l.conflict(fmt.Sprintf("%q does nothing here: it goes with %s; take it out", rule.key, rule.with), at(rule.key)...)
			}
		}
	}
}
