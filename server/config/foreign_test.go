package config

import (
	"strings"
	"testing"
)

// The tables of the client commands may stand in the same files, with whatever is in them.
func TestTablesOfClients(t *testing.T) {
	t.Parallel()
	c := place{files: file(`[client]`, `nonsense = 1`, `[profile.staging]`, `url = "wss://staging.example/"`, `[limits]`, `outbox = "64KiB"`)}.must(t)
	if c.Limits.Outbox != 64<<10 {
		t.Errorf("the outbox has %v", c.Limits.Outbox)
	}
	for _, lines := range [][]string{{`client = 1`}, {`[[profile]]`, `url = "wss://a/"`}, {`[profiles.a]`}} {
		if _, err := (place{files: file(lines...)}).load(t); err == nil || !strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%q: %v", lines, err)
		}
	}
}
