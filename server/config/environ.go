package config

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// prefix begins the name of every variable.
const prefix = "PARLEY_"

// madeUp matches the variables that Kubernetes sets in every container for a service called parley, or parley-something.
var madeUp = regexp.MustCompile(`^PARLEY_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// variables are those that matter and are not empty: an empty one counts as not set.
func (l *loader) variables() map[string]string {
	vars := map[string]string{}
	for _, v := range l.Environ {
		name, value, ok := strings.Cut(v, "=")
		if ok && value != "" && (strings.HasPrefix(name, prefix) || name == "HOME" || name == "XDG_CONFIG_HOME") {
			vars[name] = value
		}
	}
	return vars
}

// environ takes the variables over.
func (l *loader) environ(vars map[string]string) {
	lists := map[string]bool{}
	known := map[string]bool{variable(flagConfig): true}
	for _, t := range schema() {
		if !t.list || t.file {
			continue
		}
		name := variable(dashed(t.name))
		known[name] = true
		if value, ok := vars[name]; ok {
			lines := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
			l.lines(t, origin{name, layerEnviron, 0}, lines)
			lists[t.name] = true
		}
	}
	for _, a := range aliases {
		name := variable(a.flag)
		known[name] = true
		if value, ok := vars[name]; ok {
			l.alias(a, origin{name, layerEnviron, 0}, value, lists["listen"])
		}
	}
	for _, t := range schema() {
		for _, k := range t.keys {
			if t.list {
				continue
			}
			known[k.Variable] = true
			if value, ok := vars[k.Variable]; ok {
				l.scalar(t, k, origin{k.Variable, layerEnviron, 0}, value)
			}
		}
	}
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !strings.HasPrefix(name, prefix) || known[name] || madeUp.MatchString(name) || l.Ignore != nil && l.Ignore(name) {
			continue
		}
		hint := didYouMean(name, names, "", "")
		if hint == "" {
			hint = ": unset it, or see docs/configuration.md for those that there are"
		}
		l.fail(origin{name, layerEnviron, 0}, "unknown variable%s", hint)
	}
}

// scalar sets a key that is in no list of tables.
func (l *loader) scalar(t *table, k *Key, o origin, value string) {
	v := reflect.ValueOf(l.cfg).Elem()
	if t.name != "" {
		v = v.Field(t.field)
	}
	l.set(t, 0, v, k, o, func(v reflect.Value) error { return l.text(v, k, value) })
}

// alias is a short name for a value.
type alias struct {
	flag, short string
	key         string // of the first listener; empty is the log level
	typ         string
	help        string
}

// aliases are the flags and variables that there are beside those of the keys.
var aliases = []alias{
	{"addr", "", "addr", "HOST:PORT", "listen on `HOST:PORT` or unix:/path; port 0 takes a free one"},
	{"tls-cert", "", "tls_cert", "string", "serve TLS with the certificate in this PEM `FILE`"},
	{"tls-key", "", "tls_key", "string", "... and its key in this PEM `FILE`"},
	{"tls-self-signed", "", "tls_self_signed", "bool", "serve TLS with a certificate made in memory"},
	{"verbose", "v", "", "bool", "log at the level debug"},
}

// alias sets what a stands for. Those of the first listener cannot stand beside a whole list from the same place.
func (l *loader) alias(a alias, o origin, value string, listGiven bool) {
	cfg := reflect.ValueOf(l.cfg).Elem()
	if a.key == "" {
		var on bool
		if err := l.text(reflect.ValueOf(&on).Elem(), &Key{typ: reflect.TypeFor[bool]()}, value); err != nil {
			l.fail(o, "%v", err)
		} else if on {
			l.scalar(schema()[0], schema()[0].find("log_level"), o, "debug")
		}
		return
	}
	if listGiven {
		l.fail(o, "the listeners are given in full as well: write %q there", a.key)
		return
	}
	l.cfg.complete()
	t := tableNamed("listen")
	k := t.find(a.key)
	l.set(t, 0, cfg.Field(t.field).Index(0), k, o, func(v reflect.Value) error { return l.text(v, k, value) })
}
