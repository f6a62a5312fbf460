package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// flagConfig names the flag for the configuration file.
const flagConfig = "config"

// FlagSet holds the flags of a command line once it is parsed. What they say is read by Load, so that it can report all mistakes at once.
type FlagSet struct {
	given map[string][]string
}

// last returns the last value of a flag, or "".
func (s *FlagSet) last(flag string) string {
	if values := s.given[flag]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// Flags adds a flag for everything in a Config, and --config. Those that are rarely needed are hidden from the help, which would not fit
// a screen with them.
func Flags(fs *pflag.FlagSet) *FlagSet {
	s := &FlagSet{given: map[string][]string{}}
	add := func(name, short, typ, value, usage string, hidden bool) {
		f := fs.VarPF(&flagValue{s, name, typ, value}, name, short, usage)
		f.Hidden = hidden
		if typ == "bool" {
			f.NoOptDefVal = "true"
		}
	}
	add(flagConfig, "", "FILE", "", "read this `FILE` in place of ./"+ProjectFile+" and the user's", false)
	for _, a := range aliases {
		value := ""
		if a.key == "addr" {
			value = tableNamed("listen").find("addr").Default
		}
		add(a.flag, a.short, a.typ, value, a.help, false)
	}
	all := schema()
	for _, t := range all {
		for _, k := range t.keys {
			if !t.list {
				add(k.Flag, "", placeholder(k), k.Default, k.Help, !k.show)
			}
		}
	}
	for _, t := range all {
		if t.list && !t.file {
			add(dashed(t.name), "", t.example(), "", t.help+"; repeat it for more", !t.show)
		}
	}
	return s
}

// placeholder is what stands behind a flag in the help.
func placeholder(k *Key) string {
	switch {
	case k.Type == "bool":
		return "bool"
	case len(k.oneOf) > 0:
		return strings.Join(k.oneOf, "|")
	}
	return k.Type[strings.LastIndexByte(k.Type, ' ')+1:]
}

// example is a table in one line.
func (t *table) example() string {
	for _, k := range t.keys {
		if k.line {
			return fmt.Sprintf("'%s key=value …'", strings.ToUpper(k.Name))
		}
	}
	return "'key=value …'"
}

// flagValue notes what a flag was given.
type flagValue struct {
	set              *FlagSet
	name, typ, value string
}

// String returns the default.
func (v *flagValue) String() string { return v.value }

// Type returns the placeholder in the help.
func (v *flagValue) Type() string { return v.typ }

// Set notes one more value.
func (v *flagValue) Set(s string) error {
	v.set.given[v.name] = append(v.set.given[v.name], s)
	return nil
}

// FlagError adds to the error of a command line with an unknown flag the name that was perhaps meant. It returns other errors as they are,
// and fits cobra's SetFlagErrorFunc.
func FlagError(fs *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Errorf("%w%s", err, didYouMean(unknown.GetSpecifiedName(), names, "--", ""))
}

// flags takes over what the flags say.
func (l *loader) flags() {
	given := l.Flags.given
	all := schema()
	for _, t := range all {
		if lines := given[dashed(t.name)]; t.list && !t.file && len(lines) > 0 {
			l.lines(t, origin{"--" + dashed(t.name), layerFlags, 0}, lines)
		}
	}
	for _, a := range aliases {
		if _, ok := given[a.flag]; ok {
			l.alias(a, origin{"--" + a.flag, layerFlags, 0}, l.Flags.last(a.flag), len(given["listen"]) > 0)
		}
	}
	for _, t := range all {
		for _, k := range t.keys {
			values := given[k.Flag]
			if t.list || len(values) == 0 {
				continue
			}
			value := values[len(values)-1]
			switch k.Type {
			case "list of header":
				value = strings.Join(values, "\n")
			default:
				if strings.HasPrefix(k.Type, "list of ") {
					value = strings.Join(values, ",")
				}
			}
			l.scalar(t, k, origin{"--" + k.Flag, layerFlags, 0}, value)
		}
	}
}
