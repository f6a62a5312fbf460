package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-ws/parley/broker"
	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/internal/need"
	"github.com/parley-ws/parley/server/api"
)

var (
	console  = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	variable = regexp.MustCompile(`[A-Z0-9]{10}:|"ref":"\w+"|"(session|id)":"\w{26}"|"\d{4}-\d\d-\d\dT[^"]+"`)
)

// The examples of the documentation, run by a shell with curl, answer as they say, but for what is by chance.
func TestDocumentation(t *testing.T) {
	need.Command(t, "curl", "apt-get install curl")
	shell := need.Command(t, "sh", "it is part of every Unix")
	page, err := os.ReadFile("../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	s := withUsers(t, api.Key{Name: "shop", Secret: secret, Scopes: []api.Scope{api.Publish, api.Read, api.Sessions}, Topics: []string{"chat/**", "orders/**"}, Rate: 200})
	c := s.connect(t, "alice")
	defer c.end()
	if _, err := c.Subscribe(t.Context(), hub.Subscribe{Filter: broker.Exact("chat/lobby")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Enter(t.Context(), "chat/lobby", json.RawMessage(`{"name":"Alice"}`)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.api)
	defer server.Close()

	count := 0
	run := func(command, want string) {
		count++
		x := exec.CommandContext(t.Context(), shell, "-c", strings.ReplaceAll(command, "http://localhost:8080", server.URL))
		x.Env = append(os.Environ(), "KEY="+secret, "no_proxy=*")
		out, err := x.CombinedOutput()
		if got := variable.ReplaceAllString(string(out), "?"); err != nil || got != variable.ReplaceAllString(want, "?") {
			t.Errorf("%s%v\ngot  %swant %s", command, err, out, want)
		}
	}
	for _, block := range console.FindAllStringSubmatch(string(page), -1) {
		var command, want string
		for line := range strings.Lines(block[1]) {
			text, begins := strings.CutPrefix(line, "$ ")
			switch {
			case begins:
				if command != "" {
					run(command, want)
				}
				command, want = text, ""
			case strings.HasSuffix(command, "\\\n"):
				command += line
			default:
				want += line
			}
		}
		run(command, want)
	}
	if count < 12 {
		t.Errorf("only %d examples were run", count)
	}
}
