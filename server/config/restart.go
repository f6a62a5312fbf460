package config

import (
	"fmt"
	"reflect"
	"slices"
)

// Equal reports whether two configurations say the same, wherever they have it from.
func (c *Config) Equal(other *Config) bool {
	a, b := *c, *other
	a.origins, b.origins, a.secrets, b.secrets = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

// NeedRestart returns the keys that differ and cannot change while the server runs. If there are none, a server that has old can go on
// with next.
func NeedRestart(old, next *Config) []string {
	var list []string
	a, b := reflect.ValueOf(old).Elem(), reflect.ValueOf(next).Elem()
	for _, t := range schema() {
		switch {
		case t.name == "":
			list = append(list, t.changed(0, a, b)...)
		case !t.list:
			list = append(list, t.changed(0, a.Field(t.field), b.Field(t.field))...)
		default:
			x, y := a.Field(t.field), b.Field(t.field)
			if x.Len() != y.Len() && slices.ContainsFunc(t.keys, func(k *Key) bool { return k.Restart }) {
				list = append(list, t.name)
				continue
			}
			for i := range min(x.Len(), y.Len()) {
				list = append(list, t.changed(i, x.Index(i), y.Index(i))...)
			}
		}
	}
	// A certificate can take the place of another; TLS cannot come or go.
	for i := range min(len(old.Listen), len(next.Listen)) {
		if (old.Listen[i].TLSCert == "") != (next.Listen[i].TLSCert == "") && len(old.Listen) == len(next.Listen) {
			list = append(list, fmt.Sprintf("listen[%d].tls_cert", i))
		}
	}
	return list
}

// changed returns the paths of the keys that differ and need a restart.
func (t *table) changed(i int, a, b reflect.Value) []string {
	var list []string
	for _, k := range t.keys {
		if k.Restart && !reflect.DeepEqual(a.Field(k.field).Interface(), b.Field(k.field).Interface()) {
			list = append(list, t.path(i, k.Name))
		}
	}
	return list
}
