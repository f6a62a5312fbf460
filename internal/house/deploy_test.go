package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// systemd understands every line of the unit, where there is a systemd to ask.
func TestUnit(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, "deploy", "parley.service"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, want := range []string{
		"ExecStart=/usr/local/bin/parley serve --config /etc/parley/parley.toml", "ExecReload=/bin/kill -HUP $MAINPID",
		"LimitNOFILE=", "Environment=GOMEMLIMIT=", "NoNewPrivileges=true",
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("the unit has no line that begins with %s", want)
		}
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(text)
	if stop == nil {
		t.Fatal("the unit has no TimeoutStopSec in seconds")
	}
	if d, err := time.ParseDuration(stop[1] + "s"); err != nil || d <= 30*time.Second {
		t.Errorf("TimeoutStopSec is %v (%v): systemd would kill a server that still drains, which takes 30s by default", d, err)
	}

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze: the rest of the unit is not checked")
	}
	there, err := exec.LookPath("true") // it wants the program to be there
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "parley.service")
	if err := os.WriteFile(unit, []byte(strings.Replace(text, "/usr/local/bin/parley", there, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
