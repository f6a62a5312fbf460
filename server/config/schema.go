package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Key describes one key of the configuration.
type Key struct {
	// Table is the table that it is in: empty, "limits", or "topic" for each [[topic]].
	Table string
	// Name is its name there.
	Name string
	// Repeated is whether the table may appear many times.
	Repeated bool
	// Variable and Flag are the names of its environment variable, and of its flag without dashes; empty in repeated tables.
	Variable, Flag string
	// Default is its default as one writes it in a flag; empty is nothing.
	Default string
	// Type is what a value looks like: string, bool, int, number, duration, size, mode, secret; "list of" others; or one of some words.
	Type string
	// Help says what it means.
	Help string
	// Restart is whether a change takes effect only after a restart.
	Restart bool

	show, line bool
	field      int // in the struct of the table
	typ        reflect.Type
	oneOf      []string
	min, max   string
	checks     func(string) error
	isDefault  any // the default as a value
}

// table is a table of the configuration: the one at the top, [limits] or [[topic]].
type table struct {
	name  string // empty for the one at the top
	list  bool
	field int // in Config
	show  bool
	file  bool // it stands in files alone, and not in one that was merely found
	help  string
	keys  []*Key
}

// Path is the key with its table: limits.outbox, topic.history.
func (k *Key) Path() string {
	if k.Table == "" {
		return k.Name
	}
	return k.Table + "." + k.Name
}

// isSecret reports whether values must not be shown.
func (k *Key) isSecret() bool {
	return k.typ == typeSecret || k.typ == reflect.SliceOf(typeHeader)
}

// schema is all tables, that at the top first, in the order of the structs.
var schema = sync.OnceValue(func() []*table {
	top := &table{field: -1}
	list := []*table{top}
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		f := config.Field(i)
		name := f.Tag.Get("toml")
		if name == "" {
			continue
		}
		t := &table{name: name, field: i, show: f.Tag.Get("show") == "yes", file: f.Tag.Get("place") == "file", help: help["Config."+f.Name]}
		of := f.Type
		if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct && of.Elem().PkgPath() == config.PkgPath() && of.Elem() != typeHeader {
			t.list, of = true, of.Elem()
		}
		if of.Kind() != reflect.Struct {
			top.keys = append(top.keys, newKey(top, config, i))
			continue
		}
		for j := range of.NumField() {
			t.keys = append(t.keys, newKey(t, of, j))
		}
		list = append(list, t)
	}
	return list
})

func newKey(t *table, of reflect.Type, field int) *Key {
	f := of.Field(field)
	tag := func(name string) string { return f.Tag.Get(name) }
	k := &Key{
		Table: t.name, Name: tag("toml"), Repeated: t.list, Default: tag("default"), Help: help[of.Name()+"."+f.Name],
		Restart: tag("restart") == "yes", show: tag("show") == "yes", line: tag("line") == "yes",
		field: field, typ: f.Type, oneOf: strings.Fields(tag("oneof")), min: tag("min"), max: tag("max"), checks: checks[tag("check")],
	}
	if !t.list {
		k.Flag = tag("flag")
		if k.Flag == "" {
			k.Flag = dashed(k.Path())
		}
		k.Variable = variable(k.Flag)
	}
	if k.checks == nil && tag("check") != "" {
		panic("config: there is no check " + tag("check")) // which every test would meet
	}
	k.Type = typeName(k)
	v := reflect.New(k.typ).Elem()
	if err := (&reader{}).text(v, k, k.Default); err != nil && k.Default != "" {
		panic("config: the default of " + k.Path() + ": " + err.Error()) // a mistake in the tags, which every test would meet
	}
	k.isDefault = v.Interface()
	if k.Default == "" {
		k.Default = zeroText(k.typ)
	}
	return k
}

// variable returns the name of the environment variable for a flag.
func variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// dashed is how a path of the TOML file is written in a flag.
func dashed(path string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(path) }

func typeName(k *Key) string {
	of, list := k.typ, ""
	if of.Kind() == reflect.Slice {
		of, list = of.Elem(), "list of "
	}
	if len(k.oneOf) > 0 {
		return list + strings.Join(k.oneOf, ", ")
	}
	switch of {
	case typeDuration:
		return list + "duration"
	case typeSize:
		return list + "size"
	case typeMode:
		return list + "mode"
	case typeSecret:
		return list + "secret"
	case typePrefix:
		return list + "network"
	case typeHeader:
		return list + "header"
	}
	if of.Kind() == reflect.Float64 {
		return list + "number"
	}
	return list + of.Kind().String()
}

// zeroText is the zero value of a type as the reference shows it.
func zeroText(t reflect.Type) string {
	switch {
	case t == typeDuration:
		return "0s"
	case t.Kind() == reflect.Bool:
		return "false"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64, t.Kind() == reflect.Float64:
		return "0"
	}
	return ""
}

// find returns the key of that name, or nil.
func (t *table) find(name string) *Key {
	for _, k := range t.keys {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// names are those of the keys of t, and at the top those of the other tables.
func (t *table) names() []string {
	var list []string
	for _, k := range t.keys {
		list = append(list, k.Name)
	}
	if t.name == "" {
		for _, other := range schema()[1:] {
			list = append(list, other.name)
		}
	}
	return list
}

// String is the table as it is written in TOML.
func (t *table) String() string {
	switch {
	case t.name == "":
		return "the top"
	case t.list:
		return "[[" + t.name + "]]"
	}
	return "[" + t.name + "]"
}

// path is that of a key in the table, or in its element i if it is a list.
func (t *table) path(i int, key string) string {
	switch {
	case t.name == "":
		return key
	case t.list:
		return t.name + "[" + strconv.Itoa(i) + "]." + key
	}
	return t.name + "." + key
}

// tableNamed returns the table of that name, or nil.
func tableNamed(name string) *table {
	all := schema()
	if i := slices.IndexFunc(all, func(t *table) bool { return t.name == name }); i > 0 {
		return all[i]
	}
	return nil
}

// setDefaults sets what is in v, a table or an element of a list of them, to the defaults.
func (t *table) setDefaults(v reflect.Value) {
	for _, k := range t.keys {
		v.Field(k.field).Set(copied(reflect.ValueOf(k.isDefault)))
	}
}

// copied returns v, with a list of its own if it is one.
func copied(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Slice || v.IsNil() {
		return v
	}
	return reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v)
}

// Keys returns all keys in the order of the reference.
func Keys() []Key {
	var list []Key
	for _, t := range schema() {
		for _, k := range t.keys {
			list = append(list, *k)
		}
	}
	return list
}

// Default returns the configuration without flags, variables and files.
func Default() *Config {
	c := &Config{}
	v := reflect.ValueOf(c).Elem()
	for _, t := range schema() {
		switch {
		case t.name == "":
			t.setDefaults(v)
		case !t.list:
			t.setDefaults(v.Field(t.field))
		}
	}
	c.complete()
	return c
}

// complete adds the listener that there is without any.
func (c *Config) complete() {
	if len(c.Listen) == 0 {
		c.Listen = make([]Listener, 1)
		tableNamed("listen").setDefaults(reflect.ValueOf(&c.Listen[0]).Elem())
	}
}
