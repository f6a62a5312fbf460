package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
)

// Input is everything that Load depends on.
type Input struct {
	// Flags are those of the command line, or nil.
	Flags *FlagSet
	// Environ are the variables, as os.Environ returns them.
	Environ []string
	// ReadFile reads configuration files and those of secrets; if nil, os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Ignore reports whether a variable is none of the server's, although its name begins with PARLEY_; nil is never. Names that Kubernetes
	// makes up for a service called parley, such as PARLEY_PORT, are never the server's.
	Ignore func(variable string) bool
}

// ProjectFile is the configuration file in the working directory.
const ProjectFile = "parley.toml"

// maxFile is the size of the largest configuration file: more is another file by mistake.
const maxFile = 4 << 20

// The layers, in the order in which they are read: what is read later wins.
const (
	layerUser = iota
	layerProject
	layerEnviron
	layerFlags
)

// origin is where a value came from.
type origin struct {
	where       string
	layer, line int
}

// loader collects a configuration and what is wrong with it.
type loader struct {
	Input
	reader
	cfg      *Config
	problems []Problem
	failed   map[string]bool // the paths of values that could not be read
	found    bool            // the file was in the working directory, and nobody has named it
	origins  map[string]origin
}

// Load returns the configuration, or an Error with everything that is wrong with it. Each value is that of the first of these which has it:
// the flags, the variables, the file parley.toml in the working directory, and $XDG_CONFIG_HOME/parley/config.toml. The flag --config and
// the variable PARLEY_CONFIG name a file to read in place of these two. A list is taken whole from the first that has it.
func Load(in Input) (*Config, error) {
	if in.ReadFile == nil {
		in.ReadFile = os.ReadFile
	}
	if in.Flags == nil {
		in.Flags = &FlagSet{}
	}
	l := &loader{
		Input: in, reader: reader{file: in.ReadFile}, cfg: Default(),
		failed: map[string]bool{}, origins: map[string]origin{},
	}
	l.cfg.secrets = map[string]string{}
	env := l.variables()
	l.files(env)
	l.environ(env)
	l.flags()
	l.cfg.complete()
	l.validate()
	l.cfg.origins = map[string]string{}
	for path, o := range l.origins {
		l.cfg.origins[path] = o.where
	}
	if err := sorted(l.problems); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

// fail notes that something is wrong at o.
func (l *loader) fail(o origin, format string, args ...any) {
	l.problems = append(l.problems, Problem{Where: o.where, Text: fmt.Sprintf(format, args...), layer: o.layer, line: o.line})
}

// files reads the configuration files.
func (l *loader) files(env map[string]string) {
	if name, by := l.Flags.last(flagConfig), "--"+flagConfig; name != "" || env[variable(flagConfig)] != "" {
		at := origin{by, layerFlags, 0}
		if name == "" {
			name, by = env[variable(flagConfig)], variable(flagConfig)
			at = origin{by, layerEnviron, 0}
		}
		data, err := l.ReadFile(name)
		if err != nil {
			l.fail(at, "the file cannot be read: %v: create it, or name another", err)
			return
		}
		l.toml(layerProject, name, data)
		return
	}
	home := env["XDG_CONFIG_HOME"]
	if home == "" && env["HOME"] != "" {
		home = filepath.Join(env["HOME"], ".config")
	}
	if filepath.IsAbs(home) { // the specification of XDG has others ignored
		l.optional(layerUser, filepath.Join(home, "parley", "config.toml"))
	}
	l.found = true
	l.optional(layerProject, ProjectFile)
}

// optional reads a file that need not be there: below something that is no directory, such as a HOME of /dev/null, there is none. One
// that may not be read could say who is let in, so that it is not passed over.
func (l *loader) optional(layer int, name string) {
	data, err := l.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
	case err != nil:
		l.fail(origin{display(name), layer, 0}, "the file cannot be read: %v: allow it, or name another with --config", err)
	default:
		l.toml(layer, name, data)
	}
}

// display is the name of a file as it is shown in one line.
func display(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// toml reads a file.
func (l *loader) toml(layer int, name string, data []byte) {
	at := func(line int) origin {
		return origin{display(name) + ":" + strconv.Itoa(max(1, line)), layer, line}
	}
	if len(data) > maxFile {
		l.fail(at(1), "the file has %d bytes, more than %d: is it the right one?", len(data), maxFile)
		return
	}
	m := map[string]any{}
	if _, err := toml.Decode(string(data), &m); err != nil {
		var parse toml.ParseError
		if !errors.As(err, &parse) {
			l.fail(at(1), "%s", strings.TrimPrefix(err.Error(), "toml: "))
			return
		}
		text := parse.Message
		last := parse.LastKey[strings.LastIndexByte(parse.LastKey, '.')+1:]
		for _, k := range Keys() { // the message may quote what cannot be parsed
			if k.isSecret() && k.Name == last {
				text = fmt.Sprintf("%q is not valid TOML: put the value in quotes, on one line", k.Name)
			}
		}
		l.fail(at(parse.Position.Line), "%s", strings.ReplaceAll(text, "\n", " "))
		return
	}
	root := positions(string(data))
	top := schema()[0]
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, isTable := m[name].(map[string]any); isTable && (name == "client" || name == "profile") {
			continue // parley connect and its like read them
		}
		n := root.key(name)
		t := tableNamed(name)
		switch {
		case t == nil:
			l.pair(top, 0, reflect.ValueOf(l.cfg).Elem(), name, m[name], at, n)
		case t.file && l.found:
			l.fail(at(firstLine(n)), "%s", merelyFound(t))
		case t.list:
			l.tomlList(t, m[name], at, n)
		default:
			table, ok := m[name].(map[string]any)
			if !ok {
				l.fail(at(firstLine(n)), "%q is one table: write %s, and its keys below", name, t)
				continue
			}
			l.table(t, 0, reflect.ValueOf(l.cfg).Elem().Field(t.field), table, at, n)
		}
	}
}

// merelyFound says what to do about a table that counts only in a file that somebody has named: whoever can put a file into a directory
// must not have a command run by all who start a server there.
func merelyFound(t *table) string {
	return fmt.Sprintf("%s is not read from a file that was merely found in the working directory: if it is yours, name it with "+
		"--%s ./%s or %s=./%s", t, flagConfig, ProjectFile, variable(flagConfig), ProjectFile)
}

// firstLine is the line of n, or of its first element where n is a list.
func firstLine(n *node) int {
	if len(n.items) > 0 {
		return n.items[0].line
	}
	return n.line
}

// table reads the keys of a table, or of element i of a list of them, into v.
func (l *loader) table(t *table, i int, v reflect.Value, m map[string]any, at func(int) origin, n *node) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		l.pair(t, i, v, name, m[name], at, n.key(name))
	}
}

// pair reads one key of a table.
func (l *loader) pair(t *table, i int, v reflect.Value, name string, value any, at func(int) origin, n *node) {
	k := t.find(name)
	if k == nil {
		l.fail(at(n.line), "%s", unknownKey(t, name))
		return
	}
	o := at(n.line)
	l.set(t, i, v, k, o, func(v reflect.Value) error {
		if err := l.value(v, k, value); err != nil {
			return fmt.Errorf("%s: %w", k.in(), err)
		}
		return nil
	})
}

// in is the key as it is called in errors about a file.
func (k *Key) in() string {
	if k.Table == "" {
		return strconv.Quote(k.Name)
	}
	return fmt.Sprintf("%q in %s", k.Name, &table{name: k.Table, list: k.Repeated})
}

// set sets a key of v, which is a table or element i of a list of them, and notes where it came from.
func (l *loader) set(t *table, i int, v reflect.Value, k *Key, o origin, read func(reflect.Value) error) {
	path := t.path(i, k.Name)
	l.refs = nil
	value := reflect.New(k.typ).Elem()
	if err := read(value); err != nil {
		l.failed[path] = true
		l.fail(o, "%v", err)
		return
	}
	v.Field(k.field).Set(value)
	l.origins[path] = o
	for i := range max(1, len(l.refs)) {
		delete(l.cfg.secrets, secretPath(k, path, i))
	}
	for i, ref := range l.refs {
		if ref != "" {
			l.cfg.secrets[secretPath(k, path, i)] = ref
		}
	}
}

// secretPath is the path of a secret, or of that in element i of a list.
func secretPath(k *Key, path string, i int) string {
	if k.typ.Kind() == reflect.Slice {
		return path + "[" + strconv.Itoa(i) + "]"
	}
	return path
}

// unknownKey says what to do about a key that there is not.
func unknownKey(t *table, name string) string {
	text := fmt.Sprintf("unknown key %.60q", name)
	if t.name != "" {
		text += " in " + t.String()
	}
	if hint := didYouMean(name, t.names(), `"`, `"`); hint != "" {
		return text + hint
	}
	for _, other := range schema() {
		if other != t && other.find(name) != nil {
			return text + ": it belongs to " + other.String()
		}
	}
	return text + ": docs/configuration.md lists what there is"
}

// tomlList reads a list of tables.
func (l *loader) tomlList(t *table, value any, at func(int) origin, n *node) {
	var items []map[string]any
	ok := true
	switch value := value.(type) {
	case []map[string]any:
		items = value
	case []any:
		for _, item := range value {
			m, isTable := item.(map[string]any)
			items, ok = append(items, m), ok && isTable
		}
	default:
		ok = false
	}
	if !ok {
		l.fail(at(n.line), "%q is a list of tables: write %s, and the keys of one below", t.name, t)
		return
	}
	l.list(t, len(items), func(i int, v reflect.Value) {
		item := n.item(i)
		l.origins[t.path(i, "")] = at(item.line)
		l.table(t, i, v, items[i], at, item)
	})
}

// list replaces a list of tables by n new ones.
func (l *loader) list(t *table, n int, read func(i int, v reflect.Value)) {
	for path := range l.origins {
		if strings.HasPrefix(path, t.name+"[") {
			delete(l.origins, path)
		}
	}
	for path := range l.cfg.secrets {
		if strings.HasPrefix(path, t.name+"[") {
			delete(l.cfg.secrets, path)
		}
	}
	field := reflect.ValueOf(l.cfg).Elem().Field(t.field)
	if n == 0 {
		field.SetZero()
		return
	}
	field.Set(reflect.MakeSlice(field.Type(), n, n))
	for i := range n {
		t.setDefaults(field.Index(i))
		read(i, field.Index(i))
	}
}
