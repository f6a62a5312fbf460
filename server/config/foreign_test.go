package config

import (
	"strings"
	"testing"
	"time"
)

// The tables of the client commands may stand in the same files, with whatever is in them.
func TestTablesOfClients(t *testing.T) {
	t.Parallel()
	c := place{files: file(`drain = "7s"`, `[client]`, `nonsense = 1`, `[profile.staging]`, `url = "wss://staging.example/"`)}.must(t)
	if c.Drain != 7*time.Second {
		t.Errorf("what stands beside them is lost: drain is %v", c.Drain)
	}
	for _, lines := range [][]string{{`client = 1`}, {`[[profile]]`, `url = "wss://a/"`}, {`[profiles.a]`}} {
		if _, err := (place{files: file(lines...)}).load(t); err == nil || !strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%q: %v", lines, err)
		}
	}
}
