package api

import (
	"maps"
	"slices"
)

// Routes are all there are: method and path below Prefix.
func Routes() (list []string) {
	for _, r := range routes {
		list = append(list, r.name())
	}
	return list
}

// Document is the OpenAPI document.
func Document() string { return string(openapi) }

// Bodies are the names of the fields that the bodies of requests may have, by route.
func Bodies() map[string][]string {
	list := map[string][]string{}
	for name, f := range map[string]fields{
		"POST /publish":       new(draft).withTopic(),
		"POST /publish/batch": new(batch).fields(),
		"POST /broadcast":     new(wide).fields(),
		"POST /subscribe":     new(membership).fields(),
		"POST /unsubscribe":   new(membership).fields(),
		"POST /refresh":       new(renewal).fields(),
		"POST /disconnect":    new(ending).fields(),
	} {
		list[name] = slices.Sorted(maps.Keys(f))
	}
	return list
}

// Nearest says which name was probably meant.
var Nearest = unknown
