package load

import (
	"net/netip"
	"strings"
	"testing"
)

// What the machine has too little of is said before the load, with how much it takes.
func TestPlanEnough(t *testing.T) {
	two := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
	for _, tc := range []struct {
		plan  Plan
		files uint64
		want  string
	}{
		{Plan{URL: "ws://x", Connections: 1000}, 1048, ""},
		{Plan{URL: "ws://x", Connections: 1000}, 1047, "(ulimit -n 1048)"},
		{Plan{URL: "ws://x", Connections: 28_000}, 1 << 20, ""},
		{Plan{URL: "ws://x", Connections: 28_001}, 1 << 20, "one address has 28000: add local addresses"},
		{Plan{URL: "ws://x", Connections: 56_000, LocalAddrs: two}, 1 << 20, ""},
		{Plan{URL: "ws://x", Connections: 56_001, LocalAddrs: two}, 1 << 20, "these addresses have 56000"},
		{Plan{URL: "ws+unix:///x", Connections: 60_000}, 1 << 20, ""},
		{Plan{URL: "ws://{conn}.x", Connections: 60_000}, 1 << 20, ""},
	} {
		err := tc.plan.enough(func() (uint64, bool) { return tc.files, true }, func() (int, bool) { return 28_000, true })
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%d connections: %v, want %q", tc.plan.Connections, err, tc.want)
		}
		if err := tc.plan.enough(func() (uint64, bool) { return 0, false }, func() (int, bool) { return 0, false }); err != nil {
			t.Errorf("what is not known: %v", err)
		}
	}
	if n, ok := maxFiles(); ok && n < 3 {
		t.Errorf("%d files", n)
	}
	if n, ok := localPorts(); ok && (n < 1 || n > 65_535) {
		t.Errorf("%d ports", n)
	}
}
