package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/parley-ws/parley/server/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFile is a file with the configuration of the client commands. What it holds for the server is left alone.
type configFile struct {
	shown   string // its name
	dir     string // that the names in it are relative to
	project bool   // it lies in the working directory, and is not to be trusted with everything
	missing bool

	meta         toml.MetaData
	client       map[string]toml.Primitive // nil: there is no such table
	clientLine   int
	profiles     map[string]map[string]toml.Primitive
	profileLines map[string]int
}

// problem is an error at a line of the file.
func (f *configFile) problem(line int, format string, args ...any) error {
	return config.Error{{Where: fmt.Sprintf("%s:%d", f.shown, max(1, line)), Text: fmt.Sprintf(format, args...)}}
}

// parse reads the tables [client] and [profile.NAME].
func (f *configFile) parse(text string) error {
	var root map[string]toml.Primitive
	var err error
	if f.meta, err = toml.Decode(text, &root); err != nil {
		var parse toml.ParseError
		if !errors.As(err, &parse) {
			return f.problem(1, "%s", strings.TrimPrefix(err.Error(), "toml: "))
		}
		// The parser's own words may quote a secret, the wrong character of one at least.
		last := parse.LastKey[strings.LastIndexByte(parse.LastKey, '.')+1:]
		if slices.Contains([]string{"url", "user", "header", "proxy"}, last) {
			return f.problem(parse.Position.Line, "%q is not valid TOML: put the value in quotes, on one line", last)
		}
		return f.problem(parse.Position.Line, "%s", strings.ReplaceAll(parse.Message, "\n", " "))
	}
	if p, ok := root["client"]; ok {
		f.clientLine = f.line(p)
		if f.client = f.table(p); f.client == nil {
			return f.problem(f.clientLine, "\"client\" is a table: write [client], and its keys below")
		}
	}
	p, ok := root["profile"]
	if !ok {
		return nil
	}
	profiles := f.table(p)
	if profiles == nil {
		return f.problem(f.line(p), "a profile is a table: write [profile.NAME], and its keys below")
	}
	f.profiles, f.profileLines = map[string]map[string]toml.Primitive{}, map[string]int{}
	for name, p := range profiles {
		f.profileLines[name] = f.line(p)
		if f.profiles[name] = f.table(p); f.profiles[name] == nil {
			return f.problem(f.line(p), "a profile is a table: write [profile.%s], and its keys below", tomlName(name))
		}
	}
	return nil
}

// table returns what is in a table, nil if it is none: the library takes other values for an empty one.
func (f *configFile) table(p toml.Primitive) map[string]toml.Primitive {
	var value any
	if f.meta.PrimitiveDecode(p, &value) != nil {
		return nil
	}
	if _, ok := value.(map[string]any); !ok {
		return nil
	}
	values := map[string]toml.Primitive{}
	if f.meta.PrimitiveDecode(p, &values) != nil {
		return nil
	}
	return values
}

// tomlName is a name as a TOML file has it.
func tomlName(name string) string {
	if regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

// unreadable is a value that cannot be decoded: the error says where it stands.
type unreadable struct{}

// UnmarshalTOML fails.
func (*unreadable) UnmarshalTOML(any) error { return errors.New("asked for the line") }

// line is where a value stands, which the library tells in errors alone.
func (f *configFile) line(p toml.Primitive) int {
	var parse toml.ParseError
	if errors.As(f.meta.PrimitiveDecode(p, &unreadable{}), &parse) {
		return parse.Position.Line
	}
	return 0
}

// ownKeys are the keys that a command takes beside those of the connection. No key names a command to run or a file to write.
var ownKeys = map[string]string{
	"connect": "idle max-time ping-interval ping-timeout text binary hex base64 frame ok-close close json color silent verbose reconnect timestamps",
	"send":    "idle max-time ping-interval ping-timeout text binary hex base64 frame ok-close close json color silent verbose",
	"ping":    "max-time json verbose",
	"probe":   "max-time json color",
}

// keys are the flags that a file may set, by their keys: those of the connection, and some of each command.
type keys struct {
	all  map[string]*pflag.Flag // of any command, to check what stands there
	here map[string]bool        // what this command takes
}

// clientKeys returns the keys, of which cmd takes some.
func clientKeys(cmd *cobra.Command) keys {
	k := keys{map[string]*pflag.Flag{}, map[string]bool{}}
	add := func(c *cobra.Command) {
		own := strings.Fields(ownKeys[c.Name()])
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "curl" || flag.Annotations[connectionFlag] == nil && !slices.Contains(own, flag.Name) {
				return
			}
			key := strings.ReplaceAll(flag.Name, "-", "_")
			k.all[key] = flag
			if c == cmd {
				k.here[key] = true
			}
		})
	}
	for _, c := range cmd.Root().Commands() {
		if _, ok := ownKeys[c.Name()]; ok {
			add(c)
		}
	}
	add(cmd)
	return k
}

// settings is what a table says to a command.
type settings struct {
	url   string
	layer layer
}

// settings reads the keys of a table, or says what is wrong with all of them.
func (f *configFile) settings(table string, values map[string]toml.Primitive, known keys) (settings, error) {
	s := settings{layer: layer{}}
	var problems config.Error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		p := values[key]
		line := f.line(p)
		wrong := func(err error) error { return f.problem(line, "%q in %s: %s", key, table, withHint(err)) }
		var value any
		err := f.meta.PrimitiveDecode(p, &value)
		flag := known.all[key]
		switch {
		case err != nil:
			err = wrong(err)
		case key == "url" && table != "[client]":
			if s.url, err = f.url(value); err != nil {
				err = wrong(err)
			}
		case flag == nil:
			err = f.problem(line, "unknown key %.60q in %s%s", key, table, meant(key, known))
		default:
			var texts []string
			if texts, err = f.texts(flag, value); err != nil {
				err = wrong(err)
			} else if known.here[key] {
				s.layer[flag.Name] = setting{texts, func(_ string, err error) error { return wrong(err) }}
			}
		}
		var list config.Error
		if errors.As(err, &list) {
			problems = append(problems, list...)
		}
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b config.Problem) int { return lineOf(a) - lineOf(b) })
		return s, problems
	}
	return s, nil
}

// withHint is what an error says, and what to do about it.
func withHint(err error) string {
	var fail *failure
	if errors.As(err, &fail) && fail.hint != "" {
		return err.Error() + ": " + fail.hint
	}
	return err.Error()
}

// lineOf is the line that a problem names.
func lineOf(p config.Problem) int {
	n, _ := strconv.Atoi(p.Where[strings.LastIndexByte(p.Where, ':')+1:]) // problem has written it
	return n
}

// meant says what to write in place of an unknown key.
func meant(key string, known keys) string {
	names := append(slices.Sorted(maps.Keys(known.all)), "url")
	if near := nearest(key, names); len(near) > 0 {
		return fmt.Sprintf(": did you mean %q?", near[0])
	}
	return ": the keys are the names of the flags that \"parley help client-flags\" lists, with underscores"
}

// url reads the URL of a profile.
func (f *configFile) url(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("want a text in quotes, not %s", kindOf(value))
	}
	if _, err := parseTarget(text); err != nil {
		return "", err
	}
	if scheme, rest, _ := strings.Cut(text, "://"); strings.HasSuffix(scheme, "+unix") {
		socket, _, _ := strings.Cut(rest, ":")
		if _, err := f.path(socket); err != nil {
			return "", err
		}
	}
	return text, nil
}

// texts turns a value into what the flag would be given on the command line, one text for each element of a list.
func (f *configFile) texts(flag *pflag.Flag, value any) ([]string, error) {
	kind := flag.Value.Type()
	element, isList := map[string]string{"stringArray": "string", "stringSlice": "string", "intSlice": "int"}[kind]
	if !isList {
		text, err := f.text(flag, kind, value)
		return []string{text}, err
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list, [%s], not %s", example(element), kindOf(value))
	}
	texts := make([]string, len(items))
	for i, item := range items {
		var err error
		if texts[i], err = f.text(flag, element, item); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// text is texts for a single value.
func (f *configFile) text(flag *pflag.Flag, kind string, value any) (string, error) {
	switch v := value.(type) {
	case bool:
		if kind == "bool" {
			if flag.Name == "netrc" && v && f.project {
				return "", fmt.Errorf("it would read a file outside the directory of this one: %s", f.remedy())
			}
			return strconv.FormatBool(v), nil
		}
	case int64:
		if kind == "int" || kind == "SIZE" {
			return strconv.FormatInt(v, 10), nil
		}
	case string:
		switch kind {
		case "bool", "int":
		case "duration":
			if _, err := time.ParseDuration(v); err != nil {
				return "", fmt.Errorf("%.40q is no time: write one such as 30s or 1m30s", v)
			}
			return v, nil
		case "SIZE":
			return v, new(size).Set(v)
		default:
			return f.reference(flag, v)
		}
	}
	return "", fmt.Errorf("want %s, not %s", example(kind), kindOf(value))
}

// reference resolves a value that names a file, and checks the others that can be checked here, where the line is known.
func (f *configFile) reference(flag *pflag.Flag, text string) (string, error) {
	switch flag.Name {
	case "cacert", "cert", "key", "unix-socket", "netrc-file":
		return f.path(text)
	case "header", "user":
		name, ok := strings.CutPrefix(text, "@")
		if !ok {
			return text, nil
		}
		if name == "-" {
			if f.project {
				return "", fmt.Errorf("a project's profile does not read standard input: %s", f.remedy())
			}
			return text, nil
		}
		name, err := f.path(name)
		return "@" + name, err
	case "proxy":
		if text == "" {
			return "", nil
		}
		_, err := parseProxy(text)
		return text, err
	case "resolve":
		_, _, err := parseResolve(text)
		return text, err
	}
	return text, nil
}

// path returns the file that a name in this file means. That of a project gets no further than its own directory.
func (f *configFile) path(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if rest, ok := strings.CutPrefix(name, "~/"); ok && os.Getenv("HOME") != "" {
		name = filepath.Join(os.Getenv("HOME"), rest)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.dir, name)
	}
	if !f.project {
		return name, nil
	}
	dir, err := realPath(f.dir)
	if err != nil {
		return "", err
	}
	real, err := realPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: check the name of the file", err)
	}
	if within, err := filepath.Rel(dir, real); err != nil || !filepath.IsLocal(within) {
		return "", fmt.Errorf("%s is outside the directory of this file: %s", name, f.remedy())
	}
	return real, nil
}

// realPath is the absolute name of a file without symbolic links in it.
func realPath(name string) (string, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(name)
}

// remedy says what to do about a profile that wants more than a project's may.
func (f *configFile) remedy() string { return "put the profile into " + userFileShown() }

// example says how a value of a kind of flag is written.
func example(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "duration":
		return `a time, "30s"`
	case "SIZE":
		return `a size, "64KiB" or 65536`
	}
	return "a text in quotes"
}

// kindOf says what a TOML value is.
func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return "a date"
}
