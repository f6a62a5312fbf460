package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-ws/parley/dialect/native"
	"github.com/parley-ws/parley/internal/need"
)

// example is a frame, and the message of the document that it is one of.
type example struct {
	Message string          `json:"message"`
	Value   json.RawMessage `json:"value"`
}

var spoken = regexp.MustCompile(`^[a-z0-9]*([<>]) (\{.*\})$`)

// conversations returns the frames of the native dialect's own tests: those of clients that were taken, and all of the server's.
func conversations(t *testing.T) []example {
	t.Helper()
	files, err := filepath.Glob("../dialect/native/testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	var list []example
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			m := spoken.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || strings.Contains(m[2], "} {") || strings.Contains(m[2], "}{") {
				continue // nothing was said, or several things
			}
			var head struct {
				Type  string
				Error struct {
					Code string
				}
			}
			if err := json.Unmarshal([]byte(m[2]), &head); err != nil {
				continue
			}
			if m[1] == ">" {
				list = append(list, example{head.Type, json.RawMessage(m[2])})
				continue
			}
			if head.Error.Code == "bad_request" { // the command before was an example of how not to do it
				list = list[:len(list)-1]
			}
			name := head.Type
			if name == "history" || name == "members" {
				name += "Reply"
			}
			// Times are 0 in the files.
			list = append(list, example{name, json.RawMessage(strings.ReplaceAll(m[2], `"after_ms":0}`, `"after_ms":1}`))})
		}
	}
	return list
}

// The document of a running server passes the official validator, and describes what is said.
func TestAsyncAPI(t *testing.T) {
	node := need.NodeModule(t, ".", "@asyncapi/parser")
	examples := conversations(t)
	if len(examples) < 200 {
		t.Errorf("only %d frames were found", len(examples))
	}
	for name, info := range map[string]native.APIInfo{
		"least": {},
		"all": {
			Title: "Chat: \"the\" API", Version: "2.1", Description: "line 1\nline 2", Host: "chat.example:443", TLS: true, Path: "/live", Topics: "/t",
			Channels:   []string{"events:\n  address: /events\n  messages:\n    event:\n      payload: {type: string}\n"},
			Operations: []string{"hear:\n  action: send\n  channel: {$ref: '#/channels/events'}\n"},
		},
	} {
		input, err := json.Marshal(map[string]any{"document": string(native.AsyncAPI(info)), "examples": examples})
		if err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), node, script("asyncapi.js"))
		command.Stdin = bytes.NewReader(input)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.Bytes())
		}
		var said struct {
			Ready    string
			Problems []string
		}
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, problem := range said.Problems {
			t.Errorf("%s: %s: %s", name, said.Ready, problem)
		}
	}
}
