package brokertest

import (
	"fmt"
	"strings"

	"github.com/parley-ws/parley/broker"
)

// list is several texts in one.
func list(texts []string) string { return fmt.Sprint(len(texts), " [", strings.Join(texts, " "), "]") }

// bodies are those of messages.
func bodies(messages []*broker.Message) string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, string(m.Body))
	}
	return list(texts)
}

// refs are those of members, with what they say about themselves and where they are.
func refs(members []broker.Member) string {
	var texts []string
	for _, m := range members {
		texts = append(texts, fmt.Sprintf("%s/%s%s@%s", m.Key, m.Ref, m.Meta, m.Node))
	}
	return list(texts)
}

// changes are diffs, as text.
func changes(diffs []broker.Diff) string {
	var texts []string
	for _, d := range diffs {
		texts = append(texts, fmt.Sprintf("-%s+%s", refs(d.Leaves), refs(d.Joins)))
	}
	return list(texts)
}

// same fails if two texts are not the same.
func (e *env) same(what, got, want string) {
	e.Helper()
	if got != want {
		e.Fatalf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}
